"""Bringing a withdrawn version back: only for the object that withdrew it, and only when told.

GTO reads a version that is registered, deregistered and registered again, except in one
place: `gto show NAME` without `--json` fails for that artifact as long as the version is
registered (defect d; `tests/conformance/test_reregistering.py`). So it is done only for who
asks for it: the very object that had `deregistered: true` recorded sets it back to false.
"""

from __future__ import annotations

from playbill.ledger.grammar import DeregistrationTag, RegistrationTag
from playbill.ledger.intents import VersionIntent
from playbill.ledger.message import REQUEST
from playbill.ledger.state import VersionState
from playbill.ledger.view import ArtifactView, View


def is_told_to_return(intent: VersionIntent, known: VersionState) -> bool:
    """Whether this object asked for the deregistration that counts, and no longer does.

    By uid, and by a later generation than that of the tag: an object that was made anew, or
    that a backup brought back, says what it said before, and that tells nobody anything.
    """
    withdrawn = known.deregistration
    if withdrawn is None or intent.deregistered:
        return False
    uid, _, generation = withdrawn.trailers.get(REQUEST, "").partition("/")
    return (
        uid == intent.asker.uid
        and generation.isdecimal()
        and int(generation) < intent.asker.generation
    )


def return_tag(artifact: ArtifactView, known: VersionState) -> RegistrationTag:
    """The name of the tag that registers a version again: with a counter, as GTO writes it."""
    return RegistrationTag(artifact.name, known.version, artifact.counter + 1)


def withdrawal_tag(artifact: ArtifactView, version: str, view: View) -> DeregistrationTag:
    """The name of the tag that deregisters; with a counter when the simple one is used up."""
    simple = DeregistrationTag(artifact.name, version)
    if view.oid(simple.format()) is None:
        return simple
    return DeregistrationTag(artifact.name, version, artifact.counter + 1)

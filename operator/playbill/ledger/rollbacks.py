"""Rollbacks in the ledger: a rollout that failed is taken back by one more assignment.

That tag says which version failed and why (`Playbill-Reason`), and for which spec
(`Playbill-Spec`). As long as nothing was assigned after it, the same spec is not tried again:
not after a restart, and not in a cluster that was restored, where every status is lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from playbill.api.errors import Stalled
from playbill.ledger import message
from playbill.ledger.events import Assignment, LedgerEvent, Unassignment
from playbill.ledger.following import asked_version
from playbill.ledger.intents import Rollback, StageIntent
from playbill.ledger.view import ArtifactView, View, is_ours

_TOLD = re.compile(r"rollback from (\S+) \(([A-Za-z0-9]+)\)(?:: (.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Told:
    """What a rollback's tag says: the version that failed, and why."""

    version: str
    reason: str
    message: str


class RolledBack(Stalled):
    """What the spec asks for failed and was taken back; `record` is the tag that says so, None
    while it is not written, `failed` the one that it takes back, empty when that is gone; `told` is
    what it says, and `now` the version that serves instead."""

    def __init__(
        self, told: Told, now: str, record: Assignment | None = None, failed: str = ""
    ) -> None:
        super().__init__("RolledBack", words(told, now))
        self.told = told
        self.now = now
        self.record = record
        self.failed = failed


def reason_of(rollback: Rollback) -> str:
    """The words of the trailer Playbill-Reason."""
    return f"rollback from {rollback.version} ({rollback.reason}): {rollback.message}"


def told_by(event: LedgerEvent) -> Told | None:
    """What a tag says of a rollback; None for a tag that is none."""
    if not isinstance(event, Assignment) or "rollback from" not in event.record.message:
        return None
    match = _TOLD.fullmatch(event.trailers.get(message.REASON, ""))
    return Told(match[1], match[2], match[3] or "") if match else None


def unrecorded(intent: StageIntent, artifact: ArtifactView) -> Rollback | None:
    """The rollback that the ledger has yet to tell of, as it still shows what was taken back.

    The status goes on naming it afterwards; then what the spec asks counts again.
    """
    back, winner = intent.rollback, artifact.winner(intent.stage)
    if back is None or winner is None or winner.assignment.tag != back.tag:
        return None
    return back


def refuse_rolled_back(intent: StageIntent, view: View, artifact: ArtifactView) -> None:
    """Raise RolledBack when this very wish was tried and taken back, and nothing came after.

    Whoever follows a range wishes for another version as soon as there is a higher one.
    """
    asked = asked_version(intent, artifact)
    events = artifact.stage_events(intent.stage)
    last = events[-1] if events else None
    told = told_by(last) if last is not None else None
    if isinstance(last, Assignment) and told and _is_about(last, intent, view):
        if asked in (None, told.version):
            now = artifact.version_on(last.commit) or last.commit[:12]
            raise RolledBack(told, now, last, failed=_taken_back(told, events[:-1], artifact))
    elif (back := intent.rollback) is not None and asked == back.version:
        told = Told(back.version, back.reason, back.message)
        raise RolledBack(told, back.to)


def words(told: Told, now: str, *, but: str = "") -> str:
    """What happened, and what a person can do about it; `but` is what ails what it went back to."""
    why = f"{told.reason}: {told.message}" if told.message else told.reason
    if told.version == now:
        what, serves = f"a new rollout of {now} failed and was taken back", "it serves as before"
        fails = "but what served before fails as well"
    else:
        what, serves = f"{told.version} failed and was taken back", f"{now} serves"
        fails = f"but {now} fails as well"
    then = f"{fails}: {but}" if but else serves
    return (
        f"{what}, {then} ({why}). To try again, change the spec, or set the annotation "
        "playbill.dev/requested-at to another value"
    )


def _taken_back(
    told: Told, earlier: Sequence[Assignment | Unassignment], artifact: ArtifactView
) -> str:
    """The tag that had put on stage what failed."""
    for event in reversed(earlier):
        version = artifact.version_on(event.commit) or event.commit
        if isinstance(event, Assignment) and version == told.version:
            return event.tag
    return ""


def _is_about(record: Assignment, intent: StageIntent, view: View) -> bool:
    """Whether the rollback is one of this wish: of the same spec, as far as one was given.

    Of the same object it is by generation as well, for a spec may have been another one between.
    """
    asker, trailers = intent.asker, record.trailers
    if not is_ours(record, view.author.cluster) or trailers.get(message.RESOURCE) != asker.resource:
        return False
    if trailers.get(message.SPEC) != asker.spec_hash:
        return False
    uid, _, generation = trailers.get(message.REQUEST, "").partition("/")
    return uid != asker.uid or generation == str(asker.generation)

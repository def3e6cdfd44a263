"""What a reservation still binds its object to, once the spec or the ledger has moved on."""

from __future__ import annotations

from playbill.ledger.aliases import source_of_tag
from playbill.ledger.grammar import RegistrationTag, parse_tag
from playbill.ledger.intents import AnyIntent, VersionIntent
from playbill.ledger.message import split
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import View


def is_still_asked(intent: AnyIntent) -> bool:
    """Whether the spec still asks for what was reserved.

    A number that was allotted stays allotted while the spec leaves it out and means the
    same commit: only its generation may have moved on, and the push may still land.
    """
    pending = intent.pending
    if pending is None:
        return False
    if pending.generation == intent.asker.generation:
        return True
    return (
        isinstance(intent, VersionIntent)
        and intent.version is None
        and not intent.deregistered
        and all(number_of(tag) is not None for tag in pending.tags)
        and (intent.revision is None or all(_means(tag, intent) for tag in pending.tags))
    )


def number_of(tag: TagObject) -> str | None:
    """The version that a tag registers; None for a tag of any other kind."""
    name = parse_tag(tag.name)
    return name.version if isinstance(name, RegistrationTag) else None


def reserved_number(intent: VersionIntent, view: View) -> str | None:
    """The number of a reservation that cannot be kept because its commit was taken since.

    It goes to the tag that replaces the reserved one: of two tags of one name only one lands.
    """
    if intent.pending is None or not is_still_asked(intent):
        return None
    unseen = (tag for tag in intent.pending.tags if view.oid(tag.name) is None)
    return next((number for tag in unseen if (number := number_of(tag))), None)


def _means(tag: TagObject, intent: VersionIntent) -> bool:
    trailers = split(tag.message)[2]
    return intent.commit in {tag.target, source_of_tag(tag.target, trailers)}

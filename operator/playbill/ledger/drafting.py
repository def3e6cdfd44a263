"""Making the tags: the next counter, the next second, the message with its trailers."""

from __future__ import annotations

from collections.abc import Mapping

from playbill.api.errors import Retry, Stalled
from playbill.api.times import timestamp
from playbill.ledger import message
from playbill.ledger.events import LedgerEvent
from playbill.ledger.grammar import TagName
from playbill.ledger.intents import Intent
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import Author, View, is_ours

FARTHEST_AHEAD = 5
"""Seconds that a tag may be ahead of the clock. A tag far ahead would silently outvote
what people write in the meantime (measured: 1,000 s nullified a later `gto assign`)."""

LONGEST_WAIT = 3600
"""Seconds after which to look again at the latest, for meanwhile a clock may be set right."""

UNASKED = "rollback from "
"""How the reason of a tag begins that nobody asked for: it bears no person's name."""


def draft(  # noqa: PLR0913 - a tag has that many parts
    *,
    view: View,
    intent: Intent,
    name: TagName,
    target: str,
    seconds: int,
    subject: str,
    reason: str | None = None,
    undoes: LedgerEvent | None = None,
    more: Mapping[str, str] | None = None,
) -> TagObject:
    """Put one tag together; Stalled when git cannot hold its name beside those it has.

    The user's words go into it, unless they are those of the tag that it undoes: what was
    said for a version is not said against it. `more` are trailers beside the usual ones.
    """
    tag = name.format()
    obstacle = view.obstacle(tag)
    if obstacle is not None:
        raise _obstructed(tag, obstacle)
    return TagObject(
        name=tag,
        target=target,
        tagger=view.author.name,
        email=view.author.email,
        seconds=seconds,
        message=message.compose(
            subject,
            text=_words(intent, undoes),
            trailers={**_trailers(view.author, intent, reason), **(more or {})},
        ),
    )


def next_second(*, view: View, last: int, now: int, events: tuple[LedgerEvent, ...]) -> int:
    """The second of the next tag: now, but later than `last`, the newest that it must exceed.

    Raises Retry to wait when that is too far ahead of the clock, and Stalled (ClockSkew)
    when a foreign tag from the future is what stands in the way: both say when to look again.
    """
    second = max(now, last + 1)
    ahead = second - now
    if ahead <= FARTHEST_AHEAD:
        return second
    wait = float(min(ahead - FARTHEST_AHEAD, LONGEST_WAIT))
    culprit = next((e for e in reversed(events) if e.seconds == last), None)
    if culprit is not None and not is_ours(culprit, view.author.cluster):
        raise Stalled(
            "ClockSkew",
            f"the tag {culprit.tag} of {culprit.tagger} is dated {timestamp(last)}, in the future, "
            "and what is written after it must be later: remove that tag, or wait until its time "
            "has come",
            after=wait,
        )
    raise Retry(
        "ClockSkew",
        f"waiting for the clock, as tags must be later than the last one of {timestamp(last)}",
        after=wait,
    )


def _words(intent: Intent, undoes: LedgerEvent | None) -> str | None:
    if undoes is None or intent.message is None:
        return intent.message
    _, as_written, _ = message.split(message.compose("-", text=intent.message, trailers={}))
    return None if undoes.body == as_written else intent.message


def _obstructed(tag: str, obstacle: str) -> Stalled:
    if obstacle == tag:
        return Stalled(
            "TagTaken",
            f"a tag {tag} exists already and does not say what this object asks (it may be a "
            "lightweight tag, or point at no commit): remove or rename it",
        )
    return Stalled(
        "TagCollision",
        f"git cannot hold the tag {tag} beside {obstacle}, because one name would be a file and "
        "a directory at once: choose another name or stage",
    )


def _trailers(author: Author, intent: Intent, reason: str | None) -> dict[str, str]:
    trailers = {
        message.CLUSTER: author.cluster,
        message.RESOURCE: intent.asker.resource,
        message.REQUEST: intent.asker.request,
    }
    asker = intent.asker
    if asker.spec_hash:
        trailers[message.SPEC] = asker.spec_hash
    if not (reason or "").startswith(UNASKED):
        trailers |= {message.REQUESTED_BY: asker.requested_by, message.CHANGE: asker.change}
    if reason:
        trailers[message.REASON] = reason
    return trailers

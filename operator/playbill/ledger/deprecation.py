"""Deciding a RegisteredModel: is the model deprecated, and is it to be.

GTO has no tag for a return: any later event revives a deprecated artifact. The one with
no other effect is an unassignment that takes nothing from anybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from playbill.api.errors import Stalled
from playbill.ledger import message
from playbill.ledger.decisions import Settled, Write
from playbill.ledger.drafting import draft, next_second
from playbill.ledger.events import Deprecation, LedgerEvent
from playbill.ledger.grammar import DeprecationTag
from playbill.ledger.intents import Intent, ModelIntent
from playbill.ledger.revival import revive
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import ArtifactView, View, is_ours

STAYS = "stays deprecated"
"""The reason of a deprecation that nobody asked for, and that only renews the one before."""


def decide_model(intent: ModelIntent, view: View, now: int) -> Settled | Write:
    """Give what a RegisteredModel's intent comes to. Raises Trouble instead of returning it."""
    artifact = view.artifact(intent.artifact)
    last = _last_deprecation(artifact)
    if intent.deprecated and not artifact.deprecated:
        return _deprecate(intent, view, artifact, now)
    if not intent.deprecated and artifact.deprecated and last and _is_own(last, intent, view):
        return _return(intent, view, artifact, now)
    return Settled(last if artifact.deprecated else None)


def _last_deprecation(artifact: ArtifactView) -> Deprecation | None:
    """The newest that somebody asked for."""
    asked = (
        e
        for e in reversed(artifact.events)
        if isinstance(e, Deprecation) and e.trailers.get(message.REASON) != STAYS
    )
    return next(asked, None)


def _is_own(event: LedgerEvent, intent: ModelIntent, view: View) -> bool:
    """A deprecation that a person wrote is not undone by a default."""
    return (
        is_ours(event, view.author.cluster)
        and event.trailers.get(message.RESOURCE) == intent.asker.resource
    )


def _deprecate(
    intent: ModelIntent, view: View, artifact: ArtifactView, now: int
) -> Settled | Write:
    if not artifact.events:
        return Settled()
    _refuse_fight(intent, view, artifact)
    simple = DeprecationTag(intent.artifact)
    used = view.obstacle(simple.format()) is not None
    name = DeprecationTag(intent.artifact, artifact.counter + 1) if used else simple
    tag = draft(
        view=view,
        intent=intent,
        name=name,
        target=newest_commit(artifact),
        seconds=_second(view, artifact, now),
        subject=message.deprecating(intent.artifact),
    )
    return Write((tag,), reserve=used)


def _refuse_fight(intent: ModelIntent, view: View, artifact: ArtifactView) -> None:
    own = any(e.trailers.get(message.REQUEST) == intent.asker.request for e in artifact.events)
    reviver = artifact.events[-1]
    cluster = reviver.trailers.get(message.CLUSTER)
    if own and cluster not in (None, view.author.cluster):
        raise Stalled(
            "Contested",
            f"{reviver.tag}, written by the cluster {cluster}, revived this deprecated model: "
            "agree on who decides, then set deprecated anew",
        )


def _return(intent: ModelIntent, view: View, artifact: ArtifactView, now: int) -> Write:
    tag = revive(view=view, intent=intent, artifact=artifact, seconds=_second(view, artifact, now))
    return Write((tag,), reserve=True)


def renew(
    *, view: View, intent: Intent, artifact: ArtifactView, undone_by: Sequence[TagObject], now: int
) -> tuple[TagObject, ...]:
    """The tag that keeps a deprecated artifact so, if these tags would revive it."""
    if not artifact.deprecated or all(t.seconds < artifact.events[-1].seconds for t in undone_by):
        return ()
    last = max(artifact.last_seconds, *(t.seconds for t in undone_by))
    tag = draft(
        view=view,
        intent=intent,
        name=DeprecationTag(intent.artifact, artifact.counter + len(undone_by) + 1),
        target=newest_commit(artifact),
        seconds=next_second(view=view, last=last, now=now, events=artifact.events),
        subject=message.deprecating(intent.artifact),
        reason=STAYS,
        undoes=artifact.events[-1],
    )
    return (tag,)


def newest_commit(artifact: ArtifactView) -> str:
    """The commit that a tag about the artifact as a whole points at: the latest version's."""
    state = artifact.state
    if state and state.latest:
        return state.versions[state.latest].commit
    return artifact.events[-1].commit


def _second(view: View, artifact: ArtifactView, now: int) -> int:
    return next_second(view=view, last=artifact.last_seconds, now=now, events=artifact.events)

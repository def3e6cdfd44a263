"""What an object comes to by what is known now: the same decision as the plan's. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.repository_state import RepositoryState
from playbill.controllers.inventory.store import Asking
from playbill.ledger.decisions import Settled
from playbill.ledger.intents import AnyIntent
from playbill.ledger.plan import decide_guarded
from playbill.ledger.policies.policy import EvidenceNotRead
from playbill.ledger.view import ArtifactView


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Settled, in trouble, or neither: then a pass is under way and there is nothing to say yet.

    `intent` is what was decided about; `needs_pass` asks for the repository's pass, `at_once` says
    whether it is worth not waiting for the next one.
    """

    settled: Settled | None = None
    trouble: Trouble | None = None
    state: RepositoryState | None = None
    artifact: ArtifactView | None = None
    intent: AnyIntent | None = None
    needs_pass: bool = False
    at_once: bool = False


def judge(resource: Asking, catalogue: Catalogue, now: int) -> Judgement | None:
    """The judgement; None when the object is suspended and nothing is to be done."""
    model = catalogue.model_of(resource)
    if model is None:
        return Judgement(trouble=_model_missing(resource))
    try:
        state = catalogue.state_of(model)
    except Trouble as trouble:
        return Judgement(trouble=trouble)
    try:
        intent = catalogue.intend(resource)
    except Trouble as trouble:
        # Whose objects there are for a repository is told to those alone who may read it.
        if trouble.reason == "ClaimedElsewhere" and state.view is None:
            return _unread(state)
        return Judgement(trouble=trouble)
    if intent is None:
        return None
    if state.view is None:
        return _unread(state)
    return _by_ledger(intent, state, state.view.artifact(model.artifact), now)


def _unread(state: RepositoryState) -> Judgement:
    return Judgement(
        trouble=state.trouble or (_under_way() if state.slow else None),
        state=state,
        needs_pass=True,
        at_once=state.trouble is None,
    )


def _by_ledger(
    intent: AnyIntent, state: RepositoryState, artifact: ArtifactView, now: int
) -> Judgement:
    assert state.view is not None  # noqa: S101 - the caller has looked
    decision = decide_guarded(intent, state.view, now)
    if isinstance(decision, Trouble) and decision.reason == "TagVanished":
        if state.doubts_absence(intent.asker.uid):
            return Judgement(
                trouble=state.trouble,
                state=state,
                artifact=artifact,
                needs_pass=True,
                at_once=state.trouble is None,
            )
    else:
        state.doubts.pop(intent.asker.uid, None)
    if isinstance(decision, Settled):
        return Judgement(settled=decision, state=state, artifact=artifact, intent=intent)
    if isinstance(decision, Trouble) and not _asks_for_pass(decision):
        return Judgement(
            trouble=decision,
            state=state,
            artifact=artifact,
            intent=intent,
            needs_pass=isinstance(decision, Retry),
        )
    rejection = state.rejection(intent.asker.uid, intent.asker.generation)
    hindrance = rejection or state.trouble
    return Judgement(
        trouble=hindrance or (_under_way() if state.slow else None),
        state=state,
        artifact=artifact,
        needs_pass=True,
        at_once=hindrance is None,
    )


def _asks_for_pass(trouble: Trouble) -> bool:
    """Whether a pass has to look something up before anything can be said."""
    return trouble.reason == "RevisionNotResolved" or isinstance(trouble, EvidenceNotRead)


def _model_missing(resource: Asking) -> Waiting:
    meta, name = resource.metadata, getattr(resource.spec, "model", "")
    return Waiting(
        "DependencyNotFound",
        f"there is no RegisteredModel {name} in namespace {meta.namespace}: create it, and this "
        "goes on by itself",
    )


def _under_way() -> Retry:
    return Retry("Recording", "the repository takes longer than usual to answer; still trying")


def is_hopeless(trouble: Trouble | None) -> bool:
    """Whether a repository is beyond reach for good: what waits for it is let go."""
    return isinstance(trouble, Stalled | Waiting) and trouble.reason in {
        "RepositoryNotFound",
        "SecretNotFound",
        "InvalidURL",
        "TransportNotAllowed",
        "AddressNotAllowed",
        "UnsupportedObjectFormat",
    }

"""What a ModelRepository's status says. Pure."""

from __future__ import annotations

from playbill.api.errors import Trouble
from playbill.api.model_repository import FileProblem, ModelRepository, ModelRepositoryStatus
from playbill.api.times import timestamp
from playbill.controllers.inventory.adopted import MOST_MODELS
from playbill.controllers.inventory.repository_state import Listed, RepositoryState
from playbill.controllers.status.bounds import NAME, TAG, TEXT, cut
from playbill.controllers.status.conditions import Summary, conditions
from playbill.git.project import ProjectProblem
from playbill.ledger.grammar import parse_tag

MOST_STAGES = 100
MOST_PROBLEMS = 20


def repository_status(
    home: ModelRepository,
    state: RepositoryState | None,
    trouble: Trouble | None,
    *,
    models: int,
    webhook_path: str | None,
    now: float,
) -> ModelRepositoryStatus | None:
    """The whole status; None while nobody has looked and nothing is wrong."""
    seen = state is not None and state.view is not None
    if not seen and trouble is None:
        return None
    old, generation = home.status, home.metadata.generation
    listed = state.listed_on(home.spec.branch) if state is not None else None
    summary = Summary.of(trouble) if trouble else _ready(models, listed)
    common = {
        "observed_generation": generation if summary.final else old.observed_generation,
        "conditions": conditions(
            summary, old=old.conditions, generation=generation, now=timestamp(now)
        ),
        "models": models,
        "webhook_path": webhook_path,
        "pending": None,
    }
    if state is None or not seen:
        return old.model_copy(update=common)
    return ModelRepositoryStatus.model_validate({**common, **_found(home, state, listed)})


def _ready(models: int, listed: Listed | None) -> Summary:
    words = f"{models:,} model{'' if models == 1 else 's'}"
    if models >= MOST_MODELS:
        words += f" (beyond {MOST_MODELS:,} none is made)"
    if listed is not None:
        words += f", {_artifacts(listed)} in dvc.yaml"
    return Summary("Ready", "Synced", words)


def _artifacts(listed: Listed) -> int:
    return sum(not isinstance(found, ProjectProblem) for found in listed.values())


def _found(
    home: ModelRepository, state: RepositoryState, listed: Listed | None
) -> dict[str, object]:
    stages = state.view.stages if state.view else None
    return {
        "branch": home.spec.branch or state.default_branch,
        "head_commit": state.head_of(home.spec.branch),
        "artifacts": _artifacts(listed) if listed is not None else None,
        "stages": [cut(stage, NAME) for stage in sorted(stages or ())[:MOST_STAGES]],
        "problems": _problems(state, listed or {})[:MOST_PROBLEMS],
    }


def _problems(state: RepositoryState, listed: Listed) -> list[FileProblem]:
    """Files that could not be read, then tags that belong to no model."""
    files = [
        (path, found.reason, found.message)
        for path, found in listed.items()
        if isinstance(found, ProjectProblem)
    ]
    ledger = state.view.ledger.problems if state.view else ()
    strays = [(p.tag, p.reason, p.message) for p in ledger if parse_tag(p.tag) is None]
    return [
        FileProblem(place=cut(place, TAG), reason=reason, message=cut(message, TEXT))
        for place, reason, message in (*files, *strays)
    ]

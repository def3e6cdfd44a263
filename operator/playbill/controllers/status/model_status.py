"""What a RegisteredModel's status says, from the ledger and dvc.yaml. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from playbill.api.registered_model import (
    LedgerProblem,
    LedgerSpan,
    NextVersions,
    RegisteredModel,
    RegisteredModelStatus,
    StageSummary,
    VersionCounts,
)
from playbill.api.times import timestamp
from playbill.controllers.status.bounds import LONG_TEXT, NAME, TAG, TEXT, cut, cut_or_none, labels
from playbill.controllers.status.conditions import Summary, conditions
from playbill.git.project import ArtifactFacts
from playbill.ledger.grammar import next_version
from playbill.ledger.state import Ledger
from playbill.ledger.view import ArtifactView

MOST_STAGES = 100
MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model beside its spec; all None while git was not read yet."""

    artifact: ArtifactView | None = None
    ledger: Ledger | None = None
    repository: str | None = None
    branch: str | None = None
    head: str | None = None
    project: ArtifactFacts | None = None
    history: LedgerSpan | None = None
    audit_note: str | None = None


def model_status(
    model: RegisteredModel, facts: ModelFacts, summary: Summary, *, now: float
) -> RegisteredModelStatus:
    """The whole status. Without a look at git, what was known before stays."""
    generation = model.metadata.generation
    old = model.status
    common: dict[str, Any] = {
        "observed_generation": generation if summary.final else old.observed_generation,
        "conditions": conditions(
            summary, old=old.conditions, generation=generation, now=timestamp(now)
        ),
    }
    if facts.artifact is None or facts.ledger is None:
        return old.model_copy(update={**common, "pending": None})
    return RegisteredModelStatus(
        **common, **_ledger_part(model, facts, facts.artifact, facts.ledger)
    )


def ready_summary(model: RegisteredModel, artifact: ArtifactView) -> Summary:
    """The summary of a model that git could be read for."""
    state = artifact.state
    if artifact.deprecated:
        return Summary("Ready", "Deprecated", "deprecated: not to be used any more")
    if state is None or not state.versions:
        return Summary("Ready", "NoVersions", f"no version of {model.artifact} is registered yet")
    count = sum(v.active for v in state.versions.values())
    versions = f"{count} version{'' if count == 1 else 's'}"
    return Summary(
        "Ready", "Synced", f"{versions}, the latest {state.latest}" if count else versions
    )


def _ledger_part(
    model: RegisteredModel, facts: ModelFacts, artifact: ArtifactView, ledger: Ledger
) -> dict[str, Any]:
    state, project = artifact.state, facts.project
    known = list(state.versions.values()) if state else []
    registered = sum(v.active for v in known)
    stages = stage_summaries(artifact)
    highest = artifact.highest()
    return {
        "artifact": model.artifact,
        "repository": cut_or_none(facts.repository, 2048),
        "latest_version": cut_or_none(state.latest, NAME) if state else None,
        "next_versions": NextVersions(
            major=cut(next_version(highest, "Major"), NAME),
            minor=cut(next_version(highest, "Minor"), NAME),
            patch=cut(next_version(highest, "Patch"), NAME),
        ),
        "versions": VersionCounts(registered=registered, deregistered=len(known) - registered),
        "stages": stages[:MOST_STAGES],
        "on_stage": one_line(f"{s.name}={s.version}" for s in stages) or None,
        "branch": facts.branch,
        "head_commit": facts.head,
        "deprecated": artifact.deprecated,
        "description": model.spec.description or _of(project, "description", LONG_TEXT),
        "labels": model.spec.labels or labels(project.labels if project else ()),
        "type": _of(project, "type", TEXT),
        "path": _of(project, "path", TEXT),
        "history": facts.history,
        "problems": _problems(ledger, model.artifact),
        "audit_note": facts.audit_note,
    }


def _of(project: ArtifactFacts | None, name: str, length: int) -> str | None:
    return cut_or_none(getattr(project, name, None), length)


def stage_summaries(artifact: ArtifactView) -> list[StageSummary]:
    """Who is on which stage, by name of the stage."""
    stages = artifact.state.stages if artifact.state else {}
    return [
        StageSummary(
            name=cut(name, NAME),
            version=cut(stage.winner.version, NAME),
            since=timestamp(stage.winner.assignment.seconds),
        )
        for name, stage in sorted(stages.items())
        if stage.winner is not None
    ]


def one_line(words: Iterable[str]) -> str:
    """Words with spaces between, cut to what a status may hold."""
    return cut(" ".join(words), TEXT)


def _problems(ledger: Ledger, artifact: str) -> list[LedgerProblem]:
    """The problems of tags that begin as this artifact's do, readable or not."""
    in_tag = artifact.replace(":", "=")
    found = [p for p in ledger.problems if p.tag.startswith((f"{in_tag}@", f"{in_tag}#"))]
    return [
        LedgerProblem(
            tag=cut(problem.tag, TAG), reason=problem.reason, message=cut(problem.message, TEXT)
        )
        for problem in found[:MOST_PROBLEMS]
    ]

"""What a ModelVersion's status says, from the ledger and the files at its commit. Pure."""

from __future__ import annotations

from playbill.api.model_version import ArtifactStatus, ModelVersion, ModelVersionStatus
from playbill.controllers.bounds import LONG_TEXT, NAME, TAG, TEXT, cut, cut_or_none, labels
from playbill.controllers.conditions import Summary, conditions, timestamp
from playbill.controllers.model_status import one_line
from playbill.git.project import ArtifactFacts
from playbill.ledger.events import Deregistration, LedgerEvent, Registration
from playbill.ledger.message import CLUSTER, RESOURCE
from playbill.ledger.state import VersionState
from playbill.ledger.view import ArtifactView

MOST_STAGES = 100


def registered_summary(event: LedgerEvent | None) -> Summary:
    """The summary of a version that is as its spec asks."""
    match event:
        case Registration(version=version, commit=commit):
            return Summary(
                "Ready", "Registered", f"{version} is registered at commit {commit[:12]}"
            )
        case Deregistration(version=version):
            return Summary("Ready", "Deregistered", f"{version} is deregistered")
        case _:
            return Summary("Ready", "Settled", "as the spec asks")


def unsettled_status(version: ModelVersion, summary: Summary, *, now: float) -> ModelVersionStatus:
    """The status while the ledger has nothing new to say: only the conditions change."""
    generation = version.metadata.generation
    old = version.status
    return old.model_copy(
        update={
            "observed_generation": generation if summary.final else old.observed_generation,
            "conditions": conditions(
                summary, old=old.conditions, generation=generation, now=timestamp(now)
            ),
            "pending": None,
        }
    )


def registered_status(
    version: ModelVersion,
    known: VersionState,
    artifact: ArtifactView,
    facts: ArtifactFacts | None,
    summary: Summary,
    *,
    now: float,
) -> ModelVersionStatus:
    """The status of a version that the ledger knows."""
    common = unsettled_status(version, summary, now=now)
    stages = held_stages(artifact, known)
    registration = known.registration
    return ModelVersionStatus(
        observed_generation=common.observed_generation,
        conditions=common.conditions,
        version=cut(known.version, NAME),
        commit=known.commit,
        source_commit=known.commit,
        tag=cut(registration.tag, TAG),
        registered_at=timestamp(registration.seconds),
        registered_by=author_of(registration),
        registered=known.active,
        stages=[cut(stage, NAME) for stage in stages[:MOST_STAGES]],
        on_stages=one_line(stages) or None,
        artifact=_artifact(version, facts),
        metrics=version.spec.metrics or (dict(facts.metrics) if facts else None) or None,
        params=version.spec.params or (dict(facts.params) if facts else None) or None,
        note=_note(facts),
    )


def held_stages(artifact: ArtifactView, known: VersionState) -> list[str]:
    """The stages that this version holds, by name."""
    stages = artifact.state.stages if artifact.state else {}
    return sorted(
        name for name, s in stages.items() if s.winner and s.winner.version == known.version
    )


def author_of(event: LedgerEvent) -> str:
    """Who wrote a tag: the resource that asked for it, or the person who tagged."""
    resource, cluster = event.trailers.get(RESOURCE), event.trailers.get(CLUSTER)
    if resource and cluster:
        return cut(f"{resource} ({cluster})", TAG)
    return cut(f"{event.tagger} <{event.email}>" if event.email else event.tagger, TAG)


def _artifact(version: ModelVersion, facts: ArtifactFacts | None) -> ArtifactStatus | None:
    given = version.spec.artifact
    if given is None and (facts is None or not (facts.path or facts.type)):
        return None
    return ArtifactStatus(
        path=cut_or_none(facts.path, TEXT) if facts else None,
        type=cut_or_none(facts.type, TEXT) if facts else None,
        uri=given.uri if given else None,
        digest=(given.digest if given else None) or ((facts.digest or None) if facts else None),
        size=facts.size if facts else None,
        files=facts.files if facts else None,
        description=cut_or_none(facts.description, LONG_TEXT) if facts else None,
        labels=labels(facts.labels) if facts else [],
    )


def _note(facts: ArtifactFacts | None) -> str | None:
    if facts is None:
        return None
    if facts.problem is not None:
        return cut(f"{facts.problem.reason}: {facts.problem.message}", TEXT)
    if facts.truncated:
        return "metrics or parameters were cut to 100 entries of 256 characters, and to 32 KiB"
    return None

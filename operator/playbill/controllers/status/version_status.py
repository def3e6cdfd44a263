"""What a ModelVersion's status says, from the ledger and the files at its commit. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from playbill.api.model_version import (
    ArtifactStatus,
    LineageInput,
    LineageStatus,
    ModelVersion,
    ModelVersionStatus,
)
from playbill.api.times import timestamp
from playbill.controllers.inventory.artifact_bytes import declared_by
from playbill.controllers.status.bounds import (
    LONG_TEXT,
    NAME,
    TAG,
    TEXT,
    URI,
    cut,
    cut_or_none,
    labels,
)
from playbill.controllers.status.conditions import Summary, conditions
from playbill.controllers.status.model_status import one_line
from playbill.git.facts import ArtifactFacts, cut_values
from playbill.ledger.aliases import source_of
from playbill.ledger.artifact_bytes import Bytes, bytes_of
from playbill.ledger.events import Deregistration, LedgerEvent, Registration
from playbill.ledger.message import CLUSTER, REQUESTED_BY, RESOURCE
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
        source_commit=source_of(known),
        tag=cut(registration.tag, TAG),
        registered_at=timestamp(registration.seconds),
        registered_by=author_of(registration),
        registered=known.active,
        stages=[cut(stage, NAME) for stage in stages[:MOST_STAGES]],
        on_stages=one_line(stages) or None,
        artifact=_artifact(version, known, facts),
        lineage=_lineage(facts),
        metrics=_values(version.spec.metrics, facts.metrics if facts else {}),
        params=_values(version.spec.params, facts.params if facts else {}),
        note=_note(version, known, facts),
    )


def held_stages(artifact: ArtifactView, known: VersionState) -> list[str]:
    """The stages that this version holds, by name."""
    stages = artifact.state.stages if artifact.state else {}
    return sorted(
        name for name, s in stages.items() if s.winner and s.winner.version == known.version
    )


def author_of(event: LedgerEvent) -> str:
    """Who wrote a tag: the resource that asked for it, with the account whose request that was if
    it is known, or the person who tagged."""
    resource, cluster = event.trailers.get(RESOURCE), event.trailers.get(CLUSTER)
    if resource and cluster:
        person = event.trailers.get(REQUESTED_BY, "")
        return cut(f"{resource} ({cluster}){f' for {person}' if person else ''}", TAG)
    return cut(f"{event.tagger} <{event.email}>" if event.email else event.tagger, TAG)


def _artifact(
    version: ModelVersion, known: VersionState, facts: ArtifactFacts | None
) -> ArtifactStatus | None:
    """What was recorded of the bytes, or the files tell, wins over what the spec says later."""
    given = bytes_of(known, facts, declared_by(version))
    if facts is None:
        facts = ArtifactFacts()
    if not (given.uri or facts.path or facts.type):
        return None
    return ArtifactStatus(
        path=cut_or_none(facts.path, TEXT),
        type=cut_or_none(facts.type, TEXT),
        uri=cut_or_none(given.uri, URI),
        digest=cut_or_none(given.digest, NAME),
        size=facts.size,
        files=facts.files,
        description=cut_or_none(facts.description, LONG_TEXT),
        labels=labels(facts.labels),
        meta=facts.meta,
    )


def _ignored(version: ModelVersion, given: Bytes) -> list[str]:
    """A version stays what it was registered as, whatever its object says afterwards."""
    asked = version.spec.artifact
    if asked is None or (asked.uri == given.uri and asked.digest in (None, given.digest)):
        return []
    return [
        (
            "spec.artifact is not what was recorded, or what git holds, and changes nothing: "
            "register another version for other bytes"
        )
    ]


def _lineage(facts: ArtifactFacts | None) -> LineageStatus | None:
    if facts is None or facts.lineage is None:
        return None
    return LineageStatus(
        stage=cut(facts.lineage.stage, TEXT),
        command=cut_or_none(facts.lineage.command, LONG_TEXT),
        inputs=[
            LineageInput(
                path=cut(each.path, TEXT),
                digest=cut_or_none(each.digest, NAME),
                size=each.size,
                files=each.files,
            )
            for each in facts.lineage.inputs
        ],
    )


def _values(given: Mapping[str, str] | None, found: Mapping[str, str]) -> dict[str, str] | None:
    """Those of the spec and of git, as many as a status may hold; of one name git's counts, as
    it does for the gates of policies."""
    values, _ = cut_values({**(given or {}), **found})
    return values or None


def _note(version: ModelVersion, known: VersionState, facts: ArtifactFacts | None) -> str | None:
    notes = [*_ignored(version, bytes_of(known, facts, declared_by(version)))]
    if facts is None:
        return cut_or_none("; ".join(notes), TEXT)
    notes += facts.notes
    if facts.problem is not None:
        notes.insert(0, f"{facts.problem.reason}: {facts.problem.message}")
    if facts.truncated:
        notes.append(
            "metrics or parameters were cut to 100 entries of 256 characters, and to 32 KiB"
        )
    return cut_or_none("; ".join(notes), TEXT)

"""What a StageAssignment's status says, from the ledger and its workload. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from playbill.api.stage_assignment import (
    CurrentVersion,
    HistoryEntry,
    StageAssignment,
    StageAssignmentStatus,
    WorkloadStatus,
)
from playbill.api.times import timestamp
from playbill.controllers.status.bounds import NAME, TAG, cut
from playbill.controllers.status.conditions import Part, Summary, conditions
from playbill.controllers.status.version_status import author_of
from playbill.ledger.events import Assignment, Unassignment
from playbill.ledger.state import Holder
from playbill.ledger.view import ArtifactView
from playbill.rollout.judge import Failed, Progressing, RolledOut, Verdict

MOST_HISTORY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What the workload of an assignment does; `version` is what its pods are to run."""

    verdict: Verdict
    version: str | None


def stage_status(
    assignment: StageAssignment,
    *,
    artifact: ArtifactView | None,
    recorded: Summary,
    serving: Serving | None,
    now: float,
) -> StageAssignmentStatus:
    """The whole status. Without a look at git, what was known of the ledger stays."""
    old, generation = assignment.status, assignment.metadata.generation
    summary = sum_up(recorded, serving)
    parts = [_recorded(recorded), *([_rolled_out(serving)] if serving else [])]
    known: dict[str, Any] = {"current": old.current, "history": old.history}
    if artifact is not None:
        known = _ledger_part(assignment, artifact)
    if summary.reason in {"TagVanished", "VersionMoved"}:
        known["current"] = old.current  # what is served still, and the tag that is missed
    return StageAssignmentStatus(
        observed_generation=generation if summary.final else old.observed_generation,
        conditions=conditions(
            summary, parts, old=old.conditions, generation=generation, now=timestamp(now)
        ),
        workload=_workload(assignment, serving),
        **known,
    )


def recorded_summary(assignment: StageAssignment, holder: Holder | None) -> Summary:
    """The summary of an assignment that the ledger agrees with."""
    stage = assignment.spec.stage
    if holder is None:
        return Summary(
            "Ready", "Empty", f"nobody holds {stage}: set spec.version, or assign with GTO"
        )
    return Summary("Ready", "Assigned", f"{holder.version} holds {stage}")


def sum_up(recorded: Summary, serving: Serving | None) -> Summary:
    """Ready means that it is recorded, and that the workload serves it."""
    if recorded.phase != "Ready" or serving is None:
        return recorded
    if recorded.reason == "Empty":
        left = f"; {serving.version} is left running, for no tag says that it should go"
        return Summary("Ready", "Empty", recorded.message + left)
    match serving.verdict:
        case RolledOut(message=message):
            return Summary("Ready", "RolledOut", f"{recorded.message}; {message}")
        case Progressing(message=message):
            return Summary("Working", "Progressing", f"{recorded.message}; {message}")
        case Failed(reason=reason, message=message):
            return Summary("Stalled", reason, f"{recorded.message}, but {message}")


def _recorded(summary: Summary) -> Part:
    if summary.phase == "Ready":
        return Part("Recorded", "True", summary.reason, summary.message)
    if summary.phase == "Working":
        return Part("Recorded", "Unknown", summary.reason, summary.message)
    return Part("Recorded", "False", summary.reason, summary.message)


def _rolled_out(serving: Serving) -> Part:
    match serving.verdict:
        case RolledOut(message=message):
            return Part("RolledOut", "True", "RolledOut", message)
        case Progressing(message=message):
            return Part("RolledOut", "Unknown", "Progressing", message)
        case Failed(reason=reason, message=message):
            return Part("RolledOut", "False", reason, message)


def _workload(assignment: StageAssignment, serving: Serving | None) -> WorkloadStatus | None:
    if serving is None:
        return None
    return WorkloadStatus(
        name=assignment.metadata.name, version=serving.version, pods=serving.verdict.pods
    )


def _ledger_part(assignment: StageAssignment, artifact: ArtifactView) -> dict[str, Any]:
    holder = artifact.winner(assignment.spec.stage)
    events = artifact.stage_events(assignment.spec.stage)
    return {"current": _current(holder), "history": _history(events, artifact)}


def _current(holder: Holder | None) -> CurrentVersion | None:
    if holder is None:
        return None
    return CurrentVersion(
        version=cut(holder.version, NAME),
        commit=holder.commit,
        tag=cut(holder.assignment.tag, TAG),
        since=timestamp(holder.assignment.seconds),
        by=author_of(holder.assignment),
    )


def _history(
    events: Sequence[Assignment | Unassignment], artifact: ArtifactView
) -> list[HistoryEntry]:
    return [
        HistoryEntry(
            event="Assigned" if isinstance(event, Assignment) else "Unassigned",
            version=cut(artifact.version_on(event.commit) or event.commit, NAME),
            at=timestamp(event.seconds),
            by=author_of(event),
            tag=cut(event.tag, TAG),
        )
        for event in islice(reversed(events), MOST_HISTORY)
    ]

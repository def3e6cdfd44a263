"""What a StageAssignment's status says, from the ledger and its workload. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from playbill.api.errors import Stalled, Trouble
from playbill.api.stage_assignment import (
    COMMIT,
    CurrentVersion,
    HistoryEntry,
    RolledBack,
    StageAssignment,
    StageAssignmentStatus,
    WorkloadObject,
    WorkloadStatus,
)
from playbill.api.times import timestamp
from playbill.controllers.status.bounds import NAME, TAG, cut, cut_or_none
from playbill.controllers.status.conditions import Part, Summary, conditions
from playbill.controllers.status.stage_history import history_of, with_outcomes
from playbill.controllers.status.version_status import author_of
from playbill.ledger.rollbacks import Told, words
from playbill.ledger.state import Holder
from playbill.ledger.view import ArtifactView
from playbill.rollout.judge import Failed, Progressing, RolledOut, Verdict

SHA256 = 64
"""Hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What the workload of an assignment does; `version` is what its pods are to run, `commit`
    and `origin` that version's as far as they are known.

    `revision` holds the last healthy state; `digest` and `sha256` are what rollout.fetch found;
    `back` says that a rollout failed and is, or is about to be, taken back, `told` that the
    ledger says so too; `objects` are what rollout.manifests made, and `again` asks for another
    pass as soon as the status names them; `held` is why the workload stays as it is, whatever the
    ledger says: policies are against serving that, or who would have to remove it may not; `gone`
    says that somebody took it away.
    """

    verdict: Verdict
    version: str | None
    commit: str | None = None
    origin: str | None = None
    revision: str | None = None
    digest: str | None = None
    sha256: str | None = None
    back: RolledBack | None = None
    told: bool = False
    again: bool = False
    held: Trouble | None = None
    gone: bool = False
    objects: tuple[WorkloadObject, ...] = ()


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
    known: dict[str, Any] = {"current": old.current, "history": old.history}
    if artifact is not None:
        known = _ledger_part(assignment, artifact)
    summary = sum_up(recorded, serving, known["current"])
    parts = [_recorded(recorded), *([_rolled_out(serving)] if serving else [])]
    known["history"] = _with_outcomes(known["history"], old, known["current"], serving, now)
    if summary.reason in {"TagVanished", "VersionMoved"}:
        known["current"] = old.current  # what is served still, and the tag that is missed
    return StageAssignmentStatus(
        observed_generation=generation if summary.final else old.observed_generation,
        conditions=conditions(
            summary, parts, old=old.conditions, generation=generation, now=timestamp(now)
        ),
        workload=_workload(assignment, serving),
        rolled_back=serving.back if serving else None,
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


def sum_up(
    recorded: Summary, serving: Serving | None, current: CurrentVersion | None = None
) -> Summary:
    """Ready means that it is recorded, and that the workload serves it."""
    if serving is not None and serving.back is not None and not serving.told:
        return _going_back(recorded, serving.back)
    if recorded.phase != "Ready" or serving is None:
        return recorded
    if recorded.reason == "Empty" and serving.held is None:
        left = f"; {serving.version} is left running, for no tag says that it should go"
        return Summary("Ready", "Empty", recorded.message + left)
    if serving.back is not None:
        told = Told(serving.back.version, serving.back.reason, serving.back.message)
        ails = _what_ails(serving)
        return Summary("Stalled", "RolledBack", words(told, serving.back.to, but=ails))
    if serving.held is not None:
        held = Summary.of(serving.held)
        rest = _what_stays(serving, current)
        return replace(held, message=f"{recorded.message}, but {held.message}{rest}")
    match serving.verdict:
        case RolledOut(message=message):
            return Summary("Ready", "RolledOut", f"{recorded.message}; {message}")
        case Progressing(message=message):
            return Summary("Working", "Progressing", f"{recorded.message}; {message}")
        case Failed(reason=reason, message=message):
            return Summary("Stalled", reason, f"{recorded.message}, but {message}")


def _what_ails(serving: Serving) -> str:
    """What keeps the former state from being served, or well; empty when nothing does."""
    if serving.held is not None:
        return serving.held.message
    return serving.verdict.message if isinstance(serving.verdict, Failed) else ""


def _what_stays(serving: Serving, current: CurrentVersion | None) -> str:
    if not serving.version:
        return ""
    served = _told_apart(serving, current)
    return f"; the workload of {served} is gone" if serving.gone else f"; {served} is served still"


def _told_apart(serving: Serving, current: CurrentVersion | None) -> str:
    """What is served, with its commit when it is of the same name as who holds the stage."""
    if current is None or serving.version != current.version or serving.commit is None:
        return str(serving.version)
    return f"{serving.version} of commit {serving.commit[:12]}"


def _going_back(recorded: Summary, back: RolledBack) -> Summary:
    """On the way back; what keeps the ledger from being told of it is said as well."""
    text = f"{back.version} failed ({back.reason}: {back.message}): going back to {back.to}"
    if recorded.phase == "Ready":
        return Summary("Working", "RollingBack", text)
    return replace(recorded, message=f"{text}, which is not on record yet: {recorded.message}")


def _recorded(summary: Summary) -> Part:
    if summary.phase == "Ready":
        return Part("Recorded", "True", summary.reason, summary.message)
    if summary.phase == "Working":
        return Part("Recorded", "Unknown", summary.reason, summary.message)
    return Part("Recorded", "False", summary.reason, summary.message)


def _rolled_out(serving: Serving) -> Part:
    if serving.held is not None:
        # What has only to be waited for has not failed.
        status: Literal["False", "Unknown"] = (
            "False" if isinstance(serving.held, Stalled) else "Unknown"
        )
        return Part("RolledOut", status, serving.held.reason, serving.held.message)
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
    first = serving.objects[0] if serving.objects else None
    return WorkloadStatus(
        kind=first.kind if first else "Deployment",
        name=first.name if first else assignment.metadata.name,
        version=serving.version,
        commit=serving.commit if re.fullmatch(COMMIT, serving.commit or "") else None,
        origin=serving.origin,
        pods=serving.verdict.pods or None,
        revision=serving.revision,
        digest=cut_or_none(serving.digest, NAME),
        sha256=serving.sha256 if serving.sha256 and len(serving.sha256) == SHA256 else None,
        objects=list(serving.objects),
    )


def _with_outcomes(
    history: list[HistoryEntry],
    old: StageAssignmentStatus,
    current: CurrentVersion | None,
    serving: Serving | None,
    now: float,
) -> list[HistoryEntry]:
    if serving is None or current is None:
        return with_outcomes(history, old, tag=None, verdict=None, taken_back=None, now=now)
    back = serving.back.tag if serving.back and not serving.told else None
    served = serving.version, serving.commit
    serves = isinstance(serving.verdict, Failed) or served == (current.version, current.commit)
    return with_outcomes(
        history,
        old,
        tag=current.tag if serves else None,
        verdict=serving.verdict,
        taken_back=back,
        now=now,
    )


def _ledger_part(assignment: StageAssignment, artifact: ArtifactView) -> dict[str, Any]:
    holder = artifact.winner(assignment.spec.stage)
    events = artifact.stage_events(assignment.spec.stage)
    return {"current": _current(holder), "history": history_of(events, artifact)}


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

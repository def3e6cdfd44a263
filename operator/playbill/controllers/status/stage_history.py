"""What happened to a stage, newest first, and what became of each: status.history. Pure.

The ledger says who was assigned; what became of the rollouts is seen as it happens, and carried
from status to status. Of a status that was lost only what the tags themselves tell comes back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from playbill.api.stage_assignment import HistoryEntry, StageAssignmentStatus
from playbill.api.times import seconds_of, timestamp
from playbill.controllers.status.bounds import NAME, TAG, TEXT, cut, cut_or_none
from playbill.controllers.status.version_status import author_of
from playbill.ledger import message
from playbill.ledger.events import Assignment, Unassignment
from playbill.ledger.rollbacks import told_by
from playbill.ledger.view import ArtifactView
from playbill.rollout.judge import Failed, RolledOut, Verdict

MOST_HISTORY = 10

RECENT = 30
"""Seconds: an outcome that comes so soon after the tag is of the rollout that it began."""

Event = Assignment | Unassignment


def history_of(events: Sequence[Event], artifact: ArtifactView) -> list[HistoryEntry]:
    """The newest events of a stage, with what their tags tell of outcomes."""
    newest = list(islice(reversed(events), MOST_HISTORY))
    later = [None, *newest]
    return [_entry(e, after, artifact) for e, after in zip(newest, later, strict=False)]


def _entry(event: Event, after: Event | None, artifact: ArtifactView) -> HistoryEntry:
    version = artifact.version_on(event.commit) or event.commit
    told = told_by(after) if after is not None else None
    failed = told is not None and told.version == version and isinstance(event, Assignment)
    reason = event.trailers.get(message.REASON)
    if told is not None and failed:
        reason = f"{told.reason}: {told.message}"
    return HistoryEntry(
        event="Assigned" if isinstance(event, Assignment) else "Unassigned",
        version=cut(version, NAME),
        at=timestamp(event.seconds),
        by=author_of(event),
        tag=cut(event.tag, TAG),
        outcome="RolledBack" if failed else None,
        reason=cut_or_none(reason, TEXT),
    )


def with_outcomes(
    history: Sequence[HistoryEntry],
    old: StageAssignmentStatus,
    *,
    tag: str | None,
    verdict: Verdict | None,
    taken_back: str | None,
    now: float,
) -> list[HistoryEntry]:
    """The same with what was known before and what is seen now.

    `tag` is the one that the verdict is about, None when it is about none; `taken_back` the one
    whose rollout is being taken back.
    """
    known = {entry.tag: entry for entry in old.history}
    in_flight = old.current.tag if old.current else None
    found = []
    for entry in history:
        carried = _carried(entry, known.get(entry.tag))
        if entry.tag in {tag, taken_back}:
            recent = now - seconds_of(entry.at) < RECENT
            ended = now if recent or entry.tag == in_flight else None
            carried = _ended(carried, verdict, back=entry.tag == taken_back, now=ended)
        found.append(carried)
    return found


def _carried(entry: HistoryEntry, before: HistoryEntry | None) -> HistoryEntry:
    if before is None or before.outcome is None:
        return entry
    if entry.outcome is not None and entry.outcome != before.outcome:
        # what was available first had another rollout since, which no tag began
        took = before.duration if before.outcome == "Failed" else None
        return entry.model_copy(update={"duration": took})
    kept = {"outcome": before.outcome, "duration": before.duration, "reason": before.reason}
    return entry.model_copy(update=kept)


def _ended(
    entry: HistoryEntry, verdict: Verdict | None, *, back: bool, now: float | None
) -> HistoryEntry:
    """An outcome stays as it first was, but that a failure can be taken back or be overcome."""
    match verdict:
        case Failed(reason=reason, message=text) if entry.outcome in {None, "Failed"}:
            outcome = "RolledBack" if back else "Failed"
            why: str | None = cut(f"{reason}: {text}", TEXT)
        case RolledOut() if entry.outcome in {None, "Failed"} and not back:
            outcome, why = "Available", None if entry.outcome else entry.reason
        case _:
            return entry
    if outcome == entry.outcome:
        return entry
    duration = in_words(now - seconds_of(entry.at)) if now is not None else None
    return entry.model_copy(update={"outcome": outcome, "duration": duration, "reason": why})


def ended(
    before: Sequence[HistoryEntry], after: Sequence[HistoryEntry]
) -> list[tuple[str, float | None]]:
    """The outcomes that the one does not tell of and the other does, with how long they took."""
    known = {(entry.tag, entry.outcome) for entry in before}
    return [
        (entry.outcome, _seconds(entry.duration))
        for entry in after
        if entry.outcome and entry.duration and (entry.tag, entry.outcome) not in known
    ]


def _seconds(duration: str | None) -> float | None:
    if duration is None:
        return None
    units = {"h": 3600, "m": 60, "s": 1}
    return float(sum(int(n) * units[unit] for n, unit in re.findall(r"([0-9]+)([hms])", duration)))


def in_words(seconds: float) -> str:
    """A duration as people write it: 42s, 1m12s, 2h3m."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"

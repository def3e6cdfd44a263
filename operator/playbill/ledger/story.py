"""Who held a stage from when until when: what the fold says of the present, for every moment.

At any second the holder is the one that `fold` gives for the tags up to it; the tests hold
this to that. One pass over an artifact's events, however many stages it has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter

from playbill.ledger.artifact import fold_artifact
from playbill.ledger.events import (
    Assignment,
    Deprecation,
    Deregistration,
    LedgerEvent,
    Registration,
    Unassignment,
)
from playbill.ledger.state import ArtifactState

VersionEvent = Registration | Deregistration
StageEvent = Assignment | Unassignment


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """A time, in seconds since the epoch, in which one assignment held a stage.

    `until` is the first second in which it no longer did, None while it does; `ended_by` is the
    tag that ended it. An assignment whose successor leaves the stage may hold it once more.
    `version` is the commit's id where nobody registered one, as in GTO.
    """

    assignment: Assignment
    version: str
    since: int
    until: int | None = None
    ended_by: LedgerEvent | None = None

    @property
    def commit(self) -> str:
        """What was served."""
        return self.assignment.commit

    def holds_at(self, second: int) -> bool:
        """Whether it held the stage when this second was over."""
        return self.since <= second and (self.until is None or second < self.until)


def timelines(artifact: ArtifactState) -> dict[str, tuple[Tenure, ...]]:
    """The tenures of each stage that was ever named, oldest first."""
    by_stage: defaultdict[str, list[StageEvent]] = defaultdict(list)
    by_commit: defaultdict[str, list[VersionEvent]] = defaultdict(list)
    for event in artifact.events:
        match event:
            case Assignment() | Unassignment():
                by_stage[event.stage].append(event)
            case Registration() | Deregistration():
                by_commit[event.commit].append(event)
            case Deprecation():
                pass  # says nothing of who holds what
    return {
        stage: tuple(_tenures(artifact, _with_versions(by_stage[stage], by_commit)))
        for stage in sorted(by_stage)
    }


def _with_versions(
    events: Sequence[StageEvent], by_commit: Mapping[str, Sequence[VersionEvent]]
) -> list[StageEvent | VersionEvent]:
    """A stage's events, and those of the versions on the commits that it ever meant."""
    found: list[StageEvent | VersionEvent] = list(events)
    for commit in {event.commit for event in events}:
        found += by_commit.get(commit, ())
    return sorted(found, key=attrgetter("seconds"))


def _tenures(
    artifact: ArtifactState, events: Iterable[StageEvent | VersionEvent]
) -> Iterator[Tenure]:
    stage = _Stage(artifact)
    current: Tenure | None = None
    for second, group in groupby(events, key=attrgetter("seconds")):
        now = list(group)
        stage.take(now)
        winner = stage.winner(second)
        if winner is (current.assignment if current else None):
            continue
        if current is not None:
            yield replace(current, until=second, ended_by=_cause(current, winner, now))
        current = None
        if winner is not None:
            version = _version(artifact, winner)
            current = Tenure(assignment=winner, version=version, since=second)
    if current is not None:
        yield current


@dataclass(slots=True)
class _Stage:
    """Who is on the stage so far; `order` has the newest assignments last."""

    artifact: ArtifactState
    order: list[Assignment] = field(default_factory=list)
    assigned: dict[str, Assignment] = field(default_factory=dict)
    unassigned: dict[str, int] = field(default_factory=dict)
    registered: dict[tuple[str, str], int] = field(default_factory=dict)
    deregistered: dict[tuple[str, str], int] = field(default_factory=dict)
    versions: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def take(self, events: Iterable[StageEvent | VersionEvent]) -> None:
        for event in events:
            commit, seconds = event.commit, event.seconds
            match event:
                case Assignment():
                    self.order.append(event)
                    self.assigned[commit] = event
                case Unassignment():
                    self.unassigned[commit] = seconds
                case Registration():
                    self.registered[commit, event.version] = seconds
                    self.versions[commit].add(event.version)
                case Deregistration():
                    self.deregistered[commit, event.version] = seconds
                    self.versions[commit].add(event.version)

    def winner(self, second: int) -> Assignment | None:
        while self.order and self._is_over(self.order[-1]):
            self.order.pop()
        standing = (a for a in reversed(self.order) if not self._is_over(a) and self._is_live(a))
        first = next(standing, None)
        rival = next(standing, None)
        if first is None or rival is None or rival.seconds < first.seconds:
            return first
        return self._by_fold(first.stage, second)

    def _is_over(self, assignment: Assignment) -> bool:
        """Of one second the unassignment counts, as in the fold."""
        commit = assignment.commit
        left = self.unassigned.get(commit, -1)
        return self.assigned[commit] is not assignment or left >= assignment.seconds

    def _is_live(self, assignment: Assignment) -> bool:
        """Whether its commit has a version that is registered, or never had any."""
        commit = assignment.commit
        known = [(commit, version) for version in self.versions.get(commit, ())]
        return not known or any(
            self.registered.get(each, -1) > self.deregistered.get(each, -1) for each in known
        )

    def _by_fold(self, stage: str, second: int) -> Assignment | None:
        """Two of one second: GTO's order of them is the fold's to say."""
        events = [event for event in self.artifact.events if event.seconds <= second]
        state, _ = fold_artifact(self.artifact.name, events, 0)
        holder = state.stages[stage].winner
        return holder.assignment if holder else None


def _cause(
    ended: Tenure, winner: Assignment | None, events: Sequence[StageEvent | VersionEvent]
) -> LedgerEvent:
    """The tag that ended a tenure: the successor's, or else the one that took it off."""
    if winner is not None and any(event is winner for event in events):
        return winner
    off = (Unassignment, Deregistration)
    own = [e for e in events if isinstance(e, off) and e.commit == ended.commit]
    return own[-1] if own else events[-1]


def _version(artifact: ArtifactState, assignment: Assignment) -> str:
    known = artifact.version_at(assignment.commit)
    return known.version if known else assignment.commit

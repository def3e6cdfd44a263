"""One artifact's history, and what it comes to: its versions, and who holds which stage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from playbill.ledger.events import (
    Assignment,
    Deprecation,
    Deregistration,
    LedgerEvent,
    Problem,
    Registration,
    Unassignment,
)
from playbill.ledger.grammar import version_key
from playbill.ledger.state import ArtifactState, Holder, StageState, VersionState

# GTO's order of what happened in the same second (`BaseEvent.priority`).
_PRIORITY: Mapping[type[LedgerEvent], int] = {
    Deprecation: 2,
    Registration: 3,
    Deregistration: 4,
    Assignment: 5,
    Unassignment: 6,
}


_StageEvent = Assignment | Unassignment
_VersionEvent = Registration | Deregistration


def fold_artifact(
    name: str, events: Iterable[LedgerEvent], counter: int
) -> tuple[ArtifactState, list[Problem]]:
    """The state that one artifact's events amount to; at least one, in any order of them."""
    history = _in_order(events)
    versions = _Versions()
    stages: defaultdict[str, list[_StageEvent]] = defaultdict(list)
    for event in history:
        match event:
            case Assignment() | Unassignment():
                stages[event.stage].append(event)
            case Registration() | Deregistration():
                versions.add(event)
    versions.close()
    state = ArtifactState(
        name=name,
        events=history,
        versions=versions.by_name,
        stages={stage: _stage(stages[stage], versions) for stage in sorted(stages)},
        latest=versions.latest,
        # Within a second a deprecation sorts first, so that anything else undoes it.
        deprecated=isinstance(history[-1], Deprecation),
        counter=counter,
        by_commit=versions.by_commit,
    )
    return state, versions.problems


def _in_order(events: Iterable[LedgerEvent]) -> tuple[LedgerEvent, ...]:
    # no two tags have one name, so the events themselves are never compared
    keyed = sorted([(e.seconds, _PRIORITY[type(e)], e.tag, e) for e in events])
    return tuple([event for _, _, _, event in keyed])


_Place = tuple[int, str]
"""Where GTO lists a version: by its first event's time, then by that tag's name."""


def _place(events: Sequence[_VersionEvent]) -> _Place:
    if len(events) == 1:  # nearly all of them
        return events[0].seconds, events[0].tag
    firsts = {type(event): event for event in reversed(events)}.values()
    return min([(event.seconds, event.tag) for event in firsts])


@dataclass(slots=True)
class _Versions:
    """Gathers the version events of one artifact; `close` when all are in.

    An entry is GTO's notion of a version: what was said of one version on one commit.
    """

    entries: defaultdict[tuple[str, str], list[_VersionEvent]] = field(
        default_factory=lambda: defaultdict(list)
    )
    places: dict[tuple[str, str], _Place] = field(default_factory=dict)
    last_seconds: dict[str, int] = field(default_factory=dict)
    by_name: dict[str, VersionState] = field(default_factory=dict)
    by_commit: dict[str, list[VersionState]] = field(default_factory=dict)
    void: set[str] = field(default_factory=set)
    latest: str | None = None
    problems: list[Problem] = field(default_factory=list)

    def add(self, event: _VersionEvent) -> None:
        self.entries[event.version, event.commit].append(event)
        self.last_seconds[event.version] = event.seconds

    def close(self) -> None:
        self.places = {key: _place(events) for key, events in self.entries.items()}
        best = None
        for version, commit in sorted(self.entries, key=self.places.__getitem__):
            state = self._state(version, commit)
            if not state.registrations:
                self._close_void(state)
                continue
            self._put(state)
            # Precedence leaves build metadata out; of equals GTO takes the later one.
            precedence = version_key(version)[:-1]
            if state.active and (best is None or precedence >= best):
                best, self.latest = precedence, version
        # An active version goes before one that is not; else the first comes first.
        for states in self.by_commit.values():
            if len(states) > 1:
                states.sort(key=lambda state: not state.active)

    def _state(self, version: str, commit: str) -> VersionState:
        events = self.entries[version, commit]
        made = tuple([e for e in events if isinstance(e, Registration)])
        ended: tuple[Deregistration, ...] = ()
        if len(made) < len(events):
            ended = tuple([e for e in events if isinstance(e, Deregistration)])
        return VersionState(
            version=version,
            commit=commit,
            # Within one second the deregistration counts.
            active=bool(made) and not (ended and ended[-1].seconds >= made[-1].seconds),
            registrations=made,
            deregistrations=ended,
            last_seconds=self.last_seconds[version],
        )

    def _put(self, state: VersionState) -> None:
        """Put it beside those that were there before, and say so when that is trouble."""
        same_name = self.by_name.get(state.version)
        if same_name is None or (state.active and not same_name.active):
            self.by_name[state.version] = state
        elif state.active:
            self.problems.append(_moved(state, same_name))
        same_commit = self.by_commit.setdefault(state.commit, [])
        if same_commit:
            self.problems.append(_taken(state, same_commit[0]))
        same_commit.append(state)

    def _close_void(self, state: VersionState) -> None:
        """Heed a deregistration of nothing as GTO does: stage tags on its commit are void."""
        self.void.add(state.commit)
        self.problems.append(_stray(state.deregistrations[-1]))


# Newest assignment first. Of one second, GTO puts first whichever version was registered
# first, then the one it lists first, and commits without a version last.
_Rank = tuple[int, int, bool, _Place]


def _stage(events: list[_StageEvent], versions: _Versions) -> StageState:
    """One stage, of its events in GTO's order: the last one on a commit says if it is held."""
    last = {event.commit: event for event in events}
    held = [event for event in last.values() if isinstance(event, Assignment)]
    ranked = sorted(_candidates(held, versions), key=itemgetter(0))
    once: dict[str, Holder] = {}
    for _, holder in ranked:
        once.setdefault(holder.version, holder)
    return StageState(stage=events[-1].stage, holders=tuple(once.values()), last_event=events[-1])


def _candidates(held: list[Assignment], versions: _Versions) -> Iterator[tuple[_Rank, Holder]]:
    for assignment in held:
        commit, seconds = assignment.commit, assignment.seconds
        bound = versions.by_commit.get(commit)
        if bound and bound[0].active:
            first = bound[0]
            rank = (
                -seconds,
                first.registration.seconds,
                False,
                versions.places[first.version, commit],
            )
            yield rank, Holder(first.version, commit, assignment, registered=True)
        elif not bound and commit not in versions.void:
            rank = -seconds, seconds, True, (seconds, assignment.tag)
            yield rank, Holder(commit, commit, assignment, registered=False)


def _moved(state: VersionState, first: VersionState) -> Problem:
    return Problem(
        state.registration.tag,
        "VersionMoved",
        f"tag {state.registration.tag} registers {state.version} on commit {state.commit}, but "
        f"tag {first.registration.tag} has it on commit {first.commit}, which counts; "
        f"register another version there instead",
    )


def _taken(state: VersionState, first: VersionState) -> Problem:
    return Problem(
        state.registration.tag,
        "CommitTaken",
        f"tag {state.registration.tag} registers {state.version} on commit {state.commit}, which "
        f"tag {first.registration.tag} registered as {first.version}; GTO cannot read stages of "
        f"such a commit: delete one of the two tags",
    )


def _stray(event: Deregistration) -> Problem:
    return Problem(
        event.tag,
        "NothingToDeregister",
        f"tag {event.tag} deregisters {event.version} on commit {event.commit}, where it was "
        f"never registered; delete the tag, or make it on the version's own commit",
    )

"""From a repository's tags to what the registry says: GTO's rules, in one linear pass.

The rules are those of GTO 1.10.1, found by running it; the conformance tests hold us to
them. Unlike GTO we never break: a tag that cannot be read is a `Problem` and left out,
and a state that GTO cannot read has a meaning here, and a problem that names it.

Three differences are on purpose. GTO counts the commit's own date as an event, so a
commit dated after its tags revives a deprecated artifact: we look at tags alone. GTO
disregards the unassignment of a commit that has no version: we heed it. GTO cannot bind a
stage tag to a commit with two versions: we bind it to the one that was there first.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from playbill.ledger.events import (
    Assignment,
    Deprecation,
    Deregistration,
    LedgerEvent,
    Problem,
    Registration,
    TagRecord,
    Unassignment,
)
from playbill.ledger.grammar import (
    AssignmentTag,
    DeregistrationTag,
    RefNames,
    RegistrationTag,
    TagName,
    UnassignmentTag,
    parse_tag,
    version_key,
)
from playbill.ledger.message import split
from playbill.ledger.state import ArtifactState, Holder, Ledger, StageState, VersionState
from playbill.ledger.tagobject import LATEST_SECOND

__all__ = ["ArtifactState", "Holder", "Ledger", "StageState", "VersionState", "fold"]

# GTO's order of what happened in the same second (`BaseEvent.priority`).
_PRIORITY: Mapping[type[LedgerEvent], int] = {
    Deprecation: 2,
    Registration: 3,
    Deregistration: 4,
    Assignment: 5,
    Unassignment: 6,
}
_CREATED = re.compile(r"[a-zA-Z0-9][^@#]*@created(#[0-9]+)?")


def fold(records: Iterable[TagRecord]) -> Ledger:
    """Give the state that all of a repository's tags amount to, in any order of them."""
    names: list[str] = []
    problems: list[Problem] = []
    events: dict[str, list[LedgerEvent]] = {}
    counters: dict[str, int] = {}
    for record in records:
        names.append(record.name)
        tag = parse_tag(record.name)
        problem = _trouble(record, tag)
        if problem:
            problems.append(problem)
        # GTO counts the numbers of tags that it cannot read, too.
        if tag and tag.counter:
            counters[tag.artifact] = max(tag.counter, counters.get(tag.artifact, 0))
        if tag and not problem:
            events.setdefault(tag.artifact, []).append(_event(tag, record))
    artifacts = {}
    for name in sorted(events):
        history = sorted(events[name], key=_order)
        artifacts[name], more = _artifact(name, history, counters.get(name, 0))
        problems.extend(more)
    return Ledger(
        artifacts=artifacts,
        problems=tuple(sorted(problems, key=lambda problem: (problem.tag, problem.reason))),
        refs=RefNames(names),
        counters=counters,
    )


def _trouble(record: TagRecord, tag: TagName | None) -> Problem | None:
    """Say what makes GTO skip this tag or break on it; None for a sound or unrelated one."""
    if tag is None:
        if _CREATED.fullmatch(record.name):
            return _problem(record, "Created", "is of a form that GTO knows but cannot read")
        return None
    if record.kind == "commit":
        return _problem(record, "Lightweight", "is a lightweight tag, which GTO ignores")
    if record.target_kind == "tag":
        return _problem(record, "NestedTag", "points at another tag")
    if record.kind != "tag" or record.target_kind != "commit":
        return _problem(record, "NotACommit", "points at no commit")
    if record.seconds is None:
        return _problem(record, "NoTagger", "does not say who made it, or when")
    if not 0 <= record.seconds <= LATEST_SECOND:
        return _problem(record, "TimeOutOfRange", "has a time outside the years 1970 to 9999")
    return None


def _problem(record: TagRecord, reason: str, what: str) -> Problem:
    mend = f"is skipped; delete it, or make it again with `git tag -f -a '{record.name}' COMMIT`"
    if reason == "Created":
        mend = "is skipped; delete it, for no command of GTO works beside it"
    return Problem(record.name, reason, f"tag {record.name} {what}; it {mend}")


class _Shared(TypedDict):
    artifact: str
    commit: str
    seconds: int
    tag: str
    oid: str
    counter: int | None
    tagger: str
    email: str
    subject: str
    body: str
    trailers: Mapping[str, str]


def _event(tag: TagName, record: TagRecord) -> LedgerEvent:
    subject, body, trailers = split(record.message)
    shared = _Shared(
        artifact=tag.artifact,
        commit=record.target,
        seconds=record.seconds or 0,
        tag=record.name,
        oid=record.oid,
        counter=tag.counter,
        tagger=record.tagger,
        email=record.email,
        subject=subject,
        body=body,
        trailers=trailers,
    )
    if isinstance(tag, RegistrationTag):
        return Registration(version=tag.version, **shared)
    if isinstance(tag, AssignmentTag):
        return Assignment(stage=tag.stage, **shared)
    if isinstance(tag, UnassignmentTag):
        return Unassignment(stage=tag.stage, **shared)
    if isinstance(tag, DeregistrationTag):
        return Deregistration(version=tag.version, **shared)
    return Deprecation(**shared)


def _order(event: LedgerEvent) -> tuple[int, int, str]:
    return event.seconds, _PRIORITY[type(event)], event.tag


def _artifact(
    name: str, history: list[LedgerEvent], counter: int
) -> tuple[ArtifactState, list[Problem]]:
    versions = _Versions()
    stages: dict[str, _Stage] = {}
    for event in history:
        if isinstance(event, Registration | Deregistration):
            versions.add(event)
        elif isinstance(event, Assignment | Unassignment):
            stages.setdefault(event.stage, _Stage()).add(event)
    versions.close()
    state = ArtifactState(
        name=name,
        events=tuple(history),
        versions=versions.by_name,
        stages={stage: stages[stage].state(versions) for stage in sorted(stages)},
        latest=versions.latest,
        # Within a second a deprecation sorts first, so that anything else undoes it.
        deprecated=isinstance(history[-1], Deprecation),
        counter=counter,
        by_commit=versions.by_commit,
    )
    return state, versions.problems


@dataclass(slots=True)
class _Entry:
    """GTO's notion of a version: what was said of one version on one commit."""

    registrations: list[Registration] = field(default_factory=list)
    deregistrations: list[Deregistration] = field(default_factory=list)

    @property
    def active(self) -> bool:
        """Within one second the deregistration counts."""
        if not self.registrations or not self.deregistrations:
            return bool(self.registrations)
        return self.registrations[-1].seconds > self.deregistrations[-1].seconds

    @property
    def rank(self) -> tuple[int, str]:
        """Where GTO lists it: by its first event's time, then by that tag's name."""
        return min(
            (event.seconds, event.tag)
            for event in (*self.registrations[:1], *self.deregistrations[:1])
        )


@dataclass(slots=True)
class _Versions:
    """Gathers the version events of one artifact; `close` when all are in."""

    entries: dict[tuple[str, str], _Entry] = field(default_factory=dict)
    last_seconds: dict[str, int] = field(default_factory=dict)
    by_name: dict[str, VersionState] = field(default_factory=dict)
    by_commit: dict[str, list[VersionState]] = field(default_factory=dict)
    void: set[str] = field(default_factory=set)
    latest: str | None = None
    problems: list[Problem] = field(default_factory=list)

    def add(self, event: Registration | Deregistration) -> None:
        entry = self.entries.setdefault((event.version, event.commit), _Entry())
        if isinstance(event, Registration):
            entry.registrations.append(event)
        else:
            entry.deregistrations.append(event)
        self.last_seconds[event.version] = event.seconds

    def close(self) -> None:
        ranked = sorted(self.entries.items(), key=lambda item: item[1].rank)
        best = None
        for (version, commit), entry in ranked:
            if not entry.registrations:
                self._close_void(commit, entry)
                continue
            state = self._state(version, commit, entry)
            self._place(state)
            # Precedence leaves build metadata out; of equals GTO takes the later one.
            precedence = version_key(version)[:-1]
            if state.active and (best is None or precedence >= best):
                best, self.latest = precedence, version
        # An active version goes before one that is not; else the first comes first.
        for states in self.by_commit.values():
            states.sort(key=lambda state: not state.active)

    def _state(self, version: str, commit: str, entry: _Entry) -> VersionState:
        return VersionState(
            version=version,
            commit=commit,
            active=entry.active,
            registrations=tuple(entry.registrations),
            deregistrations=tuple(entry.deregistrations),
            last_seconds=self.last_seconds[version],
        )

    def _place(self, state: VersionState) -> None:
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

    def _close_void(self, commit: str, entry: _Entry) -> None:
        """Heed a deregistration of nothing as GTO does: stage tags on its commit are void."""
        self.void.add(commit)
        self.problems.append(_stray(entry.deregistrations[-1]))


@dataclass(slots=True)
class _Stage:
    """Gathers the stage events of one artifact and stage, by commit, in time's order."""

    assigned: dict[str, Assignment] = field(default_factory=dict)
    unassigned: dict[str, Unassignment] = field(default_factory=dict)
    last: list[Assignment | Unassignment] = field(default_factory=list)

    def add(self, event: Assignment | Unassignment) -> None:
        if isinstance(event, Assignment):
            self.assigned[event.commit] = event
        else:
            self.unassigned[event.commit] = event
        self.last[:] = [event]

    def state(self, versions: _Versions) -> StageState:
        ranked = sorted(self._candidates(versions), key=lambda candidate: candidate[0])
        once: dict[str, Holder] = {}
        for _, holder in ranked:
            once.setdefault(holder.version, holder)
        return StageState(
            stage=self.last[0].stage, holders=tuple(once.values()), last_event=self.last[0]
        )

    def _candidates(self, versions: _Versions) -> Iterator[tuple["_Rank", Holder]]:
        for commit, assignment in self.assigned.items():
            unassignment = self.unassigned.get(commit)
            if unassignment and unassignment.seconds >= assignment.seconds:
                continue
            bound = versions.by_commit.get(commit)
            if bound and bound[0].active:
                yield _registered(bound[0], assignment, versions)
            elif not bound and commit not in versions.void:
                yield _unregistered(assignment)


# Newest assignment first. Of one second, GTO puts first whichever version was registered
# first, then the one it lists first, and commits without a version last.
_Rank = tuple[int, int, bool, tuple[int, str]]


def _registered(
    version: VersionState, assignment: Assignment, versions: _Versions
) -> tuple[_Rank, Holder]:
    entry = versions.entries[version.version, version.commit]
    rank = -assignment.seconds, version.registration.seconds, False, entry.rank
    return rank, _holder(version.version, assignment, registered=True)


def _unregistered(assignment: Assignment) -> tuple[_Rank, Holder]:
    rank = -assignment.seconds, assignment.seconds, True, (assignment.seconds, assignment.tag)
    return rank, _holder(assignment.commit, assignment, registered=False)


def _holder(version: str, assignment: Assignment, *, registered: bool) -> Holder:
    return Holder(
        version=version, commit=assignment.commit, assignment=assignment, registered=registered
    )


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

"""What the registry says of its artifacts: the result of folding the ledger's tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from playbill.ledger.events import (
    Assignment,
    Deregistration,
    LedgerEvent,
    Problem,
    Registration,
    Unassignment,
)
from playbill.ledger.grammar import RefNames


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionState:
    """One version on one commit; both tuples are oldest first, registrations never empty.

    `last_seconds` is that of the newest registration or deregistration of this version on
    any commit: a new one must be later to count.
    """

    version: str
    commit: str
    active: bool
    registrations: tuple[Registration, ...]
    deregistrations: tuple[Deregistration, ...]
    last_seconds: int

    @property
    def registration(self) -> Registration:
        """The newest registration."""
        return self.registrations[-1]

    @property
    def first_registration(self) -> Registration:
        """The registration by which the version came to be."""
        return self.registrations[0]

    @property
    def deregistration(self) -> Deregistration | None:
        """The newest deregistration, whether or not a registration followed it."""
        return self.deregistrations[-1] if self.deregistrations else None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a stage, and by which assignment (the newest on that commit).

    Without a registration on the commit, `version` is the commit's id, as in GTO.
    """

    version: str
    commit: str
    assignment: Assignment
    registered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StageState:
    """One stage of one artifact; `holders` newest first, each version once.

    When the winner leaves the stage or is deregistered, the next holder wins.
    """

    stage: str
    holders: tuple[Holder, ...]
    last_event: Assignment | Unassignment

    @property
    def winner(self) -> Holder | None:
        """Who is on the stage."""
        return self.holders[0] if self.holders else None

    @property
    def last_seconds(self) -> int:
        """When the stage last changed; a new stage tag must be later to count."""
        return self.last_event.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactState:
    """One artifact; `events` oldest first, those of one second in GTO's order of actions.

    `versions` has each version once: of several commits that bear the same one, the first
    that is active. `counter` is the highest of any of its tags, unreadable ones included.
    """

    name: str
    events: tuple[LedgerEvent, ...]
    versions: Mapping[str, VersionState]
    stages: Mapping[str, StageState]
    latest: str | None
    deprecated: bool
    counter: int
    by_commit: Mapping[str, Sequence[VersionState]] = field(repr=False)

    @property
    def active(self) -> bool:
        """Not deprecated."""
        return not self.deprecated

    @property
    def last_seconds(self) -> int:
        """The newest event's; a deprecation must be later to count."""
        return self.events[-1].seconds

    def version_at(self, commit: str) -> VersionState | None:
        """Give the version that a stage tag on this commit binds to, deregistered ones too.

        Of two on one commit, which GTO cannot read: the active one that was there first.
        """
        return next(iter(self.by_commit.get(commit, ())), None)

    def versions_on(self, commit: str) -> tuple[str, ...]:
        """Name all versions ever registered on this commit, active ones first."""
        return tuple(state.version for state in self.by_commit.get(commit, ()))

    def registrations_at(self, commit: str) -> tuple[VersionState, ...]:
        """Give all active versions on this commit; more than one breaks GTO."""
        return tuple(state for state in self.by_commit.get(commit, ()) if state.active)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All artifacts of a repository, the tags that are in trouble, and every tag's name."""

    artifacts: Mapping[str, ArtifactState] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    refs: RefNames = field(default_factory=RefNames)
    counters: Mapping[str, int] = field(default_factory=dict, repr=False)

    def max_counter(self, artifact: str) -> int:
        """Give the highest counter of any tag of this artifact, 0 without one."""
        return self.counters.get(artifact, 0)

"""What is remembered of a repository's audit notes between passes; lost, it is read again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from playbill.api.errors import Trouble
from playbill.ledger.audit import Identity, Mark, Served, mark
from playbill.ledger.state import ArtifactState

MOST_SEEN = 1000


@dataclass(frozen=True, slots=True)
class Settled:
    """An artifact when nothing could be told of it, and what was missing even so: lines about a
    tag that is gone, or for a note that cannot be added to."""

    artifact: ArtifactState
    mark: Mark
    missing: frozenset[Identity]


@dataclass(slots=True)
class AuditMemory:
    """`told` are the lines that are there, None while the notes have yet to be read; `tip` the
    commit of the ref that has them, `full` the commits whose notes are too large to be added to.

    `seen` are outcomes, by model and tag, that a later promotion may take out of the status before
    they are written. `settled` has each artifact as it was when nothing could be told. Times
    are those of the monotonic clock: `due_since` when something came to be due, `not_before` when
    to try again after `trouble`.
    """

    told: Mapping[Identity, str] | None = None
    tip: str | None = None
    full: Collection[str] = frozenset()
    seen: dict[tuple[str, str], Served] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)
    due_since: float | None = None
    not_before: float = 0.0
    failures: int = 0
    trouble: Trouble | None = None

    def is_settled(self, artifact: ArtifactState, missing: frozenset[Identity]) -> bool:
        """Whether nothing has changed since nothing could be told; `missing` are lines about what
        assignments show. Registrations alone change nothing."""
        known = self.settled.get(artifact.name)
        if known is None or not missing <= known.missing:
            return False
        if known.artifact is not artifact and known.mark == mark(artifact):
            known = self.settled[artifact.name] = replace(known, artifact=artifact)
        return known.artifact is artifact

    def settle(self, artifact: ArtifactState, missing: frozenset[Identity]) -> None:
        """Nothing more can be told."""
        known = self.settled.get(artifact.name)
        if known is not None and known.artifact is artifact:  # another object for the same model
            missing |= known.missing
        self.settled[artifact.name] = Settled(artifact, mark(artifact), missing)

    def saw(self, model: str, served: Served | None) -> None:
        """An assignment of this model (the object's name) came to an outcome."""
        if served is not None and len(self.seen) < MOST_SEEN:
            self.seen[model, served.tag] = served

    def read(self, told: Mapping[Identity, str], tip: str | None, full: Collection[str]) -> None:
        """The notes have been read."""
        self.told, self.tip, self.full = told, tip, full
        self.settled = {}

    def written(self, told: Mapping[Identity, str], tip: str) -> None:
        """Lines were added, and nobody else's are missing here."""
        self.told = {**(self.told or {}), **told}
        self.tip = tip
        self.due_since, self.failures = None, 0
        now = {(each.outcome, each.tag) for each in told}
        self.seen = {k: s for k, s in self.seen.items() if (s.outcome, s.tag) not in now}

    def failed(self, trouble: Trouble, *, not_before: float) -> None:
        """What the remote has now is not known."""
        self.trouble, self.not_before = trouble, not_before
        self.told = None
        self.failures += 1

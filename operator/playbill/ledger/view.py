"""The ledger as a plan in the making sees it: what is in git, plus what has been decided since.

A plan decides one intent after the other, and each must know what the ones before it are
about to write: numbers, commits, counters and seconds are all used up in order. A view
that nobody has recorded into is the ledger as it is, and many may read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from playbill.ledger.events import Assignment, LedgerEvent, Unassignment
from playbill.ledger.grammar import (
    AssignmentTag,
    DeprecationTag,
    DeregistrationTag,
    RegistrationTag,
    TagName,
    UnassignmentTag,
    parse_tag,
    version_key,
)
from playbill.ledger.message import CLUSTER, REQUEST
from playbill.ledger.state import ArtifactState, Holder, Ledger, StageState, VersionState
from playbill.ledger.tagobject import TagObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """In whose name tags are written: the cluster's, and the tagger's identity."""

    cluster: str
    name: str = "Playbill"
    email: str = "playbill@playbill.dev"


@dataclass(slots=True)
class ArtifactView:
    """One artifact: its state in the ledger and what the plan has added to it."""

    name: str
    state: ArtifactState | None
    counter: int = 0
    last_seconds: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    reserved: set[str] = field(default_factory=set)
    seconds: dict[str, int] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    """Commits that are about to be put on a stage, or may be."""

    @property
    def events(self) -> tuple[LedgerEvent, ...]:
        """What git holds, in GTO's order."""
        return self.state.events if self.state else ()

    @property
    def deprecated(self) -> bool:
        """Whether git says that the artifact is deprecated."""
        return bool(self.state and self.state.deprecated)

    def version(self, version: str) -> VersionState | None:
        """The version as git knows it, registered or no longer."""
        return self.state.versions.get(version) if self.state else None

    def version_at(self, commit: str) -> VersionState | None:
        """The version that a stage tag on this commit binds to, registered or no longer."""
        return self.state.version_at(commit) if self.state else None

    def stage(self, stage: str) -> StageState | None:
        """The stage as git knows it."""
        return self.state.stages.get(stage) if self.state else None

    def stage_events(self, stage: str) -> tuple[Assignment | Unassignment, ...]:
        """All that git holds about the stage, oldest first."""
        return tuple(
            e for e in self.events if isinstance(e, Assignment | Unassignment) and e.stage == stage
        )

    def winner(self, stage: str) -> Holder | None:
        """Who holds the stage by git."""
        found = self.stage(stage)
        return found.winner if found else None

    def commit_of(self, version: str) -> str | None:
        """The commit of a version that is registered in git; one that is only planned does not
        count, for a stage tag on it could not be taken back if the registration had to be."""
        known = self.version(version)
        return known.commit if known and known.active else None

    def version_on(self, commit: str, *, besides: str | None = None) -> str | None:
        """A version of this artifact that sits on the commit, registered or not, if any."""
        if self.state:
            for known in self.state.by_commit.get(commit, ()):
                if known.version != besides:
                    return known.version
        planned = (v for v, c in self.versions.items() if c == commit and v != besides)
        return next(planned, None)

    def highest(self) -> str | None:
        """The highest number that was ever given, registered still or not, or is about to be."""
        known = self.state.versions if self.state else {}
        return max((*known, *self.versions, *self.reserved), key=version_key, default=None)

    def stage_seconds(self, stage: str) -> int:
        """The newest second that a tag of this stage has, or will have."""
        found = self.stage(stage)
        return max(found.last_seconds if found else 0, self.seconds.get(f"#{stage}", 0))

    def version_seconds(self, version: str) -> int:
        """The newest second that a tag of this version has, or will have."""
        known = self.version(version)
        return max(known.last_seconds if known else 0, self.seconds.get(f"@{version}", 0))

    def expect(self, tags: Iterable[TagObject]) -> None:
        """Keep clear of the numbers, counters and seconds of tags that may still land."""
        for tag in tags:
            name = self._use_up(tag)
            if isinstance(name, RegistrationTag):
                self.reserved.add(name.version)

    def reckon(self, tag: TagObject) -> None:
        """Count in a tag that is about to be written."""
        name = self._use_up(tag)
        if isinstance(name, RegistrationTag):
            self.versions[name.version] = tag.target

    def _use_up(self, tag: TagObject) -> TagName | None:
        name = parse_tag(tag.name)
        if name is None:
            return None
        match name:
            case RegistrationTag() | DeregistrationTag():
                key = f"@{name.version}"
            case AssignmentTag():
                key = f"#{name.stage}"
                self.assigned.add(tag.target)
            case UnassignmentTag():
                key = f"#{name.stage}"
            case DeprecationTag():
                key = "@deprecated"
        self.last_seconds = max(self.last_seconds, tag.seconds)
        self.counter = max(self.counter, name.counter or 0)
        self.seconds[key] = max(self.seconds.get(key, 0), tag.seconds)
        return name


class View:
    """The whole ledger, artifact by artifact, with the object ids of all tags.

    `oids` maps every tag of the repository, of whatever grammar, to its object id;
    `counters` holds the highest counter that each artifact ever had here, for a counter
    whose tag was deleted is not used again: old clones would refuse it. `stages` are those
    that the repository's own `.gto` allows; None for any.
    """

    def __init__(
        self,
        ledger: Ledger,
        oids: Mapping[str, str],
        *,
        author: Author,
        counters: Mapping[str, int] | None = None,
        stages: frozenset[str] | None = None,
    ) -> None:
        self.ledger = ledger
        self.stages = stages
        self.author = author
        self._oids = oids
        self._counters = counters or {}
        self._artifacts: dict[str, ArtifactView] = {}
        self._planned: dict[str, str] = {}
        self._planned_below: dict[str, str] = {}

    @cached_property
    def first_second(self) -> int | None:
        """The second of the oldest tag of any artifact; None in a ledger without any."""
        seconds = (a.events[0].seconds for a in self.ledger.artifacts.values())
        return min(seconds, default=None)

    def artifact(self, name: str) -> ArtifactView:
        """The artifact, made when first asked for."""
        found = self._artifacts.get(name)
        if found is None:
            state = self.ledger.artifacts.get(name)
            found = self._artifacts[name] = ArtifactView(
                name=name,
                state=state,
                counter=max(self.ledger.max_counter(name), self._counters.get(name, 0)),
                last_seconds=state.last_seconds if state else 0,
            )
        return found

    def oid(self, tag: str) -> str | None:
        """The object that git holds under this tag; None when there is no such tag."""
        return self._oids.get(tag)

    def obstacle(self, tag: str) -> str | None:
        """A tag that keeps this name from being written: itself, or one that git cannot
        hold beside it because a name is both a file and a directory."""
        if tag in self._oids or tag in self._planned:
            return tag
        parents = [tag[:i] for i, letter in enumerate(tag) if letter == "/"]
        planned = next((p for p in parents if p in self._planned), self._planned_below.get(tag))
        return planned or self.ledger.refs.collision(tag)

    def reckon(self, artifact: str, tags: Iterable[TagObject]) -> None:
        """Count in tags that are about to be written."""
        for tag in tags:
            self.artifact(artifact).reckon(tag)
            self._planned[tag.name] = tag.oid
            for i, letter in enumerate(tag.name):
                if letter == "/":
                    self._planned_below[tag.name[:i]] = tag.name


def is_ours(event: LedgerEvent, cluster: str) -> bool:
    """Whether this cluster wrote the tag, by its own word: a hint, never an authority."""
    return event.trailers.get(CLUSTER) == cluster


def asked_for_by(event: LedgerEvent, uid: str) -> bool:
    """Whether the resource of this uid asked for the tag, at any generation."""
    return event.trailers.get(REQUEST, "").partition("/")[0] == uid

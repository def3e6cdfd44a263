"""What is remembered of a repository between passes. All of it can be lost and is rebuilt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from playbill.api.errors import Trouble
from playbill.controllers.inventory.audit_memory import AuditMemory
from playbill.controllers.inventory.keys import ObjectKey, RepositoryKey
from playbill.controllers.inventory.snapshot import Snapshot
from playbill.git.dvc import Artifact as ListedArtifact
from playbill.git.project import ArtifactFacts, ProjectProblem
from playbill.git.url import RemoteUrl
from playbill.ledger.fold import Book
from playbill.ledger.grammar import TagName, parse_tag
from playbill.ledger.policies.evidence import Signed
from playbill.ledger.view import Author, View

Commit = str
Artifact = str
FactsKey = tuple[Commit, Artifact]
Listed = Mapping[str, ListedArtifact | ProjectProblem]
"""What every dvc.yaml lists, by GTO's full name; a file that cannot be read by its path."""

MOST_FACTS = 20_000


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a resource's revision came to, for one generation of its spec."""

    generation: int
    commit: str | Trouble


@dataclass(slots=True)
class RepositoryState:
    """One repository: its newest snapshot, its trouble, and who waits for a pass.

    `candidates` are the objects for which something is to be written or looked up;
    `under_way` are those of them that the present pass works for: it wakes them when it ends.
    `rejected` holds what the server refused, by uid and generation, until the next look;
    `book` is the tags as they were last read, be it by a pass that came to nothing; `unread`
    are facts that a passing fault kept from being read; `signatures` are by tag object. `config`
    is what `.gto` allows, `listed` what every `dvc.yaml` lists by the branch that ModelRepositories
    name (None: the default one), each at the tip at which it was read; `unlisted` is why that
    could not be done at the tip of now.
    """

    key: RepositoryKey
    url: RemoteUrl
    author: Author
    snapshot: Snapshot | None = None
    view: View | None = None
    book: Book = field(default_factory=Book)
    digest: str = ""
    heads: Mapping[str, str] = field(default_factory=dict)
    default_branch: str | None = None
    trouble: Trouble | None = None
    slow: bool = False
    candidates: set[ObjectKey] = field(default_factory=set)
    under_way: frozenset[ObjectKey] = frozenset()
    rejected: dict[str, tuple[int, Trouble]] = field(default_factory=dict)
    resolved: dict[str, Resolved] = field(default_factory=dict)
    facts: dict[FactsKey, ArtifactFacts] = field(default_factory=dict)
    wanted: dict[FactsKey, set[ObjectKey]] = field(default_factory=dict)
    unread: set[FactsKey] = field(default_factory=set)
    signatures: dict[str, Signed | None] = field(default_factory=dict)
    counters: dict[Artifact, int] = field(default_factory=dict)
    looks: int = 0
    doubts: dict[str, int] = field(default_factory=dict)
    config: tuple[Commit, frozenset[str] | None] | None = None
    listed: dict[str | None, tuple[Commit, Listed]] = field(default_factory=dict)
    unlisted: dict[str | None, Trouble] = field(default_factory=dict)
    audit: AuditMemory = field(default_factory=AuditMemory)

    def commit_for(self, uid: str, generation: int) -> str | Trouble | None:
        """What the resource's revision came to; None while nobody has looked."""
        found = self.resolved.get(uid)
        return found.commit if found and found.generation == generation else None

    def head_of(self, branch: str | None) -> Commit | None:
        """The tip of a branch, None for the default one, as far as it is known."""
        name = branch or self.default_branch
        return self.heads.get(name) if name else None

    def listed_on(self, branch: str | None) -> Listed | None:
        """What every `dvc.yaml` of a branch lists; None while nobody knows."""
        found = self.listed.get(branch)
        return found[1] if found else None

    def rejection(self, uid: str, generation: int) -> Trouble | None:
        """What the server said against this generation's tags, since the last look."""
        found = self.rejected.get(uid)
        return found[1] if found and found[0] == generation else None

    def facts_for(self, commit: str, artifact: str, asker: ObjectKey) -> ArtifactFacts | None:
        """What the files at a commit say; None when the next pass has to read them first."""
        found = self.facts.get((commit, artifact))
        if found is None:
            self.wanted.setdefault((commit, artifact), set()).add(asker)
        return found

    def doubts_absence(self, uid: str) -> bool:
        """Whether the tag that an object tells of may only be newer than the last listing.

        Another operator may have written both since. `doubts` keeps, by uid, how many `looks`
        there had been when it was first missed; of the next two the second began after that.
        """
        return self.looks < self.doubts.setdefault(uid, self.looks) + 2

    def learn(self, facts: Mapping[FactsKey, ArtifactFacts]) -> None:
        """Keep what was read; the oldest go when there are too many."""
        self.facts |= facts
        for key in list(self.facts)[: max(0, len(self.facts) - MOST_FACTS)]:
            del self.facts[key]

    def learn_signatures(self, found: Mapping[str, Signed | None]) -> None:
        """The same of signatures."""
        self.signatures |= found
        for oid in list(self.signatures)[: max(0, len(self.signatures) - MOST_FACTS)]:
            del self.signatures[oid]

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self.resolved.pop(uid, None)
        self.rejected.pop(uid, None)
        self.doubts.pop(uid, None)

    def look(self, snapshot: Snapshot) -> Mapping[Artifact, Sequence[TagName]]:
        """Take a new snapshot in; gives the tags that came, went or moved, by artifact."""
        old = self.snapshot
        self.looks += 1
        self.snapshot = snapshot
        self.view = View(
            snapshot.ledger,
            snapshot.oids,
            author=self.author,
            counters=self.counters,
            stages=snapshot.stages,
        )
        if old is not None and old.oids is snapshot.oids:
            return {}
        before = old.oids.items() if old is not None else set()
        changed = _by_artifact({name for name, _ in before ^ snapshot.oids.items()})
        for artifact in changed:
            used = max(self.counters.get(artifact, 0), snapshot.ledger.max_counter(artifact))
            self.counters[artifact] = used
        return changed


def _by_artifact(tags: Iterable[str]) -> Mapping[Artifact, Sequence[TagName]]:
    found: dict[Artifact, list[TagName]] = defaultdict(list)
    for tag in tags:
        name = parse_tag(tag)
        if name is not None:
            found[name.artifact].append(name)
    return found

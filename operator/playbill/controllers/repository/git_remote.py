"""The repository pass's Remote on a real mirror: every call is blocking git in an executor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from playbill.api.errors import Retry, Trouble
from playbill.controllers.inventory.evidence import with_evidence
from playbill.controllers.inventory.repository_state import (
    FactsKey,
    Listed,
    RepositoryState,
    Resolved,
)
from playbill.controllers.inventory.snapshot import Snapshot
from playbill.git.gto_config import read_allowed_stages
from playbill.git.listing import Listing
from playbill.git.mirror import Mirror
from playbill.git.porcelain import Result
from playbill.git.project import (
    ArtifactFacts,
    ProjectProblem,
    list_project_artifacts,
    read_projects,
)
from playbill.git.verifying import read_signatures
from playbill.ledger.aliases import Alias, Base, parse_base
from playbill.ledger.grammar import parse_tag
from playbill.ledger.intents import AnyIntent, StageIntent, VersionIntent
from playbill.ledger.policies.permitting import lacking
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import View

T = TypeVar("T")


@dataclass(slots=True)
class GitRemote:
    """One mirror for the length of a pass; `branches` is where each artifact's versions grow,
    `main` the one whose `.gto` and `dvc.yaml` speak for the repository (None: the default).

    What was seen reaches the state by `report` alone, when the pass has ended well.
    """

    state: RepositoryState
    mirror: Mirror
    executor: ThreadPoolExecutor
    branches: Mapping[str, str | None]
    main: str | None = None
    _seen: tuple[Listing, Snapshot] | None = None
    _made: dict[str, bytes] = field(default_factory=dict)

    async def read(self) -> Snapshot:
        """List; fetch and fold only when something has changed since."""
        return await self._run(self._read)

    async def confirm(self, tags: Sequence[TagObject]) -> Snapshot:
        """Read again, and meanwhile what the commits of these new tags carry: the one waits for
        the server, the other for this machine."""
        wanted = [key for tag in tags if (key := facts_of(tag)) and key not in self.state.facts]
        ahead = asyncio.create_task(self._read_ahead(wanted))
        try:
            return await self.read()
        finally:
            self.state.learn(await ahead)

    async def _read_ahead(self, wanted: Sequence[FactsKey]) -> dict[FactsKey, ArtifactFacts]:
        """What can be read now; the rest is read, and told of, after the pass."""
        try:
            found = await self.facts(wanted)
        except Trouble:
            return {}
        return {key: facts for key, facts in found.items() if facts.problem is None}

    def report(self) -> None:
        """Tell the state what was seen last."""
        if self._seen is not None:
            listing, _ = self._seen
            self.state.digest = listing.digest
            self.state.heads = listing.heads

    async def resolve(self, intents: Sequence[AnyIntent]) -> Sequence[AnyIntent]:
        """Fill in the commit of each version that has none yet, and remember it; and what an
        alias of it would stand on, where one is allowed."""
        open_ = [i for i in intents if isinstance(i, VersionIntent) and i.commit is None]
        if open_:
            wanted = [(i.revision, self.branches.get(i.artifact)) for i in open_]
            answers = await self._run(lambda: self.mirror.resolve_many(wanted))
            for intent, answer in zip(open_, answers, strict=True):
                self._remember(intent, answer)
        filled = [self._with_commit(i) for i in intents]
        wanting = [i for i in filled if isinstance(i, VersionIntent) and _wants_base(i)]
        if self._seen is not None and any(map(_is_overseen, filled)):
            snapshot = self._seen[1]
            view = View(snapshot.ledger, snapshot.oids, author=self.state.author)
            filled = await self.gather(filled, view)
        bases = await self._bases({i.commit for i in wanting if isinstance(i.commit, str)})
        return [self._with_base(i, bases) for i in filled]

    def _remember(self, intent: VersionIntent, answer: str | Trouble) -> None:
        self.state.resolved[intent.asker.uid] = Resolved(intent.asker.generation, answer)

    def _with_commit(self, intent: AnyIntent) -> AnyIntent:
        if not isinstance(intent, VersionIntent) or intent.commit is not None:
            return intent
        return replace(intent, commit=self.state.resolved[intent.asker.uid].commit)

    async def gather(self, intents: Sequence[AnyIntent], view: View) -> list[AnyIntent]:
        """Read what policies want to know of the promotions among them, if it is not known."""
        now = int(time.time())
        facts: set[FactsKey] = set()
        tags: set[str] = set()
        for intent in intents:
            if isinstance(intent, StageIntent):
                needed = lacking(with_evidence(intent, view, self.state), view, now=now)
                facts |= {(commit, intent.artifact) for commit in needed.commits}
                tags |= needed.tags
        await self._learn(sorted(facts))
        if tags:
            wanted = sorted(tags)
            found = await self._run(
                lambda: self.mirror.on_store(lambda store: read_signatures(store, wanted))
            )
            self.state.learn_signatures(found)
        return [
            with_evidence(each, view, self.state) if isinstance(each, StageIntent) else each
            for each in intents
        ]

    async def _learn(self, wanted: Sequence[FactsKey]) -> None:
        """Read facts; what cannot be read now is read again after the pass."""
        try:
            found = await self.facts(wanted)
        except Trouble as trouble:
            problem = ProjectProblem(trouble.reason, trouble.message)
            found = dict.fromkeys(wanted, ArtifactFacts(problem=problem))
        self.state.learn(found)
        self.state.unread |= {key for key, facts in found.items() if facts.passing}

    async def _bases(self, commits: Collection[str]) -> dict[str, Base]:
        if not commits:
            return {}
        found = await self._run(lambda: self.mirror.read_commits(commits))
        parsed = {commit: parse_base(commit, data) for commit, data in found.items()}
        return {commit: base for commit, base in parsed.items() if base is not None}

    def _with_base(self, intent: AnyIntent, bases: Mapping[str, Base]) -> AnyIntent:
        if not isinstance(intent, VersionIntent) or not _wants_base(intent):
            return intent
        base = bases.get(str(intent.commit))
        if base is not None:
            return replace(intent, base=base)
        missing = Retry("CommitMissing", f"The commit {intent.commit} was not fetched.")
        self._remember(intent, missing)
        return replace(intent, commit=missing)

    async def make(self, aliases: Sequence[Alias]) -> None:
        """Write commits into the mirror, for tags to be pushed on."""
        self._made |= {alias.oid: alias.data for alias in aliases}
        await self._run(lambda: self.mirror.write_commits([alias.data for alias in aliases]))

    async def lacks(self, commits: Collection[str]) -> Collection[str]:
        """Those of these commits that are not here."""
        found = await self._run(lambda: self.mirror.read_commits(commits))
        return set(commits) - found.keys()

    async def push(self, tags: Sequence[TagObject]) -> Mapping[str, Result]:
        """Push all or none."""
        made = [self._made[oid] for oid in {tag.target for tag in tags} & self._made.keys()]
        report = await self._run(lambda: self.mirror.push(tags, made))
        return report.results

    async def withdraw(self, tag: str, oid: str) -> bool:
        """Delete the tag if it still is this object."""
        return await self._run(lambda: self.mirror.withdraw(tag, oid))

    async def facts(self, wanted: Sequence[FactsKey]) -> dict[FactsKey, ArtifactFacts]:
        """What the files at these commits say of these artifacts."""
        if not wanted:
            return {}
        return await self._run(lambda: read_projects(self.mirror, wanted))

    async def artifacts(self, commit: str) -> Listed:
        """All that every `dvc.yaml` lists at a commit."""
        return await self._run(lambda: list_project_artifacts(self.mirror, commit))

    def _read(self) -> Snapshot:
        listing = self.mirror.list_refs()
        known = self._known()
        if known is not None and listing.digest == known[0]:
            if listing.heads and self.state.default_branch is None:
                self._learn_default_branch()  # nobody asked for it before, or HEAD led nowhere
            self._seen = (listing, known[1])
            return known[1]
        if self.mirror.fetched.digest != listing.digest:
            self.mirror.fetch()
        self._learn_default_branch()
        book = self.state.book = self.mirror.read_on(self.state.book)
        snapshot = Snapshot(book.ledger, book.oids, self._allowed_stages(listing))
        self._seen = (listing, snapshot)
        self._look_again_for_revisions()
        return snapshot

    def _learn_default_branch(self) -> None:
        if self.main is None or any(branch is None for branch in self.branches.values()):
            self.state.default_branch = self.mirror.default_branch()

    def _allowed_stages(self, listing: Listing) -> frozenset[str] | None:
        """What `.gto` says at the tip, read once for each tip."""
        branch = self.main or self.state.default_branch
        head = listing.heads.get(branch) if branch else None
        if head is None:
            return None
        known = self.state.config
        if known is None or known[0] != head:
            known = self.state.config = (head, read_allowed_stages(self.mirror, head))
        return known[1]

    def _known(self) -> tuple[str, Snapshot] | None:
        if self._seen is not None:
            return self._seen[0].digest, self._seen[1]
        snapshot = self.state.snapshot
        return (self.state.digest, snapshot) if snapshot is not None else None

    def _look_again_for_revisions(self) -> None:
        """A revision that was not there may have been pushed since; one that was is kept."""
        found = self.state.resolved.items()
        self.state.resolved = {uid: r for uid, r in found if isinstance(r.commit, str)}

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, work)


def facts_of(tag: TagObject) -> FactsKey | None:
    """Which commit's files, of which artifact, a tag makes worth reading."""
    name = parse_tag(tag.name)
    return (tag.target, name.artifact) if name else None


def _is_overseen(intent: AnyIntent) -> bool:
    return isinstance(intent, StageIntent) and intent.oversight is not None


def _wants_base(intent: VersionIntent) -> bool:
    """Whether an alias may have to be made for it."""
    open_ = intent.recorded is None and isinstance(intent.commit, str)
    return open_ and (intent.may_alias or intent.was_alias)

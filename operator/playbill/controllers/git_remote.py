"""The repository pass's Remote on a real mirror: every call is blocking git in an executor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from playbill.controllers.repository_pass import Snapshot
from playbill.controllers.repository_state import FactsKey, RepositoryState, Resolved
from playbill.git.listing import Listing
from playbill.git.mirror import Mirror
from playbill.git.porcelain import Result
from playbill.git.project import ArtifactFacts, read_projects
from playbill.ledger.fold import fold
from playbill.ledger.intents import AnyIntent, VersionIntent
from playbill.ledger.tagobject import TagObject

T = TypeVar("T")


@dataclass(slots=True)
class GitRemote:
    """One mirror for the length of a pass; `branches` is where each artifact's versions grow.

    What was seen reaches the state by `report` alone, when the pass has ended well.
    """

    state: RepositoryState
    mirror: Mirror
    executor: ThreadPoolExecutor
    branches: Mapping[str, str | None]
    _seen: tuple[Listing, Snapshot] | None = None

    async def read(self) -> Snapshot:
        """List; fetch and fold only when something has changed since."""
        return await self._run(self._read)

    def report(self) -> None:
        """Tell the state what was seen last."""
        if self._seen is not None:
            listing, _ = self._seen
            self.state.digest = listing.digest
            self.state.heads = listing.heads

    async def resolve(self, intents: Sequence[AnyIntent]) -> Sequence[AnyIntent]:
        """Fill in the commit of each version that has none yet, and remember it."""
        open_ = [i for i in intents if isinstance(i, VersionIntent) and i.commit is None]
        if not open_:
            return intents
        wanted = [(i.revision, self.branches.get(i.artifact)) for i in open_]
        answers = await self._run(lambda: self.mirror.resolve_many(wanted))
        found = {i.asker.uid: answer for i, answer in zip(open_, answers, strict=True)}
        for intent in open_:
            self.state.resolved[intent.asker.uid] = Resolved(
                intent.asker.generation, found[intent.asker.uid]
            )
        return [
            replace(i, commit=found[i.asker.uid])
            if isinstance(i, VersionIntent) and i.asker.uid in found
            else i
            for i in intents
        ]

    async def push(self, tags: Sequence[TagObject]) -> Mapping[str, Result]:
        """Push all or none."""
        report = await self._run(lambda: self.mirror.push(tags))
        return report.results

    async def withdraw(self, tag: str, oid: str) -> bool:
        """Delete the tag if it still is this object."""
        return await self._run(lambda: self.mirror.withdraw(tag, oid))

    async def facts(self, wanted: Sequence[FactsKey]) -> dict[FactsKey, ArtifactFacts]:
        """What the files at these commits say of these artifacts."""
        if not wanted:
            return {}
        return await self._run(lambda: read_projects(self.mirror, wanted))

    def _read(self) -> Snapshot:
        listing = self.mirror.list_refs()
        known = self._known()
        if known is not None and listing.digest == known[0]:
            self._seen = (listing, known[1])
            return known[1]
        if self.mirror.fetched.digest != listing.digest:
            self.mirror.fetch()
        if any(branch is None for branch in self.branches.values()):
            self.state.default_branch = self.mirror.default_branch()
        records = self.mirror.tags()
        snapshot = Snapshot(fold(records), {record.name: record.oid for record in records})
        self._seen = (listing, snapshot)
        self._look_again_for_revisions()
        return snapshot

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

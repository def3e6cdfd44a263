"""The audit trail: after a pass, say in git notes what became of assignments.

Nothing waits for it. What is due is found anew after each pass from the ledger, the statuses and
the lines that are there, gathers for a while, and goes out in one push. Whatever goes wrong is
said once and tried again later; a promotion neither fails nor waits because of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeVar

from playbill.api.errors import Trouble
from playbill.api.registered_model import RegisteredModel
from playbill.controllers.inventory.keys import ObjectKey
from playbill.controllers.inventory.repository_state import RepositoryState
from playbill.controllers.inventory.store import Store, key_of
from playbill.controllers.repository.audit_details import Details
from playbill.controllers.repository.git_remote import GitRemote
from playbill.controllers.repository.outcomes import served
from playbill.controllers.repository.site import Site
from playbill.controllers.watch.queue import pause
from playbill.git.mirror import Mirror
from playbill.git.notes import NotesMoved, Signature, append_notes, fetch_notes, read_notes
from playbill.git.store import Store as MirrorStore
from playbill.kube.client import Kube
from playbill.ledger.audit import (
    Due,
    Identity,
    Line,
    Served,
    due_lines,
    parse_note,
    told_by,
)
from playbill.ledger.events import Assignment, Unassignment
from playbill.ledger.state import ArtifactState

T = TypeVar("T")

GATHER_SECONDS = 2.0
"""So long outcomes gather, to go out together."""

TRIES = 3
"""How often one pass begins again when others have written meanwhile."""

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 3600.0
"""Seconds until a server that takes no notes is asked again: doubled each time."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A model with what its assignments show, and the lines about that which are missing."""

    artifact: ArtifactState
    shown: list[Served]
    missing: frozenset[Identity]


OpenRemote = Callable[[], AbstractAsyncContextManager[GitRemote]]

logger = logging.getLogger("playbill.audit")


class AuditTrail:
    """Writes the notes of all repositories; `wake` queues the pass of an object."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: Store,
        executor: ThreadPoolExecutor,
        wake: Callable[[ObjectKey], None],
    ) -> None:
        self._details = Details(kube, store)
        self._store = store
        self._executor = executor
        self._wake = wake

    async def tell(self, state: RepositoryState, site: Site, remote: OpenRemote) -> float | None:
        """Write what is due and has gathered; gives the seconds until more is to be done.

        Raises nothing that has to do with git.
        """
        memory, now = state.audit, time.monotonic()
        if now < memory.not_before:
            return memory.not_before - now
        try:
            if memory.told is None and not await self._begin(state, site, remote):
                return None
            wait = self._wait(state, site, now)
            if wait:
                return wait
            if wait is not None:
                async with remote() as opened:
                    await self._append(state, site, opened.mirror)
        except Trouble as trouble:
            return self._fail(state, site, trouble)
        self._clear(state, site)
        return None

    async def _begin(self, state: RepositoryState, site: Site, remote: OpenRemote) -> bool:
        """Read what is there, if anybody here has something to tell."""
        if not any(self._is_concerned(state, model) for model in site.audited):
            return False
        async with remote() as opened:
            await self._read(state, opened.mirror)
        await self._due(state, site)
        return True

    def _wait(self, state: RepositoryState, site: Site, now: float) -> float | None:
        """How long lines have yet to gather; None when there seem to be none."""
        memory = state.audit
        if not self._open(state, site):
            memory.due_since = None
            return None
        memory.due_since = memory.due_since or now
        return max(0.0, memory.due_since + GATHER_SECONDS - now)

    def _is_concerned(self, state: RepositoryState, model: RegisteredModel) -> bool:
        """Whether there is, or was, an assignment of ours about this model."""
        artifact, memory = _artifact(state, model), state.audit
        if artifact is None:
            return False
        if self._served(state, model):
            return True
        if memory.is_settled(artifact, frozenset()):
            return False
        ours = f"StageAssignment/{state.key.namespace}/"
        if any(
            isinstance(event, Assignment | Unassignment) and ours in event.record.message
            for event in artifact.events
        ):
            return True
        memory.settle(artifact, frozenset())
        return False

    def _open(self, state: RepositoryState, site: Site) -> list[_Open]:
        """The models about which something may be due, told at a glance."""
        memory, told, found = state.audit, state.audit.told or {}, []
        for model in site.audited:
            artifact, shown = _artifact(state, model), self._served(state, model)
            if artifact is None:
                continue
            identities = (i for each in shown for i in each.identities(state.author.cluster))
            missing = frozenset(i for i in identities if i not in told)
            if not memory.is_settled(artifact, missing):
                found.append(_Open(artifact, shown, missing))
        return found

    async def _due(self, state: RepositoryState, site: Site) -> list[Due]:
        """What is missing in the notes, each line once, by time.

        A long history takes a tenth of a second, which nobody else has to wait for.
        """
        cluster, namespace = state.author.cluster, state.key.namespace
        asked, told = self._open(state, site), state.audit.told or {}
        answers = await self._run(
            lambda: [
                due_lines(
                    each.artifact,
                    cluster=cluster,
                    namespace=namespace,
                    served=each.shown,
                    told=told,
                )
                for each in asked
            ]
        )
        found: dict[Identity, Due] = {}
        for each, answer in zip(asked, answers, strict=True):
            wanted = {d.line.identity: d for d in answer if d.commit not in state.audit.full}
            found |= wanted
            if not wanted:
                state.audit.settle(each.artifact, each.missing)
        return sorted(found.values(), key=lambda due: due.line.seconds)

    def _served(self, state: RepositoryState, model: RegisteredModel) -> list[Served]:
        """What statuses show, and what they showed before, each tag once."""
        meta = model.metadata
        found = {tag: each for (name, tag), each in state.audit.seen.items() if name == meta.name}
        for assignment in self._store.assignments(meta.namespace, meta.name):
            shown = served(assignment, assignment.status)
            if shown is not None and (shown.outcome or shown.tag not in found):
                found[shown.tag] = shown
        return list(found.values())

    async def _read(self, state: RepositoryState, mirror: Mirror) -> None:
        """All of the notes, for what they tell of this cluster and namespace."""

        def read(store: MirrorStore) -> tuple[list[Line], str | None, frozenset[str]]:
            notes = fetch_notes(store)
            texts = read_notes(store, notes)
            lines = [line for text in texts.values() for line in parse_note(text)]
            return lines, notes.tip, frozenset(notes.by_commit.keys() - texts.keys())

        lines, tip, full = await self._run(lambda: mirror.on_store(read))
        cluster, namespace = state.author.cluster, state.key.namespace
        state.audit.read(told_by(lines, cluster=cluster, namespace=namespace), tip, full)

    async def _append(self, state: RepositoryState, site: Site, mirror: Mirror) -> None:
        for _ in range(TRIES):
            due = await self._due(state, site)
            if not due:
                return
            try:
                await self._write(state, mirror, [await self._details.fill(state, d) for d in due])
            except NotesMoved:
                await self._read(state, mirror)
            else:
                return
        raise NotesMoved("NotesMoved", "Others keep writing notes; these wait for their turn.")

    async def _write(self, state: RepositoryState, mirror: Mirror, due: Sequence[Due]) -> None:
        memory, author = state.audit, state.author
        additions: defaultdict[str, bytes] = defaultdict(bytes)
        for commit, line in due:
            additions[commit] += f"{line.format()}\n".encode()
        subject = f"{len(due)} line{'' if len(due) == 1 else 's'} by cluster {author.cluster}"
        signature = Signature(author.name, author.email, int(time.time()), subject)
        tip = await self._run(
            lambda: mirror.on_store(
                lambda store: append_notes(store, memory.tip, additions, signature)
            )
        )
        lines = [line for _, line in due]
        namespace = state.key.namespace
        memory.written(told_by(lines, cluster=author.cluster, namespace=namespace), tip)
        logger.info(
            "%s in the notes of %s", subject, state.url.canonical,
            extra={"lines": len(lines), "repository": state.url.canonical},
        )  # fmt: skip

    def _fail(self, state: RepositoryState, site: Site, trouble: Trouble) -> float:
        memory = state.audit
        known = memory.trouble
        doubled = FIRST_PAUSE * 2.0 ** min(memory.failures, 16)
        wait = min(doubled, LONGEST_PAUSE) + pause(1)
        memory.failed(trouble, not_before=time.monotonic() + wait)
        if known is None or (known.reason, known.message) != (trouble.reason, trouble.message):
            logger.warning(
                "audit notes of %s: %s", state.url.canonical, trouble.message,
                extra={"reason": trouble.reason, "repository": state.url.canonical},
            )  # fmt: skip
            self._wake_all(site)
        return wait

    def _clear(self, state: RepositoryState, site: Site) -> None:
        if state.audit.trouble is not None:
            state.audit.trouble, state.audit.failures = None, 0
            self._wake_all(site)

    def _wake_all(self, site: Site) -> None:
        for model in site.audited:
            self._wake(key_of(model))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _artifact(state: RepositoryState, model: RegisteredModel) -> ArtifactState | None:
    return state.snapshot.ledger.artifacts.get(model.artifact) if state.snapshot else None

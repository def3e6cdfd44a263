"""Passes over repositories with real parts: when to look, what to read, whom to wake after."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.api.registered_model import RegisteredModel
from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.counters import highest_counter
from playbill.controllers.inventory.keys import ObjectKey, RepositoryKey
from playbill.controllers.inventory.repository_state import FactsKey, RepositoryState
from playbill.controllers.inventory.store import Store, key_of
from playbill.controllers.repository.audit import AuditTrail
from playbill.controllers.repository.desk import KubeDesk
from playbill.controllers.repository.git_remote import GitRemote, facts_of
from playbill.controllers.repository.repository_pass import Outcome, Terms, repository_pass
from playbill.controllers.repository.signing import Signers
from playbill.controllers.repository.site import Site
from playbill.git.cache import MirrorCache
from playbill.git.credentials import ANONYMOUS, Credentials
from playbill.git.mirror import Mirror
from playbill.git.project import ArtifactFacts, ProjectProblem
from playbill.kube.client import Kube
from playbill.kube.secrets import read_secret
from playbill.ledger.grammar import RegistrationTag, TagName, parse_tag
from playbill.ledger.tagobject import TagObject
from playbill.metrics import Metrics

SLOW_SECONDS = 3.0
"""After so long a pass is worth a word in the status of those that wait for it."""

logger = logging.getLogger("playbill.ledger")


class Repositories:
    """Runs the passes of all repositories; `wake` queues the pass of an object."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: Store,
        catalogue: Catalogue,
        cache: MirrorCache,
        metrics: Metrics,
        executor: ThreadPoolExecutor,
        wake: Callable[[ObjectKey], None],
    ) -> None:
        self._kube = kube
        self._store = store
        self._catalogue = catalogue
        self._cache = cache
        self._metrics = metrics
        self._executor = executor
        self._wake = wake
        self._trail = AuditTrail(kube=kube, store=store, executor=executor, wake=wake)

    async def reconcile(self, key: RepositoryKey) -> float | None:
        """One pass; gives the seconds until the next look, None when nobody wants one."""
        tenants = self._catalogue.tenants(key)
        state = self._catalogue.state(key)
        if state is None or not tenants:
            self._forget(key)
            return None
        site = Site.of(tenants, self._catalogue)
        slow = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._slow, state)
        try:
            unanswered = await self._pass(state, site)
        except Trouble as trouble:
            self._fail(state, site, trouble)
            if isinstance(trouble, Retry):
                raise
            return site.interval
        finally:
            slow.cancel()
            state.slow, state.under_way = False, frozenset()
        if unanswered is not None:
            raise unanswered
        notes = await self._trail.tell(state, site, lambda: self._remote(state, site))
        return site.interval if notes is None else min(site.interval, notes)

    async def _pass(self, state: RepositoryState, site: Site) -> Retry | None:
        """Gives the passing fault that kept something from being written, if one did."""
        state.rejected = {}
        candidates = sorted(state.candidates)
        state.under_way = frozenset(candidates)
        wanted, digest = dict(state.wanted), state.digest
        async with self._remote(state, site) as remote:
            desk = KubeDesk(
                kube=self._kube,
                store=self._store,
                namespace=state.key.namespace,
                candidates=candidates,
                intend=self._catalogue.intend,
            )
            outcome = await repository_pass(desk, remote, self._terms(state, site))
            remote.report()
            head_changed = site.heads_wanted(state)
            relisted = await self._list_projects(state, remote, site)
            unread = {artifact for _, artifact in state.unread}
            await self._read_facts(state, remote, outcome, [*wanted, *head_changed])
        reread = unread - {artifact for _, artifact in state.unread}
        moved = bool(head_changed) or relisted or state.digest != digest
        self._succeed(state, site, outcome, candidates, wanted, reread, moved)
        return next((t for t in outcome.refused.values() if isinstance(t, Retry)), None)

    def _terms(self, state: RepositoryState, site: Site) -> Terms:
        return Terms(
            author=state.author,
            clock=lambda: int(time.time()),
            limit=site.limit,
            counters=self._used_counters(state, site.models),
            sign=self._signers(state.key, site).sign if site.signing else None,
        )

    def _signers(self, key: RepositoryKey, site: Site) -> Signers:
        async def read(name: str) -> dict[str, bytes] | None:
            return await read_secret(self._kube, key.namespace, name)

        return Signers(site.signing, read, self._executor)

    def _used_counters(
        self, state: RepositoryState, models: Sequence[RegisteredModel]
    ) -> dict[str, int]:
        used = dict(state.counters)
        for model in models:
            its = self._store.of_model(model.metadata.namespace, model.metadata.name)
            told = highest_counter(model.artifact, (model, *its))
            used[model.artifact] = max(used.get(model.artifact, 0), told)
        return used

    @asynccontextmanager
    async def _remote(self, state: RepositoryState, site: Site) -> AsyncIterator[GitRemote]:
        """The mirror with the credentials of now, given back afterwards."""
        credentials = await self._credentials(state.key)
        loop = asyncio.get_running_loop()
        borrowed = self._cache.borrow(
            namespace=state.key.namespace, url=state.url, credentials=credentials
        )
        mirror: Mirror = await loop.run_in_executor(self._executor, borrowed.__enter__)
        try:
            yield GitRemote(
                state=state,
                mirror=mirror,
                executor=self._executor,
                branches=site.branches,
                main=site.main,
            )
        finally:
            await loop.run_in_executor(self._executor, borrowed.__exit__, None, None, None)

    async def _credentials(self, key: RepositoryKey) -> Credentials:
        """Read by name at each pass, so that a renewed Secret is picked up, and never watched."""
        if not key.secret:
            return ANONYMOUS
        data = await read_secret(self._kube, key.namespace, key.secret)
        if data is None:
            raise SecretMissing(
                "SecretNotFound",
                f"there is no Secret {key.secret} in namespace {key.namespace}: create it with "
                "username and password, bearerToken, or identity and known_hosts",
            )
        return Credentials.from_secret(data)

    async def _list_projects(self, state: RepositoryState, remote: GitRemote, site: Site) -> bool:
        """List what dvc.yaml holds at the tips, once for each; whether there is news of that."""
        branches = {home.spec.branch for home in site.homes}
        return any([await self._list_branch(state, remote, branch) for branch in branches])

    async def _list_branch(
        self, state: RepositoryState, remote: GitRemote, branch: str | None
    ) -> bool:
        head, before = state.head_of(branch), state.listed.get(branch)
        failed = state.unlisted.pop(branch, None) is not None
        if head is None:
            if state.heads:
                state.unlisted[branch] = no_branch(branch)
            return failed != (branch in state.unlisted)
        if before is not None and before[0] == head:
            return failed
        try:
            state.listed[branch] = (head, await remote.artifacts(head))
        except Trouble as trouble:
            logger.warning("cannot list the artifacts of %s: %s", state.key, trouble.message)
            state.unlisted[branch] = trouble.kept()
        return True

    async def _read_facts(
        self,
        state: RepositoryState,
        remote: GitRemote,
        outcome: Outcome,
        wanted: Iterable[FactsKey],
    ) -> None:
        """Read what statuses and workloads need; a version does not wait for what is unreadable."""
        written = [fact for tag in outcome.written if (fact := facts_of(tag)) is not None]
        asked = dict.fromkeys([*wanted, *written, *state.unread])
        missing = [key for key in asked if key not in state.facts or key in state.unread]
        try:
            found = await remote.facts(missing)
        except Trouble as trouble:
            logger.warning("cannot read files of %s: %s", state.key, trouble.message)
            problem = ProjectProblem(trouble.reason, trouble.message)
            found = dict.fromkeys(missing, ArtifactFacts(problem=problem))
        state.learn(found)
        state.unread = {key for key, facts in found.items() if facts.passing}

    def _succeed(
        self,
        state: RepositoryState,
        site: Site,
        outcome: Outcome,
        candidates: Sequence[ObjectKey],
        wanted: dict[FactsKey, set[ObjectKey]],
        reread: set[str],
        moved: bool,
    ) -> None:
        """`moved` is said of any branch or tag: a revision that was not there may be now."""
        first, had_trouble = state.view is None, state.trouble is not None
        state.trouble = None
        state.candidates.difference_update(candidates)
        for fact in wanted:
            state.wanted.pop(fact, None)
        for uid, trouble in outcome.refused.items():
            self._reject(state, uid, trouble)
        tags = state.look(outcome.snapshot)
        changed = tags.keys() | reread
        self._tell(state, outcome)
        woken = {*candidates, *(key for keys in wanted.values() for key in keys)}
        if first or had_trouble or changed or moved:
            woken.update(map(key_of, site.homes))
        for model in site.models:
            everyone = first or had_trouble or model.artifact in changed
            if everyone or moved:
                woken.add(key_of(model))
            if first or had_trouble:
                woken |= self._rivals(model)
            if first or had_trouble or model.artifact in reread:
                woken |= self._dependents(model)
            elif everyone:
                woken |= self._concerned(model, tags[model.artifact])
            elif moved:
                woken |= self._unsettled(model)
        for key in sorted(woken):
            self._wake(key)

    def _reject(self, state: RepositoryState, uid: str, trouble: Trouble) -> None:
        found = (self._store.get(key) for key in state.under_way)
        resource = next((r for r in found if r and r.metadata.uid == uid), None)
        if resource is not None:
            state.rejected[uid] = (resource.metadata.generation, trouble.kept())

    def _rivals(self, model: RegisteredModel) -> set[ObjectKey]:
        """What other namespaces claim of the same model: a claim counts while one can read."""
        same = self._catalogue.same_models(model)
        others = (m for m in same if m.metadata.namespace != model.metadata.namespace)
        return {key for other in others for key in self._dependents(other)}

    def _dependents(self, model: RegisteredModel) -> set[ObjectKey]:
        meta = model.metadata
        return {key_of(r) for r in self._store.of_model(meta.namespace, meta.name)}

    def _concerned(self, model: RegisteredModel, tags: Sequence[TagName]) -> set[ObjectKey]:
        """Who may come to something else by tags that came, went or moved: a registration is no
        business of the other versions, and there may be very many of them."""
        if not all(isinstance(tag, RegistrationTag) for tag in tags):
            return self._dependents(model)
        place = model.metadata.namespace, model.metadata.name
        numbers = {tag.version for tag in tags if isinstance(tag, RegistrationTag)}
        claims = (self._store.claimants(*place, f"@{n.removeprefix('v')}") for n in numbers)
        named = {key_of(version) for versions in claims for version in versions}
        return named | self._unsettled(model) | set(map(key_of, self._store.assignments(*place)))

    def _unsettled(self, model: RegisteredModel) -> set[ObjectKey]:
        meta = model.metadata
        return {
            key_of(r)
            for r in self._store.of_model(meta.namespace, meta.name)
            if not r.status.is_true("Ready")
        }

    def _tell(self, state: RepositoryState, outcome: Outcome) -> None:
        """Metrics, and a line for each tag that was written."""
        url = state.url.canonical
        self._metrics.repository_last_success.labels(url).set(time.time())
        self._metrics.push_conflicts.inc(outcome.conflicts)
        for tag in outcome.written:
            event = _event_name(tag)
            self._metrics.tags_pushed.labels(event).inc()
            logger.info(
                "%s %s", event, tag.name,
                extra={"event": event, "tag": tag.name, "commit": tag.target, "repository": url},
            )  # fmt: skip

    def _fail(self, state: RepositoryState, site: Site, trouble: Trouble) -> None:
        """Remember the trouble, and have those told who are concerned, once."""
        known = state.trouble
        if known is None or (known.reason, known.message) != (trouble.reason, trouble.message):
            logger.warning(
                "%s: %s", state.key, trouble.message,
                extra={"reason": trouble.reason, "repository": state.url.canonical},
            )  # fmt: skip
            state.trouble = trouble.kept()
            for key in {key for model in site.models for key in self._rivals(model)}:
                self._wake(key)
        for home in site.homes:
            self._wake(key_of(home))
        for model in site.models:
            self._wake(key_of(model))
            for key in self._unsettled(model):
                self._wake(key)
        for key in sorted(state.candidates):
            self._wake(key)

    def _slow(self, state: RepositoryState) -> None:
        state.slow = True
        for key in sorted(state.candidates):
            self._wake(key)

    def _forget(self, key: RepositoryKey) -> None:
        state = self._catalogue.forget(key)
        if state is not None:
            with suppress(KeyError):
                self._metrics.repository_last_success.remove(state.url.canonical)


def no_branch(name: str | None) -> Stalled:
    """There are branches, and not the one whose dvc.yaml is to be read."""
    if name is None:
        words = "The repository's HEAD names no branch that is there; set spec.branch, or mend HEAD"
    else:
        words = f"The repository has no branch {name[:100]!r}; push it, or set spec.branch"
    return Stalled("RevisionNotFound", f"{words}. Until then no dvc.yaml is read.")


class SecretMissing(Waiting):
    """The Secret that the repository names is not there."""


_EVENTS = {
    "RegistrationTag": "registration",
    "DeregistrationTag": "deregistration",
    "AssignmentTag": "assignment",
    "UnassignmentTag": "unassignment",
    "DeprecationTag": "deprecation",
}


def _event_name(tag: TagObject) -> str:
    return _EVENTS.get(type(parse_tag(tag.name)).__name__, "other")

"""The operator put together: informer, queues, passes, health, leadership; start and stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.api.model_version import ModelVersion
from playbill.api.registered_model import RegisteredModel
from playbill.controllers.catalogue import Catalogue
from playbill.controllers.http import HealthServer
from playbill.controllers.informer import Informer
from playbill.controllers.keys import Kind, ObjectKey, RepositoryKey
from playbill.controllers.model_versions import ModelVersions
from playbill.controllers.queue import KeyedQueue
from playbill.controllers.registered_models import RegisteredModels
from playbill.controllers.reporting import Reporter
from playbill.controllers.repositories import Repositories
from playbill.controllers.shell import Shell
from playbill.controllers.stage_assignments import StageAssignments
from playbill.controllers.store import Resource, Store, key_of
from playbill.controllers.workloads import Workloads
from playbill.git.cache import MirrorCache
from playbill.git.command import Git, GitSettings
from playbill.git.url import UrlPolicy
from playbill.kube.client import Kube
from playbill.kube.events import Recorder
from playbill.kube.lease import LeaderLease
from playbill.ledger.view import Author
from playbill.metrics import Metrics
from playbill.settings import Settings

Identity = tuple[str, int, str | None]
"""Uid, generation and deletion timestamp."""

RESYNC_SECONDS = 600.0
"""Every object is looked at again this often: events are never relied upon alone."""

LONGEST_REPOSITORY_PAUSE = 60.0
"""A server that is back is noticed within so many seconds."""

logger = logging.getLogger("playbill")


class Operator:
    """All parts of one operator process that leads."""

    def __init__(self, settings: Settings, *, kube: Kube, metrics: Metrics) -> None:
        self._settings = settings
        self._kube = kube
        self._metrics = metrics
        self.store = Store()
        policy = UrlPolicy(
            allow_file=settings.allow_file_urls, allow_private=settings.allow_private_addresses
        )
        self.catalogue = Catalogue(
            store=self.store, policy=policy, author=Author(cluster=settings.cluster_name)
        )
        self.objects: KeyedQueue[ObjectKey] = KeyedQueue(waited=self._waited("object"))
        self.repositories: KeyedQueue[RepositoryKey] = KeyedQueue(
            waited=self._waited("repository"), longest=LONGEST_REPOSITORY_PAUSE
        )
        self._told: dict[ObjectKey, Identity] = {}
        self._recorder = Recorder(kube, instance=settings.identity)
        self._executor = ThreadPoolExecutor(settings.repository_workers, "git")
        self._passes = self._build_passes(policy)
        self._reconcilers = self._build_reconcilers()
        metrics.models.set_function(lambda: self.store.count("RegisteredModel"))
        metrics.model_versions.set_function(self._registered_versions)
        metrics.queue_depth.labels("object").set_function(lambda: len(self.objects))
        metrics.queue_depth.labels("repository").set_function(lambda: len(self.repositories))

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Raises what ends a part that should never end."""
        settings = self._settings
        informer = Informer(kube=self._kube, namespaces=settings.namespaces, listener=self)
        on_object = self._measured("object", self._reconcile)
        on_repository = self._measured("repository", self._passes.reconcile)
        async with AsyncExitStack() as stack:
            stack.callback(self._executor.shutdown, wait=False, cancel_futures=True)
            await stack.enter_async_context(self._recorder)
            parts = [
                asyncio.create_task(part)
                for part in (
                    informer.run(),
                    self.objects.run(on_object, workers=settings.object_workers),
                    self.repositories.run(on_repository, workers=settings.repository_workers),
                    self._resync(),
                )
            ]
            stopping = asyncio.create_task(stop.wait())
            done, _ = await asyncio.wait({*parts, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for part in (*parts, stopping):
                part.cancel()
            await asyncio.gather(*parts, stopping, return_exceptions=True)
            for part in done:
                part.result()

    def _build_passes(self, policy: UrlPolicy) -> Repositories:
        settings = self._settings
        git = Git(
            GitSettings(
                home=settings.cache_dir / "home", policy=policy, seconds=settings.git_timeout
            ),
            observe=lambda operation, result, seconds: self._metrics.git_duration.labels(
                operation, result
            ).observe(seconds),
        )
        cache = MirrorCache(
            settings.cache_dir / "mirrors", size_limit_bytes=settings.cache_limit, git=git
        )
        return Repositories(
            kube=self._kube,
            store=self.store,
            catalogue=self.catalogue,
            cache=cache,
            metrics=self._metrics,
            executor=self._executor,
            wake=self.objects.add,
        )

    def _build_reconcilers(self) -> Callable[[Resource], Awaitable[float | None]]:
        shell = Shell(
            kube=self._kube,
            store=self.store,
            catalogue=self.catalogue,
            reporter=Reporter(kube=self._kube, store=self.store, recorder=self._recorder),
            metrics=self._metrics,
            look=self.repositories.add,
        )
        models, versions = RegisteredModels(shell), ModelVersions(shell)
        stages = StageAssignments(shell, Workloads(shell))

        async def reconcile(resource: Resource) -> float | None:
            match resource:
                case RegisteredModel():
                    return await models.reconcile(resource)
                case ModelVersion():
                    return await versions.reconcile(resource)
                case _:
                    return await stages.reconcile(resource)

        return reconcile

    async def _reconcile(self, key: ObjectKey) -> float | None:
        resource = self.store.get(key)
        return await self._reconcilers(resource) if resource is not None else None

    def note(self, kind: Kind, raw: Mapping[str, Any]) -> None:
        """Know of an object, and conclude nothing yet."""
        try:
            _, resource = self.store.put(kind, raw)
        except ValidationError:
            logger.exception("cannot read %s %s", kind, raw["metadata"].get("name"))
            return
        if isinstance(resource, RegisteredModel):
            self.catalogue.enter(resource)

    def changed(self, kind: Kind, raw: Mapping[str, Any], *, gone: bool) -> None:
        """Have the object reconciled, and those whom its change concerns."""
        meta = raw["metadata"]
        key = ObjectKey(kind, meta["namespace"], meta["name"])
        before = self._told.get(key)
        if gone:
            dropped = self.store.drop(key, meta["uid"])
            if dropped is not None:
                self._told.pop(key, None)
                self._forget(key, dropped)
            return
        self.note(kind, raw)
        resource = self.store.get(key)
        if resource is None:
            return
        self.objects.add(key)
        self._told[key] = _identity(resource)
        if before != self._told[key]:
            self._spread(resource)

    def note_workload(self, raw: dict[str, Any]) -> None:
        """Know of a Deployment or Service."""
        self.store.put_workload(raw)

    def _forget(self, key: ObjectKey, gone: Resource) -> None:
        self.objects.forget(key)
        if isinstance(gone, RegisteredModel):
            self._look_at_repository(gone)
            self.catalogue.remove(key)
        else:
            model = self.catalogue.model_of(gone)
            if model is not None:
                self._drop_candidate(model, key, gone.metadata.uid)
        if key.kind == "StageAssignment":
            self._metrics.unset_stage(namespace=key.namespace, assignment=key.name)
        self._spread(gone)

    def _look_at_repository(self, model: RegisteredModel) -> None:
        try:
            self.repositories.add(self.catalogue.state_of(model).key)
        except Stalled:
            return

    def _drop_candidate(self, model: RegisteredModel, key: ObjectKey, uid: str) -> None:
        try:
            state = self.catalogue.state_of(model)
        except Stalled:
            return
        state.candidates.discard(key)
        state.forget(uid)

    def _spread(self, resource: Resource) -> None:
        """Wake whom a new, changed or vanished object concerns: any order of applying works."""
        meta = resource.metadata
        if isinstance(resource, RegisteredModel):
            self._look_at_repository(resource)
            concerned: list[Resource] = list(self.store.of_model(meta.namespace, meta.name))
        else:
            concerned = [*self.catalogue.twins(resource)]
            concerned += [
                r
                for r in self.store.of_model(meta.namespace, resource.spec.model)
                if not _is_ready(r)
            ]
        for other in concerned:
            self.objects.add(key_of(other))

    def workload_changed(self, raw: dict[str, Any], *, gone: bool) -> None:
        """Have the assignment of a Deployment or Service reconciled."""
        if gone:
            self.store.drop_workload(raw)
        else:
            self.store.put_workload(raw)
        meta = raw["metadata"]
        key = ObjectKey("StageAssignment", meta["namespace"], meta["name"])
        if self.store.get(key) is not None:
            self.objects.add(key)

    async def _resync(self) -> None:
        """Look at every object now and then, spread over the time."""
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            keys = self.store.keys()
            for position, key in enumerate(keys):
                self.objects.add(key, delay=RESYNC_SECONDS / 2 * position / len(keys))

    def _waited(self, reconciler: str) -> Callable[[float], None]:
        return lambda seconds: self._metrics.queue_wait.labels(reconciler).observe(seconds)

    def _measured(
        self, reconciler: str, work: Callable[[Any], Awaitable[float | None]]
    ) -> Callable[[Any], Awaitable[float | None]]:
        async def measured(key: Any) -> float | None:
            started, result = time.monotonic(), "error"
            try:
                again = await work(key)
                result = "ok"
            except Trouble as trouble:
                result = _fate(trouble)
                raise
            else:
                return again
            finally:
                took = time.monotonic() - started
                self._metrics.reconcile_duration.labels(reconciler).observe(took)
                self._metrics.reconciles.labels(reconciler, result).inc()

        return measured

    def _registered_versions(self) -> int:
        """Registered versions in the ledgers of all models."""
        total = 0
        for model in self.store.models():
            total += model.status.versions.registered if model.status.versions else 0
        return total


def _fate(trouble: Trouble) -> str:
    match trouble:
        case Stalled():
            return "stalled"
        case Waiting():
            return "waiting"
        case Retry():
            return "retry"
        case _:
            return "error"


def _identity(resource: Resource) -> Identity:
    """What others depend on: another object, another spec, being on its way out."""
    meta = resource.metadata
    return meta.uid, meta.generation, meta.deletion_timestamp


def _is_ready(resource: Resource) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in resource.status.conditions)


async def run(settings: Settings) -> int:
    """Run the operator until a signal ends it; the exit code, 1 when the lease was lost."""
    metrics, stop = Metrics(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    kubeconfig = Path(settings.kubeconfig) if settings.kubeconfig else None
    async with AsyncExitStack() as stack:
        kube = await stack.enter_async_context(
            await Kube.connect(kubeconfig, settings.context, observer=metrics.count_kube_request)
        )
        operator = Operator(settings, kube=kube, metrics=metrics)
        await stack.enter_async_context(
            HealthServer(settings.metrics_address, metrics, ready=list, alive=list)
        )
        if not settings.leader_election:
            await operator.run(stop)
            return 0
        lease_kube = await stack.enter_async_context(
            await Kube.connect(kubeconfig, settings.context, connections=2)
        )
        return await _lead(operator, lease_kube, settings, stop)


async def _lead(operator: Operator, kube: Kube, settings: Settings, stop: asyncio.Event) -> int:
    lease = LeaderLease(
        kube,
        namespace=settings.lease_namespace,
        name=settings.lease_name,
        identity=settings.identity,
    )
    logger.info("waiting for the lease %s/%s", settings.lease_namespace, settings.lease_name)
    if not await _before(stop, lease.acquire()):
        return 0
    running = asyncio.create_task(operator.run(stop))
    lost = asyncio.create_task(lease.lost.wait())
    await asyncio.wait({running, lost}, return_when=asyncio.FIRST_COMPLETED)
    if lease.lost.is_set():
        return 1  # another one may lead by now: nothing is finished, nothing is tidied up
    lost.cancel()
    await running
    await lease.release()
    return 0


async def _before(stop: asyncio.Event, work: Any) -> bool:
    """Do the work unless the stop comes first; whether it was done."""
    doing, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not doing.done():
        doing.cancel()
        return False
    await doing
    return True

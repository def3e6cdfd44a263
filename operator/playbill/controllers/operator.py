"""The operator put together: informer, queues, passes, health, leadership; start and stop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.api.model_repository import ModelRepository
from playbill.api.model_version import ModelVersion
from playbill.api.promotion_policy import PromotionPolicy
from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.keys import ObjectKey, RepositoryKey
from playbill.controllers.inventory.store import Resource, Store
from playbill.controllers.objects.adoption import Adoption
from playbill.controllers.objects.finalizer import Finalizer
from playbill.controllers.objects.model_repositories import ModelRepositories
from playbill.controllers.objects.model_versions import ModelVersions
from playbill.controllers.objects.promotion_policies import PromotionPolicies
from playbill.controllers.objects.registered_models import RegisteredModels
from playbill.controllers.objects.stage_assignments import StageAssignments
from playbill.controllers.reconciling.reporting import Reporter
from playbill.controllers.reconciling.shell import Shell
from playbill.controllers.repository.repositories import Repositories
from playbill.controllers.rollouts.applying import Applying
from playbill.controllers.rollouts.manifest_objects import ManifestObjects
from playbill.controllers.rollouts.revisions import Revisions
from playbill.controllers.rollouts.rollouts import Rollouts
from playbill.controllers.rollouts.verifying import Verifying
from playbill.controllers.rollouts.workloads import Workloads
from playbill.controllers.watch.actors import Actors
from playbill.controllers.watch.hooks import Hooks
from playbill.controllers.watch.informer import Informer
from playbill.controllers.watch.queue import KeyedQueue
from playbill.controllers.watch.reactions import Reactions
from playbill.controllers.watch.resync import Resync
from playbill.git.cache import MirrorCache
from playbill.git.command import Git, GitSettings
from playbill.git.url import UrlPolicy
from playbill.kube.client import Kube
from playbill.kube.events import Recorder
from playbill.ledger.view import Author
from playbill.metrics import Metrics
from playbill.rollout.fetching import FetchDefaults
from playbill.settings import Settings

LONGEST_REPOSITORY_PAUSE = 60.0
"""A server that is back is noticed within so many seconds."""

OF_ONE_HOST = 6
"""Repositories of one server that are looked at at once. More have it do the same slower, while
what comes meanwhile would have gathered: with twelve, a hundred repositories took half as many
passes again."""

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
            waited=self._waited("repository"),
            longest=LONGEST_REPOSITORY_PAUSE,
            lane=self._host,
            width=min(OF_ONE_HOST, max(1, settings.repository_workers * 3 // 4)),
        )
        self.hooks = Hooks(self._look_at_home)
        self._reactions = Reactions(
            store=self.store,
            catalogue=self.catalogue,
            objects=self.objects,
            repositories=self.repositories,
            metrics=metrics,
            let_go=self.hooks.drop,
        )
        self._resync = Resync(
            kube, self._reactions, settings.namespaces, every=settings.resync_seconds
        )
        self._informer = Informer(
            kube=kube,
            namespaces=settings.namespaces,
            listener=self._reactions,
            listed=self._resync.listed,
        )
        self._leading = False
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
        settings, self._leading, self.hooks.open = self._settings, True, True
        on_object = self._measured("object", self._reconcile)
        on_repository = self._measured("repository", self._passes.reconcile)
        async with AsyncExitStack() as stack:
            stack.callback(self._executor.shutdown, wait=False, cancel_futures=True)
            await stack.enter_async_context(self._recorder)
            actors = Actors(self._kube, self.catalogue)
            await actors.look()  # before the first tag is written
            parts = [
                asyncio.create_task(part)
                for part in (
                    actors.watch(every=settings.resync_seconds),
                    self._informer.run(),
                    self.objects.run(on_object, workers=settings.object_workers),
                    self.repositories.run(on_repository, workers=settings.repository_workers),
                    self._resync.run(),
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
        adoption = Adoption(
            kube=self._kube,
            store=self.store,
            catalogue=self.catalogue,
            recorder=self._recorder,
        )
        homes = ModelRepositories(shell, adoption, self.hooks)
        models, versions = RegisteredModels(shell, adoption), ModelVersions(shell)
        stages = StageAssignments(shell, self._build_rollouts(shell), Finalizer(shell))

        policies = PromotionPolicies(shell)

        async def reconcile(resource: Resource) -> float | None:
            match resource:
                case RegisteredModel():
                    return await models.reconcile(resource)
                case ModelVersion():
                    return await versions.reconcile(resource)
                case StageAssignment():
                    return await stages.reconcile(resource)
                case ModelRepository():
                    return await homes.reconcile(resource)
                case PromotionPolicy():
                    return await policies.reconcile(resource)

        return reconcile

    def _build_rollouts(self, shell: Shell) -> Rollouts:
        settings = self._settings
        return Rollouts(
            shell=shell,
            applying=Applying(Workloads(shell), ManifestObjects(self._kube)),
            revisions=Revisions(self._kube),
            verifying=Verifying(self._kube, settings.fetch_image),
            fetch=FetchDefaults(
                image=settings.fetch_image, allow_private=settings.allow_private_addresses
            ),
        )

    async def _reconcile(self, key: ObjectKey) -> float | None:
        resource = self.store.get(key)
        return await self._reconcilers(resource) if resource is not None else None

    def hindrances(self) -> list[str]:
        """Why this process is not ready; a standby is, for it can lead at any time."""
        if not self._leading or self._reactions.heard:
            return []
        return ["the cluster's objects are still being listed"]

    def _look_at_home(self, key: ObjectKey) -> None:
        """A git server told of a push to a ModelRepository."""
        home = self.store.get(key)
        if isinstance(home, ModelRepository):
            self.repositories.add(self.catalogue.state_of(home).key)

    def _host(self, key: RepositoryKey) -> str:
        """The git server: one that hangs must not take all the workers."""
        state = self.catalogue.state(key)
        return state.url.host if state is not None else ""

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

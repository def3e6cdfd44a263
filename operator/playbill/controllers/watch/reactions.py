"""What follows from an object's coming, change or going: who is to be looked at again.

Any order of applying ends the same because everything that an object was waiting for
wakes it: no timer is needed for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from playbill.api.base import REQUESTED_AT
from playbill.api.errors import Trouble
from playbill.api.model_repository import ModelRepository
from playbill.api.model_version import ModelVersion
from playbill.api.promotion_policy import PromotionPolicy
from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.adopted import is_adopted
from playbill.controllers.inventory.catalogue import Catalogue, Tenant
from playbill.controllers.inventory.keys import Kind, ObjectKey, RepositoryKey
from playbill.controllers.inventory.store import Asking, Resource, Store, key_of
from playbill.controllers.watch.queue import KeyedQueue
from playbill.metrics import Metrics

Identity = tuple[str, int, str | None, str | None]
"""Uid, generation and deletion timestamp: what others depend on."""

RECOUNT_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Reactions:
    """The informer's listener: fills the store, and queues what a change concerns.

    `let_go` is told of each model and repository that is gone. Until `heard` says that everything
    there was is known, nothing is concluded from anything: no pass begins on half of the picture.
    """

    def __init__(
        self,
        *,
        store: Store,
        catalogue: Catalogue,
        objects: KeyedQueue[ObjectKey],
        repositories: KeyedQueue[RepositoryKey],
        metrics: Metrics,
        let_go: Callable[[ObjectKey], None] = lambda _: None,
    ) -> None:
        self.store = store
        self.objects = objects
        self._catalogue = catalogue
        self._repositories = repositories
        self._metrics = metrics
        self._let_go = let_go
        self._told: dict[ObjectKey, Identity] = {}
        self._news: set[ObjectKey] = set()
        self._heard = asyncio.Event()
        store.claimed = self._claimed

    @property
    def heard(self) -> bool:
        """Whether everything there was is known."""
        return self._heard.is_set()

    async def has_heard(self) -> None:
        """Wait until everything there was is known."""
        await self._heard.wait()

    def note(self, kind: Kind, raw: Mapping[str, Any]) -> None:
        """Know of an object, and conclude nothing yet."""
        try:
            before, resource = self.store.put(kind, raw)
        except ValidationError:
            logger.exception("cannot read %s %s", kind, raw["metadata"].get("name"))
            return
        if before is resource or self.store.get(key_of(resource)) is not resource:
            return
        self._news.add(key_of(resource))
        if isinstance(resource, Tenant):
            self._catalogue.enter(resource)

    def changed(self, kind: Kind, raw: Mapping[str, Any], *, gone: bool) -> None:
        """Have the object reconciled, and those whom its change concerns."""
        meta = raw["metadata"]
        key = ObjectKey(kind, meta["namespace"], meta["name"])
        if gone:
            self._gone(key, meta["uid"])
            return
        self.note(kind, raw)
        resource = self.store.get(key)
        if resource is not None and self.heard:
            self._conclude(key, resource)

    def hear(self) -> None:
        """Have everything reconciled, now that all there was has been noted."""
        self._heard.set()
        self._news.clear()
        for resource in self.store.all():
            self._told[key_of(resource)] = _identity(resource)
            if isinstance(resource, Tenant):
                self._look(resource)
            self.objects.add(key_of(resource))

    def _conclude(self, key: ObjectKey, resource: Resource) -> None:
        before, now = self._told.get(key), _identity(resource)
        # The news of our own write is none: the pass that made it knew what it wrote.
        if before != now or key in self._news:
            self.objects.add(key)
        self._news.discard(key)
        if before != now:
            self._told[key] = now
            if isinstance(resource, Tenant):
                self._look(resource)
            self._wake(self._concerned(resource))

    def note_workload(self, raw: dict[str, Any]) -> None:
        """Know of a Deployment or Service."""
        self.store.put_workload(raw)

    def workload_changed(self, raw: dict[str, Any], *, gone: bool) -> None:
        """Have the assignment of a Deployment or Service reconciled."""
        if gone:
            self.store.drop_workload(raw)
        else:
            self.store.put_workload(raw)
        meta = raw["metadata"]
        assignment = self.store.get(ObjectKey("StageAssignment", meta["namespace"], meta["name"]))
        if assignment is not None:
            self._wake([assignment])

    def _gone(self, key: ObjectKey, uid: str) -> None:
        dropped = self.store.drop(key, uid)
        if dropped is None:
            return
        self._told.pop(key, None)
        self._news.discard(key)
        self.objects.forget(key)
        concerned = self._concerned(dropped)
        match dropped:
            case RegisteredModel() | ModelRepository():
                self._look(dropped)
                self._catalogue.remove(key)
                self._let_go(key)
            case StageAssignment():
                self._metrics.unset_stage(namespace=key.namespace, assignment=key.name)
                self._drop_candidate(key, dropped)
            case ModelVersion():
                self._drop_candidate(key, dropped)
        self._wake(concerned)

    def _look(self, tenant: Tenant) -> None:
        if not self.heard:
            return
        try:
            self._repositories.add(self._catalogue.state_of(tenant).key)
        except Trouble:
            return  # the tenant's own pass says what is wrong with its URL

    def _drop_candidate(self, key: ObjectKey, resource: Asking) -> None:
        model = self._catalogue.model_of(resource)
        try:
            state = self._catalogue.state_of(model) if model else None
        except Trouble:
            return
        if state is not None:
            state.candidates.discard(key)
            state.forget(resource.metadata.uid)

    def _concerned(self, resource: Resource) -> Iterable[Resource]:
        """Others who may come to something else now."""
        meta = resource.metadata
        match resource:
            case ModelRepository():
                return self._guests(resource)
            case PromotionPolicy():
                return self._overseen(resource)
            case RegisteredModel():
                parts = self.store.of_model(meta.namespace, meta.name)
                return [*parts, *self._homes(resource)]
            case StageAssignment():
                self._recount(resource)
                waiting = self._awaiting(resource)
                return [*self._catalogue.twins(resource), *waiting, *self._adopters(resource)]
            case ModelVersion():
                readers = self._readers(resource)
                return [*self._catalogue.twins(resource), *readers, *self._adopters(resource)]

    def _claimed(self, version: ModelVersion) -> None:
        """From now on what a version declares counts for its number."""
        self._wake(self._readers(version))

    def _readers(self, version: ModelVersion) -> list[StageAssignment]:
        """The assignments that what a version declares may matter to."""
        if not _declares(version):
            return []
        return self.store.assignments(version.metadata.namespace, version.spec.model)

    def _awaiting(self, assignment: StageAssignment) -> list[Resource]:
        """The versions to be deregistered, in any namespace: each waits until no assignment of
        its model names it."""
        model = self._catalogue.model_of(assignment)
        same = self._catalogue.same_models(model) if model else []
        places = [(each.metadata.namespace, each.metadata.name) for each in same]
        parts = [part for place in places for part in self.store.of_model(*place)]
        return [p for p in parts if isinstance(p, ModelVersion) and p.spec.deregistered]

    def _overseen(self, policy: PromotionPolicy) -> list[Resource]:
        """The assignments that a policy speaks of, and those that it may have held up before."""
        held_up = (
            assignment
            for assignment in self.store.assignments_in(policy.metadata.namespace)
            if not assignment.status.is_true("Ready")
        )
        overseen = self._catalogue.overseen(policy)
        return list({key_of(each): each for each in (*overseen, *held_up)}.values())

    def _recount(self, assignment: StageAssignment) -> None:
        """Policies say of how many assignments they speak, by and by."""
        for policy in self.store.policies(assignment.metadata.namespace):
            if self.heard:
                self.objects.add(key_of(policy), delay=RECOUNT_SECONDS)

    def _guests(self, home: ModelRepository) -> list[Resource]:
        """The models that name a ModelRepository, and what names them."""
        meta = home.metadata
        models = self.store.of_repository(meta.namespace, meta.name)
        parts = [p for m in models for p in self.store.of_model(meta.namespace, m.metadata.name)]
        return [*models, *parts]

    def _homes(self, model: RegisteredModel) -> list[Resource]:
        """The ModelRepositories that may have made an object for this model, or have one go."""
        try:
            place = self._catalogue.state_of(model).key
        except Trouble:
            return []
        return [t for t in self._catalogue.tenants(place) if isinstance(t, ModelRepository)]

    def _adopters(self, part: ModelVersion | StageAssignment) -> list[Resource]:
        """The models that may have made an object for this version or stage, and who made the
        model itself: it stays while somebody refers to it."""
        model = self._catalogue.model_of(part)
        if model is None:
            return []
        same = self._catalogue.same_models(model)
        makers = self._homes(model) if is_adopted(model) else []
        return [*(m for m in same if self._catalogue.adoption_of(m) is not None), *makers]

    def _wake(self, resources: Iterable[Resource]) -> None:
        if not self.heard:
            return
        for resource in resources:
            if self.store.get(key_of(resource)) is not None:
                self.objects.add(key_of(resource))


def _identity(resource: Resource) -> Identity:
    meta = resource.metadata
    again = meta.annotations.get(REQUESTED_AT)
    return meta.uid, meta.generation, meta.deletion_timestamp, again


def _declares(version: ModelVersion) -> bool:
    """Whether a version says what renderings and policies take from it."""
    spec = version.spec
    return any(each is not None for each in (spec.artifact, spec.metrics, spec.params))

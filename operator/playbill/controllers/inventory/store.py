"""What the operator knows of the cluster: the newest state of each object that it watches.

Filled by the informer and by the answers to our own writes, whichever is newer, so that a
pass never works on a state that is older than what it wrote itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from playbill.api.base import ObjectMeta
from playbill.api.model_repository import ModelRepository
from playbill.api.model_version import ModelVersion
from playbill.api.promotion_policy import PromotionPolicy
from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.keys import Kind, ObjectKey

Asking = RegisteredModel | ModelVersion | StageAssignment
"""What asks something of a ledger."""

Resource = Asking | ModelRepository | PromotionPolicy
Manifest = dict[str, Any]
WorkloadKey = tuple[str, str, str]
"""Kind (Deployment or Service), namespace, name."""

MOST_GONE = 10_000
"""Objects whose end is remembered, for as long as an answer about them may be on its way."""

MODELS: dict[Kind, type[Resource]] = {
    "RegisteredModel": RegisteredModel,
    "ModelVersion": ModelVersion,
    "StageAssignment": StageAssignment,
    "ModelRepository": ModelRepository,
    "PromotionPolicy": PromotionPolicy,
}


def key_of(resource: Resource) -> ObjectKey:
    """The key of a resource."""
    return ObjectKey(resource.INFO.kind, resource.metadata.namespace, resource.metadata.name)  # type: ignore[arg-type]


def slot_of(resource: ModelVersion | StageAssignment) -> str | None:
    """What of its model the object claims for itself: a version or a stage; None while unknown."""
    if isinstance(resource, StageAssignment):
        return f"#{resource.spec.stage}"
    version = resource.spec.version or resource.status.version
    return f"@{version.removeprefix('v')}" if version else None


class Store:
    """The objects, with the few ways of finding them that the passes need.

    `claimed` hears of a version that claims another number than before, whoever told of it: a
    number that is allotted comes by a write of our own, and that is no news to the informer.
    """

    def __init__(self) -> None:
        self.claimed: Callable[[ModelVersion], None] = lambda _: None
        self._objects: dict[ObjectKey, Resource] = {}
        self._of_model: dict[tuple[str, str], set[ObjectKey]] = defaultdict(set)
        self._stages_of: dict[tuple[str, str], set[ObjectKey]] = defaultdict(set)
        self._claims: dict[tuple[str, str, str], set[ObjectKey]] = defaultdict(set)
        self._of_repository: dict[tuple[str, str], set[ObjectKey]] = defaultdict(set)
        self._policies: dict[str, set[ObjectKey]] = defaultdict(set)
        self._workloads: dict[WorkloadKey, Manifest] = {}
        self._gone: dict[str, None] = {}
        self._given: dict[frozenset[str], set[str]] = {}

    def put(self, kind: Kind, raw: Mapping[str, Any]) -> tuple[Resource | None, Resource]:
        """Take a state in unless a newer one is known; gives what was known before, and now.

        The answer to the write that lets an object go may come after the news of its end: it
        does not bring the object back.
        """
        meta = raw["metadata"]
        old = self._objects.get(ObjectKey(kind, meta["namespace"], meta["name"]))
        if old is not None and _is_same(old.metadata, meta):
            return old, old
        new = MODELS[kind].model_validate(raw)
        self._share(new)
        key = key_of(new)
        if new.metadata.uid in self._gone:
            return old, new
        if old is not None and _is_older(new.metadata, old.metadata):
            return old, old
        if old is not None:
            self._unlink(key, old)
        self._objects[key] = new
        self._link(key, new)
        if isinstance(new, ModelVersion) and _claims_another(new, old):
            self.claimed(new)
        return old, new

    def drop(self, key: ObjectKey, uid: str) -> Resource | None:
        """Forget an object that was deleted, unless another one has its name by now."""
        self._bury(uid)
        held = self._objects.get(key)
        if held is None or held.metadata.uid != uid:
            return None
        self._unlink(key, held)
        return self._objects.pop(key)

    def get(self, key: ObjectKey) -> Resource | None:
        """The object, if it is known."""
        return self._objects.get(key)

    def all(self) -> Iterator[Resource]:
        """Every object."""
        return iter(list(self._objects.values()))

    def keys(self) -> list[ObjectKey]:
        """The key of every object."""
        return list(self._objects)

    def count(self, kind: Kind) -> int:
        """How many objects of a kind there are."""
        return sum(1 for key in self._objects if key.kind == kind)

    def versions(self, kind: str) -> dict[tuple[str, str, str], str]:
        """The resourceVersion of each object or workload of a kind, by namespace, name and uid."""
        metas = [o.metadata for key, o in self._objects.items() if key.kind == kind]
        found = {(m.namespace, m.name, m.uid): m.resource_version for m in metas}
        for (its, namespace, name), raw in self._workloads.items():
            if its == kind:
                found[namespace, name, _uid(raw)] = str(_version(raw))
        return found

    def model(self, namespace: str, name: str) -> RegisteredModel | None:
        """A RegisteredModel by name."""
        found = self._objects.get(ObjectKey("RegisteredModel", namespace, name))
        return found if isinstance(found, RegisteredModel) else None

    def models(self) -> list[RegisteredModel]:
        """All RegisteredModels."""
        return [o for o in self._objects.values() if isinstance(o, RegisteredModel)]

    def repository(self, namespace: str, name: str) -> ModelRepository | None:
        """A ModelRepository by name."""
        found = self._objects.get(ObjectKey("ModelRepository", namespace, name))
        return found if isinstance(found, ModelRepository) else None

    def of_repository(self, namespace: str, name: str) -> list[RegisteredModel]:
        """The models that name this ModelRepository."""
        found = (self._objects[key] for key in self._of_repository.get((namespace, name), ()))
        return [o for o in found if isinstance(o, RegisteredModel)]

    def of_model(self, namespace: str, model: str) -> list[ModelVersion | StageAssignment]:
        """The versions and assignments that name this model."""
        found = (self._objects[key] for key in self._of_model.get((namespace, model), ()))
        return [o for o in found if isinstance(o, ModelVersion | StageAssignment)]

    def size_of_model(self, namespace: str, model: str) -> int:
        """How many versions and assignments name this model."""
        return len(self._of_model.get((namespace, model), ()))

    def assignments(self, namespace: str, model: str) -> list[StageAssignment]:
        """The assignments that name this model."""
        found = (self._objects[key] for key in self._stages_of.get((namespace, model), ()))
        return [o for o in found if isinstance(o, StageAssignment)]

    def policies(self, namespace: str) -> list[PromotionPolicy]:
        """The policies of a namespace."""
        found = (self._objects[key] for key in self._policies.get(namespace, ()))
        return [o for o in found if isinstance(o, PromotionPolicy)]

    def assignments_in(self, namespace: str) -> list[StageAssignment]:
        """All assignments of a namespace."""
        found = (o for o in self._objects.values() if o.metadata.namespace == namespace)
        return [o for o in found if isinstance(o, StageAssignment)]

    def claimants(
        self, namespace: str, model: str, slot: str
    ) -> list[ModelVersion | StageAssignment]:
        """The objects that claim this version or stage of this model."""
        found = (self._objects[key] for key in self._claims.get((namespace, model, slot), ()))
        return [o for o in found if isinstance(o, ModelVersion | StageAssignment)]

    def put_workload(self, raw: Manifest) -> None:
        """Take in a Deployment or a Service, unless a newer state is known."""
        key = _workload_key(raw)
        held = self._workloads.get(key)
        if held is not None and _version(raw) < _version(held) and _uid(raw) == _uid(held):
            return
        # Whoever told us may be reading it still, in another thread: it is left as it is.
        metadata = {k: v for k, v in raw["metadata"].items() if k != "managedFields"}
        self._workloads[key] = {**raw, "metadata": metadata}

    def drop_workload(self, raw: Mapping[str, Any]) -> None:
        """Forget a Deployment or a Service that was deleted."""
        key = _workload_key(raw)
        held = self._workloads.get(key)
        if held is not None and _uid(held) == _uid(raw):
            del self._workloads[key]

    def workload(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """A Deployment or Service that bears our label."""
        return self._workloads.get((kind, namespace, name))

    def _share(self, part: BaseModel) -> None:
        """Of each part pydantic keeps a set of the fields that were given: 3.5 kB an object,
        though there are few different ones. Nothing changes them, for the parts are frozen."""
        given = part.model_fields_set
        one = self._given.setdefault(frozenset(given), given)
        object.__setattr__(part, "__pydantic_fields_set__", one)
        for value in vars(part).values():
            for each in value if isinstance(value, list) else (value,):
                if isinstance(each, BaseModel):
                    self._share(each)

    def _bury(self, uid: str) -> None:
        self._gone[uid] = None
        if len(self._gone) > MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def _link(self, key: ObjectKey, resource: Resource) -> None:
        if isinstance(resource, RegisteredModel) and resource.spec.repository_ref is not None:
            self._of_repository[key.namespace, resource.spec.repository_ref.name].add(key)
        if isinstance(resource, PromotionPolicy):
            self._policies[key.namespace].add(key)
        if not isinstance(resource, ModelVersion | StageAssignment):
            return
        self._of_model[key.namespace, resource.spec.model].add(key)
        if isinstance(resource, StageAssignment):
            self._stages_of[key.namespace, resource.spec.model].add(key)
        slot = slot_of(resource)
        if slot is not None:
            self._claims[key.namespace, resource.spec.model, slot].add(key)

    def _unlink(self, key: ObjectKey, resource: Resource) -> None:
        if isinstance(resource, RegisteredModel) and resource.spec.repository_ref is not None:
            named = key.namespace, resource.spec.repository_ref.name
            _discard(self._of_repository, named, key)
        if isinstance(resource, PromotionPolicy):
            _discard(self._policies, key.namespace, key)
        if not isinstance(resource, ModelVersion | StageAssignment):
            return
        _discard(self._of_model, (key.namespace, resource.spec.model), key)
        if isinstance(resource, StageAssignment):
            _discard(self._stages_of, (key.namespace, resource.spec.model), key)
        slot = slot_of(resource)
        if slot is not None:
            _discard(self._claims, (key.namespace, resource.spec.model, slot), key)


Group = TypeVar("Group")


def _discard(groups: dict[Group, set[ObjectKey]], group: Group, key: ObjectKey) -> None:
    groups[group].discard(key)
    if not groups[group]:
        del groups[group]


def _claims_another(new: ModelVersion, old: Resource | None) -> bool:
    return isinstance(old, ModelVersion) and slot_of(old) != slot_of(new)


def _is_same(known: ObjectMeta, meta: Mapping[str, Any]) -> bool:
    version = meta.get("resourceVersion")
    return bool(version) and (known.uid, known.resource_version) == (meta.get("uid"), version)


def _is_older(new: Any, old: Any) -> bool:
    """By resourceVersion, which Kubernetes 1.35 declares comparable (KEP-5504)."""
    if new.uid != old.uid:
        return bool(new.creation_timestamp < old.creation_timestamp)
    return int(new.resource_version or 0) < int(old.resource_version or 0)


def _workload_key(raw: Mapping[str, Any]) -> WorkloadKey:
    return raw["kind"], raw["metadata"]["namespace"], raw["metadata"]["name"]


def _version(raw: Mapping[str, Any]) -> int:
    return int(raw["metadata"].get("resourceVersion") or 0)


def _uid(raw: Mapping[str, Any]) -> str:
    return str(raw["metadata"].get("uid", ""))

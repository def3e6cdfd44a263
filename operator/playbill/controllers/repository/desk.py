"""The repository pass's Desk on the real API server: fresh reads, and reservations by lock."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from playbill.api.errors import Stalled, Trouble
from playbill.api.model_version import ModelVersion
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.keys import Kind, ObjectKey
from playbill.controllers.inventory.kinds import RESOURCES
from playbill.controllers.inventory.store import Asking, Store
from playbill.kube.answers import Conflict, Missing
from playbill.kube.client import Kube, Object
from playbill.kube.resources import PROMOTION_POLICIES
from playbill.ledger.aliases import Alias
from playbill.ledger.intents import AnyIntent
from playbill.ledger.tagobject import TagObject

RESERVATION_MANAGER = "playbill-ledger"
"""Owns status.pending, and nothing else."""

LISTED_FOR_ONE = 8
"""Objects of a model that are listed in the time in which one is read by name."""

LISTS_AT_MOST = 20
"""Of more models the whole namespace is listed."""

READS_AT_ONCE = 16


@dataclass(slots=True)
class KubeDesk:
    """Reads the candidates of one repository; `intend` makes an intent, or None to leave it out."""

    kube: Kube
    store: Store
    namespace: str
    candidates: Sequence[ObjectKey]
    intend: Callable[[Asking], AnyIntent | None]
    _versions: dict[str, str] = field(default_factory=dict)

    async def read(self) -> Sequence[AnyIntent]:
        """What the candidates ask now, by the API server's own word."""
        by_kind: dict[Kind, list[ObjectKey]] = defaultdict(list)
        for key in self.candidates:
            by_kind[key.kind].append(key)
        if "StageAssignment" in by_kind:
            await self._read_policies()
        intents = []
        for kind, keys in by_kind.items():
            for raw in await self._raw(kind, keys):
                _, resource = self.store.put(kind, raw)
                intent = self._intent(resource) if isinstance(resource, Asking) else None
                if intent is not None:
                    intents.append(intent)
        return intents

    async def _read_policies(self) -> None:
        """A policy that was there before this pass is heeded by it, be the news of it late."""
        try:
            items, _ = await self.kube.list(PROMOTION_POLICIES, self.namespace)
        except Stalled as stalled:
            if stalled.reason == "ApiNotServed":
                return
            raise
        for raw in items:
            self.store.put("PromotionPolicy", raw)

    def _intent(self, resource: Asking) -> AnyIntent | None:
        try:
            intent = self.intend(resource)
        except Trouble:
            return None  # the object's own pass says what is wrong with it
        if intent is not None:
            self._versions[intent.asker.uid] = resource.metadata.resource_version
        return intent

    async def _raw(self, kind: Kind, keys: Sequence[ObjectKey]) -> list[Object]:
        crowds = self._crowds(keys)
        listed = {key for group in crowds.values() for key in group}
        single = [key for key in keys if key not in listed]
        return [*await self._one_by_one(kind, single), *await self._listed(kind, crowds)]

    def _crowds(self, keys: Sequence[ObjectKey]) -> dict[str, list[ObjectKey]]:
        """Those of each model of which so many are wanted that one LIST is less to do."""
        groups: dict[str, list[ObjectKey]] = defaultdict(list)
        for key in keys:
            held = self.store.get(key)
            if isinstance(held, ModelVersion | StageAssignment):
                groups[held.spec.model].append(key)
        return {
            model: group
            for model, group in groups.items()
            if len(group) > 1
            and self.store.size_of_model(self.namespace, model) <= LISTED_FOR_ONE * len(group)
        }

    async def _one_by_one(self, kind: Kind, keys: Sequence[ObjectKey]) -> list[Object]:
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def one(key: ObjectKey) -> Object | None:
            async with gate:
                return await self.kube.get(RESOURCES[kind], self.namespace, key.name)

        found = await asyncio.gather(*(one(key) for key in keys))
        return [raw for raw in found if raw is not None]

    async def _listed(self, kind: Kind, crowds: Mapping[str, list[ObjectKey]]) -> list[Object]:
        """By model, if these are few: the namespace may hold very many others."""
        selectors = [f"spec.model={model}" for model in sorted(crowds)]
        wanted = selectors if len(selectors) <= LISTS_AT_MOST else [None]
        lists = [
            await self.kube.list(RESOURCES[kind], self.namespace, field_selector=selector)
            for selector in wanted
        ]
        names = {key.name for group in crowds.values() for key in group}
        return [item for items, _ in lists for item in items if item["metadata"]["name"] in names]

    async def reserve(
        self, intent: AnyIntent, tags: Sequence[TagObject], aliases: Sequence[Alias]
    ) -> bool:
        """Write the tags into status.pending, if the object is still as it was read."""
        asker = intent.asker
        kind: Kind = asker.kind  # type: ignore[assignment]
        body = {
            "metadata": {"resourceVersion": self._versions[asker.uid], "uid": asker.uid},
            "status": {"pending": pending(asker.generation, tags, aliases)},
        }
        try:
            raw = await self.kube.merge_patch(
                RESOURCES[kind],
                asker.namespace,
                asker.name,
                body,
                manager=RESERVATION_MANAGER,
                subresource="status",
            )
        except (Conflict, Missing):
            return False
        self.store.put(kind, raw)
        return True


def pending(generation: int, tags: Sequence[TagObject], aliases: Sequence[Alias] = ()) -> Object:
    """The reservation as it stands in a status."""
    made = {alias.oid: _text(alias.data) for alias in aliases}
    return {
        "generation": generation,
        "tags": [
            {
                "name": tag.name,
                "object": _text(tag.data),
                **({"commit": made[tag.target]} if tag.target in made else {}),
            }
            for tag in tags
        ],
    }


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")

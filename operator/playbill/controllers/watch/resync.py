"""Looking at everything: at the start, and now and then, for events are never relied upon alone."""

from __future__ import annotations

import asyncio
import logging

from playbill.api.errors import Stalled, Trouble
from playbill.controllers.inventory.keys import Kind, ObjectKey
from playbill.controllers.inventory.kinds import LATECOMERS, RESOURCES
from playbill.controllers.watch.reactions import Reactions
from playbill.kube.client import Kube, Object
from playbill.kube.resources import DEPLOYMENTS, SERVICES, Resource
from playbill.rollout.render import ASSIGNMENT_LABEL

SETTLED_SECONDS = 60.0
"""After so long the watch has begun for certain: what went while it did is found out."""

logger = logging.getLogger(__name__)


async def first_listing(kube: Kube, reactions: Reactions, namespaces: tuple[str, ...]) -> None:
    """Know everything there is, and have it reconciled, without waiting for Kopf.

    Kopf makes a task of each object before it tells of any: 10,000 of them take it half a minute,
    and one LIST two seconds. What it tells afterwards is no news.
    """
    while True:
        try:
            objects = [
                (kind, raw)
                for kind in RESOURCES
                for raw in await _list(kube, RESOURCES[kind], namespaces)
            ]
            workloads = [
                raw
                for resource in (DEPLOYMENTS, SERVICES)
                for raw in await _list(kube, resource, namespaces, label=ASSIGNMENT_LABEL)
            ]
            break
        except Trouble as trouble:
            logger.warning("cannot list the cluster's objects: %s", trouble.message)
            await asyncio.sleep(1)
    for raw in workloads:
        reactions.note_workload(raw)
    for kind, raw in objects:
        reactions.note(kind, raw)
    reactions.hear()


async def _list(
    kube: Kube, resource: Resource, namespaces: tuple[str, ...], *, label: str | None = None
) -> list[Object]:
    try:
        lists = [await kube.list(resource, n, label_selector=label) for n in namespaces or (None,)]
    except Stalled as stalled:
        if stalled.reason == "ApiNotServed" and resource in LATECOMERS:
            return []
        raise
    return [raw for items, _ in lists for raw in items]


async def resync(
    kube: Kube, reactions: Reactions, namespaces: tuple[str, ...], *, every: float
) -> None:
    """List all objects every so many seconds, and have each reconciled, spread over half of them.

    A watch can go deaf without anybody noticing (nolar/kopf#1276).
    """
    await first_listing(kube, reactions, namespaces)
    await asyncio.sleep(min(every, SETTLED_SECONDS))
    await _relist_all(kube, reactions, namespaces)
    while True:
        await asyncio.sleep(every)
        await _relist_all(kube, reactions, namespaces)
        keys = reactions.store.keys()
        for position, key in enumerate(keys):
            reactions.objects.add(key, delay=every / 2 * position / len(keys))


async def _relist_all(kube: Kube, reactions: Reactions, namespaces: tuple[str, ...]) -> None:
    try:
        for kind in RESOURCES:
            await _relist(kube, reactions, kind, namespaces)
    except Trouble as trouble:
        logger.warning("cannot list the cluster's objects anew: %s", trouble.message)


async def _relist(
    kube: Kube, reactions: Reactions, kind: Kind, namespaces: tuple[str, ...]
) -> None:
    """Find out about what no event told of."""
    missing = {o.metadata.uid: o for o in reactions.store.all() if o.INFO.kind == kind}
    for raw in await _list(kube, RESOURCES[kind], namespaces):
        missing.pop(raw["metadata"]["uid"], None)
        key = ObjectKey(kind, raw["metadata"]["namespace"], raw["metadata"]["name"])
        held = reactions.store.get(key)
        if held is None or held.metadata.resource_version != raw["metadata"]["resourceVersion"]:
            reactions.changed(kind, raw, gone=False)
    for gone in missing.values():
        meta = gone.metadata
        # It may be newer than the list, rather than gone.
        if await kube.get(RESOURCES[kind], meta.namespace, meta.name) is None:
            raw = {"metadata": meta.model_dump(by_alias=True)}
            reactions.changed(kind, raw, gone=True)

"""Looking again at everything now and then: events are never relied upon alone."""

from __future__ import annotations

import asyncio
import logging

from playbill.api.errors import Trouble
from playbill.controllers.inventory.keys import Kind, ObjectKey
from playbill.controllers.inventory.kinds import RESOURCES
from playbill.controllers.watch.reactions import Reactions
from playbill.kube.client import Kube

logger = logging.getLogger(__name__)


async def resync(
    kube: Kube, reactions: Reactions, namespaces: tuple[str, ...], *, every: float
) -> None:
    """List all objects every so many seconds, and have each reconciled, spread over half of them.

    A watch can go deaf without anybody noticing (nolar/kopf#1276).
    """
    while True:
        await asyncio.sleep(every)
        try:
            for kind in RESOURCES:
                await _relist(kube, reactions, kind, namespaces)
        except Trouble as trouble:
            logger.warning("cannot list the cluster's objects anew: %s", trouble.message)
        keys = reactions.store.keys()
        for position, key in enumerate(keys):
            reactions.objects.add(key, delay=every / 2 * position / len(keys))


async def _relist(
    kube: Kube, reactions: Reactions, kind: Kind, namespaces: tuple[str, ...]
) -> None:
    """Find out about what no event told of."""
    missing = {o.metadata.uid: o for o in reactions.store.all() if o.INFO.kind == kind}
    for namespace in namespaces or (None,):
        items, _ = await kube.list(RESOURCES[kind], namespace)
        for raw in items:
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

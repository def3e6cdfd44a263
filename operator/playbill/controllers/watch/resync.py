"""Looking at everything: at the start, and now and then, for events are never relied upon alone."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from playbill.api.errors import Stalled, Trouble
from playbill.controllers.inventory.kinds import LATECOMERS, RESOURCES
from playbill.controllers.watch.queue import KeyedQueue
from playbill.controllers.watch.reactions import Reactions
from playbill.kube.client import Kube, Object
from playbill.kube.resources import DEPLOYMENTS, SERVICES, Resource
from playbill.rollout.render import ASSIGNMENT_LABEL

SETTLED_SECONDS = 60.0
"""After so long nothing of the start is left to do."""
AGAIN_SECONDS = 2.0
"""Before a kind is listed that the informer has listed again; it may try several times."""

KINDS = {resource: kind for kind, resource in RESOURCES.items()}

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


class Resync:
    """Lists kinds anew, to find out about what no event told of: deletions above all."""

    def __init__(
        self, kube: Kube, reactions: Reactions, namespaces: tuple[str, ...], *, every: float
    ) -> None:
        self._kube = kube
        self._reactions = reactions
        self._namespaces = namespaces
        self._every = every
        self._kinds: KeyedQueue[Resource] = KeyedQueue(longest=SETTLED_SECONDS)

    def listed(self, resource: Resource, *, again: bool) -> None:
        """The informer has listed a kind. What went before is found out: soon, if it did so again,
        for then its watch was broken; at the start when there is less to do."""
        settled = min(self._every, SETTLED_SECONDS)
        self._kinds.add(resource, delay=AGAIN_SECONDS if again else settled)

    async def run(self) -> None:
        """List everything, then what is asked for, and everything every so many seconds."""
        await first_listing(self._kube, self._reactions, self._namespaces)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kinds.run(self._relist, workers=1))
            group.create_task(self._now_and_then())

    async def _now_and_then(self) -> None:
        """Have each object reconciled, spread over half of the time, too.

        A watch can go deaf without anybody noticing (nolar/kopf#1276).
        """
        while True:
            await asyncio.sleep(self._every)
            for resource in (*RESOURCES.values(), DEPLOYMENTS, SERVICES):
                self._kinds.add(resource)
            keys = self._reactions.store.keys()
            for position, key in enumerate(keys):
                self._reactions.objects.add(key, delay=self._every / 2 * position / len(keys))

    async def _relist(self, resource: Resource) -> None:
        try:
            await relist(self._kube, self._reactions, resource, self._namespaces)
        except Trouble as trouble:
            logger.warning("cannot list %s anew: %s", resource.name, trouble.message)
            raise


async def relist(
    kube: Kube, reactions: Reactions, resource: Resource, namespaces: tuple[str, ...]
) -> None:
    """Tell of what differs from what is known."""
    kind = KINDS.get(resource)
    changed = partial(reactions.changed, kind) if kind else reactions.workload_changed
    missing = reactions.store.versions(resource.kind)
    for raw in await _list(kube, resource, namespaces, label=None if kind else ASSIGNMENT_LABEL):
        meta = raw["metadata"]
        named = meta["namespace"], meta["name"], meta["uid"]
        if missing.pop(named, None) != meta["resourceVersion"]:
            changed(raw, gone=False)
    for namespace, name, uid in missing:
        # It may be newer than the list, rather than gone.
        if await kube.get(resource, namespace, name) is None:
            meta = {"namespace": namespace, "name": name, "uid": uid}
            changed({"kind": resource.kind, "metadata": meta}, gone=True)

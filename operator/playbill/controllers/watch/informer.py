"""Kopf as an informer: it lists and watches, and we are told of every state that an object takes.

Nothing of Kopf's handling is used beyond that: no finalizers, no annotations, no retries, and
no indices. They would hold back every handler until all objects are known, but wake all that
wait at each of them, which takes minutes of 10,000; so the first listing is our own (`resync`).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

import kopf

from playbill.controllers.inventory.keys import Kind
from playbill.controllers.inventory.kinds import RESOURCES
from playbill.controllers.watch.session import Turn, Turns, session
from playbill.kube.client import Kube
from playbill.kube.login import connection_info
from playbill.kube.resources import DEPLOYMENTS, SERVICES, Resource
from playbill.rollout.render import ASSIGNMENT_LABEL

logger = logging.getLogger(__name__)

MOST_NEWS = 200
"""Changes that are heard in one turn of the operator's loop."""


class Listener(Protocol):
    """Who is told, be it news or not, once all that there was is known."""

    async def has_heard(self) -> None:
        """Wait until it knows all that there was."""

    def changed(self, kind: Kind, raw: Mapping[str, Any], *, gone: bool) -> None:
        """An object is there, changed or gone."""

    def workload_changed(self, raw: dict[str, Any], *, gone: bool) -> None:
        """A Deployment or Service of ours is there, changed or gone."""


class Listed(Protocol):
    """Who is told of each listing: of what is gone since the one before no event tells."""

    def __call__(self, resource: Resource, *, again: bool) -> None:
        """A kind was listed, for the first time or again."""


class Informer:
    """Watches our three kinds, and the Deployments and Services that bear our label."""

    def __init__(
        self, *, kube: Kube, namespaces: tuple[str, ...], listener: Listener, listed: Listed
    ) -> None:
        self._kube = kube
        self._namespaces = namespaces
        self._listener = listener
        self._listed = listed
        self._listings = {
            resource.path(namespace): resource
            for resource in (*RESOURCES.values(), DEPLOYMENTS, SERVICES)
            for namespace in namespaces or (None,)
        }
        self._known: set[str] = set()
        self._turns: Turns = defaultdict(Turn)
        self._news: deque[Callable[[], object]] = deque()
        self._called = False
        self._registry = kopf.OperatorRegistry()
        self._register()

    async def run(self) -> None:
        """Watch until cancelled. Raises what ends Kopf by itself: `session` keeps that from it.

        What Kopf lists at first was listed before, by ourselves and faster: it waits, so that it
        does not delay that, and lists again, so that nothing is missed in between.

        Kopf has a thread and a loop of its own: when it ends, it waits for every task of its
        loop, ours included, and then cancels them. It is never asked to end; it only reads.
        """
        await self._listener.has_heard()
        self._loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(
            target=self._watch_forever, args=(ended,), name="informer", daemon=True
        ).start()
        await ended

    def _watch_forever(self, ended: asyncio.Future[None]) -> None:
        try:
            asyncio.run(
                kopf.operator(
                    registry=self._registry,
                    settings=_settings(),
                    standalone=True,
                    clusterwide=not self._namespaces,
                    namespaces=self._namespaces,
                )
            )
            error: BaseException = RuntimeError("Kopf has ended")
        except BaseException as raised:  # noqa: BLE001 - whatever it was, the operator must hear
            error = raised
        self._tell(ended.set_exception, error)

    def _tell(self, what: Callable[..., object], *arguments: object, **named: object) -> None:
        """Call it in the operator's loop, in the order in which Kopf told us.

        What gathers before that loop gets to it is told at once: to wake another loop is a
        system call, and costs more than most of what there is to tell.
        """
        self._news.append(partial(what, *arguments, **named))
        if not self._called:
            self._called = True
            with suppress(RuntimeError):  # the operator's loop has ended
                self._loop.call_soon_threadsafe(self._hear)

    def _hear(self) -> None:
        """Hear what has gathered, and let others have their turn after so much of it."""
        self._called = False  # first: what comes from now on calls again
        for _ in range(MOST_NEWS):
            if not self._news:
                return
            try:
                self._news.popleft()()
            except Exception:  # what comes behind it has to be heard as well
                logger.exception("a change was not understood")
        self._loop.call_soon(self._hear)

    def _register(self) -> None:
        async def login(**_: Any) -> kopf.AiohttpSession:
            info = await connection_info(self._kube)
            return session(info, kinds=self._listings, listed=self._has_listed, turns=self._turns)

        kopf.on.login(registry=self._registry)(login)
        for kind in RESOURCES:
            self._watch_objects(kind)
        for resource in (DEPLOYMENTS, SERVICES):
            self._watch_workloads(resource)

    def _has_listed(self, path: str) -> None:
        self._tell(self._listed, self._listings[path], again=path in self._known)
        self._known.add(path)

    def _watch_objects(self, kind: Kind) -> None:
        async def changed(event: kopf.RawEvent, **_: Any) -> None:
            gone = event["type"] == "DELETED"
            self._tell(self._listener.changed, kind, event["object"], gone=gone)

        self._watch(RESOURCES[kind], changed)

    def _watch_workloads(self, resource: Resource) -> None:
        async def changed(event: kopf.RawEvent, **_: Any) -> None:
            gone = event["type"] == "DELETED"
            self._tell(self._listener.workload_changed, event["object"], gone=gone)

        self._watch(resource, changed)

    def _watch(self, resource: Resource, changed: Any) -> None:
        place = (resource.group, resource.version, resource.plural)
        kopf.on.event(*place, id=resource.plural, registry=self._registry)(changed)


class _NoDiffs(kopf.DiffBaseStorage):
    """Kopf compares each state with the one before, whether or not a handler asks what differs:
    a quarter of its work, on copies of the whole object."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        """Nothing is kept."""


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.watching.server_timeout = 600
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.networking.enforce_retry_after = True
    # Its workers, one for each object, only hand a state on, and each takes some 20 kB meanwhile.
    settings.queueing.idle_timeout = 0.02
    settings.persistence.diffbase_storage = _NoDiffs()
    for resource in (DEPLOYMENTS, SERVICES):
        place = (resource.group, resource.version, resource.plural)
        settings.watching.label_selectors[place] = ASSIGNMENT_LABEL
    return settings

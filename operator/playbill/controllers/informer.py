"""Kopf as an informer: it lists and watches, and we are told of every state that an object takes.

Nothing of Kopf's handling is used beyond that: no finalizers, no annotations, no retries.
The indices hold nothing. They are there because Kopf holds back every handler until all
indexed kinds are listed, so that no pass begins on half of the picture. For the same reason
its worker limit stays unset: with indices, one below the number of objects deadlocks
(nolar/kopf#1243).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import kopf

from playbill.api.base import GROUP, VERSION
from playbill.controllers.desk import RESOURCES
from playbill.controllers.keys import Kind
from playbill.kube.client import Kube
from playbill.kube.login import connection_info
from playbill.kube.resources import DEPLOYMENTS, SERVICES
from playbill.rollout.render import ASSIGNMENT_LABEL

ObjectHandler = Callable[[Kind, Mapping[str, Any], bool], None]
"""Told of the kind, the object, and whether it is gone."""

WorkloadHandler = Callable[[dict[str, Any], bool], None]


class Informer:
    """Watches our three kinds, and the Deployments and Services that bear our label."""

    def __init__(
        self,
        *,
        kube: Kube,
        namespaces: tuple[str, ...],
        on_object: ObjectHandler,
        on_workload: WorkloadHandler,
    ) -> None:
        self._kube = kube
        self._namespaces = namespaces
        self._on_object = on_object
        self._on_workload = on_workload
        self._registry = kopf.OperatorRegistry()
        self._register()

    async def run(self, *, stop: asyncio.Event, started: asyncio.Event) -> None:
        """Watch until `stop` is set; sets `started` when it has begun to."""
        await kopf.operator(
            registry=self._registry,
            settings=_settings(),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=stop,
            ready_flag=started,
        )

    def _register(self) -> None:
        async def login(**_: Any) -> kopf.ConnectionInfo:
            return await connection_info(self._kube)

        kopf.on.login(registry=self._registry)(login)
        for kind in RESOURCES:
            self._watch_objects(kind)
        for resource in (DEPLOYMENTS, SERVICES):
            self._watch_workloads(resource.group, resource.version, resource.plural)

    def _watch_objects(self, kind: Kind) -> None:
        plural = RESOURCES[kind].plural

        def seen(body: kopf.Body, **_: Any) -> dict[str, str]:
            self._on_object(kind, _raw(body), False)
            return {}

        def changed(event: kopf.RawEvent, **_: Any) -> None:
            self._on_object(kind, event["object"], event["type"] == "DELETED")

        kopf.index(GROUP, VERSION, plural, id=f"{plural}-seen", registry=self._registry)(seen)
        kopf.on.event(GROUP, VERSION, plural, id=plural, registry=self._registry)(changed)

    def _watch_workloads(self, group: str, version: str, plural: str) -> None:
        def changed(event: kopf.RawEvent, **_: Any) -> None:
            self._on_workload(cast(dict[str, Any], event["object"]), event["type"] == "DELETED")

        def seen(body: kopf.Body, **_: Any) -> dict[str, str]:
            self._on_workload(_raw(body), False)
            return {}

        kopf.index(group, version, plural, id=f"{plural}-seen", registry=self._registry)(seen)
        kopf.on.event(group, version, plural, id=plural, registry=self._registry)(changed)


def _raw(body: kopf.Body) -> dict[str, Any]:
    return dict(body)


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
    settings.process.ultimate_exiting_timeout = 20
    for resource in (DEPLOYMENTS, SERVICES):
        place = (resource.group, resource.version, resource.plural)
        settings.watching.label_selectors[place] = ASSIGNMENT_LABEL
    return settings

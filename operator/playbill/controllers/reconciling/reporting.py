"""Writing a status, only when it has changed, and telling what has changed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal

from playbill.api.base import API_VERSION, Condition, Status
from playbill.controllers.inventory.kinds import RESOURCES
from playbill.controllers.inventory.store import Resource, Store, key_of
from playbill.kube.answers import Conflict, Missing
from playbill.kube.client import Kube
from playbill.kube.events import Recorder, Reference

STATUS_MANAGER = "playbill"
"""Owns all of a status but status.pending."""

logger = logging.getLogger("playbill.status")


class Reporter:
    """The one writer of statuses; sends an Event when the answer changes."""

    def __init__(self, *, kube: Kube, store: Store, recorder: Recorder) -> None:
        self._kube = kube
        self._store = store
        self._recorder = recorder

    async def report(self, resource: Resource, status: Status, *, settled: bool) -> bool:
        """Write the status by server-side apply if it differs; whether the object was current.

        `settled` clears a reservation that git is known to hold; until then it stands. A
        write that meets a newer object changes nothing and gives False: look again.
        """
        before, after = content(resource.status), content(status)
        clears = settled and resource.status.pending is not None and resource.status.pending.tags
        if before == after and not clears:
            return True
        meta = resource.metadata
        if clears:
            after["pending"] = {}
        body = {
            "metadata": {
                "name": meta.name,
                "namespace": meta.namespace,
                "uid": meta.uid,
                "resourceVersion": meta.resource_version,
            },
            "status": after,
        }
        try:
            raw = await self._kube.apply(
                RESOURCES[key_of(resource).kind], body, manager=STATUS_MANAGER, subresource="status"
            )
        except Missing:
            return True
        except Conflict:
            await self._refresh(resource)
            return False
        self._store.put(key_of(resource).kind, raw)
        self._tell(resource, status)
        return True

    async def _refresh(self, resource: Resource) -> None:
        """The object has changed since: the cache learns of it now, not by and by."""
        key = key_of(resource)
        raw = await self._kube.get(RESOURCES[key.kind], key.namespace, key.name)
        if raw is not None:
            self._store.put(key.kind, raw)

    def _tell(self, resource: Resource, status: Status) -> None:
        before, after = resource.status.condition("Ready"), status.condition("Ready")
        if after is None or not _is_news(before, after):
            return
        warn = status.condition("Stalled") is not None or after.status == "False"
        self.tell(resource, "Warning" if warn else "Normal", after.reason, after.message)

    def tell(
        self, resource: Resource, kind: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Send an Event, and write the same into the log."""
        self._recorder.emit(reference(resource), kind, reason, message)
        level = logging.WARNING if kind == "Warning" else logging.INFO
        logger.log(level, "%s: %s", key_of(resource), message, extra={"reason": reason})


def _is_news(before: Condition | None, after: Condition) -> bool:
    """A new answer, or a new reason; progress in words alone is none."""
    if before is None or (before.status, before.reason) != (after.status, after.reason):
        return True
    return after.status == "True" and before.message != after.message


def content(status: Status) -> dict[str, Any]:
    """A status as it is applied: without what is empty, and without the reservation."""
    dumped = status.model_dump(by_alias=True, exclude_none=True, exclude={"pending"})
    return {key: value for key, value in dumped.items() if not _is_empty(value)}


def _is_empty(value: object) -> bool:
    return isinstance(value, list | Mapping) and not value


def reference(resource: Resource) -> Reference:
    """The object that an Event speaks of."""
    meta = resource.metadata
    return Reference(
        api_version=API_VERSION,
        kind=resource.INFO.kind,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
    )

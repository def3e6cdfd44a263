"""Kubernetes Events about our objects, sent aside: no caller waits for one or fails by one.

The caller sends them on transitions only. Here what is said twice about the same
object within a while is said once, and a flood is cut off: Events are hints, and
the conditions hold the truth. So they also wait for a moment in which nothing else is asked of
the API server, if it comes soon.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self

from playbill.api.errors import Trouble, Waiting
from playbill.kube.client import Kube
from playbill.kube.resources import EVENTS

logger = logging.getLogger(__name__)

CONTROLLER = "playbill.dev/operator"
YIELD_SECONDS = 0.5
"""How long an Event lets other requests go first."""

_LONGEST_NOTE = 1024  # bytes of UTF-8: events.k8s.io/v1, note
_LONGEST_NAME = 253 - 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The object that an Event speaks of."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


class Recorder:
    """Sends Events in a task of its own, from entering to leaving its context.

    `instance` names this process (at most 128 characters). `window` is in seconds,
    `limit` the number of Events that may wait to be sent; more are dropped.
    """

    def __init__(
        self,
        kube: Kube,
        *,
        instance: str,
        window: float = 600,
        limit: int = 5000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._instance = instance[:128]
        self._window = window
        self._clock = clock
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(limit)
        self._said: OrderedDict[str, tuple[tuple[str, str], float]] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._leaving = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._send_all(), name="events")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send what waits, for at most five seconds."""
        self._leaving = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), timeout=5)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def emit(
        self, about: Reference, kind: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Say `message` about an object, unless it was the last thing said within the window."""
        if self._was_said(about.uid, reason, message):
            return
        try:
            self._queue.put_nowait(self._event(about, kind, reason=reason, message=message))
        except asyncio.QueueFull:
            logger.warning("Too many Events wait; dropped %s of %s", reason, about.name)

    def _was_said(self, uid: str, reason: str, message: str) -> bool:
        """Whether this is what was last said about the object: a way back is news again."""
        now = self._clock()
        while self._said and now - next(iter(self._said.values()))[1] >= self._window:
            self._said.popitem(last=False)
        last = self._said.get(uid)
        if last is not None and last[0] == (reason, message):
            return True
        self._said.pop(uid, None)
        self._said[uid] = ((reason, message), now)
        return False

    def _event(self, about: Reference, kind: str, *, reason: str, message: str) -> dict[str, Any]:
        return {
            "metadata": {
                "name": f"{about.name[:_LONGEST_NAME]}.{uuid.uuid4().hex[:16]}",
                "namespace": about.namespace,
            },
            "regarding": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
            },
            "type": kind,
            "reason": reason[:128],
            "note": message.encode(errors="replace")[:_LONGEST_NOTE].decode(errors="ignore"),
            "action": "Reconcile",
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
        }

    async def _send_all(self) -> None:
        while True:
            event = await self._queue.get()
            await self._let_others_go_first()
            try:
                await self._kube.create(EVENTS, event, manager=CONTROLLER)
            except Waiting:
                pass  # the namespace is going, and its Events with it
            except Trouble as trouble:
                logger.warning("An Event was lost: %s", trouble.message)
            finally:
                self._queue.task_done()

    async def _let_others_go_first(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0 if self._leaving else YIELD_SECONDS):
                await self._kube.at_rest()

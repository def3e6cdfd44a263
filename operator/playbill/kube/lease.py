"""One leader by a Lease, as client-go elects one (its `leaderelection` package).

kubernetes.aio ships an election, which we do not use: it goes by the wall clock,
gives a renewal no deadline (a request that hangs keeps a leader for minutes after
its lease ran out), and never releases the lease, so each restart costs the
cluster a whole lease duration without an operator.

Clocks of others are never compared: a candidate watches the record change, and
counts the time since by its own clock. The leader counts from before it asked,
and gives up while the lease still has `duration - renew` seconds to run.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from datetime import UTC, datetime
from typing import Any

from playbill.api.errors import Trouble
from playbill.kube.answers import Conflict
from playbill.kube.client import Kube, Object
from playbill.kube.resources import LEASES

logger = logging.getLogger(__name__)

# Where there is one, a clock that goes on while the machine sleeps: who wakes up
# as a former leader must know at once.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_MANAGER = "playbill"


class LeaderLease:
    """The right to lead, held by at most one `identity` at a time.

    `duration`, `renew` and `retry` are seconds: how long others respect a lease that
    is not renewed, for how long the holder tries to renew it, and how often anyone
    tries. `identity` must be another one in each process. `lost` is set when the
    lease could not be renewed; the process must end then. Give it a Kube of its own.
    """

    def __init__(
        self,
        kube: Kube,
        *,
        namespace: str,
        name: str,
        identity: str,
        duration: int = 15,
        renew: float = 10,
        retry: float = 2,
    ) -> None:
        if not duration > renew > retry * 1.2:
            raise ValueError("a lease needs duration > renew > 1.2 * retry")
        self._kube, self._namespace, self._name = kube, namespace, name
        self._identity, self._duration = identity, duration
        self._renew, self._retry = renew, retry
        self._lease: Object | None = None
        self._seen_at = 0.0
        self._renewed_at = 0.0
        self._keeping: asyncio.Task[None] | None = None
        self.lost = asyncio.Event()

    async def acquire(self) -> None:
        """Wait until the lease is ours; from then on a task renews it."""
        while not await self._try():  # noqa: ASYNC110 - what ends the wait is in another process
            await asyncio.sleep(self._retry * random.uniform(1, 1.2))  # noqa: S311 - jitter
        logger.info("Leading as %s", self._identity)
        self._keeping = asyncio.create_task(self._keep(), name="lease")

    async def release(self) -> None:
        """Let another one lead at once; nothing happens when the lease is not ours."""
        if self._keeping is None or self.lost.is_set():
            return
        self._keeping.cancel()
        await asyncio.wait([self._keeping])
        self._keeping = None
        try:
            async with asyncio.timeout(self._renew):
                await self._write(holder=None)
        except (Trouble, TimeoutError) as error:
            logger.warning("The lease was not released, and runs out by itself: %s", error)

    async def _keep(self) -> None:
        while await self._renew_in_time():  # noqa: ASYNC110 - no event tells that time has passed
            await asyncio.sleep(self._retry)
        logger.error("The lease is lost; its holder is %s", self._holder or "unknown")
        self.lost.set()

    async def _renew_in_time(self) -> bool:
        """Try until it works; False when the time is up, or somebody else leads."""
        try:
            async with asyncio.timeout(self._renewed_at + self._renew - _now()):
                while not await self._try():
                    if self._holder != self._identity:
                        return False
                    await asyncio.sleep(self._retry)
        except TimeoutError:
            return False
        return True

    async def _try(self) -> bool:
        """Take or renew the lease once; False when it is not ours to take, or that failed."""
        try:
            async with asyncio.timeout(self._renew / 2):
                return await self._take()
        except TimeoutError:
            logger.warning("The API server does not answer about the lease")
        except Trouble as trouble:
            logger.warning("Cannot reach the lease: %s", trouble.message)
        return False

    async def _take(self) -> bool:
        asked_at = _now()
        if self._holder != self._identity:
            await self._look()
            if not self._is_free():
                return False
        try:
            await self._write(holder=self._identity)
        except Conflict:
            await self._look()
            return False
        self._renewed_at = asked_at
        return True

    async def _look(self) -> None:
        found = await self._kube.get(LEASES, self._namespace, self._name)
        if self._lease is None or found is None or found["spec"] != self._lease["spec"]:
            self._seen_at = _now()
        self._lease = found

    @property
    def _holder(self) -> str | None:
        holder: str | None = self._lease["spec"].get("holderIdentity") if self._lease else None
        return holder

    def _is_free(self) -> bool:
        if self._lease is None or self._holder in {None, self._identity}:
            return True
        runs_for: int = self._lease["spec"].get("leaseDurationSeconds", 0)
        return _now() > self._seen_at + runs_for

    async def _write(self, *, holder: str | None) -> None:
        """Write a record that names `holder`, if the lease is still as it was last seen."""
        before = self._lease["spec"] if self._lease else {}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        taken = holder is not None and holder != self._holder
        spec: dict[str, Any] = {
            "leaseDurationSeconds": self._duration,
            "renewTime": now,
            "acquireTime": now if taken else before.get("acquireTime", now),
            "leaseTransitions": before.get("leaseTransitions", 0) + (1 if taken else 0),
        }
        if holder is not None:
            spec["holderIdentity"] = holder
        if self._lease is None:
            metadata = {"namespace": self._namespace, "name": self._name}
            body = {"metadata": metadata, "spec": spec}
            self._lease = await self._kube.create(LEASES, body, manager=_MANAGER)
        else:
            body = {**self._lease, "spec": spec}
            self._lease = await self._kube.replace(LEASES, body, manager=_MANAGER)
        self._seen_at = _now()


def _now() -> float:
    return time.clock_gettime(_CLOCK)

"""Running the operator: signals, health, and leading only while the Lease is held."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from playbill.controllers.http import HealthServer, HttpServer
from playbill.controllers.operator import Operator
from playbill.controllers.watch.hooks import application
from playbill.kube.client import Kube
from playbill.kube.lease import LeaderLease
from playbill.metrics import Metrics
from playbill.settings import Settings

logger = logging.getLogger("playbill")


async def run(settings: Settings) -> int:
    """Run the operator until a signal ends it; the exit code, 1 when the lease was lost."""
    metrics, stop = Metrics(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    kubeconfig = settings.kubeconfig
    async with AsyncExitStack() as stack:
        kube = await stack.enter_async_context(
            await Kube.connect(kubeconfig, settings.context, observer=metrics.count_kube_request)
        )
        operator = Operator(settings, kube=kube, metrics=metrics)
        await stack.enter_async_context(
            HealthServer(settings.metrics_address, metrics, ready=operator.hindrances, alive=list)
        )
        if settings.hooks_address:
            server = HttpServer(settings.hooks_address, application(operator.hooks))
            await stack.enter_async_context(server)
        if not settings.leader_election:
            await operator.run(stop)
            return 0
        lease_kube = await stack.enter_async_context(
            await Kube.connect(kubeconfig, settings.context, connections=2)
        )
        return await _lead(operator, lease_kube, settings, stop)


async def _lead(operator: Operator, kube: Kube, settings: Settings, stop: asyncio.Event) -> int:
    lease = LeaderLease(
        kube,
        namespace=settings.lease_namespace,
        name=settings.lease_name,
        identity=settings.identity,
    )
    logger.info("waiting for the lease %s/%s", settings.lease_namespace, settings.lease_name)
    if not await _before(stop, lease.acquire()):
        return 0
    running = asyncio.create_task(operator.run(stop))
    lost = asyncio.create_task(lease.lost.wait())
    await asyncio.wait({running, lost}, return_when=asyncio.FIRST_COMPLETED)
    if lease.lost.is_set():
        return 1  # another one may lead by now: nothing is finished, nothing is tidied up
    lost.cancel()
    await running
    await lease.release()
    return 0


async def _before(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work unless the stop comes first; whether it was done."""
    doing, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not doing.done():
        doing.cancel()
        return False
    await doing
    return True

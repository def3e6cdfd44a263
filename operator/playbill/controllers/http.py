"""The operator's own port: metrics, and whether it is alive and ready, with the reasons.

Kopf's liveness server answers 200 whatever happens and serves one path only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from aiohttp import web

from playbill.metrics import Metrics

Reasons = Callable[[], Sequence[str]]
"""Why something is not so, in sentences; none when it is."""


class HttpServer:
    """Serves an application on `address` ("host:port", host may be empty).

    `port` is the real one, also for port 0. Raises OSError on start when the address is taken.
    """

    def __init__(self, address: str, app: web.Application) -> None:
        host, _, port = address.rpartition(":")
        self._host, self.port = host.strip("[]") or None, int(port)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


class HealthServer(HttpServer):
    """Serves `/metrics`, `/healthz` and `/readyz`.

    `ready` and `alive` are asked at each request and must answer at once; what they
    say is printed, with status 503.
    """

    def __init__(self, address: str, metrics: Metrics, *, ready: Reasons, alive: Reasons) -> None:
        self._metrics = metrics
        app = web.Application()
        app.router.add_get("/metrics", self._serve_metrics)
        app.router.add_get("/healthz", _answering(alive))
        app.router.add_get("/readyz", _answering(ready))
        super().__init__(address, app)

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        content_type, body = self._metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


def _answering(reasons: Reasons) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        found = reasons()
        text = "\n".join(found) if found else "ok"
        return web.Response(text=text + "\n", status=503 if found else 200)

    return answer

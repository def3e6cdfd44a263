"""Health and metrics over HTTP, asked as a kubelet and a Prometheus ask."""

import aiohttp
import pytest

from playbill.controllers.http import HealthServer
from playbill.metrics import Metrics


async def ask(server: HealthServer, path: str, **headers: str) -> tuple[int, str, str]:
    url = f"http://127.0.0.1:{server.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


def serving(*, ready: list[str] | None = None, alive: list[str] | None = None) -> HealthServer:
    return HealthServer(
        "127.0.0.1:0", Metrics(), ready=lambda: ready or [], alive=lambda: alive or []
    )


async def test_an_operator_without_trouble_is_alive_and_ready() -> None:
    async with serving() as server:
        assert (await ask(server, "/healthz"))[0] == 200
        assert (await ask(server, "/readyz"))[0] == 200


async def test_who_is_not_ready_says_all_the_reasons_and_is_alive() -> None:
    async with serving(ready=["the caches are not filled", "no lease yet"]) as server:
        status, _, text = await ask(server, "/readyz")

        assert status == 503
        assert text.splitlines() == ["the caches are not filled", "no lease yet"]
        assert (await ask(server, "/healthz"))[0] == 200


async def test_who_is_stuck_is_not_alive() -> None:
    async with serving(alive=["no event for 20 min"]) as server:
        assert (await ask(server, "/healthz"))[0] == 503


async def test_reasons_are_asked_for_each_time() -> None:
    reasons = ["not yet"]
    async with HealthServer(
        "127.0.0.1:0", Metrics(), ready=lambda: reasons, alive=list[str]
    ) as server:
        assert (await ask(server, "/readyz"))[0] == 503
        reasons.clear()
        assert (await ask(server, "/readyz"))[0] == 200


@pytest.mark.parametrize(
    ("accept", "content_type", "end"),
    [
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text", "# EOF\n"),
        ("text/plain", "text/plain", ""),
        ("application/openmetrics-text;version=new", "text/plain", ""),
    ],
)
async def test_metrics_come_in_the_format_that_is_asked_for(
    accept: str, content_type: str, end: str
) -> None:
    async with serving() as server:
        status, found, text = await ask(server, "/metrics", Accept=accept)

    assert status == 200
    assert found.startswith(content_type)
    assert "playbill_build_info" in text
    assert text.endswith(end)


async def test_a_port_that_is_taken_is_said_at_the_start() -> None:
    async with serving() as server:
        second = HealthServer(
            f"127.0.0.1:{server.port}", Metrics(), ready=list[str], alive=list[str]
        )
        with pytest.raises(OSError, match="address already in use"):
            await second.__aenter__()

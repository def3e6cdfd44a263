"""One leader at a time, whatever happens to it; durations are short, and no clock is trusted."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from playbill.kube.client import Kube
from playbill.kube.lease import LeaderLease
from playbill.kube.resources import LEASES

OPERATOR = Path(__file__).parents[3] / "operator"
NAME = "playbill"
SHORT: dict[str, Any] = {"duration": 2, "renew": 1.2, "retry": 0.2}

Contender = Callable[[str], Awaitable[LeaderLease]]


@pytest.fixture
async def contender(kubeconfig: Path, namespace: str) -> AsyncIterator[Contender]:
    """Makes contenders for one lease, each with connections of its own."""
    async with AsyncExitStack() as stack:

        async def make(identity: str) -> LeaderLease:
            kube = await stack.enter_async_context(await Kube.connect(kubeconfig, connections=1))
            lease = LeaderLease(kube, namespace=namespace, name=NAME, identity=identity, **SHORT)
            stack.push_async_callback(lease.release)
            return lease

        yield make


async def holder(kube: Kube, namespace: str) -> str | None:
    lease = await kube.get(LEASES, namespace, NAME)
    found: str | None = lease["spec"].get("holderIdentity") if lease else None
    return found


async def test_who_asks_first_leads_and_goes_on_leading(
    kube: Kube, namespace: str, contender: Contender
) -> None:
    one, other = await contender("one"), await contender("other")
    await one.acquire()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(other.acquire(), timeout=2 * SHORT["duration"])

    assert await holder(kube, namespace) == "one"
    assert not one.lost.is_set()


async def test_a_lease_that_is_released_is_free_at_once(
    kube: Kube, namespace: str, contender: Contender, requests: Counter[tuple[str, str, str]]
) -> None:
    one = await contender("one")
    await one.acquire()
    await one.release()
    assert await holder(kube, namespace) is None
    other = LeaderLease(kube, namespace=namespace, name=NAME, identity="other")

    requests.clear()
    await other.acquire()

    resource = "leases.coordination.k8s.io"
    assert requests == {("get", resource, "200"): 1, ("update", resource, "200"): 1}
    lease = await kube.get(LEASES, namespace, NAME)
    assert lease is not None
    assert lease["spec"]["leaseTransitions"] == 2
    assert not one.lost.is_set()
    await other.release()


async def test_two_contenders_never_lead_at_the_same_time(contender: Contender) -> None:
    """In turns of three kinds: released, forgotten as by a kill, and held for a while."""
    told: list[tuple[str, str]] = []

    async def contend(name: str) -> None:
        for turn in range(3):
            lease = await contender(f"{name}-{turn}")
            await lease.acquire()
            told.append((name, "leads"))
            await asyncio.sleep(0.5)
            assert not lease.lost.is_set()
            told.append((name, "ends"))
            if turn == 1:
                forget(lease)
            else:
                await lease.release()

    await asyncio.gather(contend("one"), contend("other"))

    assert len(told) == 12
    for (who, began), (whose, ended) in zip(told[::2], told[1::2], strict=True):
        assert (who, began, ended) == (whose, "leads", "ends")


def forget(lease: LeaderLease) -> None:
    """What a kill does: nothing is renewed and nothing released."""
    assert lease._keeping is not None
    lease._keeping.cancel()
    lease._keeping = None


@pytest.mark.parametrize("year", [1999, 2099])
async def test_clocks_of_others_are_not_compared(
    kube: Kube, namespace: str, contender: Contender, year: int
) -> None:
    """A holder whose clock is years off is respected while its record moves, and not after."""
    lease = await kube.create(LEASES, skewed(namespace, year=year, beat=0), manager="test")
    other = await contender("other")
    acquiring = asyncio.create_task(other.acquire())

    for beat in range(1, 9):  # for longer than the lease's duration
        await asyncio.sleep(SHORT["duration"] / 4)
        assert not acquiring.done()
        body = {**lease, "spec": skewed(namespace, year=year, beat=beat)["spec"]}
        lease = await kube.replace(LEASES, body, manager="test")

    await asyncio.wait_for(acquiring, timeout=10 * SHORT["duration"])
    assert await holder(kube, namespace) == "other"


def skewed(namespace: str, *, year: int, beat: int) -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": NAME},
        "spec": {
            "holderIdentity": "skewed",
            "leaseDurationSeconds": SHORT["duration"],
            "renewTime": f"{year}-01-01T00:00:{beat:02}.000000Z",
            "acquireTime": f"{year}-01-01T00:00:00.000000Z",
            "leaseTransitions": 1,
        },
    }


PROGRAM = f"""
import asyncio, sys
from pathlib import Path
from playbill.kube.client import Kube
from playbill.kube.lease import LeaderLease

async def main(kubeconfig, namespace):
    async with await Kube.connect(Path(kubeconfig), connections=1) as kube:
        lease = LeaderLease(kube, namespace=namespace, name={NAME!r}, identity="process", **{SHORT})
        await lease.acquire()
        print("leads", flush=True)
        await lease.lost.wait()
        print("lost", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def process(kubeconfig: Path, namespace: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process, which leads."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        str(kubeconfig),
        namespace,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(OPERATOR)},
    )
    assert await line_of(started) == "leads"
    yield started
    if started.returncode is None:
        started.kill()
        await started.wait()


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), timeout=30)
    return line.decode().strip()


async def test_the_lease_of_a_killed_leader_runs_out(
    kube: Kube, namespace: str, contender: Contender, process: asyncio.subprocess.Process
) -> None:
    other = await contender("other")
    acquiring = asyncio.create_task(other.acquire())
    await asyncio.sleep(2 * SHORT["duration"])
    assert not acquiring.done()

    process.kill()

    await asyncio.wait_for(acquiring, timeout=10 * SHORT["duration"])
    assert await holder(kube, namespace) == "other"


async def test_a_leader_that_was_frozen_knows_that_it_leads_no_more(
    kube: Kube, namespace: str, contender: Contender, process: asyncio.subprocess.Process
) -> None:
    process.send_signal(signal.SIGSTOP)
    other = await contender("other")
    await asyncio.wait_for(other.acquire(), timeout=10 * SHORT["duration"])

    process.send_signal(signal.SIGCONT)

    assert await line_of(process) == "lost"
    assert await holder(kube, namespace) == "other"
    assert not other.lost.is_set()


async def test_a_leader_whose_lease_somebody_took_stops(
    kube: Kube, namespace: str, contender: Contender
) -> None:
    one = await contender("one")
    await one.acquire()
    taken = {"spec": {"holderIdentity": "thief"}}

    await kube.merge_patch(LEASES, namespace, NAME, taken, manager="test")

    await asyncio.wait_for(one.lost.wait(), timeout=10 * SHORT["duration"])
    await one.release()
    assert await holder(kube, namespace) == "thief"


async def test_a_note_on_the_lease_costs_nobody_the_lead(
    kube: Kube, namespace: str, contender: Contender
) -> None:
    one = await contender("one")
    await one.acquire()
    before = await kube.get(LEASES, namespace, NAME)
    assert before is not None
    note = {"metadata": {"annotations": {"note": "by hand"}}}

    await kube.merge_patch(LEASES, namespace, NAME, note, manager="test")
    await asyncio.sleep(2 * SHORT["duration"])

    after = await kube.get(LEASES, namespace, NAME)
    assert after is not None
    assert not one.lost.is_set()
    assert after["spec"]["renewTime"] > before["spec"]["renewTime"]
    assert after["spec"]["leaseTransitions"] == before["spec"]["leaseTransitions"]


class Line:
    """A line to the API server that can go dead: open, and silent."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._alive = asyncio.Event()
        self._alive.set()
        self._pipes: set[asyncio.Task[None]] = set()

    def go_dead(self) -> None:
        self._alive.clear()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        for pipe in self._pipes:
            pipe.cancel()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        for source, sink in ((reader, back), (there, writer)):
            self._pipes.add(asyncio.create_task(self._pipe(source, sink)))

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._alive.wait()
            sink.write(data)
        sink.close()


async def test_a_leader_that_gets_no_answers_gives_up_before_its_lease_runs_out(
    kubeconfig: Path, namespace: str, contender: Contender, tmp_path: Path
) -> None:
    """The order of events is the claim: it says `lost` before anyone else can lead."""
    config = yaml.safe_load(kubeconfig.read_text())  # noqa: ASYNC240 - a small local file
    told: list[str] = []
    line, through = lead_through(config)
    async with line.open() as port:
        through["server"] = f"https://127.0.0.1:{port}"
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        async with await Kube.connect(path, connections=1) as behind:
            one = LeaderLease(behind, namespace=namespace, name=NAME, identity="one", **SHORT)
            await one.acquire()
            other = await contender("other")
            acquiring = asyncio.create_task(other.acquire())
            acquiring.add_done_callback(lambda _: told.append("other leads"))
            await asyncio.sleep(SHORT["duration"])

            line.go_dead()

            await asyncio.wait_for(one.lost.wait(), timeout=10 * SHORT["duration"])
            told.append("one has lost it")
            await asyncio.wait_for(acquiring, timeout=10 * SHORT["duration"])

    assert told == ["one has lost it", "other leads"]


def lead_through(config: dict[str, Any]) -> tuple[Line, dict[str, Any]]:
    """A line to the config's server, and the cluster in it, which is to lead through the line."""
    current = config["current-context"]
    (name,) = (c["context"]["cluster"] for c in config["contexts"] if c["name"] == current)
    (cluster,) = (c["cluster"] for c in config["clusters"] if c["name"] == name)
    host, _, port = cluster["server"].removeprefix("https://").rstrip("/").partition(":")
    cluster.setdefault("tls-server-name", host)
    return Line(host, int(port or 443)), cluster


async def test_an_account_without_the_right_keeps_trying(
    kubeconfig: Path, namespace: str, kube: Kube
) -> None:
    """The lease's namespace or role may come after the operator."""
    lease = LeaderLease(kube, namespace="no-such-namespace", name=NAME, identity="one", **SHORT)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lease.acquire(), timeout=1)
    await lease.release()


@pytest.mark.parametrize(
    "seconds", [{"duration": 10}, {"renew": 15}, {"retry": 10}, {"renew": 2.2}]
)
async def test_a_lease_that_could_not_be_renewed_in_time_is_refused(
    kube: Kube, seconds: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="duration > renew"):
        LeaderLease(kube, namespace="a", name="b", identity="c", **seconds)

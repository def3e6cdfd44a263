"""Very many objects that are as they should be: what a look at all of them costs, and a restart."""

from __future__ import annotations

import asyncio
import resource
import time
from pathlib import Path

from tests.benchmarks import history
from tests.benchmarks.crowds import Stage, Wanted, created_and_ready, stage
from tests.benchmarks.table import Row
from tests.benchmarks.timing import progress
from tests.servers.remote import Remote

from playbill.kube.client import Kube
from playbill.kube.resources import MODEL_VERSIONS

REPOSITORIES = 20
RESYNC = 60.0
WATCHED = 2
"""Intervals: until a resync begins, and for the half of one that it is spread over, at least. A
whole number of them, for repositories that were created together are looked at together."""
WRITES = frozenset({"apply", "patch", "create", "update", "delete"})


def rows(directory: Path, *, quick: bool) -> list[Row]:
    """Ten thousand versions that git has already, then a resync, then a restart."""
    each = 25 if quick else 500
    total = REPOSITORIES * each
    options = ("--resync-seconds", f"{RESYNC:.0f}")
    with stage(directory, options=options) as on:
        wanted = _prepare(on, each)
        progress(f"{total:,} versions that git has already, created and awaited")
        asyncio.run(created_and_ready(on, wanted))
        _await_quiet(on)
        found = _resync(on)
        return [*found, *_restart(on, total)]


def _prepare(on: Stage, each: int) -> list[Wanted]:
    """Repositories of one model each, with their versions, and the objects for them."""
    first = Remote(on.directory / "srv" / "r0.git")
    commits = history.commits(first, each, artifact="model")
    for number in range(REPOSITORIES):
        path = on.directory / "srv" / f"r{number}.git"
        copy = history.branches(first.path, path) if number else first
        history.versions(copy, commits, artifact=f"r{number}")
        copy.git("pack-refs", "--all")
    on.register({f"r{n}": f"r{n}.git" for n in range(REPOSITORIES)}, interval=f"{RESYNC:.0f}s")
    return [
        Wanted(f"r{number}-v{n}", f"r{number}", f"0.{n}.0", commit)
        for number in range(REPOSITORIES)
        for n, commit in enumerate(commits)
    ]


def _writes(on: Stage) -> float:
    """What the operator has written to the API server, Events included."""
    return sum(
        value
        for name, labels, value in on.operator.samples()
        if name == "playbill_kube_requests_total" and labels["verb"] in WRITES
    )


def _looks(on: Stage) -> float:
    return on.count("playbill_git_operation_duration_seconds_count", operation="list")


def _passes(on: Stage) -> float:
    return on.count("playbill_reconcile_total", reconciler="object")


def _await_quiet(on: Stage) -> None:
    """Until nothing has been written for a while."""
    before, still = _writes(on), 0
    while still < 3:
        time.sleep(1)
        now = _writes(on)
        still = still + 1 if now == before else 0
        before = now


def _resync(on: Stage) -> list[Row]:
    progress(f"one resync: {WATCHED * RESYNC:.0f} seconds of watching")
    writes, looks, passes = _writes(on), _looks(on), _passes(on)
    start = time.monotonic()
    time.sleep(WATCHED * RESYNC)
    looks = _looks(on) - looks
    intervals = (time.monotonic() - start) / RESYNC
    passed = _passes(on) - passes
    return [
        Row(
            work=f"writes of a resync, {passed:,.0f} passes over objects",
            measured=_writes(on) - writes, against="none at all, beside its passes",
            limit=passed, goal=0, unit="writes",
        ),
        Row(
            work="git ls-remote meanwhile", measured=looks,
            against=f"one for each interval of {REPOSITORIES} repositories",
            limit=REPOSITORIES * max(1.0, intervals), goal=1.1, unit="looks",
        ),
    ]  # fmt: skip


def _restart(on: Stage, total: int) -> list[Row]:
    progress(f"a restart over {total:,} objects")
    on.operator.stop()
    start = time.perf_counter()
    on.operator.start()
    ready = time.perf_counter() - start
    listed = asyncio.run(_list(on))
    _await_quiet(on)
    pages = int(Path(f"/proc/{on.operator.pid}/statm").read_text().split()[1])
    resident = pages * resource.getpagesize()
    return [
        Row(
            work=f"from start to ready over {total:,} objects", measured=ready,
            against="one LIST of them", limit=listed, goal=3,
        ),
        Row(
            work="memory then", measured=resident / 1e6,
            against="150 MB and 10 kB an object", limit=(150e6 + 10e3 * total) / 1e6,
            goal=1, unit="MB",
        ),
    ]  # fmt: skip


async def _list(on: Stage) -> float:
    async with await Kube.connect(on.kubectl.kubeconfig) as kube:
        start = time.perf_counter()
        await kube.list(MODEL_VERSIONS, on.operated)
        return time.perf_counter() - start

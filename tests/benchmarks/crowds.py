"""Very many objects at once: of one repository with many models, and of many repositories."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import history
from tests.benchmarks.cluster import Versions, find_cluster, namespace, versions
from tests.benchmarks.table import Row
from tests.benchmarks.timing import progress
from tests.cluster.kubectl import Kubectl
from tests.cluster.manifests import registered_model
from tests.operator.process import OperatorProcess
from tests.servers.git_http import GitHttpServer
from tests.servers.remote import ENVIRONMENT, Remote

PATIENCE = 600.0
AT_ONCE = 100
"""Requests to the API server under way, for us as for the limit."""
PUSHES_AT_ONCE = 2
"""As many as there are cores: more only stand in each other's way."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A version to create: of which model, on which commit."""

    name: str
    model: str
    version: str
    revision: str


@dataclass(frozen=True, slots=True)
class Stage:
    """An operator at work on repositories that a server has, and a namespace without one."""

    kubectl: Kubectl
    server: GitHttpServer
    operator: OperatorProcess
    operated: str
    alone: str
    directory: Path

    def register(self, models: dict[str, str], *, interval: str = "1h") -> None:
        """RegisteredModels by name, each in a repository of the server; all are read before."""
        for name, repository in models.items():
            manifest = registered_model(
                name,
                repository={
                    "url": self.server.url(repository),
                    "branch": "main",
                    "interval": interval,
                    "maxTagsPerPush": 0,
                },
            )
            self.kubectl("apply", "-n", self.operated, "-f", "-", manifest=manifest)
        wait = ("wait", "rmodel", "--all", "-n", self.operated, "--for=condition=Ready")
        self.kubectl(*wait, "--timeout=120s")

    def count(self, metric: str, **labels: str) -> float:
        """What the operator has counted so far."""
        return self.operator.metric(metric, **labels)


@contextmanager
def stage(directory: Path, *, options: Sequence[str] = ()) -> Iterator[Stage]:
    """Everything but repositories and models."""
    kubectl = find_cluster()
    (directory / "srv").mkdir()
    with (
        GitHttpServer(directory / "srv", state=directory / "http") as server,
        namespace(kubectl) as operated,
        namespace(kubectl) as alone,
    ):
        operator = OperatorProcess(
            kubectl.kubeconfig, operated, directory / "operator", options=options
        ).start()
        try:
            yield Stage(kubectl, server, operator, operated, alone, directory)
        finally:
            operator.stop()


def rows(directory: Path, *, quick: bool) -> list[Row]:
    """A thousand versions of twenty models, and ten of each of a hundred repositories."""
    models, each = (4, 25) if quick else (20, 50)
    repositories = 10 if quick else 100
    places = [directory / name for name in ("one", "many")]
    for place in places:
        place.mkdir()
    return [*_one_repository(places[0], models, each), *_many(places[1], repositories, 10)]


def _one_repository(directory: Path, models: int, each: int) -> list[Row]:
    total = models * each
    with stage(directory) as on:
        remote = Remote(directory / "srv" / "models.git")
        commits = history.commits(remote, each, artifact="model-0")
        on.register({f"model-{number}": "models.git" for number in range(models)})
        wanted = [
            Wanted(f"m{model}-v{n}", f"model-{model}", f"1.{n}.0", commit)
            for model in range(models)
            for n, commit in enumerate(commits)
        ]
        writes, pushes = _status_writes(on), _pushes(on)
        progress(f"{total:,} versions of {models} models in one repository")
        took = asyncio.run(created_and_ready(on, wanted))
        writes, pushes = _status_writes(on) - writes, _pushes(on) - pushes
        progress(f"the same objects by themselves, and {total:,} tags by themselves")
        limit = asyncio.run(_created(on, wanted)) + _bare_push(directory, commits, total)
    work = f"{total:,} ModelVersions of {models} models from created to Ready"
    against = f"creating {total:,} objects, one fast-import and push of {total:,} tags"
    return [
        Row(work=work, measured=took, against=against, limit=limit, goal=2),
        Row(
            work="status writes for them", measured=writes, against="one each",
            limit=total, goal=1, unit="writes",
        ),
        Row(
            work="pushes for them", measured=pushes, against="few",
            limit=10, goal=1, unit="pushes",
        ),
    ]  # fmt: skip


def _pushes(on: Stage) -> float:
    """Pushes that the operator has made."""
    return on.count("playbill_git_operation_duration_seconds_count", operation="push")


def _status_writes(on: Stage) -> float:
    """Requests of the operator that wrote a ModelVersion's status."""
    return sum(
        value
        for name, labels, value in on.operator.samples()
        if name == "playbill_kube_requests_total"
        and labels["verb"] in {"apply", "patch"}
        and "modelversions" in labels["resource"]
    )


async def created_and_ready(on: Stage, wanted: list[Wanted]) -> float:
    """Seconds from the first request until a watch has seen all of them Ready."""
    async with versions(on.kubectl, on.operated) as place:
        start = time.perf_counter()
        await _create(place, wanted)
        await place.await_ready({each.name for each in wanted}, patience=PATIENCE)
        return time.perf_counter() - start


async def _created(on: Stage, wanted: list[Wanted]) -> float:
    async with versions(on.kubectl, on.alone) as place:
        start = time.perf_counter()
        await _create(place, wanted)
        return time.perf_counter() - start


async def _create(place: Versions, wanted: list[Wanted]) -> None:
    await _request(
        place.create(each.name, model=each.model, version=each.version, revision=each.revision)
        for each in wanted
    )


async def _request(requests: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Send them all, so many at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(request: Coroutine[Any, Any, None]) -> None:
        async with gate:
            await request

    await asyncio.gather(*map(one, requests))


def _bare_push(directory: Path, commits: list[str], count: int) -> float:
    """Seconds of one fast-import and one push of so many tags, by the same server's protocol."""
    history.branches(directory / "srv" / "models.git", directory / "srv" / "bare.git")
    with GitHttpServer(directory / "srv", state=directory / "http2") as server:
        clone = directory / "clone"
        _git("clone", "-q", server.url("bare.git"), str(clone))
        start = time.perf_counter()
        _git("-C", str(clone), "fast-import", "--quiet", stdin=_tags(commits, count))
        _git("-C", str(clone), "push", "-q", "origin", "refs/tags/*:refs/tags/*")
        return time.perf_counter() - start


def _tags(commits: list[str], count: int) -> bytes:
    lines = []
    for number in range(count):
        body = "a tag\n"
        lines.append(
            f"tag bench-{number}\nfrom {commits[number % len(commits)]}\n"
            f"tagger Ada <ada@example.com> {1_700_000_000 + number} +0000\n"
            f"data {len(body)}\n{body}\n"
        )
    return "".join(lines).encode()


def _git(*arguments: str, stdin: bytes = b"") -> None:
    subprocess.run(
        ["git", *arguments], env=ENVIRONMENT, input=stdin, capture_output=True, check=True
    )


def _many(directory: Path, repositories: int, each: int) -> list[Row]:
    with stage(directory) as on:
        first = Remote(directory / "srv" / "r0.git")
        commits = history.commits(first, each, artifact="r0")
        for number in range(1, repositories):
            history.branches(first.path, directory / "srv" / f"r{number}.git")
        on.register({f"r{number}": f"r{number}.git" for number in range(repositories)})
        wanted = [
            Wanted(f"r{number}-v{n}", f"r{number}", f"1.{n}.0", commit)
            for number in range(repositories)
            for n, commit in enumerate(commits)
        ]
        progress(f"{each} versions in each of {repositories} repositories")
        most = _Most(on.operator.pid)
        took = asyncio.run(_watched(most, on, wanted))
        progress(f"{repositories} bare pushes of {each} tags, one after the other")
        bare = _BarePushes(directory, commits, each)
        with bare.to(repositories) as push:
            limit = sum(push(number) for number in range(repositories))
        progress("such pushes, and the same objects and statuses by themselves, all at once")
        with bare.to(repositories) as push:
            floor = asyncio.run(_at_once(on, wanted, push, repositories))
    memory = 150e6 + 10e3 * repositories * (each + 1)
    return [
        Row(
            work=f"{repositories} repositories x {each} ModelVersions from created to Ready",
            measured=took,
            against=f"the sum of {repositories} bare pushes of {each} tags",
            limit=limit,
            goal=1.5,
        ),
        Row(
            work="the same without us: bare pushes, creating objects, writing statuses, at once",
            measured=floor,
            against=f"the sum of {repositories} bare pushes of {each} tags",
            limit=limit,
        ),
        Row(
            work="git processes at one time meanwhile", measured=most.processes,
            against="workers for repositories", limit=16 * 3, goal=1, unit="processes",
        ),
        Row(
            work="memory meanwhile", measured=most.resident / 1e6,
            against="150 MB and 10 kB an object", limit=memory / 1e6, goal=1, unit="MB",
        ),
    ]  # fmt: skip


@dataclass(slots=True)
class _Most:
    """The most memory (bytes) and children that a process was seen with."""

    pid: int
    resident: float = 0.0
    processes: int = 0

    def look(self) -> None:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        self.resident = max(self.resident, pages * resource.getpagesize())
        children = 0
        for thread in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with suppress(OSError):  # threads end while we look
                children += len(thread.read_text().split())
        self.processes = max(self.processes, children)


async def _watched(most: _Most, on: Stage, wanted: list[Wanted]) -> float:
    working = asyncio.create_task(created_and_ready(on, wanted))
    while not working.done():
        most.look()
        await asyncio.sleep(0.05)
    return await working


@dataclass(slots=True)
class _BarePushes:
    """Pushes of so many tags each, from one clone, to fresh repositories of a server."""

    directory: Path
    commits: list[str]
    each: int
    rounds: int = 0

    @contextmanager
    def to(self, repositories: int) -> Iterator[Callable[[int], float]]:
        """Gives the seconds of a push to one of so many, by its number."""
        self.rounds += 1
        names = [f"bare{self.rounds}-{number}.git" for number in range(repositories)]
        for name in names:
            history.branches(self.directory / "srv/r0.git", self.directory / "srv" / name)
        state = self.directory / f"bare-http{self.rounds}"
        with GitHttpServer(self.directory / "srv", state=state) as server:
            clone = self.directory / f"clone{self.rounds}"
            _git("clone", "-q", "--no-tags", server.url(names[0]), str(clone))
            _git("-C", str(clone), "fast-import", "--quiet", stdin=_tags(self.commits, self.each))

            def push(number: int) -> float:
                start = time.perf_counter()
                url = server.url(names[number])
                _git("-C", str(clone), "push", "-q", url, "refs/tags/*:refs/tags/*")
                return time.perf_counter() - start

            yield push


async def _at_once(
    on: Stage, wanted: list[Wanted], push: Callable[[int], float], repositories: int
) -> float:
    """Seconds for all that has to happen, whoever does it: each object created and its status
    written once, each repository pushed to once, by requests and pushes that know no more."""
    example = on.kubectl.json("get", "mver", wanted[0].name, "-n", on.operated)["status"]
    async with versions(on.kubectl, on.alone) as place:
        start = time.perf_counter()
        pool = ThreadPoolExecutor(PUSHES_AT_ONCE)
        pushes = [asyncio.wrap_future(pool.submit(push, n)) for n in range(repositories)]
        await _create(place, wanted)
        await _request(place.write_status(each.name, example) for each in wanted)
        await place.await_ready({each.name for each in wanted}, patience=PATIENCE)
        await asyncio.gather(*pushes)
        return time.perf_counter() - start

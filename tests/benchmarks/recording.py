"""How long it takes from an object that is applied to a tag that is pushed and a status that
says so, beside what the push and the objects cost by themselves."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import history
from tests.benchmarks.cluster import Versions, find_cluster, namespace, versions
from tests.benchmarks.table import Row
from tests.benchmarks.timing import async_by_turns, progress
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.manifests import registered_model
from tests.operator.process import OperatorProcess
from tests.servers.git_http import GitHttpServer
from tests.servers.remote import ENVIRONMENT, Remote

ARTIFACT = "model-0"
CROWD = 100
PATIENCE = 120.0


def rows(directory: Path, *, quick: bool) -> list[Row]:
    """One version, and a hundred at once, on a repository that has many already; GTO, which
    takes minutes there, only when there is no hurry."""
    known, runs, crowds = (500, 2, 1) if quick else (5_000, 7, 3)
    kubectl = find_cluster()
    spare = 3 * (runs + 1) + 3 * CROWD * (crowds + 1)
    remote = Remote(directory / "srv" / "models.git")
    progress(f"making a repository of {known:,} versions")
    commits = history.commits(remote, known + spare, artifact=ARTIFACT)
    history.versions(remote, commits[:known], artifact=ARTIFACT)
    history.copy(remote, directory / "srv" / "copy.git")
    with (
        GitHttpServer(directory / "srv", state=directory / "http") as server,
        namespace(kubectl) as watched,
        namespace(kubectl) as unwatched,
    ):
        url = server.url("models.git")
        operator = OperatorProcess(kubectl.kubeconfig, watched, directory / "operator")
        progress("starting the operator, and having it read the repository")
        try:
            _register_model(kubectl, operator, watched, url)
            bench = _Bench(directory, server.url("copy.git"), iter(commits[known:]))
            story = _measure(kubectl, bench, (watched, unwatched), known, runs=runs, crowds=crowds)
            one, found = asyncio.run(story)
            return found if quick else [*found, _beside_gto(bench, known, one)]
        finally:
            operator.stop()


def _register_model(kubectl: Kubectl, operator: OperatorProcess, name: str, url: str) -> None:
    operator.start()
    repository = {"url": url, "branch": "main", "maxTagsPerPush": 0}
    manifest = registered_model(ARTIFACT, repository=repository)
    kubectl("apply", "-n", name, "-f", "-", manifest=manifest)
    path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    command = ("get", "rmodel", ARTIFACT, "-n", name, "-o", path)
    eventually(lambda: kubectl(*command) == "True", patience=PATIENCE)


@dataclass(slots=True)
class _Bench:
    """A clone of the copy, and commits that nobody has registered yet."""

    directory: Path
    url: str
    free: Iterator[str]
    number: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    clone: Path = field(init=False)

    def __post_init__(self) -> None:
        self.clone = self.directory / "clone"
        subprocess.run(["git", "clone", "-q", self.url, self.clone], env=ENVIRONMENT, check=True)

    def commit(self) -> str:
        """One that has no version."""
        return next(self.free)

    def git(self, *arguments: str) -> None:
        command = ["git", "-C", str(self.clone), *arguments]
        subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True)

    def tag(self, count: int) -> list[str]:
        """Tags in the clone, of no artifact; gives their refs."""
        names = [f"bench-{next(self.number)}" for _ in range(count)]
        for name in names:
            self.git("tag", "-a", "-m", "a tag", name, self.commit())
        return [f"refs/tags/{name}" for name in names]


async def _measure(
    kubectl: Kubectl,
    bench: _Bench,
    places: tuple[str, str],
    known: int,
    *,
    runs: int,
    crowds: int,
) -> tuple[float, list[Row]]:
    """The seconds of one version, and the rows."""
    async with (
        versions(kubectl, places[0]) as operated,
        versions(kubectl, places[1]) as alone,
    ):

        async def applied() -> float:
            return await _apply(bench, operated, 1)

        async def pushed() -> float:
            return await asyncio.to_thread(_push, bench, 1)

        async def crowd() -> float:
            return await _apply(bench, operated, CROWD)

        async def parts() -> float:
            return await _create(bench, alone, CROWD) + await asyncio.to_thread(_push, bench, CROWD)

        progress(f"one version, one push: {runs + 1} times each")
        one, push = await async_by_turns(runs, applied, pushed)
        progress(f"{CROWD} versions, {CROWD} objects and tags: {crowds + 1} times each")
        many, both = await async_by_turns(crowds, crowd, parts)
    return one, [
        Row(work=_work(known), measured=one, against="bare git push of a tag", limit=push, goal=2),
        Row(
            work=f"{CROWD} ModelVersions from created to Ready",
            measured=many,
            against=f"creating {CROWD} objects, one bare push of {CROWD} tags",
            limit=both,
            goal=2,
        ),
    ]


def _work(known: int) -> str:
    return f"a ModelVersion from created to Ready, beside {known:,} others"


def _beside_gto(bench: _Bench, known: int, one: float) -> Row:
    progress(f"gto register beside {known:,} versions, once; this takes minutes")
    gto = _register_by_gto(bench)
    against = "gto register, then git push"
    return Row(work=_work(known), measured=one, against=against, limit=gto, goal=0.005)


async def _apply(bench: _Bench, versions: Versions, count: int) -> float:
    """Seconds from the first request to create until the watch has seen all of them Ready."""
    start = time.perf_counter()
    names = await _create_all(bench, versions, count)
    await versions.await_ready(names, patience=PATIENCE)
    return time.perf_counter() - start


async def _create(bench: _Bench, versions: Versions, count: int) -> float:
    start = time.perf_counter()
    await _create_all(bench, versions, count)
    return time.perf_counter() - start


async def _create_all(bench: _Bench, versions: Versions, count: int) -> set[str]:
    names = {f"v{next(bench.number)}": bench.commit() for _ in range(count)}
    await asyncio.gather(
        *(
            versions.create(
                name, model=ARTIFACT, version=f"9.{name.removeprefix('v')}.0", revision=commit
            )
            for name, commit in names.items()
        )
    )
    return set(names)


def _push(bench: _Bench, count: int) -> float:
    refs = bench.tag(count)
    start = time.perf_counter()
    bench.git("push", "-q", "origin", *refs)
    return time.perf_counter() - start


def _register_by_gto(bench: _Bench) -> float:
    """As a person does it; the tags of others are fetched beforehand, and not timed."""
    version, commit = f"v8.{next(bench.number)}.0", bench.commit()
    bench.git("fetch", "-q", "--tags", "origin")
    program = str(Path(sys.executable).with_name("gto"))
    command = [program, "register", ARTIFACT, commit, "--version", version, "--repo"]
    start = time.perf_counter()
    subprocess.run([*command, str(bench.clone)], env=ENVIRONMENT, capture_output=True, check=True)
    bench.git("push", "-q", "origin", f"refs/tags/{ARTIFACT}@{version}")
    return time.perf_counter() - start

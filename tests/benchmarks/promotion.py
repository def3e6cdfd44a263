"""From a spec that promotes to a Deployment with the new pod template, beside the push and the
write that this takes at least."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubernetes.aio import client, watch
from tests.benchmarks import history
from tests.benchmarks.cluster import MANAGER, find_cluster, namespace
from tests.benchmarks.table import Row
from tests.benchmarks.timing import async_by_turns, progress
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.manifests import registered_model, rollout, stage_assignment
from tests.operator.process import OperatorProcess
from tests.servers.git_http import GitHttpServer
from tests.servers.remote import ENVIRONMENT, Remote

from playbill.kube.client import Kube
from playbill.kube.resources import DEPLOYMENTS, STAGE_ASSIGNMENTS

ARTIFACT = "model-0"
NAME = f"{ARTIFACT}-prod"
KNOWN = 100
VERSION = "playbill.dev/version"
PATIENCE = 60.0
PORTS = [{"name": "http", "containerPort": 8080}]


def rows(directory: Path, *, quick: bool) -> list[Row]:
    """A promotion among a hundred versions; no pods run, for they are not what is measured."""
    runs, kubectl = 3 if quick else 9, find_cluster()
    remote = Remote(directory / "srv" / "models.git")
    commits = history.commits(remote, KNOWN + 2 * runs, artifact=ARTIFACT)
    history.versions(remote, commits[:KNOWN], artifact=ARTIFACT)
    history.copy(remote, directory / "srv" / "copy.git")
    with (
        GitHttpServer(directory / "srv", state=directory / "http") as server,
        namespace(kubectl) as place,
    ):
        url = server.url("models.git")
        operator = OperatorProcess(kubectl.kubeconfig, place, directory / "operator")
        try:
            operator.start()
            _declare(kubectl, place, url)
            progress(f"a promotion, a push and a write: {runs + 1} times each")
            parts = _Parts(directory, server.url("copy.git"), iter(commits[KNOWN:]))
            promoted, limit = asyncio.run(_measure(kubectl, place, parts, runs))
        finally:
            operator.stop()
    return [
        Row(
            work="a promotion, from the spec to the new pod template",
            measured=promoted,
            against="a bare git push of a tag, and a write of a Deployment",
            limit=limit,
            goal=2,
        )
    ]


def _declare(kubectl: Kubectl, place: str, url: str) -> None:
    repository = {"url": url, "branch": "main", "maxTagsPerPush": 0, "auditNotes": False}
    model = registered_model(ARTIFACT, repository=repository)
    stage = stage_assignment(
        NAME, model=ARTIFACT, version="v0.0.0", rollout=rollout(replicas=0, ports=PORTS)
    )
    for manifest in (model, stage):
        kubectl("apply", "-n", place, "-f", "-", manifest=manifest)
    path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    command = ("get", "stage", NAME, "-n", place, "-o", path)
    eventually(lambda: kubectl(*command) == "True", patience=PATIENCE)


@dataclass(slots=True)
class _Parts:
    """A clone of the copy, and commits that have no tag."""

    directory: Path
    url: str
    free: Iterator[str]
    number: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def push(self) -> float:
        """Seconds that one tag takes."""
        clone = self.directory / "clone"
        if not clone.exists():
            _git("clone", "-q", self.url, str(clone))
        name = f"bench-{next(self.number)}"
        _git("-C", str(clone), "tag", "-a", "-m", "a tag", name, next(self.free))
        start = time.perf_counter()
        _git("-C", str(clone), "push", "-q", "origin", f"refs/tags/{name}")
        return time.perf_counter() - start


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], env=ENVIRONMENT, capture_output=True, check=True)


async def _measure(kubectl: Kubectl, place: str, parts: _Parts, runs: int) -> tuple[float, float]:
    numbers = itertools.count(1)
    async with await Kube.connect(kubectl.kubeconfig) as kube, _templates(kube, place) as seen:

        async def promote() -> float:
            version = f"v0.{next(numbers)}.0"
            start = time.perf_counter()
            body = {"spec": {"version": version}}
            await kube.merge_patch(STAGE_ASSIGNMENTS, place, NAME, body, manager=MANAGER)
            await seen.wait_for(version)
            took = time.perf_counter() - start
            await asyncio.sleep(1.5)  # its status, and a tag's second of its own
            return took

        async def write_and_push() -> float:
            note = {"metadata": {"annotations": {"bench": str(next(parts.number))}}}
            start = time.perf_counter()
            await kube.merge_patch(DEPLOYMENTS, place, NAME, note, manager=MANAGER)
            took = time.perf_counter() - start
            return took + await asyncio.to_thread(parts.push)

        promoted, limit = await async_by_turns(runs, promote, write_and_push)
        return promoted, limit


@dataclass(slots=True)
class _Seen:
    """The version that the Deployment's pods are to run."""

    version: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_for(self, version: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.version != version:
                self.news.clear()
                await self.news.wait()

    async def follow(self, kube: Kube, place: str) -> None:
        async with client.ApiClient(kube.configuration) as connection:
            deployments = client.CustomObjectsApi(connection).list_namespaced_custom_object
            while True:
                watching = watch.Watch()  # type: ignore[no-untyped-call]
                stream = watching.stream(  # type: ignore[no-untyped-call]
                    deployments, "apps", "v1", place, "deployments"
                )
                async for event in stream:
                    self._note(event["object"])

    def _note(self, found: dict[str, Any]) -> None:
        template = found["spec"]["template"]["metadata"]
        self.version = template.get("annotations", {}).get(VERSION, "")
        self.news.set()


@asynccontextmanager
async def _templates(kube: Kube, place: str) -> AsyncIterator[_Seen]:
    seen = _Seen()
    follower = asyncio.create_task(seen.follow(kube, place))
    try:
        yield seen
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)

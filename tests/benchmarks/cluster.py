"""The cluster, as the benchmarks use it: namespaces that go with them, and a watch on versions."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubernetes.aio import client, watch
from tests.cluster.kubectl import Kubectl

from playbill.api.base import API_VERSION, GROUP, VERSION
from playbill.kube.client import Kube
from playbill.kube.resources import MODEL_VERSIONS

ROOT = Path(__file__).parents[2]
MANAGER = "benchmark"


def find_cluster() -> Kubectl:
    """kubectl on KUBECONFIG, else on the local cluster, with our kinds installed."""
    kubeconfig = Path(os.environ.get("KUBECONFIG") or ROOT / ".local/kubeconfig")
    ours = ROOT / ".local/bin/kubectl"
    program = str(ours) if ours.exists() else shutil.which("kubectl")
    if program is None or not kubeconfig.exists():
        raise SystemExit("no cluster to measure against: run `make cluster`")
    kubectl = Kubectl(program, kubeconfig)
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(ROOT / "deploy/cluster"))
    kubectl(
        "wait", "--for=condition=Established", "crd", "-l", "app.kubernetes.io/part-of=playbill"
    )
    return kubectl


@contextmanager
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace that goes afterwards."""
    name = f"bench-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


@dataclass(slots=True)
class Versions:
    """ModelVersions of one namespace: created through the API, and awaited by a watch."""

    kube: Kube
    namespace: str
    ready: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def create(self, name: str, **spec: Any) -> None:
        """Create one."""
        body = {
            "apiVersion": API_VERSION,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": spec,
        }
        await self.kube.create(MODEL_VERSIONS, body, manager=MANAGER)

    async def write_status(self, name: str, status: dict[str, Any]) -> None:
        """Write a whole status, as the operator does."""
        body = {
            "apiVersion": API_VERSION,
            "metadata": {"name": name, "namespace": self.namespace},
            "status": status,
        }
        await self.kube.apply(MODEL_VERSIONS, body, manager=MANAGER, subresource="status")

    async def await_ready(self, names: set[str], *, patience: float) -> None:
        """Wait until all of these are Ready."""
        async with asyncio.timeout(patience):
            while not names <= self.ready:
                self.news.clear()
                await self.news.wait()

    async def follow(self) -> None:
        """Note which are Ready, until cancelled."""
        async with client.ApiClient(self.kube.configuration) as connection:
            versions = client.CustomObjectsApi(connection).list_namespaced_custom_object
            while True:
                watching = watch.Watch()  # type: ignore[no-untyped-call]
                place = (GROUP, VERSION, self.namespace, MODEL_VERSIONS.plural)
                stream = watching.stream(versions, *place)  # type: ignore[no-untyped-call]
                async for event in stream:
                    self._note(event["object"])

    def _note(self, found: dict[str, Any]) -> None:
        conditions = found.get("status", {}).get("conditions", [])
        if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
            self.ready.add(found["metadata"]["name"])
            self.news.set()


@asynccontextmanager
async def versions(kubectl: Kubectl, namespace: str) -> AsyncIterator[Versions]:
    """The ModelVersions of a namespace, with the watch at work."""
    async with await Kube.connect(kubectl.kubeconfig) as kube:
        found = Versions(kube, namespace)
        follower = asyncio.create_task(found.follow())
        try:
            yield found
        finally:
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)

"""An operator that is newer than the cluster's kinds goes on without those that it lacks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.cluster.kubectl import Kubectl
from tests.operator.fixtures import new_world
from tests.operator.process import OperatorProcess
from tests.servers.api_gate import ApiGate, Asked

from playbill.api.crd import RESOURCES
from playbill.api.promotion_policy import PromotionPolicy

PLURAL = PromotionPolicy.INFO.plural


class OlderServer(ApiGate):
    """The API server as one that has never heard of PromotionPolicies."""

    unknown = 0
    """How often it was asked about them."""

    async def _pass_on(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path = asked.line.split(" ")[1].partition("?")[0]
        if f"/{PLURAL}" in path:
            self.unknown += 1
            await answer(writer, "404 Not Found", "text/plain", b"404 page not found\n")
        elif path == "/apis/playbill.dev/v1alpha1":
            body = json.dumps(discovery()).encode()
            await answer(writer, "200 OK", "application/json", body)
        else:
            await super()._pass_on(asked, reader, writer)


async def answer(writer: asyncio.StreamWriter, status: str, kind: str, body: bytes) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
    await writer.drain()


def discovery() -> dict[str, object]:
    known = [
        {
            "name": info.plural,
            "singularName": info.singular,
            "namespaced": True,
            "kind": info.kind,
            "verbs": ["get", "list", "watch", "patch", "create", "delete"],
        }
        for info in (kind.INFO for kind in RESOURCES)
        if info.plural != PLURAL
    ]
    group = {"groupVersion": "playbill.dev/v1alpha1", "resources": known}
    return {"kind": "APIResourceList", "apiVersion": "v1", **group}


def test_without_the_kind_there_are_no_policies_and_all_else_works(
    cluster: Kubectl, tmp_path: Path
) -> None:
    with new_world(cluster, tmp_path) as world, OlderServer(cluster.kubeconfig, tmp_path) as door:
        directory = tmp_path / "newer"
        directory.mkdir()
        operator = OperatorProcess(
            door.kubeconfig, world.namespace, directory, options=("--resync-seconds", "2")
        )
        world.operator = operator.start()
        try:
            world.model()
            world.version("digits-v1", version="v1.0.0", revision="main")
            world.stage(version="v1.0.0")
            world.await_ready("stage", "digits-prod")
            world.delete("stage", "digits-prod")
        finally:
            operator.stop()
        assert door.unknown > 0
        assert "Traceback" not in operator.log.read_text()
        assert world.tags() == ["digits#prod!#2", "digits#prod#1", "digits@v1.0.0"]

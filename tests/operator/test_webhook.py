"""A git server that tells of a push, and can prove itself, has the repository looked at at once."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.manifests import manifest
from tests.operator.fixtures import new_world
from tests.operator.world import World
from tests.servers.program import free_port

TOKEN = "a-token-that-only-the-two-know"
BODY = json.dumps({"ref": "refs/tags/digits@v1.0.0", "after": "1" * 40}).encode()


@pytest.fixture
def listening(cluster: Kubectl, tmp_path: Path) -> Iterator[tuple[World, int]]:
    """An operator that would look by itself in an hour, and the port of its hooks."""
    with new_world(cluster, tmp_path) as world:
        port = free_port()
        world.operator.options = ("--hooks-address", f"127.0.0.1:{port}")
        world.operator.start()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hook"},
                  "stringData": {"token": TOKEN}}  # fmt: skip
        world.apply(secret)
        spec = {"url": world.url, "interval": "1h", "adopt": {"stages": False},
                "webhook": {"secretRef": {"name": "hook"}}}  # fmt: skip
        world.apply(manifest("ModelRepository", "home", spec))
        world.await_ready("mrepo", "home")
        yield world, port


def post(port: int, path: str, headers: Mapping[str, str], body: bytes = BODY) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", path, body, dict(headers))
    return connection.getresponse().status


def signature(body: bytes = BODY) -> str:
    return hmac.new(TOKEN.encode(), body, hashlib.sha256).hexdigest()


GENUINE = {
    "github": {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={signature()}"},
    "gitea": {"X-Gitea-Event": "create", "X-Gitea-Signature": signature()},
    "gitlab": {"X-Gitlab-Event": "Tag Push Hook", "X-Gitlab-Token": TOKEN},
}


def test_each_kind_of_server_is_believed_by_its_proof_and_nobody_else(
    listening: tuple[World, int],
) -> None:
    world, port = listening
    path = world.status("mrepo", "home")["webhookPath"]
    assert TOKEN not in json.dumps(world.get("mrepo", "home"))
    clone = world.clone()
    for number, headers in enumerate(GENUINE.values()):
        version = f"v{number + 1}.0.0"
        commit = f"HEAD~{number}"
        world.gto("register", "digits", commit, "--version", version, "--push", clone=clone)
        assert post(port, path, headers) == 202
        eventually(partial(appears, world, version))

    world.gto("register", "late", "HEAD", "--version", "v9.0.0", "--push", clone=clone)
    before = looks(world)
    forged = {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={'0' * 64}"}
    assert post(port, path, forged) == 401
    assert post(port, path, {"X-GitHub-Event": "push"}) == 401
    assert post(port, path, {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "wrong"}) == 401
    assert post(port, path, GENUINE["github"], BODY + b" ") == 401
    assert post(port, "/hooks/" + "0" * 64, GENUINE["github"]) == 404
    assert post(port, path, GENUINE["github"] | {"X-GitHub-Event": "ping"}) == 200
    time.sleep(1)
    assert looks(world) == before
    assert post(port, path, GENUINE["github"]) == 202
    eventually(partial(appears, world, "v9.0.0"))
    assert TOKEN not in world.operator.log.read_text()


def test_no_port_is_open_unless_asked_for_and_a_secret_that_is_missing_is_waited_for(
    world: World,
) -> None:
    spec = {"url": world.url, "webhook": {"secretRef": {"name": "none"}}}
    world.apply(manifest("ModelRepository", "home", spec))
    said = world.await_reason("mrepo", "home", "SecretNotFound")["message"]
    assert "a key token" in said
    assert ports(world.operator.pid) == {world.operator.port}


def ports(pid: int) -> set[int]:
    """The ports at which a process listens."""
    own = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and f"socket:[{cells[9]}]" in own:
                found.add(int(cells[1].rpartition(":")[2], 16))
    return found


def looks(world: World) -> float:
    """How often the repository was listed."""
    found = world.operator.metric("playbill_git_operation_duration_seconds_count", operation="list")
    assert found
    return found


def appears(world: World, version: str) -> bool:
    return version in shown(world)


def shown(world: World) -> set[str]:
    return {version["spec"]["version"] for version in world.items("mver")}

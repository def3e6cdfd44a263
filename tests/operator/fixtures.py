"""A running operator with a repository and a namespace of its own, for each test that asks."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cluster.kubectl import Kubectl
from tests.operator.process import OperatorProcess
from tests.operator.world import World
from tests.servers.git_http import GitHttpServer
from tests.servers.remote import Remote


@contextmanager
def new_world(cluster: Kubectl, directory: Path) -> Iterator[World]:
    """Everything but a running operator; three commits are on main. Git is served over http, as
    people have it; what a file is read by is git itself, and has its tests in tests/git."""
    name = f"story-{secrets.token_hex(4)}"
    cluster("create", "namespace", name)
    remote = Remote(directory / "srv" / "models.git")
    for accuracy in ("0.91", "0.94", "0.96"):
        remote.commit(project(accuracy))
    operator = OperatorProcess(cluster.kubeconfig, name, directory / "operator")
    with GitHttpServer(directory / "srv", state=directory / "http") as server:
        url = server.url(remote.path.name)
        world = World(cluster, name, remote, operator, directory, url)
        try:
            yield world
        finally:
            operator.stop()
            release(world)


@pytest.fixture
def idle_world(cluster: Kubectl, tmp_path: Path) -> Iterator[World]:
    """A world whose operator the test starts itself."""
    with new_world(cluster, tmp_path) as world:
        yield world


@pytest.fixture(scope="module")
def shared_world(
    cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[World]:
    """One running operator for all tests of a file, each with models of its own."""
    directory = tmp_path_factory.mktemp(request.module.__name__.rpartition(".")[2])
    with new_world(cluster, directory) as world:
        world.operator.start()
        yield world


@pytest.fixture
def world(idle_world: World) -> World:
    """The same with the operator at work."""
    idle_world.operator.start()
    return idle_world


def project(accuracy: str) -> dict[str, str]:
    """A commit's files: a DVC project with one model, metrics and parameters."""
    return {
        "dvc.yaml": "params:\n- params.yaml\nmetrics:\n- metrics.json\n"
        "artifacts:\n  digits:\n    path: model.bin\n    type: model\n    desc: Reads digits\n",
        "params.yaml": "C: 0.5\n",
        "metrics.json": f'{{"accuracy": {accuracy}}}\n',
        "model.bin": f"weights of {accuracy}\n",
    }


def release(world: World) -> None:
    """The namespace goes; without an operator nobody else takes our finalizer off."""
    kubectl, namespace = world.kubectl, world.namespace
    stages = kubectl("get", "stage", "-n", namespace, "-o", "name").split()
    for stage in stages:
        kubectl.answer(
            "patch", "-n", namespace, stage, "--type=merge",
            "-p", '{"metadata":{"finalizers":null}}',
        )  # fmt: skip
    kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")

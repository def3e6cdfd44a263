"""Two clusters on one repository agree by leaving alone what the other one wrote."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.manifests import manifest, stage_assignment
from tests.operator.fixtures import new_world, release
from tests.operator.process import OperatorProcess
from tests.operator.world import World

ADOPTED = "playbill.dev/adopted"


@pytest.fixture
def worlds(cluster: Kubectl, tmp_path: Path) -> Iterator[tuple[World, World]]:
    """One repository, and two operators of different cluster names in a namespace each."""
    with new_world(cluster, tmp_path / "east") as east:
        name = f"west-{secrets.token_hex(4)}"
        cluster("create", "namespace", name)
        operator = OperatorProcess(
            cluster.kubeconfig, name, tmp_path / "west", options=("--cluster-name", "west")
        )
        west = World(cluster, name, east.remote, operator, tmp_path / "west", east.url)
        try:
            east.operator.start()
            operator.start()
            yield east, west
        finally:
            operator.stop()
            release(west)


def adopt_all(world: World) -> None:
    spec = {"url": world.url, "interval": "5s", "discover": {}, "adopt": {}}
    world.apply(manifest("ModelRepository", "home", spec))


def shown(world: World, kind: str) -> dict[str, str]:
    """Version or stage of each adopted object, and what its status says of it."""
    found = world.items(kind, selector=ADOPTED)
    return {
        o["spec"].get("version") or o["spec"]["stage"]: (
            o.get("status", {}).get("current", {}).get("version")
            or o.get("status", {}).get("version", "")
        )
        for o in found
    }


def test_one_cluster_shows_what_the_other_decides_and_neither_fights(
    worlds: tuple[World, World],
) -> None:
    east, west = worlds
    east.model()
    east.version("v1", version="v1.0.0", revision="main~1")
    east.version("v2", version="v2.0.0", revision="main")
    east.stage(version="v1.0.0")
    east.await_ready("stage", "digits-prod")
    adopt_all(west)
    eventually(lambda: shown(west, "stage") == {"prod": "v1.0.0"})
    eventually(lambda: shown(west, "mver") == {"v1.0.0": "v1.0.0", "v2.0.0": "v2.0.0"})

    west.stage("mine", model="digits", version="v2.0.0")
    west.await_ready("stage", "mine")
    said = east.await_reason("stage", "digits-prod", "Contested")["message"]
    assert "from another cluster" in said
    before = east.tags()
    assert [t for t in before if "#" in t] == ["digits#prod#1", "digits#prod#2"]

    for world in (east, west):
        world.operator.kill()
        world.operator.start()
    east.await_reason("stage", "digits-prod", "Contested")
    west.await_ready("stage", "mine")
    assert east.tags() == before


def test_an_empty_cluster_shows_all_that_an_old_repository_holds(
    worlds: tuple[World, World],
) -> None:
    east, west = worlds
    east.model()
    east.version("rc", version="v1.0.0-rc.1", revision="main~2")
    east.version("next", bump="Minor", revision="main~1")
    east.stage(version="v1.0.0-rc.1")
    east.await_ready("mver", "next")
    east.await_ready("stage", "digits-prod")
    clone = east.clone()
    east.gto("register", "speech", "HEAD", "--version", "v3.1.4", "--push", clone=clone)
    before = east.tags()

    adopt_all(west)
    eventually(lambda: set(shown(west, "mver")) == {"v1.0.0-rc.1", "v1.1.0", "v3.1.4"})
    eventually(lambda: shown(west, "stage") == {"prod": "v1.0.0-rc.1"})
    names = west.kubectl("get", "rmodel", "-n", west.namespace, "-o", "name").split()
    assert {n.rpartition("/")[2] for n in names} == {"digits", "speech"}
    assert east.tags() == before


def test_a_cluster_restored_under_its_name_gives_no_number_twice(
    worlds: tuple[World, World],
) -> None:
    east, _ = worlds
    model = manifest("RegisteredModel", "digits", {"repositoryRef": {"name": "home"}})
    versions = [
        manifest("ModelVersion", f"n{i}", {"model": "digits", "revision": f"main~{i}"})
        for i in range(3)
    ]
    adopt_all(east)
    east.apply(model, *versions)
    numbers = {f"n{i}": east.await_ready("mver", f"n{i}")["version"] for i in range(3)}
    stage = stage_assignment(version=numbers["n0"])
    east.apply(stage)
    east.await_ready("stage", "digits-prod")
    before = east.tags()
    assert sorted(numbers.values()) == ["v0.0.1", "v0.0.2", "v0.0.3"]

    east.operator.kill()
    cluster = east.kubectl
    release(east)
    eventually(lambda: cluster.answer("create", "namespace", east.namespace).code == 0)
    # The same namespace, objects and cluster name, but other uids and no statuses.
    east.operator.start()
    adopt_all(east)
    east.apply(stage, *versions, model)
    for name, number in numbers.items():
        assert east.await_ready("mver", name)["version"] == number
    east.await_ready("stage", "digits-prod")
    assert east.tags() == before

"""The API server is away during a rollout, or a leader sleeps through another's work: same end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.e2e.serving import V1, V2, Served
from tests.operator.fixtures import new_world
from tests.operator.process import OperatorProcess
from tests.operator.test_restart import next_look
from tests.operator.world import World
from tests.servers.api_gate import ApiGate

AWAY = 60.0
NEVER = {"image": "localhost/nobody-has-this:1", "imagePullPolicy": "Never"}
LATE = {"httpGet": {"path": "/", "port": 8080}, "initialDelaySeconds": 8, "periodSeconds": 1}
V3 = "v3.0.0"


def serving(world: World, image: str) -> Served:
    """v1.0.0 is on stage, v2.0.0 and v3.0.0 are there."""
    found = Served(world, "digits", image)
    found.register()
    found.assign()
    found.ready()
    world.version("digits-v3", model="digits", version=V3, revision="main")
    for name in ("v2", "v3"):
        world.await_ready("mver", f"digits-{name}")
    return found


@pytest.fixture
def behind(idle_world: World, image: str) -> Iterator[tuple[ApiGate, Served]]:
    world = idle_world
    with ApiGate(world.kubectl.kubeconfig, world.directory) as door:
        world.operator.kubeconfig = door.kubeconfig
        world.operator.start()
        yield door, serving(world, image)
        world.operator.stop()


def away(door: ApiGate, seconds: float = AWAY) -> None:
    door.shut()
    time.sleep(seconds)
    door.open()


def test_a_promotion_goes_on_when_the_api_server_is_back(behind: tuple[ApiGate, Served]) -> None:
    door, served = behind
    served.change(version=V2, rollout={"template": served.template(readinessProbe=LATE)})
    eventually(lambda: served.container()["args"] == [V2])
    away(door)
    served.world.await_ready("stage", served.name)
    served.answers(V2)
    assert served.world.tags()[:2] == ["digits#prod#1", "digits#prod#2"]


def test_a_rollback_goes_on_when_the_api_server_is_back(behind: tuple[ApiGate, Served]) -> None:
    door, served = behind
    world = served.world
    served.change(version=V2, rollout={"template": served.template(**NEVER)})
    eventually(lambda: "digits#prod#2" in world.tags())
    eventually(lambda: served.container()["image"] == NEVER["image"])
    away(door)
    world.await_reason("stage", served.name, "RolledBack")
    served.answers(V1)
    assert [tag for tag in world.tags() if "#" in tag] == [f"digits#prod#{n}" for n in (1, 2, 3)]


@pytest.fixture
def leaders(
    cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory, image: str
) -> Iterator[tuple[Served, OperatorProcess]]:
    """Two operators of which one leads: the first, to begin with."""
    directory = tmp_path_factory.mktemp("leaders")
    with new_world(cluster, directory) as world:
        options = ("--leader-election", "--lease-namespace", world.namespace)
        world.operator.options = options
        second = OperatorProcess(
            cluster.kubeconfig, world.namespace, directory / "second", options=options
        )
        world.operator.start()
        try:
            yield serving(world, image), second
        finally:
            second.stop()


@pytest.mark.parametrize("bad", [False, True], ids=["promoting", "rolling back"])
def test_a_leader_that_slept_changes_nothing_when_it_wakes(
    leaders: tuple[Served, OperatorProcess], bad: bool
) -> None:
    served, second = leaders
    world, first = served.world, served.world.operator
    container = NEVER if bad else {"readinessProbe": LATE}
    served.change(version=V2, rollout={"template": served.template(**container)})
    eventually(lambda: "digits#prod#2" in world.tags())
    os.kill(first.pid, signal.SIGSTOP)
    try:
        served.change(version=V3, rollout=served.rollout())
        second.start()
        world.await_ready("stage", served.name)
        served.answers(V3)
        eventually(lambda: len(served.pods()) == 1)
        before, tags = served.settled(), world.remote.tags()
    finally:
        os.kill(first.pid, signal.SIGCONT)
    eventually(lambda: not first.alive)
    world.operator = second
    next_look(world)
    assert (served.written(), world.remote.tags()) == (before, tags)
    assert served.answer() == V3
    world.operator = first

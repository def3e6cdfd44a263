"""`kill -9` of the operator at each step of a rollback: the end is always the same one.

A rollout fails -> status.rolledBack -> the old pods -> a reservation -> the tag -> the status.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.e2e.serving import V1, V2, Served
from tests.operator.fixtures import new_world
from tests.operator.test_restart import bare, next_look
from tests.operator.world import World
from tests.servers.api_gate import ApiGate

SETTINGS = "settings"
WIPE = '[{"op": "remove", "path": "/status"}]'


@pytest.fixture(scope="module")
def gate(
    cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ApiGate, World]]:
    """An operator that reaches the API server through a door."""
    directory = tmp_path_factory.mktemp("rollback")
    with new_world(cluster, directory) as world, ApiGate(cluster.kubeconfig, directory) as door:
        world.operator.kubeconfig = door.kubeconfig
        world.apply(settings(V1))
        yield door, world


@pytest.fixture
def door(gate: tuple[ApiGate, World]) -> ApiGate:
    return gate[0]


@pytest.fixture
def served(gate: tuple[ApiGate, World], image: str) -> Iterator[Served]:
    """A stage that serves v1.0.0, under an operator of its own file."""
    _, world = gate
    if not world.operator.alive:
        world.operator.start()
    found = Served(world, f"model-{secrets.token_hex(3)}", image)
    found.register()
    found.assign(template=template(found), progressDeadlineSeconds=5)
    found.ready()
    found.answers(V1)  # proxies hear of endpoints in their own time
    world.await_ready("mver", f"{found.model}-v2")
    yield found
    for hook in ("pre-receive", "post-receive"):
        world.remote.hook(hook, "exit 0")


def settings(*versions: str) -> dict[str, Any]:
    """What each version needs to start: the one that has none fails."""
    data = dict.fromkeys(versions, "yes")
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": SETTINGS}, "data": data}


def template(served: Served) -> dict[str, Any]:
    needs = {"configMapKeyRef": {"name": SETTINGS, "key": "${version}"}}
    return served.template(env=[{"name": "GO", "valueFrom": needs}])


def status_write(served: Served) -> str:
    return f"/stageassignments/{served.name}/status"


def tags(served: Served) -> list[str]:
    return [tag for tag in served.world.tags() if tag.startswith(f"{served.model}#")]


def rolled_back(served: Served) -> None:
    """Taken back, told once, served again, and left so."""
    world = served.world
    world.await_reason("stage", served.name, "RolledBack")
    served.answers(V1)
    eventually(lambda: served.outcomes()[:2] == [(V1, "Available"), (V2, "RolledBack")])
    assert tags(served) == [f"{served.model}#prod#{n}" for n in (1, 2, 3)]
    assert f"rollback from {V2} (" in world.message(f"{served.model}#prod#3")
    eventually(lambda: len(served.pods()) == 1)
    generation = served.deployment()["metadata"]["generation"]
    status = world.status("stage", served.name)
    next_look(world)
    assert world.condition("stage", served.name)["reason"] == "RolledBack"
    assert served.deployment()["metadata"]["generation"] == generation
    assert len(tags(served)) == 3
    assert status["current"]["version"] == status["workload"]["version"] == V1
    back = status["rolledBack"]
    assert (back["version"], back["to"], back["tag"]) == (V2, V1, f"{served.model}#prod#2")
    assert "fails as well" not in world.operator.log.read_text()


STEPS = {
    "the status": ("status", '"rolledBack"'),
    "the old pods": ("deployment", f'"playbill.dev/version": "{V1}"'),
    "the reservation": ("status", "#prod#3"),
    "the end": ("status", '"reason": "RolledBack"'),
}


def hold(door: ApiGate, served: Served, step: str, *, landed: bool) -> Any:
    what, words = STEPS[step]
    line = status_write(served) if what == "status" else f"/deployments/{served.name}"
    return door.hold(line, words, landed=landed)


@pytest.mark.parametrize("landed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_write(door: ApiGate, served: Served, step: str, landed: bool) -> None:
    held = hold(door, served, step, landed=landed)
    served.change(version=V2)
    held.arrives()
    served.world.operator.kill()
    held.let_go()
    assert served.answer() == V1
    served.world.operator.start()
    rolled_back(served)


@pytest.mark.parametrize("hook", ["pre-receive", "post-receive"])
def test_killed_while_the_tag_is_pushed(served: Served, hook: str) -> None:
    world, reached = served.world, served.world.directory / f"reached-{hook}"
    served.change(version=V2)
    eventually(lambda: len(tags(served)) == 2)
    world.remote.hook(hook, f"touch {reached}; sleep 60")
    eventually(reached.exists)
    world.operator.kill()
    assert served.answer() == V1
    world.remote.hook(hook, "exit 0")
    world.operator.start()
    rolled_back(served)


@pytest.mark.parametrize("step", ["the old pods", "the reservation"])
def test_killed_and_the_status_lost_before_the_ledger_knew(
    door: ApiGate, served: Served, step: str
) -> None:
    """Then it is tried once more, fails once more, and ends as ever."""
    held = hold(door, served, step, landed=False)
    served.change(version=V2)
    held.arrives()
    served.world.operator.kill()
    wipe(served)
    served.world.operator.start()
    rolled_back(served)


def wipe(served: Served) -> None:
    namespace = served.world.namespace
    options = ("--subresource=status", "--type=json", "-p", WIPE)
    served.world.kubectl("patch", "-n", namespace, "stage", served.name, *options)


@pytest.fixture
def over(served: Served) -> Served:
    """v2.0.0 was tried and taken back."""
    served.change(version=V2)
    rolled_back(served)
    return served


def test_with_the_status_lost_it_is_told_by_the_ledger(over: Served) -> None:
    over.world.operator.kill()
    wipe(over)
    over.world.operator.start()
    rolled_back(over)


def test_a_status_that_is_lost_while_the_operator_works_comes_back(over: Served) -> None:
    wipe(over)
    rolled_back(over)


def test_a_restored_cluster_serves_what_the_ledger_says_and_does_not_try_again(
    over: Served,
) -> None:
    world, kubectl = over.world, over.world.kubectl
    names = [("rmodel", over.model), ("stage", over.name)]
    names += [("mver", f"{over.model}-{v}") for v in ("v1", "v2")]
    before = [world.get(kind, name) for kind, name in names]
    world.operator.kill()
    free = '{"metadata": {"finalizers": null}}'
    kubectl("patch", "-n", world.namespace, "stage", over.name, "--type=merge", "-p", free)
    for kind, name in names:
        world.delete(kind, name)
    over.gone()
    selector = ("-l", f"playbill.dev/assignment={over.name}", "-o", "name")
    revisions = ("get", "controllerrevisions", "-n", world.namespace, *selector)
    eventually(lambda: kubectl(*revisions) == "")
    world.apply(*map(bare, before))
    world.operator.start()
    rolled_back(over)

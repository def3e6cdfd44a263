"""What a rollout, its end and a rollback cost the API server and the git server, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from tests.cluster.kubectl import Kubectl, at_rest
from tests.e2e.serving import V1, V2, Served
from tests.operator.fixtures import new_world
from tests.operator.test_costs import GIT, QUIET_SECONDS, REQUESTS, WRITES
from tests.operator.test_restart import next_look
from tests.operator.world import World

NEVER = {"image": "localhost/nobody-has-this:1", "imagePullPolicy": "Never"}
LOOKING = "list"
WATCHING = {"watch", "events.events.k8s.io", "leases.coordination.k8s.io"}


@pytest.fixture(scope="module")
def shared_world(cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with new_world(cluster, tmp_path_factory.mktemp("costs")) as world:
        world.operator.start()
        yield world


def spent(world: World) -> Counter[str]:
    """Requests by verb and resource, and processes of git by what they did; looking is neither."""
    found: Counter[str] = Counter()
    for name, labels, value in world.operator.samples():
        if name == GIT and labels["operation"] != LOOKING:
            found[f"git {labels['operation']}"] += int(value)
        elif name == REQUESTS and not WATCHING & set(labels.values()):
            found[f"{labels['verb']} {labels['resource'].replace('.playbill.dev', '')}"] += int(
                value
            )
    return found


def all_spent(world: World) -> Counter[str]:
    return at_rest(lambda: spent(world), seconds=QUIET_SECONDS)


def cost(world: World, action: Callable[[], object]) -> dict[str, int]:
    before = all_spent(world)
    action()
    return dict(all_spent(world) - before)


def workload(used: dict[str, int]) -> dict[str, int]:
    """What was written of the workload and all that belongs to it."""
    ours = {"stageassignments", "modelversions", "registeredmodels"}
    return {
        what: n
        for what, n in used.items()
        if what.split()[0] in WRITES and what.split()[1].partition("/")[0] not in ours
    }


def statuses(used: dict[str, int]) -> int:
    """How often the assignment's status was written, reservations among them."""
    return sum(used.get(f"{verb} stageassignments/status", 0) for verb in ("apply", "patch"))


def rollbacks(world: World) -> float:
    return world.operator.metric("playbill_rollbacks_total", reason="ImageUnavailable")


def test_the_costs_of_a_rollout_and_of_a_rollback(served: Served) -> None:
    """A status is written when it is recorded, when pods come and go, and at the end."""
    world = served.world
    served.register(interval="1h")

    def assign() -> None:
        served.assign()
        served.ready()

    first = cost(world, assign)
    assert workload(first) == {
        "apply deployments.apps": 1,
        "apply services": 1,
        "apply controllerrevisions.apps": 1,
    }
    assert first["git push"] == 1

    world.await_ready("mver", f"{served.model}-v2")

    def promote() -> None:
        served.change(version=V2)
        served.ready(V2)

    promotion = cost(world, promote)
    assert workload(promotion) == {
        "apply deployments.apps": 1,
        "apply services": 2,  # it remembers its clients, and forgets them
        "apply controllerrevisions.apps": 1,
    }
    assert promotion["git push"] == 1
    assert statuses(promotion) <= 7
    assert promotion["list controllerrevisions.apps"] == 1
    assert "get controllerrevisions.apps" not in promotion

    def fail() -> None:
        served.change(version=V1, rollout={"template": served.template(**NEVER)})
        world.await_reason("stage", served.name, "RolledBack")

    failing = cost(world, fail)
    assert rollbacks(world) == 1
    assert workload(failing) == {
        "apply deployments.apps": 2,  # there and back
        "apply services": 2,
    }
    assert failing["git push"] == 2
    assert failing["git push-notes"] <= 3
    assert statuses(failing) <= 9
    assert failing["list controllerrevisions.apps"] == 1
    assert failing["get controllerrevisions.apps"] == 1


def test_looking_again_at_what_was_rolled_back_writes_nothing(served: Served) -> None:
    world = served.world
    served.register()
    served.assign()
    served.ready()
    world.await_ready("mver", f"{served.model}-v2")
    served.change(version=V2, rollout={"template": served.template(**NEVER)})
    world.await_reason("stage", served.name, "RolledBack")
    all_spent(world)
    before, tags = served.written(), world.remote.tags()
    world.operator.kill()
    world.operator.start()
    next_look(world)
    asked = all_spent(world)
    assert not [what for what in asked if what.split()[0] in WRITES]
    assert not [what for what in asked if what.startswith("git push")]
    assert (served.written(), world.remote.tags()) == (before, tags)
    assert rollbacks(world) == 0  # since this process began

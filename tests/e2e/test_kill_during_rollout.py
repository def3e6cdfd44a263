"""`kill -9` of the operator in the middle of a promotion: the next one ends it, once."""

from collections.abc import Iterator

import pytest
from tests.cluster.kubectl import eventually
from tests.e2e.serving import V1, V2, Served
from tests.operator.world import World


@pytest.fixture
def served(idle_world: World, image: str) -> Iterator[Served]:
    """A stage that serves v1.0.0 under an operator of the test's own."""
    found = Served(idle_world, "digits", image)
    idle_world.operator.start()
    found.register()
    found.assign()
    found.ready()
    found.answers(V1)  # proxies hear of endpoints in their own time
    idle_world.await_ready("mver", "digits-v2")
    yield found
    idle_world.remote.hook("pre-receive", "exit 0")
    idle_world.remote.hook("post-receive", "exit 0")


PROMOTED_ONCE = ["digits#prod#1", "digits#prod#2", "digits@v1.0.0", "digits@v2.0.0"]


@pytest.mark.parametrize("hook", ["pre-receive", "post-receive"])
def test_killed_while_the_tag_is_pushed(served: Served, hook: str) -> None:
    world, reached = served.world, served.world.directory / "reached"
    world.remote.hook(hook, f"touch {reached}; sleep 60")
    served.change(version=V2)
    eventually(reached.exists)
    world.operator.kill()
    assert served.container()["args"] == [V1]  # nothing is rolled out that is not on record
    assert served.answer() == V1

    world.remote.hook(hook, "exit 0")
    world.operator.start()
    served.ready(V2)
    served.answers(V2)
    assert world.tags() == PROMOTED_ONCE


def test_killed_while_the_pods_start(served: Served) -> None:
    world = served.world
    slow = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "initialDelaySeconds": 4}
    served.change(version=V2, rollout={"template": served.template(readinessProbe=slow)})
    eventually(lambda: served.container()["args"] == [V2])
    world.operator.kill()
    assert served.answer() == V1  # it serves until a new pod is ready

    generation = served.deployment()["metadata"]["generation"]
    world.operator.start()
    status = served.ready(V2)
    served.answers(V2)
    assert status["workload"] | {"version": V2, "pods": "1/1"} == status["workload"]
    assert served.deployment()["metadata"]["generation"] == generation
    assert world.tags() == PROMOTED_ONCE


def test_what_changed_while_nobody_looked_is_caught_up_with(served: Served) -> None:
    world = served.world
    world.operator.kill()
    world.delete("service", served.name)
    world.kubectl("scale", "-n", world.namespace, "deployment", served.name, "--replicas=2")
    served.change(version=V2)
    world.operator.start()
    served.ready(V2)
    served.answers(V2)
    eventually(lambda: len(served.pods()) == 1)
    assert world.tags() == PROMOTED_ONCE

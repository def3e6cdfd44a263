"""A version whose pods may still run is not deregistered: it waits, and says for whom."""

from tests.cluster.kubectl import eventually
from tests.e2e.serving import V1, V2, Served
from tests.operator.person import Person
from tests.operator.test_restart import next_look


def deregister(served: Served, name: str, version: str, revision: str) -> None:
    served.world.version(
        f"{served.model}-{name}",
        model=served.model,
        version=version,
        revision=revision,
        deregistered=True,
    )


def says_in_use(served: Served, name: str) -> None:
    needed = f"the workload of StageAssignment {served.name} needs it"
    served.world.await_said("mver", f"{served.model}-{name}", "InUse", needed)


def withdrawn(served: Served, version: str) -> bool:
    return f"{served.model}@{version}!" in served.world.tags()


def test_it_waits_until_the_rollout_of_the_next_one_is_over(served: Served) -> None:
    world = served.world
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": served.name}}
    world.apply(settings)
    served.register()
    served.assign()
    served.ready()
    world.await_ready("mver", f"{served.model}-v2")
    key = {"configMapKeyRef": {"name": served.name, "key": "go"}}
    held = served.template(env=[{"name": "GO", "valueFrom": key}])
    served.change(version=V2, rollout={"template": held})
    eventually(lambda: served.container()["args"] == [V2])
    deregister(served, "v1", V1, "main~2")
    says_in_use(served, "v1")
    next_look(world)
    assert not withdrawn(served, V1)

    world.apply({**settings, "data": {"go": "yes"}})
    served.ready(V2)
    eventually(lambda: withdrawn(served, V1))
    world.await_ready("mver", f"{served.model}-v1")


def test_it_waits_for_a_workload_that_was_left_running_when_its_tag_vanished(
    served: Served,
) -> None:
    world = served.world
    served.register()
    served.assign(version=None)
    world.await_ready("mver", f"{served.model}-v1")
    Person.of(world).gto("assign", served.model, "--version", V1, "--stage", "prod")
    served.answers(V1)
    served.ready()
    world.remote.git("tag", "-d", f"{served.model}#prod#1")
    eventually(lambda: "current" not in world.status("stage", served.name))
    deregister(served, "v1", V1, "main~2")
    says_in_use(served, "v1")

    world.delete("stage", served.name)
    eventually(lambda: withdrawn(served, V1))

"""What comes after a failure: who holds waits, who follows goes on, the ledger decides, and all of
it is told in git."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cluster.kubectl import eventually
from tests.e2e.serving import V1, V2, Served
from tests.operator.person import Person
from tests.operator.test_restart import next_look

V3 = "v3.0.0"
PATIENCE = 90.0


def settings(name: str, *versions: str) -> dict[str, Any]:
    """What each version needs to start: the one that has none fails."""
    data = dict.fromkeys(versions, "yes")
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.fixture
def prepared(served: Served) -> Served:
    """v2.0.0 has no settings, and comes to nothing."""
    served.world.apply(settings(served.name, V1, V3))
    served.register()
    return served


def rollout(served: Served, **more: Any) -> dict[str, Any]:
    needs = {"configMapKeyRef": {"name": served.name, "key": "${version}"}}
    template = served.template(env=[{"name": "GO", "valueFrom": needs}])
    return {"template": template, "progressDeadlineSeconds": 5, **more}


def register_third(served: Served) -> None:
    world, name = served.world, f"{served.model}-v3"
    world.version(name, model=served.model, version=V3, revision="main")
    world.await_ready("mver", name)


def rolled_back(served: Served) -> None:
    served.world.await_reason("stage", served.name, "RolledBack", patience=PATIENCE)
    served.answers(V1)


def tags(served: Served) -> list[str]:
    return [tag for tag in served.world.tags() if tag.startswith(f"{served.model}#")]


def test_who_holds_waits_and_goes_on_by_itself_when_it_can(prepared: Served) -> None:
    served, world = prepared, prepared.world
    served.assign(**rollout(served, onFailure="Hold"))
    served.ready()
    world.await_ready("mver", f"{served.model}-v2")
    served.change(version=V2)
    world.await_reason("stage", served.name, "ProgressDeadlineExceeded", patience=PATIENCE)
    served.answers(V1)
    world.apply(settings(served.name, V1, V2, V3))
    served.ready(V2)
    served.answers(V2)
    assert tags(served) == [f"{served.model}#prod#{n}" for n in (1, 2)]


def test_a_newer_spec_ends_the_wait(prepared: Served) -> None:
    served, world = prepared, prepared.world
    served.assign(**rollout(served, onFailure="Hold"))
    served.ready()
    world.await_ready("mver", f"{served.model}-v2")
    register_third(served)
    served.change(version=V2)
    world.await_reason("stage", served.name, "ProgressDeadlineExceeded", patience=PATIENCE)
    served.change(version=V3)
    served.ready(V3)
    served.answers(V3)


def test_who_follows_promotes_what_failed_no_more_and_a_higher_version_at_once(
    prepared: Served,
) -> None:
    served, world = prepared, prepared.world
    world.await_ready("mver", f"{served.model}-v1")
    served.assign(version=None, suspend=True, **rollout(served))
    served.change(follow={"range": "<2"}, suspend=False)
    served.ready()
    world.await_ready("mver", f"{served.model}-v2")
    served.change(follow={"range": "*"})
    rolled_back(served)
    next_look(world)
    world.operator.kill()
    world.operator.start()
    next_look(world)
    assert len(tags(served)) == 3
    assert world.condition("stage", served.name)["reason"] == "RolledBack"
    register_third(served)
    served.ready(V3)
    served.answers(V3)
    assert len(tags(served)) == 4


def test_where_the_ledger_decides_the_next_assignment_goes_out_and_git_tells_the_story(
    prepared: Served,
) -> None:
    served, world = prepared, prepared.world
    for name in ("v1", "v2"):
        world.await_ready("mver", f"{served.model}-{name}")
    served.assign(version=None, **rollout(served))
    register_third(served)
    ada = Person.of(world)
    ada.gto("assign", served.model, "--version", V1, "--stage", "prod")
    served.answers(V1)
    served.ready()
    ada.gto("assign", served.model, "--version", V2, "--stage", "prod")
    rolled_back(served)
    ada.gto("assign", served.model, "--version", V3, "--stage", "prod")
    served.answers(V3)
    served.ready(V3)
    eventually(lambda: story(served) == TOLD, patience=PATIENCE)


TOLD = [
    ("recorded", V1),
    ("available", V1),
    ("replaced", V1),
    ("recorded", V2),
    ("failed", V2),
    ("rolled-back", V2),
    ("recorded", V1),
    ("available", V1),
    ("replaced", V1),
    ("recorded", V3),
    ("available", V3),
]


ORDER = ["recorded", "available", "failed", "rolled-back", "replaced"]


def story(served: Served) -> list[tuple[str, str]]:
    """Outcome and version of all that the notes tell, tag by tag."""
    text = served.world.remote.git("log", "--all", "--notes=playbill", "--format=%N")
    found = []
    for line in text.splitlines():
        words = line.split(" ")
        if served.model in words:
            number = int(words[6].rpartition("#")[2])
            found.append((number, ORDER.index(words[2]), words[2], words[4]))
    return [(outcome, version) for _, _, outcome, version in sorted(found)]


def test_a_git_server_that_refuses_the_record_does_not_hold_up_the_old_pods(
    prepared: Served,
) -> None:
    served, world = prepared, prepared.world
    served.assign(**rollout(served))
    served.ready()
    world.await_ready("mver", f"{served.model}-v2")
    served.change(version=V2)
    eventually(lambda: len(tags(served)) == 2)
    world.remote.hook("pre-receive", "echo closed today >&2; exit 1")
    try:
        going = f"going back to {V1}, which is not on record yet"
        world.await_said("stage", served.name, "PushRejected", going, patience=PATIENCE)
        served.answers(V1)
        eventually(lambda: len(served.pods()) == 1)
    finally:
        world.remote.hook("pre-receive", "exit 0")
    rolled_back(served)
    assert len(tags(served)) == 3

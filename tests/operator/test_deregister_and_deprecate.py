"""Withdrawing a version and deprecating a model: fields that are recorded, sometimes later."""

import pytest
from tests.cluster.kubectl import eventually
from tests.operator.person import Person
from tests.operator.world import World


@pytest.fixture(scope="module")
def ada(shared_world: World) -> Person:
    return Person.of(shared_world)


def tags_of(world: World, artifact: str) -> list[str]:
    return [t for t in world.tags() if t.startswith((f"{artifact}@", f"{artifact}#"))]


def test_a_version_in_use_is_deregistered_once_nobody_uses_it(shared_world: World) -> None:
    world = shared_world
    world.model()
    world.version("v1", version="v1.0.0", revision="main~2")
    world.version("v2", version="v2.0.0", revision="main~1")
    world.stage(version="v1.0.0")
    world.stage("digits-dev", stage="dev", version="v1.0.0")
    world.await_ready("stage", "digits-prod")
    world.await_ready("stage", "digits-dev")
    world.await_ready("mver", "v2")

    world.patch("mver", "v1", {"deregistered": True})
    said = world.await_reason("mver", "v1", "InUse")["message"]
    for user in ("the stage prod", "the stage dev", "StageAssignment digits-prod names it"):
        assert user in said

    world.patch("stage", "digits-prod", {"version": "v2.0.0"})
    world.await_ready("stage", "digits-prod")
    eventually(lambda: "stage prod" not in world.condition("mver", "v1")["message"])
    assert "StageAssignment digits-dev names it" in world.condition("mver", "v1")["message"]

    world.delete("stage", "digits-dev")
    assert world.await_ready("mver", "v1")["registered"] is False
    assert world.condition("mver", "v1")["reason"] == "Deregistered"
    assert "digits@v1.0.0!" in world.tags()
    assert [row["version"] for row in world.gto_json("show", "digits")] == ["v2.0.0"]
    eventually(lambda: world.status("rmodel", "digits")["versions"]["deregistered"] == 1)


def test_a_number_is_never_given_twice_though_its_version_was_withdrawn(
    shared_world: World,
) -> None:
    world = shared_world
    world.model("numbers")
    world.version("n1", model="numbers", revision="main~2")
    assert world.await_ready("mver", "n1")["version"] == "v0.0.1"
    world.patch("mver", "n1", {"deregistered": True})
    world.await_reason("mver", "n1", "Deregistered")
    world.version("n2", model="numbers", revision="main~1")
    assert world.await_ready("mver", "n2")["version"] == "v0.0.2"

    world.version("n3", model="numbers", version="v0.0.1", revision="main")
    world.await_reason("mver", "n3", "ClaimedElsewhere")
    world.delete("mver", "n1")
    said = world.await_reason("mver", "n3", "Deregistered")["message"]
    assert "register another version" in said
    assert tags_of(world, "numbers") == ["numbers@v0.0.1", "numbers@v0.0.1!", "numbers@v0.0.2"]


def test_a_version_that_was_never_registered_cannot_be_withdrawn(shared_world: World) -> None:
    world = shared_world
    world.model("empty")
    world.version("e1", model="empty", version="v1.0.0", revision="main~2", deregistered=True)
    assert "nothing to deregister" in world.await_reason("mver", "e1", "NotRegistered")["message"]
    assert tags_of(world, "empty") == []


def test_a_deprecated_model_takes_nothing_new_until_it_is_set_back(shared_world: World) -> None:
    world = shared_world
    world.model("faces")
    world.version("f1", model="faces", version="v1.0.0", revision="main~2")
    world.stage("faces-prod", model="faces", version="v1.0.0")
    world.await_ready("stage", "faces-prod")

    world.patch("rmodel", "faces", {"deprecated": True})
    world.await_reason("rmodel", "faces", "Deprecated")
    assert "faces" not in world.gto_json("show")

    world.version("f2", model="faces", version="v2.0.0", revision="main~1")
    said = world.await_reason("mver", "f2", "ModelDeprecated")["message"]
    assert "set deprecated to false on its RegisteredModel" in said
    assert world.await_ready("stage", "faces-prod")["current"]["version"] == "v1.0.0"
    assert tags_of(world, "faces") == ["faces#prod#1", "faces@deprecated", "faces@v1.0.0"]

    world.patch("rmodel", "faces", {"deprecated": False})
    world.await_ready("mver", "f2")
    world.await_reason("rmodel", "faces", "Synced")
    shown = world.gto_json("show")["faces"]
    assert (shown["version"], shown["stage"]["prod"]) == ("v2.0.0", "v1.0.0")


def test_a_second_deprecation_is_recorded_too(shared_world: World) -> None:
    world = shared_world
    world.model("again")
    world.version("a1", model="again", version="v1.0.0", revision="main~2")
    world.await_ready("mver", "a1")
    for deprecated, reason in ((True, "Deprecated"), (False, "Synced"), (True, "Deprecated")):
        world.patch("rmodel", "again", {"deprecated": deprecated})
        world.await_reason("rmodel", "again", reason)
    assert "again" not in world.gto_json("show")
    assert len(tags_of(world, "again")) == 4


def test_a_deprecation_by_a_person_is_shown_and_not_undone(ada: Person) -> None:
    world = ada.world
    world.model("voices")
    world.version("o1", model="voices", version="v1.0.0", revision="main~2")
    world.await_ready("mver", "o1")
    ada.gto("deprecate", "voices")
    world.await_reason("rmodel", "voices", "Deprecated")
    world.patch("rmodel", "voices", {"description": "sings"})
    world.await_reason("rmodel", "voices", "Deprecated")
    assert tags_of(world, "voices") == ["voices@deprecated", "voices@v1.0.0"]

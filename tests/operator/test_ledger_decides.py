"""An assignment without a version shows what people decide with GTO, and who decided it."""

import pytest
from tests.cluster.kubectl import eventually
from tests.operator.person import Person
from tests.operator.world import World

ADA = "Ada <ada@example.com>"


@pytest.fixture(scope="module")
def ada(shared_world: World) -> Person:
    return Person.of(shared_world)


def test_what_a_person_assigns_is_followed_and_what_they_unassign_is_let_go(ada: Person) -> None:
    world = ada.world
    world.model()
    world.stage()
    world.await_reason("stage", "digits-prod", "Empty")

    ada.gto("register", "digits", "HEAD", "--version", "v3.0.0")
    ada.gto("assign", "digits", "--version", "v3.0.0", "--stage", "prod")
    eventually(lambda: "current" in world.status("stage", "digits-prod"))
    current = world.await_ready("stage", "digits-prod")["current"]
    assert (current["version"], current["tag"]) == ("v3.0.0", "digits#prod#1")
    assert current["by"] == ADA
    eventually(lambda: world.status("rmodel", "digits").get("latestVersion") == "v3.0.0")

    ada.gto("deprecate", "digits", "v3.0.0", "prod")
    world.await_reason("stage", "digits-prod", "Empty")
    status = world.status("stage", "digits-prod")
    assert "current" not in status
    assert [(e["event"], e["by"]) for e in status["history"]] == [
        ("Unassigned", ADA),
        ("Assigned", ADA),
    ]
    assert world.tags() == ["digits#prod!#2", "digits#prod#1", "digits@v3.0.0"]


def test_a_version_that_a_person_registered_is_taken_for_what_it_is(ada: Person) -> None:
    world = ada.world
    world.model("speech")
    ada.gto("register", "speech", "HEAD", "--version", "v0.9.0")
    world.version("speech-v0", model="speech", version="0.9.0")
    status = world.await_ready("mver", "speech-v0")
    assert status["registeredBy"] == ADA
    assert status["commit"] == world.remote.git("rev-parse", "main")
    assert [tag for tag in world.tags() if tag.startswith("speech")] == ["speech@v0.9.0"]


def test_taking_the_version_out_hands_the_decision_over_without_a_tag(ada: Person) -> None:
    world = ada.world
    world.model("faces")
    world.version("faces-v1", model="faces", version="v1.0.0", revision="main~2")
    world.version("faces-v2", model="faces", version="v2.0.0", revision="main~1")
    world.stage("faces-prod", model="faces", version="v1.0.0")
    assert world.await_ready("stage", "faces-prod")["current"]["by"].startswith("StageAssignment/")
    world.await_ready("mver", "faces-v2")

    world.patch("stage", "faces-prod", {"version": None})
    world.await_ready("stage", "faces-prod")
    assert [tag for tag in world.tags() if "faces#" in tag] == ["faces#prod#1"]

    ada.gto("assign", "faces", "--version", "v2.0.0", "--stage", "prod")
    look(world, "faces")
    eventually(lambda: current(world, "faces-prod") == ("v2.0.0", ADA))


def test_a_declared_version_is_put_back_once_and_then_asks_people_to_agree(ada: Person) -> None:
    world = ada.world
    world.model("voices")
    world.version("voices-v1", model="voices", version="v1.0.0", revision="main~2")
    world.version("voices-v2", model="voices", version="v2.0.0", revision="main~1")
    world.stage("voices-prod", model="voices", version="v1.0.0")
    world.await_ready("stage", "voices-prod")
    world.await_ready("mver", "voices-v2")

    ada.gto("assign", "voices", "--version", "v2.0.0", "--stage", "prod")
    look(world, "voices")
    eventually(lambda: "voices#prod#3" in world.tags())
    assert "Playbill-Reason: answers voices#prod#2" in world.message("voices#prod#3")
    eventually(lambda: world.await_ready("stage", "voices-prod")["current"]["tag"][-1] == "3")

    ada.gto("assign", "voices", "--version", "v2.0.0", "--stage", "prod", "--force")
    look(world, "voices")
    said = world.await_reason("stage", "voices-prod", "Contested")["message"]
    assert "Ada wrote voices#prod#4 against this assignment, again" in said
    assert current(world, "voices-prod") == ("v2.0.0", ADA)
    assert "voices#prod#5" not in world.tags()


def look(world: World, model: str) -> None:
    """Have the repository looked at now, as any change of the model does."""
    world.patch("rmodel", model, {"description": str(world.tags())})


def current(world: World, name: str) -> tuple[str, str]:
    found = world.status("stage", name)["current"]
    return found["version"], found["by"]

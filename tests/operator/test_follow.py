"""An assignment that follows promotes the highest version that fits, once, and never goes back."""

import pytest
from tests.cluster.kubectl import eventually
from tests.operator.person import Person
from tests.operator.world import World


@pytest.fixture(scope="module")
def ada(shared_world: World) -> Person:
    return Person.of(shared_world)


def held(world: World, stage: str) -> str | None:
    found = world.status("stage", stage).get("current")
    return found["version"] if found else None


def register(world: World, model: str, **versions: str) -> None:
    """ModelVersions by revision, such as main="v1.0.0", or main_1 for main~1."""
    for revision, version in versions.items():
        name = f"{model}-{version.replace('.', '-').replace('+', '-')}"
        at = revision.replace("_", "~") if "_" in revision else revision
        world.version(name, model=model, version=version, revision=at)
        world.await_ready("mver", name)


def test_the_highest_version_in_the_range_is_promoted_as_soon_as_it_is_there(ada: Person) -> None:
    world = ada.world
    world.model("ranged")
    world.stage("ranged-prod", model="ranged", follow={"range": "^1.0"})
    world.await_reason("stage", "ranged-prod", "Empty")
    register(world, "ranged", main_2="v1.0.0")
    eventually(lambda: held(world, "ranged-prod") == "v1.0.0")
    register(world, "ranged", main_1="v2.0.0")
    register(world, "ranged", main="v1.2.0")
    eventually(lambda: held(world, "ranged-prod") == "v1.2.0")
    world.await_ready("stage", "ranged-prod")
    assert [t for t in world.tags() if "ranged#" in t] == ["ranged#prod#1", "ranged#prod#2"]
    assert world.gto_json("show")["ranged"]["stage"]["prod"] == "v1.2.0"


def test_pre_releases_count_only_when_asked_for(ada: Person) -> None:
    world = ada.world
    world.model("rc")
    register(world, "rc", main_1="v1.0.0", main="v1.1.0-rc.1")
    world.stage("rc-prod", model="rc", follow={"range": "1.x"})
    world.stage("rc-dev", model="rc", stage="dev", follow={"range": "1.x", "prereleases": True})
    eventually(lambda: held(world, "rc-prod") == "v1.0.0")
    eventually(lambda: held(world, "rc-dev") == "v1.1.0-rc.1")


def test_what_holds_another_stage_is_followed_and_nothing_goes_back(ada: Person) -> None:
    world = ada.world
    world.model("chain")
    register(world, "chain", main_1="v1.0.0", main="v1.1.0")
    world.stage("chain-dev", model="chain", stage="dev", version="v1.0.0")
    world.stage("chain-prod", model="chain", follow={"stage": "dev"})
    eventually(lambda: held(world, "chain-prod") == "v1.0.0")
    world.patch("stage", "chain-dev", {"version": "v1.1.0"})
    eventually(lambda: held(world, "chain-prod") == "v1.1.0")
    world.patch("stage", "chain-dev", {"version": "v1.0.0"})
    world.await_said("stage", "chain-dev", "Assigned", "v1.0.0")
    world.delete("stage", "chain-dev")
    assert held(world, "chain-prod") == "v1.1.0"
    assert [t for t in world.tags() if "chain#prod" in t] == ["chain#prod#2", "chain#prod#4"]


def test_what_a_person_decides_stands_until_a_higher_version_comes(ada: Person) -> None:
    world = ada.world
    world.model("calm")
    register(world, "calm", main_2="v1.0.0", main_1="v1.1.0")
    world.stage("calm-prod", model="calm", follow={})
    eventually(lambda: held(world, "calm-prod") == "v1.1.0")
    ada.gto("assign", "calm", "--version", "v1.0.0", "--stage", "prod")
    world.patch("rmodel", "calm", {"description": "look"})
    eventually(lambda: held(world, "calm-prod") == "v1.0.0")
    assert world.await_ready("stage", "calm-prod")["current"]["by"] == "Ada <ada@example.com>"
    assert "calm#prod#3" not in world.tags()
    register(world, "calm", main="v1.2.0")
    eventually(lambda: held(world, "calm-prod") == "v1.2.0")


def test_a_range_that_is_none_is_explained(ada: Person) -> None:
    world = ada.world
    world.model("odd")
    world.stage("odd-prod", model="odd", follow={"range": ">"})
    said = world.await_reason("stage", "odd-prod", "InvalidRange")["message"]
    assert "write it as npm does, such as ^1.2" in said


def test_a_version_and_a_range_together_are_refused(ada: Person) -> None:
    world = ada.world
    spec = {"model": "m", "stage": "prod", "version": "v1.0.0", "follow": {"range": "1.x"}}
    refused = world.kubectl.refusal(
        "create", "-n", world.namespace, "-f", "-",
        manifest={"apiVersion": "playbill.dev/v1alpha1", "kind": "StageAssignment",
                  "metadata": {"name": "both"}, "spec": spec},
    )  # fmt: skip
    assert "at most one of version" in refused

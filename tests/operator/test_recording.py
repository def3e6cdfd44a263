"""The main job: what is declared with kubectl is a tag that GTO reads, and the status says so."""

from tests.cluster.kubectl import eventually
from tests.operator.world import World


def test_a_model_a_version_and_a_stage_become_tags_in_any_order_of_applying(world: World) -> None:
    world.stage(version="v1.0.0")
    world.version("digits-v1", version="1.0.0", revision="main~2", message="the first one")
    world.model()

    stage = world.await_ready("stage", "digits-prod")
    version = world.await_ready("mver", "digits-v1")
    model = world.await_ready("rmodel", "digits")

    assert world.tags() == ["digits#prod#1", "digits@v1.0.0"]
    assert "the first one" in world.message("digits@v1.0.0")
    assert stage["current"]["version"] == "v1.0.0"
    assert version["metrics"] == {"accuracy": "0.91"}
    assert version["params"] == {"C": "0.5"}
    assert version["artifact"]["path"] == "model.bin"
    assert model["latestVersion"] == "v1.0.0"
    assert world.gto_json("show") == {
        "digits": {
            "version": "v1.0.0",
            "stage": {"prod": "v1.0.0"},
            "registered": True,
            "active": True,
        }
    }


def test_a_number_that_is_left_out_is_the_next_one(world: World) -> None:
    world.model()
    world.version("first", version="v1.2.0", revision="main~1")
    world.version("second", bump="Minor")
    assert world.await_ready("mver", "second")["version"] == "v1.3.0"
    assert world.tags() == ["digits@v1.2.0", "digits@v1.3.0"]


def test_changing_one_line_promotes_and_changing_it_back_promotes_back(world: World) -> None:
    world.model()
    world.version("v1", version="v1.0.0", revision="main~1")
    world.version("v2", version="v2.0.0", revision="main")
    world.stage(version="v1.0.0")
    world.await_ready("stage", "digits-prod")
    for version in ("v2.0.0", "v1.0.0"):
        world.patch("stage", "digits-prod", {"version": version})
        status = world.await_ready("stage", "digits-prod")
        assert status["current"]["version"] == version
        assert world.gto_json("show")["digits"]["stage"] == {"prod": version}
    assert [h["version"] for h in status["history"]] == ["v1.0.0", "v2.0.0", "v1.0.0"]


def test_a_deleted_assignment_empties_the_stage_for_gto(world: World) -> None:
    world.model()
    world.version("v1", version="v1.0.0", revision="main~1")
    world.version("v2", version="v2.0.0", revision="main")
    world.stage(version="v1.0.0")
    world.await_ready("stage", "digits-prod")
    world.patch("stage", "digits-prod", {"version": "v2.0.0"})
    world.await_ready("stage", "digits-prod")
    world.delete("stage", "digits-prod")
    assert world.gto_json("show")["digits"]["stage"].get("prod") is None
    eventually(lambda: "onStage" not in world.status("rmodel", "digits"))

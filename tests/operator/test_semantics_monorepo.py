"""Many models in one repository, in directories and out of them, recorded for GTO to read."""

from __future__ import annotations

from tests.cluster.kubectl import eventually
from tests.cluster.manifests import model_version, registered_model
from tests.operator.world import World

ARTIFACTS = {
    "plain": "plain",
    "slashed": "nlp/senti/small",
    "nested": "models/nlp:senti",
    "dotted": "models/v2.1:nlp/senti",
}
MANY = 200
MOST_PUSHES = 20
"""Two hundred registrations and what is asked meanwhile; one by one they would be 200."""


def test_names_with_slashes_and_directories_are_artifacts_of_their_own(
    shared_world: World,
) -> None:
    world = shared_world
    for name, artifact in ARTIFACTS.items():
        world.model(name, artifact=artifact)
        world.version(f"{name}-v1", model=name, revision="main~1")
    for name in ARTIFACTS:  # whose number is allotted is first: it would stand above the other
        assert world.await_ready("mver", f"{name}-v1")["version"] == "v0.0.1"
        world.version(f"{name}-v2", model=name, version="v2.0.0-rc.1", revision="main")
        world.stage(f"{name}-prod", model=name, stage="prod/eu", version="v2.0.0-rc.1")
    for name in ARTIFACTS:
        assert world.await_ready("stage", f"{name}-prod")["current"]["version"] == "v2.0.0-rc.1"
    shown = world.gto_json("show")
    assert set(shown) == set(ARTIFACTS.values())
    for artifact, row in shown.items():
        assert (row["version"], row["stage"]) == ("v2.0.0-rc.1", {"prod/eu": "v2.0.0-rc.1"})
        in_tag = artifact.replace(":", "=")
        assert {f"{in_tag}@v2.0.0-rc.1", f"{in_tag}#prod/eu#1"} <= set(world.tags())
    (event,) = [world.gto_json("check-ref", "models/v2.1=nlp/senti#prod/eu#1")]
    assert (event["artifact"], event["stage"]) == ("models/v2.1:nlp/senti", "prod/eu")


def test_a_stage_below_a_simple_tag_of_others_is_refused_by_name(shared_world: World) -> None:
    world = shared_world
    world.model("blocked")
    world.version("blocked-v1", model="blocked", version="v1.0.0", revision="main~1")
    world.await_ready("mver", "blocked-v1")
    world.remote.tag("blocked#prod", "refs/heads/main~1")
    world.stage("blocked-prod", model="blocked", stage="prod/eu", version="v1.0.0")
    world.patch("rmodel", "blocked", {"description": "look"})
    world.await_said("stage", "blocked-prod", "TagCollision", "blocked#prod", "choose another name")


def test_two_hundred_models_of_one_repository_are_recorded_in_a_few_pushes(world: World) -> None:
    names = [f"model-{number:03}" for number in range(MANY)]
    repository = {"url": world.url, "branch": "main", "interval": "1h", "maxTagsPerPush": 0}
    models = [
        registered_model(name, repository=repository, artifact=f"teams/{name}:net/{name}")
        for name in names
    ]
    versions = [model_version(f"{name}-v1", model=name, revision="main") for name in names]
    world.remote.hook("pre-receive", "echo push >> pushes")
    world.apply(*models, *versions)

    def recorded() -> bool:
        items = world.items("mver")
        return all(item.get("status", {}).get("registered") for item in items)

    eventually(recorded, patience=120)
    pushes = (world.remote.path / "pushes").read_text().split()
    assert len(pushes) <= MOST_PUSHES
    assert len(world.tags()) == MANY
    shown = world.gto_json("show")
    assert {(name, row["version"]) for name, row in shown.items()} == {
        (f"teams/{name}:net/{name}", "v0.0.1") for name in names
    }

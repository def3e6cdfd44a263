"""Whatever the order in which manifests are applied, the end is the same."""

from itertools import permutations
from typing import Any

from tests.cluster.kubectl import eventually
from tests.cluster.manifests import model_version, registered_model, stage_assignment
from tests.operator.world import World

ORDERS = list(permutations(("model", "first", "second", "stage")))
THE_END = {("v2.0.0", "prod=v1.0.0")}


def test_every_order_of_applying_a_model_its_versions_and_its_stage_ends_the_same(
    shared_world: World,
) -> None:
    world = shared_world
    for number, order in enumerate(ORDERS):
        parts = manifests(world, f"model-{number}")
        world.apply(*(parts[what] for what in order))
    eventually(lambda: all_ready(world))
    eventually(lambda: {latest_and_on_stage(m) for m in world.items("rmodel")} == THE_END)

    said = {(i["kind"], i["metadata"]["name"]): i["status"] for i in world.items("mver", "stage")}
    for number, order in enumerate(ORDERS):
        model = f"model-{number}"
        assert said["ModelVersion", f"{model}-v1"]["onStages"] == "prod", order
        assert said["StageAssignment", f"{model}-prod"]["current"]["tag"] == f"{model}#prod#1"
    endings = ("#prod#1", "@v1.0.0", "@v2.0.0")
    assert world.tags() == sorted(f"model-{n}{end}" for n in range(len(ORDERS)) for end in endings)


def manifests(world: World, model: str) -> dict[str, dict[str, Any]]:
    repository = {"url": world.url, "branch": "main", "interval": "5s", "maxTagsPerPush": 0}
    return {
        "model": registered_model(model, repository=repository),
        "first": model_version(f"{model}-v1", model=model, version="v1.0.0", revision="main~2"),
        "second": model_version(f"{model}-v2", model=model, version="v2.0.0", revision="main~1"),
        "stage": stage_assignment(f"{model}-prod", model=model, version="v1.0.0"),
    }


def all_ready(world: World) -> bool:
    found = world.items("rmodel", "mver", "stage")
    conditions = [i.get("status", {}).get("conditions", [{}]) for i in found]
    return all(c[0].get("status") == "True" for c in conditions)


def latest_and_on_stage(model: dict[str, Any]) -> tuple[str, str]:
    return model["status"].get("latestVersion", ""), model["status"].get("onStage", "")

"""Two namespaces of one cluster name one model: what one of them does is heeded in the other."""

import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.operator.fixtures import new_world, release
from tests.operator.world import World


@pytest.fixture(scope="module")
def spaces(
    cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, World]]:
    """A namespace that registers a model, and another one that names it: one operator for both."""
    with new_world(cluster, tmp_path_factory.mktemp("spaces")) as here:
        there = replace(here, namespace=f"there-{secrets.token_hex(4)}")
        here.kubectl("create", "namespace", there.namespace)
        here.operator.options = ("--namespace", there.namespace)
        here.operator.start()
        yield here, there
        here.operator.stop()
        release(there)


def on_stage(world: World, model: str) -> None:
    """A model whose v1.0.0 holds prod."""
    world.model(model)
    world.version(f"{model}-v1", model=model, version="v1.0.0", revision="main~1")
    world.stage(f"{model}-prod", model=model, version="v1.0.0")
    world.await_ready("stage", f"{model}-prod")


def test_a_stage_that_others_only_adopt_is_emptied_when_its_owner_is_deleted(
    spaces: tuple[World, World],
) -> None:
    here, there = spaces
    on_stage(here, "watched")
    there.model("watched", adopt={})
    eventually(lambda: adopted(there, "watched") == ["prod"])
    here.delete("stage", "watched-prod")
    assert "watched#prod!#2" in here.tags()
    eventually(lambda: adopted(there, "watched") == [])


def adopted(world: World, model: str) -> list[str]:
    """The stages of a model that have an object of the operator's own."""
    found = world.kubectl.json("get", "stage", "-n", world.namespace, "-l", "playbill.dev/adopted")
    return [each["spec"]["stage"] for each in found["items"] if each["spec"]["model"] == model]


def test_a_version_is_deregistered_once_no_other_namespace_names_it(
    spaces: tuple[World, World],
) -> None:
    here, there = spaces
    here.model("shared", repository={"interval": "1h"})
    here.version("shared-v1", model="shared", version="v1.0.0", revision="main~1")
    here.await_ready("mver", "shared-v1")
    there.model("shared", repository={"interval": "1h"})
    there.stage("shared-dev", model="shared", stage="dev", version="v1.0.0", suspend=True)
    there.await_ready("rmodel", "shared")
    here.patch("mver", "shared-v1", {"deregistered": True})
    here.await_said("mver", "shared-v1", "InUse", f"{there.namespace}/shared-dev names it")
    there.delete("stage", "shared-dev")
    here.await_reason("mver", "shared-v1", "Deregistered")
    assert "shared@v1.0.0!" in here.tags()

"""What deleting means: forgetting an object is no event of a model's history; nothing hangs."""

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from tests.cluster.kubectl import eventually
from tests.operator.world import World
from tests.servers.remote import Remote


def on_stage(world: World, model: str, **stage: object) -> None:
    """A model whose v1.0.0 holds prod by an assignment `<model>-prod`."""
    world.model(model)
    world.version(f"{model}-v1", model=model, version="v1.0.0", revision="main~2")
    world.stage(f"{model}-prod", model=model, version="v1.0.0", **stage)
    world.await_ready("stage", f"{model}-prod")
    world.await_ready("mver", f"{model}-v1")


def tags_of(world: World, artifact: str) -> list[str]:
    return [t for t in world.tags() if t.startswith((f"{artifact}@", f"{artifact}#"))]


def test_forgetting_a_version_and_its_model_writes_nothing(shared_world: World) -> None:
    world = shared_world
    on_stage(world, "digits")
    world.delete("mver", "digits-v1")
    assert world.await_ready("stage", "digits-prod")["current"]["version"] == "v1.0.0"
    world.delete("rmodel", "digits")
    world.await_reason("stage", "digits-prod", "DependencyNotFound")
    world.delete("stage", "digits-prod")
    assert tags_of(world, "digits") == ["digits#prod#1", "digits@v1.0.0"]


def test_a_retained_assignment_goes_without_a_tag(shared_world: World) -> None:
    world = shared_world
    on_stage(world, "kept", deletionPolicy="Retain")
    assert "finalizers" not in world.get("stage", "kept-prod")["metadata"]
    world.delete("stage", "kept-prod")

    on_stage(world, "kept-later")
    world.patch("stage", "kept-later-prod", {"deletionPolicy": "Retain"})
    world.delete("stage", "kept-later-prod")
    assert tags_of(world, "kept") == ["kept#prod#1", "kept@v1.0.0"]
    assert tags_of(world, "kept-later") == ["kept-later#prod#1", "kept-later@v1.0.0"]


@pytest.mark.parametrize("what", ["stage", "rmodel"])
def test_a_suspended_assignment_goes_without_a_tag(shared_world: World, what: str) -> None:
    world, model = shared_world, f"paused-{what}"
    on_stage(world, model)
    world.patch(what, f"{model}-prod" if what == "stage" else model, {"suspend": True})
    world.delete("stage", f"{model}-prod")
    assert tags_of(world, model) == [f"{model}#prod#1", f"{model}@v1.0.0"]


def test_a_renamed_manifest_inherits_the_stage_without_a_tag(shared_world: World) -> None:
    world = shared_world
    on_stage(world, "old")
    world.stage("new-prod", model="old", version="v1.0.0")
    said = world.await_reason("stage", "new-prod", "ClaimedElsewhere")["message"]
    assert f"StageAssignment {world.namespace}/old-prod" in said
    world.delete("stage", "old-prod")
    assert world.await_ready("stage", "new-prod")["current"]["tag"] == "old#prod#1"
    assert tags_of(world, "old") == ["old#prod#1", "old@v1.0.0"]


def test_one_who_claims_what_is_anothers_writes_nothing_while_there_and_when_going(
    shared_world: World,
) -> None:
    world = shared_world
    on_stage(world, "owned")
    world.model("copy", artifact="owned")
    world.version("owned-v2", model="copy", version="v2.0.0", revision="main")
    world.await_ready("mver", "owned-v2")
    before = tags_of(world, "owned")
    world.stage("copy-prod", model="copy", version="v2.0.0")
    world.version("copy-v1", model="copy", version="v1.0.0", deregistered=True)
    world.await_reason("stage", "copy-prod", "ClaimedElsewhere")
    world.await_reason("mver", "copy-v1", "ClaimedElsewhere")
    world.delete("stage", "copy-prod")
    world.delete("mver", "copy-v1")
    assert world.await_ready("stage", "owned-prod")["current"]["version"] == "v1.0.0"
    assert tags_of(world, "owned") == before


def test_an_assignment_outlives_neither_its_repository_nor_its_secret(shared_world: World) -> None:
    world = shared_world
    orders = list(permutations(("secret", "repository", "assignment")))
    for number, _ in enumerate(orders):
        _model_of_its_own(world, f"gone-{number}")
    for number, _ in enumerate(orders):
        world.await_ready("stage", f"gone-{number}-prod")
    for number, order in enumerate(orders):
        for what in order:
            _removals(world, f"gone-{number}")[what]()
    for number, _ in enumerate(orders):
        eventually(lambda n=number: not world.exists("stage", f"gone-{n}-prod"))  # type: ignore[misc]


def _model_of_its_own(world: World, name: str) -> None:
    """A model with a repository and a Secret that no other has."""
    remote = Remote(_place(world, name))
    commit = remote.commit({"README.md": name})
    credentials = ("--from-literal=username=ada", "--from-literal=password=secret")
    world.kubectl("create", "-n", world.namespace, "secret", "generic", name, *credentials)
    world.model(name, repository={"url": remote.url, "secretRef": {"name": name}})
    world.version(f"{name}-v1", model=name, version="v1.0.0", revision=commit)
    world.stage(f"{name}-prod", model=name, version="v1.0.0")


def _removals(world: World, name: str) -> dict[str, Callable[[], object]]:
    return {
        "secret": lambda: world.delete("secret", name),
        "repository": lambda: _place(world, name).rename(_place(world, f"{name}-away")),
        "assignment": lambda: world.delete("stage", f"{name}-prod", wait=False),
    }


def _place(world: World, name: str) -> Path:
    return world.remote.path.with_name(f"{name}.git")


def test_a_namespace_goes_at_once_and_leaves_the_ledger_as_it_was(world: World) -> None:
    on_stage(world, "digits")
    world.stage("digits-dev", stage="dev", version="v1.0.0")
    world.await_ready("stage", "digits-dev")
    _model_of_its_own(world, "lost")
    world.await_ready("stage", "lost-prod")
    _removals(world, "lost")["repository"]()
    _removals(world, "lost")["secret"]()
    before = world.tags()
    world.kubectl("delete", "namespace", world.namespace, "--timeout=30s")
    assert world.tags() == before

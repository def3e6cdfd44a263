"""A ModelRepository finds the models in its repository, and what others wrote to their tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.cluster.kubectl import eventually
from tests.cluster.manifests import manifest
from tests.operator.house import House
from tests.operator.world import Object, World

from playbill.controllers.inventory.adopted import MOST_MODELS

ADOPTED = "playbill.dev/adopted"


def dvc_yaml(**types: str) -> str:
    """A dvc.yaml that lists these artifacts with their types."""
    entries = [
        f"  {name}:\n    path: {name}.bin\n    type: {type_}\n" for name, type_ in types.items()
    ]
    return "artifacts:\n" + "".join(entries) if entries else "artifacts: {}\n"


def home(world: World, **spec: Any) -> None:
    """A ModelRepository of the world's name, looked at every five seconds."""
    spec = {"url": world.url, "interval": "5s", "maxTagsPerPush": 0} | spec
    world.apply(manifest("ModelRepository", world.name, spec))


def models(world: World) -> dict[str, Object]:
    """The RegisteredModels that name the world's ModelRepository, by artifact."""
    named = [
        m
        for m in world.items("rmodel")
        if m["spec"].get("repositoryRef", {}).get("name") == world.name
    ]
    return {m["spec"].get("artifact", m["metadata"]["name"]): m for m in named}


def troubled(world: World) -> list[str]:
    """The files that the ModelRepository's status complains of."""
    return [each["place"] for each in world.status("mrepo", world.name).get("problems", [])]


def parts(world: World, kind: str, model: str) -> dict[str, str]:
    """The adopted objects of a kind and model, by version or stage."""
    found = world.items(kind, selector=ADOPTED)
    mine = [p["spec"] for p in found if p["spec"]["model"] == model]
    names = [p["metadata"]["name"] for p in found if p["spec"]["model"] == model]
    return {s.get("version") or s["stage"]: n for s, n in zip(mine, names, strict=True)}


def push(clone: Path, world: World, *arguments: str) -> None:
    """The real gto in a clone, pushed as a colleague does."""
    world.gto(*arguments, "--push", clone=clone)


def test_a_model_that_dvc_yaml_lists_appears_and_goes_with_its_entry(house: House) -> None:
    world = house.world("listed")
    world.remote.commit({"dvc.yaml": dvc_yaml(alpha="model", numbers="dataset")})
    home(world, discover={})
    eventually(lambda: set(models(world)) == {"alpha"})
    assert world.await_ready("rmodel", "alpha")["repository"] == world.url
    assert world.await_ready("mrepo", "listed")["artifacts"] == 2

    world.remote.commit(
        {"dvc.yaml": dvc_yaml(alpha="model"), "nlp/dvc.yaml": dvc_yaml(mood="model")}
    )
    eventually(lambda: set(models(world)) == {"alpha", "nlp:mood"})
    name = models(world)["nlp:mood"]["metadata"]["name"]
    assert name.startswith("nlp-mood-")
    eventually(lambda: world.await_ready("rmodel", name).get("path") == "nlp/mood.bin")

    world.remote.commit({"dvc.yaml": dvc_yaml()})
    eventually(lambda: set(models(world)) == {"nlp:mood"})
    world.delete("mrepo", "listed")
    eventually(lambda: models(world) == {})
    assert world.tags() == []


def test_a_broken_dvc_yaml_takes_none_of_its_models_away(house: House) -> None:
    world = house.world("broken")
    world.remote.commit({"dvc.yaml": dvc_yaml(delta="model"), "nlp/dvc.yaml": dvc_yaml(mu="model")})
    home(world, discover={})
    eventually(lambda: set(models(world)) == {"delta", "nlp:mu"})
    before = models(world)["delta"]["metadata"]["uid"]

    world.remote.commit({"dvc.yaml": "<<<<<<< HEAD\nartifacts: {", "nlp/dvc.yaml": dvc_yaml()})
    eventually(lambda: set(models(world)) == {"delta"})
    eventually(lambda: troubled(world) == ["dvc.yaml"])
    assert models(world)["delta"]["metadata"]["uid"] == before

    world.remote.commit({"dvc.yaml": dvc_yaml()})
    eventually(lambda: models(world) == {})


@pytest.mark.parametrize(
    ("name", "head", "spec"),
    [("unborn", "master", {}), ("nobranch", "main", {"branch": "develop"})],
)
def test_a_branch_that_is_not_there_is_named_and_tags_are_adopted_all_the_same(
    house: House, name: str, head: str, spec: dict[str, Any]
) -> None:
    world = house.world(name)
    world.remote.commit({"dvc.yaml": dvc_yaml(**{name: "model", "untagged": "model"})})
    world.remote.tag(f"{name}@v1.0.0")
    world.remote.git("symbolic-ref", "HEAD", f"refs/heads/{head}")
    home(world, discover={}, adopt={}, **spec)
    eventually(lambda: set(models(world)) == {name})
    world.await_reason("mrepo", name, "RevisionNotFound")
    assert world.condition("mrepo", name, "Stalled")["reason"] == "RevisionNotFound"

    if head == "master":
        world.remote.git("symbolic-ref", "HEAD", "refs/heads/main")
    else:
        world.remote.git("update-ref", "refs/heads/develop", "refs/heads/main")
    eventually(lambda: set(models(world)) == {name, "untagged"})
    assert world.await_ready("mrepo", name)["artifacts"] == 2


def test_each_model_repository_discovers_on_its_own_branch(house: House) -> None:
    world = house.world("branched")
    world.remote.commit({"dvc.yaml": dvc_yaml(kappa="model")})
    world.remote.commit({"dvc.yaml": dvc_yaml(tried="model")}, branch="tries")
    world.model("tried-by-ada", repository={"url": world.url, "branch": "tries"})
    world.await_ready("rmodel", "tried-by-ada")
    home(world, discover={})
    eventually(lambda: set(models(world)) == {"kappa"})

    spec = {"url": world.url, "interval": "5s", "branch": "tries", "discover": {}}
    world.apply(manifest("ModelRepository", "branched-tries", spec))
    eventually(lambda: world.exists("rmodel", "tried"))
    assert world.get("rmodel", "tried")["spec"]["repositoryRef"] == {"name": "branched-tries"}
    assert set(models(world)) == {"kappa"}


def test_a_discovered_model_stays_while_somebody_refers_to_it(house: House) -> None:
    world = house.world("referred")
    world.remote.commit({"dvc.yaml": dvc_yaml(beta="model")})
    home(world, discover={"include": ["bet*"]})
    eventually(lambda: "beta" in models(world))
    world.version("beta-v1", model="beta", version="v1.0.0", revision="main")
    world.await_ready("mver", "beta-v1")

    world.remote.commit({"dvc.yaml": dvc_yaml()})
    eventually(lambda: world.status("mrepo", "referred").get("artifacts") == 0)
    assert "beta" in models(world)
    world.delete("mver", "beta-v1")
    eventually(lambda: "beta" not in models(world))
    assert world.tags() == ["beta@v1.0.0"]


def test_a_discovered_model_gives_way_to_a_persons_own_under_any_name(house: House) -> None:
    world = house.world("ownname")
    world.remote.commit({"dvc.yaml": dvc_yaml(gamma="model")})
    home(world, discover={})
    eventually(lambda: "gamma" in models(world))
    world.model("my-gamma", artifact="gamma", repository={"url": world.url})
    eventually(lambda: not world.exists("rmodel", "gamma"))
    assert world.await_ready("rmodel", "my-gamma")["artifact"] == "gamma"


def test_what_gto_writes_while_we_run_appears_follows_and_disappears(house: House) -> None:
    world = house.world("adopts")
    home(world, adopt={})
    clone = world.clone()
    push(clone, world, "register", "digits", "HEAD", "--version", "v1.0.0")
    push(clone, world, "register", "digits", "HEAD~1", "--version", "v0.9.0")
    push(clone, world, "assign", "digits", "--version", "v1.0.0", "--stage", "prod")
    eventually(lambda: "digits" in models(world))
    name = models(world)["digits"]["metadata"]["name"]
    eventually(lambda: set(parts(world, "mver", name)) == {"v0.9.0", "v1.0.0"})
    eventually(lambda: set(parts(world, "stage", name)) == {"prod"})
    stage = parts(world, "stage", name)["prod"]
    assert world.await_ready("stage", stage)["current"]["version"] == "v1.0.0"
    registered = world.await_ready("mver", parts(world, "mver", name)["v1.0.0"])
    assert registered["registeredBy"] == "Ada <ada@example.com>"
    assert world.get("stage", stage)["metadata"].get("finalizers", []) == []

    push(clone, world, "assign", "digits", "--version", "v0.9.0", "--stage", "prod")
    world.await_said("stage", stage, "Assigned", "v0.9.0")

    push(clone, world, "deprecate", "digits", "v0.9.0", "prod")
    push(clone, world, "deprecate", "digits", "v1.0.0", "prod")
    push(clone, world, "deprecate", "digits", "v0.9.0")
    eventually(lambda: parts(world, "stage", name) == {})
    eventually(lambda: set(parts(world, "mver", name)) == {"v1.0.0"})


def test_a_person_takes_an_adopted_stage_and_version_over_under_any_name(house: House) -> None:
    world = house.world("taken")
    world.model("taken", artifact="digits", adopt={})
    clone = world.clone()
    push(clone, world, "register", "digits", "HEAD", "--version", "v1.0.0")
    push(clone, world, "assign", "digits", "--version", "v1.0.0", "--stage", "prod")
    eventually(lambda: set(parts(world, "stage", "taken")) == {"prod"})
    eventually(lambda: set(parts(world, "mver", "taken")) == {"v1.0.0"})
    before = world.tags()

    world.stage("mine", model="taken", version="v1.0.0")
    world.version("also-mine", model="taken", version="v1.0.0", revision="main")
    world.await_ready("stage", "mine")
    world.await_ready("mver", "also-mine")
    eventually(lambda: parts(world, "stage", "taken") == {})
    eventually(lambda: parts(world, "mver", "taken") == {})
    assert world.tags() == before

    world.delete("mver", "also-mine")
    eventually(lambda: set(parts(world, "mver", "taken")) == {"v1.0.0"})
    assert world.tags() == before


def test_an_adopted_object_never_writes_even_when_its_tag_is_deleted(house: House) -> None:
    world = house.world("vanish")
    world.model("vanish", artifact="digits", adopt={})
    clone = world.clone()
    push(clone, world, "register", "digits", "HEAD", "--version", "v1.0.0")
    eventually(lambda: set(parts(world, "mver", "vanish")) == {"v1.0.0"})
    world.remote.git("tag", "-d", "digits@v1.0.0")
    eventually(lambda: parts(world, "mver", "vanish") == {})
    assert world.tags() == []


def test_keep_bounds_the_versions_but_not_those_on_stage(house: House) -> None:
    world = house.world("bounded")
    clone = world.clone()
    commits = ["HEAD~2", "HEAD~1", "HEAD"]
    for number, commit in enumerate(commits):
        push(clone, world, "register", "digits", commit, "--version", f"v{number}.0.0")
    push(clone, world, "assign", "digits", "--version", "v0.0.0", "--stage", "prod")
    world.model("bounded", artifact="digits", adopt={"keep": 1, "stages": False})
    eventually(lambda: set(parts(world, "mver", "bounded")) == {"v0.0.0", "v2.0.0"})
    assert parts(world, "stage", "bounded") == {}


def test_a_numberless_version_of_ours_gets_no_adopted_twin(house: House) -> None:
    world = house.world("twinless")
    world.model("twinless", artifact="digits", adopt={})
    world.version("next", model="twinless")
    world.await_ready("mver", "next")
    world.stage("twinless-prod", model="twinless", version="v0.0.1")
    world.await_ready("stage", "twinless-prod")
    assert parts(world, "mver", "twinless") == parts(world, "stage", "twinless") == {}


def test_a_model_waits_for_the_repository_that_it_names(house: House) -> None:
    world = house.world("later")
    world.apply(manifest("RegisteredModel", "later", {"repositoryRef": {"name": "later"}}))
    world.version("later-v1", version="v1.0.0")
    world.await_reason("rmodel", "later", "DependencyNotFound")
    world.await_reason("mver", "later-v1", "DependencyNotFound")
    home(world)
    world.await_ready("rmodel", "later")
    assert world.await_ready("mver", "later-v1")["tag"] == "later@v1.0.0"


@pytest.mark.parametrize("named", [True, False])
def test_stages_that_gto_would_refuse_are_refused(house: House, named: bool) -> None:
    world = house.world(f"listed-{str(named).lower()}")
    world.remote.commit(
        {".gto": "stages: [dev, prod]\n"} if named else {".gto": "types: [model]\n"}
    )
    world.model()
    world.version(f"{world.name}-v1", version="v1.0.0")
    world.stage(f"{world.name}-canary", stage="canary", version="v1.0.0")
    if not named:
        world.await_ready("stage", f"{world.name}-canary")
        return
    said = world.await_reason("stage", f"{world.name}-canary", "StageNotAllowed")["message"]
    assert "dev, prod" in said
    world.remote.commit({".gto": "stages: [canary, dev, prod]\n"})
    world.await_ready("stage", f"{world.name}-canary")
    assert world.gto_json("show")["digits"]["stage"]["canary"] == "v1.0.0"


def test_whoever_pushes_cannot_have_models_made_without_end(house: House) -> None:
    world = house.world("flood")
    artifacts = {f"m{number:04}": "model" for number in range(MOST_MODELS + 5)}
    world.remote.commit({"dvc.yaml": dvc_yaml(**artifacts)})
    home(world, discover={})
    said = f"{MOST_MODELS:,} models (beyond {MOST_MODELS:,} none is made)"
    world.await_said("mrepo", "flood", "Synced", said, patience=120)
    assert len(models(world)) == MOST_MODELS
    world.delete("mrepo", "flood")
    eventually(lambda: models(world) == {}, patience=120)

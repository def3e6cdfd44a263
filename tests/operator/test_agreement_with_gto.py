"""After a long story GTO and DVC, on a colleague's clone, say what the statuses say."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.kubectl import at_rest
from tests.operator.dvc_project import config, tracked_model
from tests.operator.world import World

NLP = "models/nlp:sentiment"
MODELS = {"digits": "digits", "sentiment": NLP}
VERSIONS = {  # of digits, in the order of their commits
    "first": "1.0.0",
    "candidate": "v1.1.0-rc.1",
    "nightly": "1.1.0-rc.2+build.7",
    "release": "v1.1.0",
    "second": "v2.0.0",
}
ASSIGNMENTS = {  # name: model, stage, the versions that hold it one after another
    "digits-dev": ("digits", "dev", ["v1.1.0-rc.2+build.7"]),
    "digits-staging": ("digits", "staging", ["v1.1.0", "v1.0.0"]),
    "digits-prod": ("digits", "prod", ["v1.0.0", "v1.1.0", "v2.0.0", "v1.0.0"]),
    "digits-prod-eu": ("digits", "prod/eu", ["v2.0.0"]),
    "sentiment-prod": ("sentiment", "prod", ["v0.1.0"]),
}


def weights(number: int) -> bytes:
    return f"weights {number}\n".encode()


@pytest.fixture(scope="module")
def story(shared_world: World) -> World:
    """Two models, six versions, five stages; three promotions, of which two go back."""
    world, store = shared_world, shared_world.directory / "store"
    commits = [
        world.remote.commit(
            config(store)
            | tracked_model(store, "digits", weights(number))
            | tracked_model(store, NLP, weights(-number))
        )
        for number in range(len(VERSIONS))
    ]
    for model, artifact in MODELS.items():
        world.model(model, artifact=artifact)
    for (name, version), commit in zip(VERSIONS.items(), commits, strict=True):
        world.version(name, version=version, revision=commit, message=f"the {name} one")
    world.version("sentiment-v0", model="sentiment", version="v0.1.0", revision=commits[1])
    for turn in range(4):
        for name, (model, stage, versions) in ASSIGNMENTS.items():
            if turn < len(versions):
                world.stage(name, model=model, stage=stage, version=versions[turn])
        for name, (_, _, versions) in ASSIGNMENTS.items():
            current = world.await_ready("stage", name)["current"]
            assert current["version"] == versions[min(turn, len(versions) - 1)]
    at_rest(lambda: [objects(world, kind) for kind in ("rmodel", "mver")])  # they follow
    return world


@pytest.fixture(scope="module")
def clone(story: World) -> Path:
    return story.clone()


def ask(world: World, clone: Path, *arguments: str) -> Any:
    return json.loads(world.gto(*arguments, "--json", clone=clone))


def objects(world: World, kind: str) -> dict[str, Any]:
    return {item["metadata"]["name"]: item["status"] for item in world.items(kind)}


def test_gto_show_says_what_the_models_say(story: World, clone: Path) -> None:
    models = objects(story, "rmodel")
    shown = ask(story, clone, "show")
    assert shown.keys() == set(MODELS.values())
    for name, artifact in MODELS.items():
        ours = {stage["name"]: stage["version"] for stage in models[name]["stages"]}
        theirs = {stage: v for stage, v in shown[artifact]["stage"].items() if v is not None}
        assert theirs == ours
        assert shown[artifact]["version"] == models[name]["latestVersion"]
        assert shown[artifact]["active"]
    assert shown["digits"]["stage"]["prod"] == "v1.0.0"


def test_gto_show_of_a_model_says_what_its_versions_say(story: World, clone: Path) -> None:
    ours = {
        status["version"]: (status["commit"], set(status.get("stages", [])), status["tag"])
        for name, status in objects(story, "mver").items()
        if name in VERSIONS
    }
    theirs = {
        row["version"]: (row["commit_hexsha"], stages_now(row), row["ref"])
        for row in ask(story, clone, "show", "digits")
    }
    assert theirs == ours
    assert ours["v1.0.0"][1] == {"staging", "prod"}
    assert "v1.1.0-rc.2+build.7" in ours


def stages_now(row: Mapping[str, Any]) -> set[str]:
    return {stage for entry in row["stages"] if (stage := entry["stage"])}


def test_gto_history_has_the_tags_of_the_statuses_and_no_others(story: World, clone: Path) -> None:
    registered = {status["tag"] for status in objects(story, "mver").values()}
    assigned = {e["tag"] for status in objects(story, "stage").values() for e in status["history"]}
    history = [row["ref"] for row in ask(story, clone, "history")]
    assert sorted(history) == sorted(registered | assigned) == story.tags()
    assert len(assigned) == sum(len(versions) for _, _, versions in ASSIGNMENTS.values())
    prod = [e["tag"] for e in story.status("stage", "digits-prod")["history"]]
    assert [tag for tag in history if tag in prod] == prod


def test_gto_lists_the_stages_that_are_used(story: World, clone: Path) -> None:
    used = story.gto("stages", "--used", clone=clone).split()
    assert sorted(set(used)) == sorted({stage for _, stage, _ in ASSIGNMENTS.values()})


@pytest.mark.parametrize("name", ["digits-prod", "digits-prod-eu", "sentiment-prod"])
def test_gto_reads_the_tag_that_an_assignment_names(story: World, clone: Path, name: str) -> None:
    current = story.status("stage", name)["current"]
    model, stage, _ = ASSIGNMENTS[name]
    found = ask(story, clone, "check-ref", current["tag"])
    assert (found["artifact"], found["stage"]) == (MODELS[model], stage)
    assert (found["version"], found["commit_hexsha"]) == (current["version"], current["commit"])


def test_dvc_gets_the_bytes_of_who_holds_the_stage(story: World) -> None:
    current = story.status("stage", "digits-prod")["current"]
    holder = next(s for s in objects(story, "mver").values() if s["commit"] == current["commit"])
    got = dvc_get(story, "digits", "--stage", "prod")
    assert got == weights(0)
    assert holder["artifact"]["digest"] == f"md5:{hashlib.md5(got).hexdigest()}"  # noqa: S324


def test_dvc_gets_a_version_of_a_model_in_a_directory(story: World) -> None:
    assert dvc_get(story, NLP, "--rev", "v0.1.0") == weights(-1)


def dvc_get(world: World, artifact: str, *which: str) -> bytes:
    out = world.directory / f"got-{artifact.rpartition(':')[2]}"
    program = Path(sys.executable).with_name("dvc")
    command = [program, "artifacts", "get", world.remote.url, artifact, *which, "-o", out]
    done = subprocess.run(
        list(map(str, command)), cwd=world.directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out.read_bytes()

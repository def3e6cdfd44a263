"""Versions and stages in all their states on a live operator, and GTO's word on each."""

from __future__ import annotations

import pytest
from tests.cluster.kubectl import eventually
from tests.operator.fixtures import project
from tests.operator.person import Person
from tests.operator.world import World


@pytest.fixture(scope="module")
def ada(shared_world: World) -> Person:
    return Person.of(shared_world)


def tags_of(world: World, artifact: str) -> list[str]:
    return [t for t in world.tags() if t.startswith((f"{artifact}@", f"{artifact}#"))]


LONG = "2.1.0-rc.2+gpu.7"


def await_next(world: World, expected: dict[str, str]) -> None:
    eventually(lambda: world.status("rmodel", "bumps")["nextVersions"] == expected)


def test_numbers_grow_by_bump_past_prereleases_and_builds(shared_world: World) -> None:
    world = shared_world
    world.model("bumps")
    first = {"major": "v0.0.1", "minor": "v0.0.1", "patch": "v0.0.1"}
    world.await_ready("rmodel", "bumps")
    assert world.status("rmodel", "bumps")["nextVersions"] == first
    story = [
        ("b1", {"bump": "Minor"}, "v0.0.1", ("v1.0.0", "v0.1.0", "v0.0.2")),
        ("b2", {"bump": "Minor"}, "v0.1.0", ("v1.0.0", "v0.2.0", "v0.1.1")),
        ("b3", {"version": "1.0.0-rc.1"}, "v1.0.0-rc.1", ("v2.0.0", "v1.1.0", "v1.0.1")),
        ("b4", {"version": "v1.0.0"}, "v1.0.0", ("v2.0.0", "v1.1.0", "v1.0.1")),
        ("b5", {}, "v1.0.1", ("v2.0.0", "v1.1.0", "v1.0.2")),
        ("b6", {"bump": "Major"}, "v2.0.0", ("v3.0.0", "v2.1.0", "v2.0.1")),
        (
            "b7",
            {"version": "2.1.0-rc.2+gpu.7"},
            f"v{LONG}",
            ("v3.0.0", "v2.2.0", "v2.1.1"),
        ),
    ]
    for number, (name, spec, given, following) in enumerate(story):
        revision = world.remote.commit(project(f"0.{number}"), branch="bumps")
        world.version(name, model="bumps", revision=revision, **spec)
        assert world.await_ready("mver", name)["version"] == given
        await_next(world, dict(zip(("major", "minor", "patch"), following, strict=True)))
    assert world.status("rmodel", "bumps")["latestVersion"] == f"v{LONG}"
    assert tags_of(world, "bumps") == sorted(f"bumps@{given}" for _, _, given, _ in story)
    shown = {row["version"] for row in world.gto_json("show", "bumps")}
    assert shown == {given for _, _, given, _ in story}
    assert world.gto_json("show", "bumps@latest")[0]["version"] == f"v{LONG}"


def test_a_withdrawn_version_returns_when_its_object_says_so(shared_world: World) -> None:
    world = shared_world
    world.model("boomerang")
    world.version("o1", model="boomerang", version="v1.0.0", revision="main~2")
    world.stage("boomerang-dev", model="boomerang", stage="dev", version="v1.0.0")
    world.await_ready("stage", "boomerang-dev")
    world.delete("stage", "boomerang-dev")
    for _ in range(2):
        world.patch("mver", "o1", {"deregistered": True})
        assert world.await_reason("mver", "o1", "Deregistered")["status"] == "True"
        assert world.gto_json("show")["boomerang"]["version"] is None
        world.patch("mver", "o1", {"deregistered": False})
        world.await_reason("mver", "o1", "Registered")
        assert world.gto_json("show")["boomerang"]["version"] == "v1.0.0"
    assert tags_of(world, "boomerang") == [
        *("boomerang#dev!#2", "boomerang#dev#1"),
        *("boomerang@v1.0.0", "boomerang@v1.0.0!", "boomerang@v1.0.0!#4"),
        *("boomerang@v1.0.0#3", "boomerang@v1.0.0#5"),
    ]
    assert world.status("mver", "o1")["tag"] == "boomerang@v1.0.0#5"
    world.stage("boomerang-dev", model="boomerang", stage="dev", version="v1.0.0")
    assert world.await_ready("stage", "boomerang-dev")["current"]["tag"] == "boomerang#dev#6"
    assert world.gto_json("show")["boomerang"]["stage"]["dev"] == "v1.0.0"


def test_an_object_made_anew_does_not_bring_a_withdrawn_version_back(shared_world: World) -> None:
    world = shared_world
    world.model("gone")
    world.version("g1", model="gone", version="v1.0.0", revision="main~2")
    world.await_ready("mver", "g1")
    world.patch("mver", "g1", {"deregistered": True})
    assert world.await_reason("mver", "g1", "Deregistered")["status"] == "True"
    world.delete("mver", "g1")
    world.version("g1", model="gone", version="v1.0.0", revision="main~2")
    world.await_said("mver", "g1", "Deregistered", "set deregistered to true")
    assert tags_of(world, "gone") == ["gone@v1.0.0", "gone@v1.0.0!"]


def test_one_version_on_several_stages_at_once_and_off_them_one_by_one(
    shared_world: World,
) -> None:
    world = shared_world
    world.model("busy")
    world.version("y1", model="busy", version="v1.0.0", revision="main~2")
    stages = ("dev", "staging", "prod", "prod-eu")
    for stage in stages:
        world.stage(f"busy-{stage}", model="busy", stage=stage, version="v1.0.0")
    for stage in stages:
        world.await_ready("stage", f"busy-{stage}")
    assert {s: v for s, v in world.gto_json("show")["busy"]["stage"].items() if v} == dict.fromkeys(
        stages, "v1.0.0"
    )
    eventually(lambda: world.status("mver", "y1").get("stages") == sorted(stages))
    left = list(stages)
    while left:
        world.delete("stage", f"busy-{left.pop()}")
        held = world.gto_json("show")["busy"]["stage"]
        assert sorted(s for s, v in held.items() if v == "v1.0.0") == sorted(left)
    counters = [int(t.rpartition("#")[2]) for t in tags_of(world, "busy") if "@" not in t]
    assert sorted(counters) == list(range(1, 9))


def test_of_several_holders_the_newest_is_shown_and_leaving_takes_them_all(ada: Person) -> None:
    world = ada.world
    world.model("crowd")
    for number, back in ((1, 2), (2, 1), (3, 0)):
        world.version(
            f"c{number}", model="crowd", version=f"v{number}.0.0", revision=f"main~{back}"
        )
        world.await_ready("mver", f"c{number}")
    for number in (1, 3, 2):
        ada.gto("assign", "crowd", "--version", f"v{number}.0.0", "--stage", "qa")
    world.stage("crowd-qa", model="crowd", stage="qa")
    world.patch("rmodel", "crowd", {"description": "look"})
    eventually(
        lambda: world.status("stage", "crowd-qa").get("current", {}).get("version") == "v2.0.0"
    )
    assert world.gto_json("show", "--vs", "-1")["crowd"]["stage"]["qa"] == "v2.0.0, v3.0.0, v1.0.0"
    assert world.status("rmodel", "crowd")["onStage"] == "qa=v2.0.0"

    world.patch("stage", "crowd-qa", {"version": "v1.0.0"})
    world.await_reason("stage", "crowd-qa", "Assigned")
    assert world.gto_json("show")["crowd"]["stage"]["qa"] == "v1.0.0"
    world.delete("stage", "crowd-qa")
    assert world.gto_json("show", "--vs", "-1")["crowd"]["stage"].get("qa") is None
    assert sum("!" in tag for tag in tags_of(world, "crowd")) == 3


def test_a_deprecated_model_stays_so_while_its_stages_are_emptied(ada: Person) -> None:
    world = ada.world
    world.model("old")
    world.version("d1", model="old", version="v1.0.0", revision="main~2")
    world.stage("old-prod", model="old", version="v1.0.0")
    world.await_ready("stage", "old-prod")
    ada.gto("deprecate", "old")
    world.await_reason("rmodel", "old", "Deprecated")
    world.delete("stage", "old-prod")
    assert tags_of(world, "old") == [
        *("old#prod!#2", "old#prod#1", "old@deprecated", "old@deprecated#3", "old@v1.0.0")
    ]
    assert "old" not in world.gto_json("show")
    assert world.status("rmodel", "old")["deprecated"] is True


def test_a_restored_model_has_the_stages_it_had(shared_world: World) -> None:
    world = shared_world
    world.model("lazarus")
    world.version("l1", model="lazarus", version="v1.0.0", revision="main~2")
    world.version("l2", model="lazarus", version="v2.0.0", revision="main~1")
    world.stage("lazarus-prod", model="lazarus", version="v1.0.0")
    world.await_ready("stage", "lazarus-prod")
    world.await_ready("mver", "l2")
    before = world.gto_json("show")["lazarus"]
    for deprecated, reason in ((True, "Deprecated"), (False, "Synced")) * 2:
        world.patch("rmodel", "lazarus", {"deprecated": deprecated})
        world.await_reason("rmodel", "lazarus", reason)
    assert world.gto_json("show")["lazarus"] == before
    assert world.await_ready("stage", "lazarus-prod")["current"]["tag"] == "lazarus#prod#1"

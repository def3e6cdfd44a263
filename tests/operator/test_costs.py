"""What each action costs the API server and the git server, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from tests.cluster.kubectl import at_rest, eventually
from tests.cluster.manifests import model_version
from tests.operator.world import World

WRITES = ("create", "apply", "patch", "update", "delete")
REQUESTS = "playbill_kube_requests_total"
GIT = "playbill_git_operation_duration_seconds_count"
QUIET_SECONDS = 3.0
"""Longer than outcomes gather before they are written as notes."""


def spent(world: World) -> Counter[str]:
    """Writes by what was written, Events aside, and operations of git by what they did."""
    found: Counter[str] = Counter()
    for name, labels, value in world.operator.samples():
        if name == GIT:
            found[f"git {labels['operation']}"] += int(value)
        elif name == REQUESTS and labels["verb"] in WRITES:
            found[labels["resource"].replace(".playbill.dev", "")] += int(value)
    found.pop("events.events.k8s.io", None)
    return found


def cost(world: World, action: Callable[[], object]) -> dict[str, int]:
    """What an action costs until nothing happens any more; before it nothing does."""
    before = spent(world)
    action()
    return dict(all_spent(world) - before)


def all_spent(world: World) -> Counter[str]:
    return at_rest(lambda: spent(world), seconds=QUIET_SECONDS)


@pytest.fixture(scope="module")
def quiet(shared_world: World) -> World:
    """A model that is looked at once an hour, so that all that happens is an action's doing."""
    shared_world.model(repository={"interval": "1h"})
    shared_world.await_ready("rmodel", "digits")
    all_spent(shared_world)
    return shared_world


def test_the_costs_of_a_story(quiet: World) -> None:
    """Each action is one push, looked at once before and once after it.

    What becomes of an assignment is told in one push of notes, for which there is one more look.
    """
    world, push = quiet, {"git list": 2, "git push": 1}
    told = {"git list": 3, "git push": 1, "git push-notes": 1}

    def register(name: str, **spec: str) -> None:
        world.version(name, **spec)
        world.await_ready("mver", name)

    def assign(version: str) -> None:
        world.stage(version=version)
        world.await_ready("stage", "digits-prod")

    given = cost(world, lambda: register("v1", version="v1.0.0", revision="main~2"))
    assert remote(given) == push | {"git discover": 1}  # what the server takes, asked once
    assert writes(given) == {"modelversions/status": 1, "registeredmodels/status": 1}

    # Its number is written down before it is used.
    allotted = cost(world, lambda: register("v2", bump="Major", revision="main~1"))
    assert remote(allotted) == push
    assert writes(allotted) == {"modelversions/status": 2, "registeredmodels/status": 1}

    first = cost(world, lambda: assign("v1.0.0"))
    assert remote(first) == told
    assert writes(first) == {
        "stageassignments": 1,  # the finalizer
        "stageassignments/status": 2,
        "modelversions/status": 1,
        "registeredmodels/status": 1,
    }

    promotion = cost(world, lambda: assign("v2.0.0"))
    assert remote(promotion) == told
    assert writes(promotion) == {
        "stageassignments/status": 2,
        "modelversions/status": 2,  # the one that comes and the one that goes
        "registeredmodels/status": 1,
    }

    end = cost(world, lambda: world.delete("stage", "digits-prod"))
    assert remote(end) == told
    assert writes(end) == {
        "stageassignments": 1,
        "stageassignments/status": 1,
        "modelversions/status": 1,
        "registeredmodels/status": 1,
    }

    label = ("label", "-n", world.namespace, "mver", "v1", "team=vision")
    assert cost(world, lambda: world.kubectl(*label)) == {}


def test_versions_that_come_together_are_pushed_together(quiet: World) -> None:
    world, names = quiet, [f"many-{number}" for number in range(30)]
    world.model("many", repository={"interval": "1h"}, suspend=True)
    manifests = [
        model_version(
            name, model="many", version=f"0.{n}.0", revision=world.remote.commit({"n": name})
        )
        for n, name in enumerate(names)
    ]

    world.apply(*manifests)  # one after the other: a crowd is what waits together
    all_spent(world)

    def go_on() -> None:
        world.patch("rmodel", "many", {"suspend": False})
        for name in names:
            world.await_ready("mver", name)

    used = cost(world, go_on)
    assert len([tag for tag in world.tags() if tag.startswith("many@")]) == len(names)
    assert used["git push"] == 1
    assert used["modelversions/status"] == len(names)
    assert used["registeredmodels/status"] <= 3  # it is there; it has versions; it has them all


def test_looking_when_nothing_has_changed_is_one_listing_and_no_write(quiet: World) -> None:
    world = quiet
    world.model(repository={"interval": "5s"})
    world.await_ready("rmodel", "digits")
    before = all_spent(world)
    eventually(lambda: spent(world)["git list"] >= before["git list"] + 2)
    used = spent(world) - before
    assert set(used) == {"git list"}


def remote(used: dict[str, int]) -> dict[str, int]:
    """What was asked of the git server, but for fetching and reading files."""
    asked = {"git discover", "git list", "git push", "git push-notes"}
    return {what: n for what, n in used.items() if what in asked}


def writes(used: dict[str, int]) -> dict[str, int]:
    return {what: n for what, n in used.items() if not what.startswith("git ")}

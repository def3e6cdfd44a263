"""A newer spec is what counts, at once: whatever the one before was about to do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.e2e.serving import V1, V2, Served
from tests.operator.fixtures import new_world
from tests.operator.gate import Gate
from tests.operator.test_restart import next_look
from tests.operator.world import World
from tests.servers.api_gate import ApiGate

V3 = "v3.0.0"
NEVER = {"image": "localhost/nobody-has-this:1", "imagePullPolicy": "Never"}
CRASHES = {"command": ["/bin/busybox", "sh", "-c", "exit 7"]}
NOT_READY = {"readinessProbe": {"httpGet": {"path": "/nothing", "port": 8080}, "periodSeconds": 1}}


@pytest.fixture(scope="module")
def behind(
    cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ApiGate, World]]:
    """An operator that reaches the API server through a door."""
    directory = tmp_path_factory.mktemp("superseding")
    with new_world(cluster, directory) as world, ApiGate(cluster.kubeconfig, directory) as door:
        world.operator.kubeconfig = door.kubeconfig
        world.operator.start()
        yield door, world


@pytest.fixture
def door(behind: tuple[ApiGate, World]) -> ApiGate:
    return behind[0]


@pytest.fixture
def served(behind: tuple[ApiGate, World], image: str) -> Iterator[Served]:
    """v1.0.0 is on stage, v2.0.0 and v3.0.0 are there."""
    _, world = behind
    found = Served(world, f"model-{secrets.token_hex(3)}", image)
    found.register()
    found.assign()
    found.ready()
    world.version(f"{found.model}-v3", model=found.model, version=V3, revision="main")
    for name in ("v2", "v3"):
        world.await_ready("mver", f"{found.model}-{name}")
    yield found
    assert world.operator.alive
    log = world.operator.log.read_text(errors="replace")
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:5000]


def tried(served: Served, **container: Any) -> None:
    """v2.0.0 is promoted with a container that is changed so, and begins to roll out."""
    rollout = {"template": served.template(**container), "progressDeadlineSeconds": 600}
    served.change(version=V2, rollout=rollout)
    eventually(lambda: served.deployment()["metadata"]["annotations"]["playbill.dev/version"] == V2)


def serves(served: Served, version: str) -> None:
    """It comes to serve this version by a good template, and the ledger tells the same."""
    served.ready(version)
    served.answers(version)
    eventually(lambda: len(served.pods()) == 1)
    world = served.world
    next_look(world)
    held = world.gto("show", f"{served.model}#prod")
    assert version in held
    status = world.status("stage", served.name)
    assert status["current"]["version"] == status["workload"]["version"] == version
    assert "rolledBack" not in status
    story = history(served)
    assert story[-1][0] == version
    assert all(before[1] < after[1] for before, after in pairwise(story))
    assert [h["tag"] for h in status["history"]] == [tag for _, _, tag in reversed(story)]


def history(served: Served) -> list[tuple[str, int, str]]:
    """Version, second and name of each tag of the stage, oldest first."""
    form = "%(taggerdate:unix) %(refname:short) %(contents:subject)"
    pattern = f"refs/tags/{served.model}#prod#*"
    lines = served.world.remote.git("for-each-ref", f"--format={form}", pattern).splitlines()
    found = [line.split() for line in lines]
    return sorted(((words[-1], int(words[0]), words[1]) for words in found), key=lambda x: x[1])


@pytest.mark.parametrize("bad", [NOT_READY, CRASHES], ids=["slow", "crashing"])
def test_a_newer_version_does_not_wait_for_the_one_that_does_not_come_up(
    served: Served, bad: dict[str, Any]
) -> None:
    tried(served, **bad)
    served.change(version=V3, rollout=served.rollout())
    serves(served, V3)
    assert [version for version, _, _ in history(served)] == [V1, V2, V3]


def test_an_older_version_is_not_blamed_for_the_deadline_of_the_one_before(
    served: Served,
) -> None:
    served.change(version=V2)
    served.ready(V2)
    held = {"onFailure": "Hold", "progressDeadlineSeconds": 5}
    served.change(version=V3, rollout={"template": served.template(**NOT_READY), **held})
    served.world.await_reason("stage", served.name, "ProgressDeadlineExceeded")
    back = {"onFailure": "Rollback", "progressDeadlineSeconds": 600}
    served.change(version=V1, rollout={**served.rollout(), **back})
    serves(served, V1)
    assert [version for version, _, _ in history(served)] == [V1, V2, V3, V1]


def test_there_and_back_in_quick_succession_ends_where_it_began(served: Served) -> None:
    for version in (V2, V1, V3, V1):
        served.change(version=version)
    serves(served, V1)
    served.change(version=V2)
    eventually(lambda: len(history(served)) > 1)
    served.change(version=V1)
    serves(served, V1)
    assert "Contested" not in served.world.operator.log.read_text()


@pytest.mark.parametrize("landed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("what", ["the status", "the old pods", "the reservation"])
def test_a_spec_that_changes_in_the_moment_of_a_rollback_counts(
    door: ApiGate, served: Served, what: str, landed: bool
) -> None:
    status = f"/stageassignments/{served.name}/status"
    line, words = {
        "the status": (status, '"rolledBack"'),
        "the old pods": (f"/deployments/{served.name}", f'"playbill.dev/version": "{V1}"'),
        "the reservation": (status, "#prod#3"),
    }[what]
    held = door.hold(line, words, landed=landed)
    served.change(version=V2, rollout={"template": served.template(**NEVER)})
    held.arrives()
    served.change(version=V3, rollout=served.rollout())
    held.let_go()
    serves(served, V3)


@pytest.mark.parametrize("hook", ["pre-receive", "post-receive"])
def test_a_rollback_that_is_being_pushed_is_not_recorded_after_what_came_next(
    served: Served, hook: Any
) -> None:
    world = served.world
    served.change(version=V2, rollout={"template": served.template(**NEVER)})
    eventually(lambda: len(history(served)) == 2)
    gate = Gate(world.remote, hook)
    gate.await_push()
    served.change(version=V3, rollout=served.rollout())
    gate.open()
    serves(served, V3)
    assert [version for version, _, _ in history(served)] in ([V1, V2, V1, V3], [V1, V2, V3])


def test_the_failed_version_with_a_better_template_is_a_new_wish(
    door: ApiGate, served: Served
) -> None:
    held = door.hold(f"/stageassignments/{served.name}/status", "#prod#3")
    served.change(version=V2, rollout={"template": served.template(**NEVER)})
    held.arrives()
    served.change(rollout=served.rollout())
    held.let_go()
    serves(served, V2)

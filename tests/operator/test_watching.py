"""A watch may break in any way: what changed meanwhile is reconciled, and nothing else is done.

One operator works behind a door that breaks its watches, and each test has a model of its own. A
second operator hears nothing all the while, as it takes a minute until a watch counts as dead.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.manifests import manifest
from tests.operator.fixtures import new_world, release
from tests.operator.house import House
from tests.operator.process import OperatorProcess
from tests.operator.test_drift import V1, V2, Served
from tests.operator.world import World
from tests.servers.remote import Remote
from tests.servers.watch_gate import End, Reply, WatchGate

MODELS, VERSIONS, STAGES = "registeredmodels", "modelversions", "stageassignments"
HOMES, POLICIES = "modelrepositories", "promotionpolicies"
DEPLOYMENTS, SERVICES = "deployments", "services"
KINDS = (MODELS, VERSIONS, STAGES, HOMES, POLICIES, DEPLOYMENTS, SERVICES)
BOUND = 40
"""Seconds within which all that was missed is made good."""
HAS_EXPIRED = (Reply.EXPIRED, Reply.GONE, Reply.FAILED)


@dataclass(frozen=True, slots=True)
class Behind:
    """What an operator behind a door is asked."""

    house: House
    door: WatchGate

    def model(self, name: str) -> World:
        """A model with v1.0.0 and v2.0.0."""
        world = self.house.world(name)
        world.model()
        world.version(f"{name}-v1", version=V1, revision="main~2")
        world.version(f"{name}-v2", version=V2, revision="main~1")
        for version in ("v1", "v2"):
            world.await_ready("mver", f"{name}-{version}")
        return world


@pytest.fixture(scope="module")
def deaf(
    cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, WatchGate]]:
    """A world whose operator hears nothing of stages, though its connection stands; one waits."""
    directory = tmp_path_factory.mktemp("deaf")
    with new_world(cluster, directory) as world, WatchGate(cluster.kubeconfig, directory) as door:
        world.operator.kubeconfig = door.kubeconfig
        world.operator.start()
        eventually(lambda: all(door.watches[kind] for kind in KINDS))
        door.end(STAGES, End.SILENCE)
        world.model()
        world.version("digits-v1", version=V1, revision="main")
        world.stage(version=V1)
        yield world, door
        world.operator.stop()


@pytest.fixture(scope="module")
def shared_behind(
    cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory, deaf: object
) -> Iterator[Behind]:
    directory = tmp_path_factory.mktemp("behind")
    name = f"behind-{secrets.token_hex(4)}"
    cluster("create", "namespace", name)
    with WatchGate(cluster.kubeconfig, directory) as door:
        operator = OperatorProcess(door.kubeconfig, name, directory / "operator")
        house = House(cluster, name, operator.start(), directory)
        eventually(lambda: all(door.watches[kind] for kind in KINDS))
        yield Behind(house, door)
        operator.stop()
    release(World(cluster, name, Remote(directory / "end.git"), operator, directory, ""))


@pytest.fixture
def behind(shared_behind: Behind) -> Iterator[Behind]:
    """The same for one test, through which the operator lives, and is well at its end."""
    pid = shared_behind.house.operator.pid
    yield shared_behind
    shared_behind.house.check()
    assert shared_behind.house.operator.pid == pid


@pytest.mark.parametrize("end", [End.RESET, End.HALF_A_LINE, End.HALF_A_CHUNK])
def test_a_change_that_was_cut_off_is_heard_of_without_a_listing(behind: Behind, end: End) -> None:
    world = behind.model(f"cut-{list(End).index(end)}")
    before, known = behind.door.lists[STAGES], len(behind.door.watches[STAGES])
    behind.door.end(STAGES, end)
    world.stage(version=V1)
    world.await_ready("stage", f"{world.name}-prod", patience=BOUND)
    assert len(behind.door.watches[STAGES]) == known + 1
    assert behind.door.lists[STAGES] == before


def test_a_kind_that_is_not_served_for_a_moment_is_watched_again(behind: Behind) -> None:
    world = behind.model("unserved")
    with behind.door.away(STAGES):
        world.stage(version=V1)
        behind.door.answer(STAGES, Reply.NOT_SERVED, times=2)
    world.await_ready("stage", "unserved-prod", patience=BOUND)


def test_a_login_that_is_over_while_another_watch_waits_its_turn_is_made_anew(
    behind: Behind,
) -> None:
    """All watches share a session, which is closed then."""
    world, door = behind.model("login"), behind.door
    known = len(door.watches[DEPLOYMENTS])
    door.answer(DEPLOYMENTS, Reply.NOTHING, times=4)
    door.end(DEPLOYMENTS, End.RESET)
    eventually(lambda: len(door.watches[DEPLOYMENTS]) >= known + 4, patience=BOUND)
    door.answer(STAGES, Reply.UNAUTHORIZED)
    door.end(STAGES, End.RESET)
    eventually(lambda: len(door.watches[DEPLOYMENTS]) >= known + 5, patience=BOUND)
    world.stage(version=V1)
    world.await_ready("stage", "login-prod", patience=BOUND)


@pytest.mark.parametrize("reply", [Reply.PASSED_ON, *HAS_EXPIRED])
def test_what_came_changed_and_went_without_a_watch_is_reconciled(
    behind: Behind, reply: Reply
) -> None:
    """What went: a Deployment, which comes back, and a policy, which no longer refuses."""
    door, name = behind.door, f"missed-{list(Reply).index(reply)}"
    served = Served(behind.house, name)
    world = served.world
    never = {"name": "never", "expression": "metrics.accuracy > 1"}
    refused = {"models": [name], "stages": ["dev"], "gates": [never]}
    world.apply(manifest("PromotionPolicy", name, refused))
    world.stage(f"{name}-dev", stage="dev", version=V1)
    world.await_reason("stage", f"{name}-dev", "GateFailed")
    missed = (STAGES, POLICIES, DEPLOYMENTS)
    before = {kind: door.lists[kind] for kind in missed}

    with ExitStack() as away:
        for kind in missed:
            away.enter_context(door.away(kind))
            door.answer(kind, reply)
        world.stage(f"{name}-new", stage="new", version=V1)
        world.patch("stage", served.name, {"version": V2})
        world.delete("promotionpolicy", name)
        served.kubectl("delete", "deployment", served.name)

    world.await_ready("stage", f"{name}-new", patience=BOUND)
    world.await_ready("stage", f"{name}-dev", patience=BOUND)
    eventually(lambda: world.exists("deployment", served.name), patience=BOUND)
    world.await_ready("stage", served.name, patience=BOUND)
    assert served.image() == f"server:{V2}"
    # The informer's, the resync's after it, and that of the start, if it was then. Policies are
    # listed by each pass of a repository, too.
    most = 1 if reply is Reply.PASSED_ON else 3
    assert max(door.lists[kind] - before[kind] for kind in (STAGES, DEPLOYMENTS)) <= most


def test_nothing_is_written_when_all_is_listed_anew_and_nothing_has_changed(
    behind: Behind,
) -> None:
    Served(behind.house, "quiet")
    door = behind.door
    eventually(lambda: settled(door))
    lists, writes = dict(door.lists), list(door.writes)
    for kind in KINDS:
        door.answer(kind, Reply.EXPIRED)
        door.end(kind, End.RESET)
    eventually(lambda: all(door.lists[kind] >= lists[kind] + 2 for kind in KINDS), patience=BOUND)
    eventually(lambda: settled(door))
    assert door.writes == writes
    assert all(door.lists[kind] <= lists[kind] + 3 for kind in KINDS)


def settled(door: WatchGate, seconds: float = 2) -> bool:
    """Whether nothing is written for a moment."""
    before = len(door.writes)
    time.sleep(seconds)
    return len(door.writes) == before


def test_a_bookmark_is_where_the_next_watch_begins_and_nothing_else(behind: Behind) -> None:
    world, door = behind.model("bookmarked"), behind.door
    eventually(lambda: settled(door))
    lists, writes = door.lists[POLICIES], list(door.writes)
    door.answer(POLICIES, Reply.SHORT)
    door.end(POLICIES, End.RESET)
    known = len(door.watches[POLICIES])
    eventually(lambda: len(door.watches[POLICIES]) == known + 2, patience=BOUND)
    short, after = door.watches[POLICIES][-2:]
    assert short.bookmarks
    assert after.since == short.bookmarks[-1] != short.since
    assert door.lists[POLICIES] <= lists + 1  # that of the start, if it was then
    assert door.writes == writes
    world.apply(
        manifest("PromotionPolicy", "bookmarked", {"models": ["nothing"], "stages": ["prod"]})
    )
    world.await_ready("policy", "bookmarked", patience=BOUND)


def test_what_breaks_again_and_again_is_asked_for_more_and_more_rarely(behind: Behind) -> None:
    world, door = behind.model("spinning"), behind.door
    broken = {VERSIONS: Reply.EXPIRED, STAGES: Reply.GONE, HOMES: Reply.NOTHING}
    known = {kind: (door.lists[kind], len(door.watches[kind])) for kind in broken}
    for kind, reply in broken.items():
        door.answer(kind, reply, times=1000)
        door.end(kind, End.RESET)
    time.sleep(5)
    for kind, (lists, watches) in known.items():
        assert 1 <= len(door.watches[kind]) - watches <= 4
        assert door.lists[kind] - lists <= 6  # ours among them
        door.answer(kind, Reply.PASSED_ON)
    world.version("spinning-v3", version="v3.0.0", revision="main")
    world.stage(version="v3.0.0")
    world.await_ready("stage", "spinning-prod", patience=BOUND)


def test_a_watch_that_has_died_in_silence_is_replaced_and_a_quiet_one_is_not(
    deaf: tuple[World, WatchGate],
) -> None:
    world, door = deaf
    eventually(lambda: len(door.watches[STAGES]) > 1, patience=150)
    world.await_ready("stage", "digits-prod", patience=BOUND)
    world.delete("stage", "digits-prod")
    assert world.tags() == ["digits#prod!#2", "digits#prod#1", "digits@v1.0.0"]
    assert len(door.watches[STAGES]) <= 3  # after a minute it may have to list anew
    (quiet,) = door.watches[POLICIES]
    assert quiet.bookmarks
    assert {len(door.watches[kind]) for kind in KINDS if kind != STAGES} == {1}
    assert world.operator.alive
    assert "Traceback" not in world.operator.log.read_text()

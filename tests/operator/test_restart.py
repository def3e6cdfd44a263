"""The operator may die at any moment: nothing is lost, nothing doubled, nothing written twice."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.kubectl import at_rest, eventually
from tests.operator.gate import Gate
from tests.operator.world import World

KINDS = ("rmodel", "mver", "stage")


def objects(world: World, *kinds: str) -> dict[str, dict[str, Any]]:
    found = world.items(*(kinds or KINDS))
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in found}


def settled(world: World, *kinds: str) -> dict[str, dict[str, Any]]:
    """The same once nothing is written any more: not all is told by the time that all is Ready."""
    return at_rest(lambda: objects(world, *kinds))


def nothing_pending(world: World) -> bool:
    return not any(o["status"].get("pending", {}).get("tags") for o in objects(world).values())


@pytest.mark.parametrize("hook", ["pre-receive", "post-receive"])
def test_what_was_under_way_when_the_operator_died_is_there_once(world: World, hook: Any) -> None:
    world.model()
    world.version("v1", version="v1.0.0", revision="main~2")
    world.await_ready("mver", "v1")
    gate = Gate(world.remote, hook)
    world.version("v2", bump="Minor", revision="main~1")
    gate.await_push()
    world.stage(version="v1.0.0")
    reserved = world.status("mver", "v2")["pending"]["tags"]
    world.operator.kill()
    assert ("digits@v1.1.0" in world.tags()) == (hook == "post-receive")

    world.operator.start()
    assert world.await_ready("mver", "v2")["version"] == "v1.1.0"
    world.await_ready("stage", "digits-prod")
    assert world.tags() == ["digits#prod#1", "digits@v1.0.0", "digits@v1.1.0"]
    assert world.remote.git("cat-file", "tag", "digits@v1.1.0") == reserved[0]["object"].strip()
    eventually(lambda: nothing_pending(world))


@pytest.mark.parametrize("by", ["git", "the wire"])
def test_a_push_that_lands_after_the_operator_died_and_came_back_is_no_second_one(
    world: World, by: str
) -> None:
    """Of two processes that push one lives on; over the wire it is the server that does."""
    world.url = world.remote.url if by == "git" else world.url
    world.model()
    world.version("v1", version="v1.0.0", revision="main~2")
    world.await_ready("mver", "v1")
    gate = Gate(world.remote, "pre-receive")
    world.stage(version="v1.0.0")
    gate.await_push()
    left = world.operator.children()
    world.operator.kill(alone=True)
    assert bool(running(left)) is (by == "git")
    world.operator.start()
    world.await_ready("stage", "digits-prod")
    before = world.remote.tags()
    gate.open()
    gate.await_passage()
    eventually(lambda: not running(left))
    look_again(world)
    assert world.remote.tags() == before
    assert world.tags() == ["digits#prod#1", "digits@v1.0.0"]
    assert nothing_pending(world)


def test_a_push_that_lands_late_does_not_outvote_what_was_asked_since(world: World) -> None:
    world.model()
    world.version("v1", version="v1.0.0", revision="main~2")
    world.version("v2", version="v2.0.0", revision="main~1")
    world.await_ready("mver", "v1")
    world.await_ready("mver", "v2")
    gate = Gate(world.remote, "pre-receive")
    world.stage(version="v1.0.0")
    gate.await_push()
    world.operator.kill(alone=True)
    world.patch("stage", "digits-prod", {"version": "v2.0.0"})
    world.operator.start()
    world.await_ready("stage", "digits-prod")

    gate.open()
    eventually(lambda: len(world.tags()) == 4)
    look_again(world)
    assert world.await_ready("stage", "digits-prod")["current"]["version"] == "v2.0.0"
    assert world.tags()[:2] == ["digits#prod#1", "digits#prod#2"]
    assert world.gto_json("show")["digits"]["stage"] == {"prod": "v2.0.0"}
    assert nothing_pending(world)


def running(pids: list[int]) -> bool:
    return any(state_of(pid) not in {"", "Z"} for pid in pids)


def state_of(pid: int) -> str:
    """R, S, Z and so on; empty without such a process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def look_again(world: World) -> None:
    """Have the repository looked at once more, now."""
    seen = looks(world)
    world.look()
    eventually(lambda: looks(world) > seen)


def next_look(world: World) -> None:
    """Wait until the operator has looked at the repository once more, by itself."""
    seen = looks(world)
    eventually(lambda: looks(world) > seen)


def looks(world: World) -> float:
    return world.operator.metric(
        "playbill_reconcile_duration_seconds_count", reconciler="repository"
    )


def test_killed_again_and_again_it_loses_and_doubles_nothing(world: World) -> None:
    names = [f"n{number}" for number in range(6)]
    revisions = [world.remote.commit({"n": name}) for name in names]
    world.model()
    for number, (name, revision) in enumerate(zip(names, revisions, strict=True)):
        world.version(name, revision=revision)
        world.stage(version=f"v0.0.{max(1, number)}")
        time.sleep(0.07 * (number % 4))  # another moment each time; any is a fair test
        if number % 2:
            world.operator.kill()
            world.operator.start()
    numbers = {world.await_ready("mver", name)["version"] for name in names}
    world.await_ready("stage", "digits-prod")
    registered = [tag for tag in world.tags() if "@" in tag]
    assert numbers == {f"v0.0.{number}" for number in range(1, 7)}
    assert registered == sorted(f"digits@{number}" for number in numbers)
    eventually(lambda: nothing_pending(world))
    assert world.gto_json("show")["digits"]["stage"] == {"prod": "v0.0.5"}
    requests = [
        line
        for tag in world.tags()
        for line in world.message(tag).splitlines()
        if line.startswith("Playbill-Request:")
    ]
    assert len(requests) == len(set(requests)) == len(world.tags())


def test_a_restart_with_nothing_to_do_writes_nothing_at_all(world: World) -> None:
    full_house(world)
    before, tags = settled(world, *KINDS, "events"), world.remote.tags()
    for end in (world.operator.stop, world.operator.kill):
        end()
        world.operator.start()
        next_look(world)
        writes = [
            world.operator.metric("playbill_kube_requests_total", verb=verb)
            for verb in ("create", "apply", "patch", "update", "delete")
        ]
        assert sum(writes) == 0
    assert world.remote.tags() == tags
    after = objects(world, *KINDS, "events")
    assert versions_of(after) == versions_of(before)


def versions_of(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: item["metadata"]["resourceVersion"] for name, item in found.items()}


def full_house(world: World) -> None:
    """A model with a withdrawn version and an allotted number, and a stage that moved."""
    world.model()
    world.version("v1", version="v1.0.0", revision="main~2")
    world.version("v2", bump="Major")
    world.await_ready("mver", "v2")
    world.stage(version="v1.0.0")
    world.await_ready("stage", "digits-prod")
    world.stage(version="v2.0.0")
    world.await_ready("stage", "digits-prod")
    world.version("v1", version="v1.0.0", revision="main~2", deregistered=True)
    world.await_ready("mver", "v1")
    world.stage("digits-dev", stage="dev")
    world.await_ready("stage", "digits-dev")
    world.version("waiting", version="v9.0.0", revision="not-yet")
    eventually(lambda: bool(world.condition("mver", "waiting")))


def test_an_empty_cluster_and_an_old_repository_give_every_status_back(world: World) -> None:
    full_house(world)
    before, tags = settled(world), world.remote.tags()
    world.operator.kill()
    for stage in ("digits-prod", "digits-dev"):
        world.kubectl(
            "patch", "-n", world.namespace, "stage", stage, "--type=merge",
            "-p", '{"metadata":{"finalizers":null}}',
        )  # fmt: skip
    world.kubectl("delete", "-n", world.namespace, ",".join(KINDS), "--all")
    world.apply(*(bare(item) for item in before.values()))

    world.operator.start()
    eventually(lambda: {n: told(o) for n, o in objects(world).items()} == statuses(before))
    next_look(world)
    assert world.remote.tags() == tags


def bare(item: dict[str, Any]) -> dict[str, Any]:
    """The manifest as a person has it in git."""
    name = item["metadata"]["name"]
    return {**item, "metadata": {"name": name}, "status": {}}


def statuses(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: told(item) for name, item in found.items()}


def told(item: dict[str, Any]) -> dict[str, Any]:
    """A status without what speaks of this very object: times, generations, a reservation."""
    status = dict(item.get("status", {}))
    conditions = [
        (c["type"], c["status"], c["reason"], c["message"]) for c in status.pop("conditions", [])
    ]
    for name in ("pending", "observedGeneration"):
        status.pop(name, None)
    return status | {"conditions": conditions}


@pytest.mark.parametrize("killed", [False, True], ids=["while it runs", "killed twice"])
def test_an_existing_cluster_and_an_empty_repository_write_it_in_full(
    world: World, killed: bool
) -> None:
    world.model(repository={"maxTagsPerPush": 3})
    commits = [world.remote.commit({"n": str(n)}) for n in range(5)]
    for number, commit in enumerate(commits):
        world.version(f"v{number}", version=f"v{number}.0.0", revision=commit)
    world.version("allotted", revision="main~5")
    for stage in ("dev", "prod"):
        world.stage(f"digits-{stage}", stage=stage, version="v1.0.0")
        world.await_ready("stage", f"digits-{stage}")
    world.patch("stage", "digits-prod", {"version": "v4.0.0"})
    world.await_ready("stage", "digits-prod")
    world.await_ready("mver", "allotted")
    before = world.gto_json("show")

    if killed:
        world.operator.kill()
    old, new = world.remote.path, world.remote.path.with_name("new.git")
    world.remote.git("clone", "-q", "--bare", "--no-tags", str(old), str(new))
    old.rename(old.with_name("old.git"))
    new.rename(old)
    if killed:
        world.operator.start()
        eventually(lambda: bool(world.tags()))
        world.operator.kill()
        world.operator.start()

    eventually(lambda: len(world.tags()) == 8)
    for stage in ("dev", "prod"):
        world.await_ready("stage", f"digits-{stage}")
    assert world.gto_json("show") == before
    assert len(world.tags()) == 8

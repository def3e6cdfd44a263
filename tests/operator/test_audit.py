"""What became of each assignment stands in git notes, each line once, whatever happens."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.kubectl import eventually
from tests.cluster.manifests import manifest, rollout
from tests.operator.house import House
from tests.operator.person import Person
from tests.operator.process import OperatorProcess
from tests.operator.world import World
from tests.servers.remote import Remote

from playbill.ledger.audit import Line, parse_line

REF = "refs/notes/playbill"
REFUSE_NOTES = 'case "$1" in refs/notes/*) echo "no notes on this server" >&2; exit 1;; esac'


def notes(remote: Remote) -> dict[str, str]:
    """All notes as plain git shows them, by commit."""
    if not remote.git("for-each-ref", REF):
        return {}
    listed = remote.git("notes", "--ref=playbill", "list").splitlines()
    commits = [line.split()[1] for line in listed]
    return {c: remote.git("notes", "--ref=playbill", "show", c) for c in commits}


def lines(remote: Remote) -> list[Line]:
    """Our lines, by time; of one second as they stand in their note."""
    found = (parse_line(line) for note in notes(remote).values() for line in note.splitlines())
    return sorted((line for line in found if line), key=lambda line: line.seconds)


def told(world: World) -> list[str]:
    """Outcome and tag of each line, sorted."""
    return sorted(f"{x.outcome} {x.details['tag']}" for x in lines(world.remote))


def await_told(world: World, *expected: str) -> None:
    """Wait until exactly these lines are there."""
    try:
        eventually(lambda: told(world) == sorted(expected))
    except AssertionError:
        said = f"{told(world)}, not {sorted(expected)}"
        raise AssertionError(f"{said}\n{world.operator.tail()}") from None


def two_versions(world: World) -> None:
    world.model()
    world.version(f"{world.name}-v1", version="1.0.0", revision="main~1")
    world.version(f"{world.name}-v2", version="2.0.0", revision="main")
    for name in (f"{world.name}-v1", f"{world.name}-v2"):
        world.await_ready("mver", name)


def assign(world: World, version: str | None, **spec: Any) -> None:
    world.stage(**({"version": version} if version else {}) | spec)
    world.await_ready("stage", f"{world.name}-prod")


def quiet_looks(operator: OperatorProcess, passes: int = 4) -> None:
    """Let the operator look at its repositories so many times more, and none of it in haste."""
    repository = {"reconciler": "repository", "result": "ok"}
    before = operator.metric("playbill_reconcile_total", **repository)
    eventually(lambda: operator.metric("playbill_reconcile_total", **repository) >= before + passes)


def test_the_log_of_a_plain_clone_reads_as_the_models_story(house: House) -> None:
    world = house.world("story")
    two_versions(world)
    assign(world, "1.0.0", rollout=rollout(replicas=0))
    await_told(world, "recorded digits#prod#1", "available digits#prod#1")
    assign(world, "2.0.0", rollout=rollout(replicas=0))
    world.delete("stage", "story-prod")
    await_told(
        world,
        "recorded digits#prod#1", "available digits#prod#1", "replaced digits#prod#1",
        "recorded digits#prod#2", "available digits#prod#2", "unassigned digits#prod#2",
    )  # fmt: skip

    clone = world.clone()
    git = ["git", "-C", str(clone)]
    subprocess.run([*git, "fetch", "-q", "origin", "refs/notes/*:refs/notes/*"], check=True)
    log = subprocess.run(
        [*git, "log", "--notes=playbill", "--format=%s%n%N", "main"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    newest, older = log.index("prod recorded digits v2.0.0"), log.index("recorded digits v1.0.0")
    assert newest < older, log
    available = next(x for x in lines(world.remote) if x.outcome == "available")
    assert available.details["resource"] == f"StageAssignment/{world.namespace}/story-prod"
    assert available.details["cluster"] == "test"
    assert available.details["after"].endswith("s")
    assert available.details["digest"].startswith("git:"), available  # model.bin is in git itself
    (replaced,) = [x for x in lines(world.remote) if x.outcome == "replaced"]
    assert (replaced.details["by"], replaced.details["by-tag"]) == ("v2.0.0", "digits#prod#2")


def test_a_rollout_that_fails_is_told_with_its_reason(house: House) -> None:
    world = house.world("failing")
    two_versions(world)
    pods = rollout(replicas=1) | {"progressDeadlineSeconds": 1}
    world.stage(version="1.0.0", rollout=pods)
    world.await_reason("stage", "failing-prod", "ProgressDeadlineExceeded")
    await_told(world, "recorded digits#prod#1", "failed digits#prod#1")
    (failed,) = [x for x in lines(world.remote) if x.outcome == "failed"]
    assert failed.details["reason"] == "ProgressDeadlineExceeded"
    assert "no progress within 1 s" in failed.details["message"]


def test_versions_that_were_replaced_at_once_are_told_of_all_the_same(house: House) -> None:
    world = house.world("hasty")
    two_versions(world)
    assign(world, "1.0.0")
    for version in ("2.0.0", "1.0.0", "2.0.0"):
        world.patch("stage", "hasty-prod", {"version": version})
        world.await_ready("stage", "hasty-prod")
    tags = [tag for tag in world.tags() if "#" in tag]
    assert len(tags) == 4
    await_told(
        world,
        *(f"recorded {tag}" for tag in tags),
        *(f"replaced {tag}" for tag in tags if tag != "digits#prod#4"),
    )


def test_what_a_person_assigned_is_told_in_their_name(house: House) -> None:
    world = house.world("ledger")
    two_versions(world)
    assign(world, None, rollout=rollout(replicas=0))
    ada = Person.of(world)
    ada.gto("assign", "digits", "--version", "v1.0.0", "--stage", "prod")
    await_told(world, "recorded digits#prod#1", "available digits#prod#1")
    recorded = next(x for x in lines(world.remote) if x.outcome == "recorded")
    assert recorded.details["asked-by"] == "Ada <ada@example.com>"
    ada.gto("deprecate", "digits", "v1.0.0", "prod")
    await_told(
        world,
        "recorded digits#prod#1", "available digits#prod#1", "unassigned digits#prod#1",
    )  # fmt: skip


def test_what_people_write_under_the_same_ref_is_kept(house: House) -> None:
    world = house.world("people")
    commit = world.remote.git("rev-parse", "main~1")
    world.remote.git("notes", "--ref=playbill", "add", "-m", "Ada looked at this one", commit)
    two_versions(world)
    assign(world, "1.0.0")
    await_told(world, "recorded digits#prod#1")
    world.remote.git("notes", "--ref=playbill", "append", "-m", "and again", commit)
    assign(world, "2.0.0")
    await_told(world, "recorded digits#prod#1", "replaced digits#prod#1", "recorded digits#prod#2")
    note = notes(world.remote)[commit].splitlines()
    assert note[0] == "Ada looked at this one"
    assert "and again" in note


def test_a_server_that_takes_no_notes_stalls_nothing_and_is_named_once(house: House) -> None:
    world = house.world("refusing")
    world.remote.hook("update", REFUSE_NOTES)
    two_versions(world)
    assign(world, "1.0.0", rollout=rollout(replicas=0))
    eventually(lambda: "auditNote" in world.status("rmodel", "refusing"))
    note = world.status("rmodel", "refusing")["auditNote"]
    assert "no notes on this server" in note
    assert "auditNotes" in note
    assign(world, "2.0.0", rollout=rollout(replicas=0))
    warnings = [x for x in world.operator.log.read_text().splitlines() if "audit notes of" in x]
    assert sum("refusing" in line for line in warnings) == 1

    world.remote.hook("update", "exit 0")
    await_told(
        world,
        "recorded digits#prod#1", "available digits#prod#1", "replaced digits#prod#1",
        "recorded digits#prod#2", "available digits#prod#2",
    )  # fmt: skip
    eventually(lambda: "auditNote" not in world.status("rmodel", "refusing"))


def test_notes_that_nobody_wants_are_not_written(house: House) -> None:
    world = house.world("silent")
    world.model(repository={"auditNotes": False})
    world.version("silent-v1", version="1.0.0", revision="main")
    assign(world, "1.0.0", rollout=rollout(replicas=0))
    quiet_looks(house.operator)
    assert notes(world.remote) == {}


def test_an_adopted_assignment_tells_nothing(house: House) -> None:
    world = house.world("adopting")
    ada = Person.of(world)
    ada.gto("register", "digits", "main", "--version", "v1.0.0")
    ada.gto("assign", "digits", "--version", "v1.0.0", "--stage", "prod")
    repository = {"url": world.url, "branch": "main", "interval": "5s", "adopt": {}}
    world.apply(manifest("ModelRepository", "adopting", repository))
    get = ("get", "stage", "-n", world.namespace, "-o", "jsonpath={.items[*].spec.model}")
    eventually(lambda: "digits" in world.kubectl(*get).split())
    quiet_looks(house.operator)
    assert notes(world.remote) == {}


@dataclass(slots=True)
class NotesGate:
    """A git server that holds the first push of notes until it is told to go on."""

    remote: Remote
    hook: str
    place: Path = field(init=False)

    def __post_init__(self) -> None:
        self.place = self.remote.path / f"notes-{self.hook}"
        self.place.mkdir()
        self.remote.hook(
            self.hook,
            f"grep -q refs/notes/ || exit 0\nmkdir '{self.place}/taken' 2>/dev/null || exit 0\n"
            f": > '{self.place}/reached'\n"
            f"for _ in $(seq 3000); do [ -e '{self.place}/open' ] && break; sleep 0.02; done\n",
        )

    def await_push(self) -> None:
        eventually((self.place / "reached").exists)

    def open(self) -> None:
        (self.place / "open").touch()


@pytest.mark.parametrize("hook", ["pre-receive", "post-receive"])
def test_killed_between_tag_and_note_no_line_is_lost_or_doubled(world: World, hook: str) -> None:
    gate = NotesGate(world.remote, hook)
    two_versions(world)
    assign(world, "1.0.0", rollout=rollout(replicas=0))
    gate.await_push()
    assert "digits#prod#1" in world.tags()
    world.operator.kill()
    gate.open()
    world.operator.start()
    await_told(world, "recorded digits#prod#1", "available digits#prod#1")
    assign(world, "2.0.0", rollout=rollout(replicas=0))
    expected = (
        "recorded digits#prod#1", "available digits#prod#1", "replaced digits#prod#1",
        "recorded digits#prod#2", "available digits#prod#2",
    )  # fmt: skip
    await_told(world, *expected)
    world.operator.kill()
    world.operator.start()
    quiet_looks(world.operator)
    assert told(world) == sorted(expected)


def test_a_restored_cluster_writes_none_again(world: World) -> None:
    two_versions(world)
    spec = {"deletionPolicy": "Retain", "rollout": rollout(replicas=0)}
    assign(world, "1.0.0", **spec)
    await_told(world, "recorded digits#prod#1", "available digits#prod#1")
    before = world.remote.git("rev-parse", REF)
    world.operator.stop()
    for kind in ("stage", "mver", "rmodel"):
        world.kubectl("delete", kind, "--all", "-n", world.namespace)
    restored = OperatorProcess(
        world.kubectl.kubeconfig, world.namespace, world.directory / "restored"
    )
    world.operator = restored.start()
    try:
        two_versions(world)
        assign(world, "1.0.0", **spec)
        quiet_looks(restored)
    finally:
        restored.stop()
    assert world.remote.git("rev-parse", REF) == before


def test_two_operators_at_once_write_each_line_once(world: World) -> None:
    """Each believes that it leads; both are killed and started again in the midst of it."""
    twin = OperatorProcess(world.kubectl.kubeconfig, world.namespace, world.directory / "twin")
    twin.start()
    try:
        two_versions(world)
        stages = [f"s{number}" for number in range(6)]
        for version in ("1.0.0", "2.0.0"):
            for stage in stages:
                world.stage(f"digits-{stage}", stage=stage, version=version)
            for stage in stages:
                world.await_ready("stage", f"digits-{stage}")
            for each in (twin, world.operator):
                each.kill()
                each.start()
        tags = [tag for tag in world.tags() if "#" in tag]
        firsts = [line for tag in tags if (line := tag).count("#") == 2]
        assert len(firsts) >= 2 * len(stages)
        eventually(lambda: len(set(told(world))) >= len(tags) + len(stages))
        quiet_looks(world.operator)
        quiet_looks(twin)
        assert max(Counter(told(world)).values()) == 1
        assert {f"recorded {tag}" for tag in tags} <= set(told(world))
    finally:
        twin.stop()

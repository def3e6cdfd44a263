"""What others do to the tags: nothing of theirs is undone, nothing of ours is lost in silence."""

import time
from typing import Any

from tests.cluster.kubectl import eventually
from tests.cluster.manifests import rollout
from tests.operator.fixtures import project
from tests.operator.house import House
from tests.operator.person import Person
from tests.operator.world import World
from tests.servers.remote import Remote

from playbill.api.times import timestamp


def put_tag(
    remote: Remote,
    name: str,
    *,
    target: str = "",
    kind: str = "commit",
    seconds: int = 0,
    tagger: bool = True,
    message: str = "By hand",
) -> str:
    """A tag object, however odd, under this name; gives its id."""
    target = target or remote.git("rev-parse", "refs/heads/main")
    seconds = seconds or int(time.time())
    who = f"tagger Eve <eve@example.com> {seconds} +0000\n" if tagger else ""
    oid = remote.git(
        "hash-object", "-t", "tag", "-w", "--stdin", "--literally",
        stdin=f"object {target}\ntype {kind}\ntag {name}\n{who}\n{message}\n".encode(),
    )  # fmt: skip
    remote.git("update-ref", f"refs/tags/{name}", oid)
    return oid


def served(house: House, name: str) -> World:
    """A model with two versions, the first of them on prod."""
    world = house.world(name)
    world.model()
    world.version(f"{name}-v1", version="1.0.0", revision="main~1")
    world.version(f"{name}-v2", version="2.0.0", revision="main")
    world.stage(version="1.0.0")
    world.await_ready("stage", f"{name}-prod")
    world.await_ready("mver", f"{name}-v2")
    return world


def problems(world: World) -> dict[str, str]:
    """The reason for each tag that the model's status complains of."""
    found = world.status("rmodel", world.name).get("problems", [])
    return {problem["tag"]: problem["reason"] for problem in found}


def test_tags_that_gto_cannot_read_are_reported_and_harm_nothing(house: House) -> None:
    world = served(house, "odd")
    remote = world.remote
    tree = remote.git("rev-parse", "refs/heads/main^{tree}")
    tag = remote.git("rev-parse", "refs/tags/digits@v2.0.0")
    remote.git("tag", "digits@v5.0.0", "refs/heads/main~2")
    put_tag(remote, "digits#prod#90", target=tag, kind="tag")
    put_tag(remote, "digits@v8.0.0", target=tree, kind="tree")
    put_tag(remote, "digits#prod#91", tagger=False)
    put_tag(remote, "digits@created")
    put_tag(remote, "digits@v6.0.0", target=remote.git("rev-parse", "refs/heads/main"))
    put_tag(remote, "digits@v7.0.0!")
    put_tag(remote, "other@v1.0.0", tagger=False)
    put_tag(remote, "release-2026")
    expected = {
        "digits@v5.0.0": "Lightweight",
        "digits#prod#90": "NestedTag",
        "digits@v8.0.0": "NotACommit",
        "digits#prod#91": "NoTagger",
        "digits@created": "Created",
        "digits@v6.0.0": "CommitTaken",
        "digits@v7.0.0!": "NothingToDeregister",
    }
    world.look()
    eventually(lambda: problems(world) == expected)
    for problem in world.status("rmodel", "odd")["problems"]:
        assert "delete" in problem["message"]
    world.version("odd-v5", version="5.0.0", revision="main~2")
    world.await_said("mver", "odd-v5", "TagTaken", "digits@v5.0.0", "remove or rename it")
    world.patch("stage", "odd-prod", {"version": "2.0.0"})
    world.await_said("stage", "odd-prod", "CommitAmbiguous", "v6.0.0", "a commit of its own")
    remote.git("tag", "-d", "digits@v6.0.0", "digits@v5.0.0")
    world.look()
    world.await_ready("mver", "odd-v5")
    assert world.await_ready("stage", "odd-prod")["current"]["tag"] == "digits#prod#92"


def test_a_tag_that_vanishes_is_told_and_not_written_again_by_itself(house: House) -> None:
    world = served(house, "vanish")
    before = world.status("stage", "vanish-prod")["current"]
    world.remote.git("tag", "-d", "digits#prod#1", "digits@v2.0.0")
    world.look()
    words = ("is gone from git", "push that tag again")
    world.await_said("stage", "vanish-prod", "TagVanished", "digits#prod#1", *words)
    world.await_said("mver", "vanish-v2", "TagVanished", "digits@v2.0.0", *words)
    house.operator.kill()
    house.operator.start()
    world.version("vanish-v3", version="3.0.0", revision="main~2")
    world.await_ready("mver", "vanish-v3")
    assert world.condition("stage", "vanish-prod")["reason"] == "TagVanished"
    assert world.status("stage", "vanish-prod")["current"] == before
    assert world.status("mver", "vanish-v2")["version"] == "v2.0.0"
    assert world.tags() == ["digits@v1.0.0", "digits@v3.0.0"]

    world.patch("stage", "vanish-prod", {"message": "Once more, please"})
    current = world.await_ready("stage", "vanish-prod")["current"]
    assert current["tag"] == "digits#prod#2"
    assert current["version"] == "v1.0.0"


def test_a_tag_that_comes_back_ends_the_complaint(house: House) -> None:
    world = served(house, "return")
    tags = world.remote.tags()
    lost = ("digits#prod#1", "digits@v1.0.0")
    world.remote.git("tag", "-d", *lost)
    world.look()
    world.await_reason("stage", "return-prod", "TagVanished")
    world.await_reason("mver", "return-v1", "TagVanished")
    for name in lost:
        world.remote.git("update-ref", f"refs/tags/{name}", tags[name])
    world.look()
    world.await_ready("stage", "return-prod")
    world.await_ready("mver", "return-v1")
    assert world.remote.tags() == tags


def test_a_foreign_assignment_is_answered_once_and_then_contested(house: House) -> None:
    world = served(house, "contest")
    ada = Person.of(world)
    time.sleep(1)  # GTO looks no further than the second
    ada.gto("assign", "digits", "--version", "v2.0.0", "--stage", "prod")
    world.look()
    eventually(lambda: "digits#prod#3" in world.tags())
    assert "answers digits#prod#2" in world.message("digits#prod#3")
    world.await_ready("stage", "contest-prod")
    assert world.gto_json("show")["digits"]["stage"] == {"prod": "v1.0.0"}

    time.sleep(1)
    ada.gto("assign", "digits", "--version", "v2.0.0", "--stage", "prod", "--force")
    world.look()
    world.await_said(
        "stage", "contest-prod", "Contested", "Ada wrote digits#prod#4", "agree on who decides"
    )
    assert world.status("stage", "contest-prod")["current"]["version"] == "v2.0.0"
    world.patch("stage", "contest-prod", {"version": None})
    assert world.await_ready("stage", "contest-prod")["current"]["tag"] == "digits#prod#4"
    assert "digits#prod#5" not in world.tags()


def test_a_tag_of_another_cluster_is_never_fought(house: House) -> None:
    world = served(house, "foreign")
    put_tag(
        world.remote,
        "digits#prod#2",
        seconds=int(time.time()) + 2,
        message="Assigning\n\nPlaybill-Cluster: elsewhere\n"
        "Playbill-Resource: StageAssignment/x/y\nPlaybill-Request: 1/1",
    )
    world.look()
    world.await_said(
        "stage", "foreign-prod", "Contested", "from another cluster", "change spec.version"
    )
    assert "digits#prod#3" not in world.tags()


def test_a_tag_from_the_future_is_not_outbid(house: House) -> None:
    world = served(house, "skewed")
    future = int(time.time()) + 3600
    put_tag(world.remote, "digits#prod#2", seconds=future)
    world.look()
    world.await_said(
        "stage", "skewed-prod", "ClockSkew", "digits#prod#2", "of Eve", "remove that tag"
    )
    world.remote.git("tag", "-d", "digits#prod#2")
    world.look()
    world.await_ready("stage", "skewed-prod")
    world.patch("stage", "skewed-prod", {"version": "2.0.0"})
    assert world.await_ready("stage", "skewed-prod")["current"]["tag"] == "digits#prod#3"


def test_what_a_tag_from_the_future_holds_up_goes_on_when_its_time_has_come(house: House) -> None:
    """Each kind in a repository of its own, where nothing else has anything looked at."""
    changed, deleted, withdrawn, deprecated = worlds = [
        served(house, f"patient-{what}") for what in ("stage", "end", "version", "model")
    ]
    for world in worlds:
        world.model(repository={"interval": "1h"})
        world.await_ready("rmodel", world.name)
    future = int(time.time()) + 40
    for world, back in ((changed, 1), (deleted, 0), (deprecated, 1)):
        put_tag(world.remote, "digits#prod#2", target=commit_of(world, back), seconds=future)
    put_tag(withdrawn.remote, "digits@v3.0.0", target=commit_of(withdrawn, 2), seconds=future)
    withdrawn.look()
    eventually(lambda: "v3.0.0" in withdrawn.status("rmodel", withdrawn.name)["latestVersion"])

    changed.patch("stage", f"{changed.name}-prod", {"version": "2.0.0"})
    deleted.delete("stage", f"{deleted.name}-prod", wait=False)
    withdrawn.version("patient-v3", version="3.0.0", deregistered=True)
    deprecated.patch("rmodel", deprecated.name, {"deprecated": True})
    said = ("ClockSkew", f"dated {timestamp(future)}", "wait until its time has come")
    changed.await_said("stage", f"{changed.name}-prod", *said)
    deleted.await_said("stage", f"{deleted.name}-prod", *said)
    withdrawn.await_said("mver", "patient-v3", *said)
    deprecated.await_said("rmodel", deprecated.name, *said)

    changed.await_ready("stage", f"{changed.name}-prod")
    eventually(lambda: not deleted.exists("stage", f"{deleted.name}-prod"))
    withdrawn.await_reason("mver", "patient-v3", "Deregistered")
    deprecated.await_reason("rmodel", deprecated.name, "Deprecated")
    assert changed.tags()[:3] == ["digits#prod#1", "digits#prod#2", "digits#prod#3"]
    assert "prod" not in deleted.gto_json("show")["digits"]["stage"]


def deployed(world: World, name: str) -> dict[str, Any]:
    """What the workload of an assignment is to be; its generation counts every change of it."""
    found = world.get("deployment", name)
    return {"generation": found["metadata"]["generation"], "spec": found["spec"]}


def rolling(house: House, name: str) -> tuple[World, dict[str, Any]]:
    """The same model, with a Deployment of the first version; gives what it is."""
    world = served(house, name)
    world.stage(version="1.0.0", rollout=rollout(replicas=0))
    world.await_ready("stage", f"{name}-prod")
    assert "server:v1.0.0" in str(deployed(world, f"{name}-prod"))
    return world, deployed(world, f"{name}-prod")


def test_a_vanished_tag_takes_no_workload_away(house: House) -> None:
    world, before = rolling(house, "stays")
    for lost in ("digits#prod#1", "digits@v1.0.0"):
        world.remote.git("tag", "-d", lost)
        world.look()
        world.await_reason("stage", "stays-prod", "TagVanished")
        assert deployed(world, "stays-prod") == before
    world.await_reason("mver", "stays-v1", "TagVanished")
    assert deployed(world, "stays-prod") == before
    assert world.tags() == ["digits@v2.0.0"]


def test_a_version_that_is_moved_by_force_is_told_and_brings_no_other_bytes(house: House) -> None:
    world, before = rolling(house, "moved")
    old = world.remote.tags()["digits@v1.0.0"]
    moved = world.remote.tag("digits@v1.0.0", "refs/heads/main~2")
    world.look()
    world.await_said(
        "stage", "moved-prod", "VersionMoved", "digits#prod#1", "push the old tag again"
    )
    world.await_said("mver", "moved-v1", "VersionMoved", "Ada has it on")
    assert deployed(world, "moved-prod") == before
    assert world.remote.tags()["digits@v1.0.0"] == moved
    assert [t for t in world.tags() if "#" in t] == ["digits#prod#1"]
    world.remote.git("update-ref", "refs/tags/digits@v1.0.0", old)
    world.look()
    world.await_ready("mver", "moved-v1")
    eventually(lambda: world.condition("stage", "moved-prod", "Recorded")["status"] == "True")
    assert deployed(world, "moved-prod") == before


def test_an_assignment_that_is_moved_by_force_is_answered_by_a_new_tag(house: House) -> None:
    world = served(house, "shifted")
    moved = world.remote.tag("digits#prod#1", "refs/heads/main")
    world.look()
    eventually(lambda: "digits#prod#2" in world.tags())
    assert world.await_ready("stage", "shifted-prod")["current"]["version"] == "v1.0.0"
    assert world.remote.tags()["digits#prod#1"] == moved
    assert world.gto_json("show")["digits"]["stage"] == {"prod": "v1.0.0"}


def test_a_branch_that_is_rewritten_leaves_versions_where_their_tags_are(house: House) -> None:
    world, before = rolling(house, "rewritten")
    tags = world.remote.tags()
    commit = world.status("mver", "rewritten-v2")["commit"]
    tip = world.remote.commit(project("0.5"), root=True)
    world.look()
    eventually(lambda: world.status("rmodel", "rewritten")["headCommit"] == tip)
    assert world.await_ready("mver", "rewritten-v2")["commit"] == commit
    assert deployed(world, "rewritten-prod") == before
    assert world.remote.tags() == tags
    world.stage("rewritten-dev", stage="dev", version="2.0.0")
    assert world.await_ready("stage", "rewritten-dev")["current"]["commit"] == commit
    world.version("rewritten-v3", revision="main")
    assert world.await_ready("mver", "rewritten-v3")["version"] == "v2.0.1"
    assert world.gto_json("show")["digits"]["stage"] == {"dev": "v2.0.0", "prod": "v1.0.0"}


def test_what_gto_deletes_is_not_written_again(house: House) -> None:
    world, before = rolling(house, "deleted")
    ada = Person.of(world)
    ada.gto("deprecate", "digits", "v1.0.0", "prod", "--delete")
    world.look()
    world.await_said("stage", "deleted-prod", "TagVanished", "digits#prod#1")
    ada.gto("deprecate", "digits", "v2.0.0", "--delete")
    world.look()
    world.await_said("mver", "deleted-v2", "TagVanished", "digits@v2.0.0")
    assert world.tags() == ["digits@v1.0.0"]
    assert deployed(world, "deleted-prod") == before


def test_a_version_that_gto_deregisters_or_unassigns_stays_served_until_somebody_decides(
    house: House,
) -> None:
    world, before = rolling(house, "withdrawn")
    Person.of(world).gto("deprecate", "digits", "v1.0.0")
    world.look()
    world.await_said("stage", "withdrawn-prod", "VersionDeregistered", "name another version")
    world.await_said("mver", "withdrawn-v1", "Deregistered", "set deregistered to true")
    assert deployed(world, "withdrawn-prod") == before
    assert "digits@v1.0.0!" in world.tags()


def test_clocks_that_disagree_are_told_where_they_matter_and_harm_nobody(house: House) -> None:
    world = served(house, "clocks")
    put_tag(world.remote, "digits#prod#2", seconds=1, message="From 1970")
    put_tag(world.remote, "digits#qa#7", seconds=int(time.time()) + 86_400)
    put_tag(world.remote, "digits#qa#3", target=commit_of(world, 1), seconds=1_700_000_000)
    put_tag(world.remote, "digits#dev#4", target=commit_of(world, 1), seconds=1_700_000_000)
    put_tag(world.remote, "digits#dev#5", seconds=1_700_000_000)
    world.look()
    eventually(lambda: "qa=v2.0.0" in world.status("rmodel", "clocks").get("onStage", ""))
    ours = {stage["name"]: stage["version"] for stage in world.status("rmodel", "clocks")["stages"]}
    assert ours == world.gto_json("show")["digits"]["stage"]
    assert ours["prod"] == "v1.0.0"
    assert problems(world) == {}
    world.stage("clocks-dev", stage="dev", version="2.0.0")
    assert world.await_ready("stage", "clocks-dev")["current"]["tag"] == "digits#dev#8"
    world.stage("clocks-qa", stage="qa", version="1.0.0")
    world.await_said("stage", "clocks-qa", "ClockSkew", "digits#qa#7", "remove that tag")


def commit_of(world: World, back: int) -> str:
    return world.remote.git("rev-parse", f"refs/heads/main~{back}")

"""What others do to the tags: nothing of theirs is undone, nothing of ours is lost in silence."""

import time

from tests.cluster.kubectl import eventually
from tests.operator.house import House
from tests.operator.person import Person
from tests.operator.world import World
from tests.servers.remote import Remote


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

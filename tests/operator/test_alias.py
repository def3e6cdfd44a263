"""`onCommitTaken: Alias` on the real process: candidate and release of one commit, side by side."""

import shutil

import pytest
from tests.cluster.kubectl import eventually
from tests.operator.gate import Gate
from tests.operator.world import World


def commit_of(world: World, tag: str) -> str:
    return world.remote.git("rev-parse", f"{tag}^0")


def test_a_release_of_its_candidates_commit_is_recorded_and_assigned(world: World) -> None:
    world.model(onCommitTaken="Alias")
    world.version("rc", version="v1.0.0-rc.1", revision="main~1")
    world.await_ready("mver", "rc")
    world.version("release", version="v1.0.0", revision="main~1")
    world.stage("digits-prod", stage="prod", version="v1.0.0")
    world.stage("digits-dev", stage="dev", version="v1.0.0-rc.1")
    release, candidate = world.await_ready("mver", "release"), world.status("mver", "rc")
    world.await_ready("stage", "digits-prod")
    world.await_ready("stage", "digits-dev")

    source = world.remote.git("rev-parse", "main~1")
    assert candidate["commit"] == candidate["sourceCommit"] == release["sourceCommit"] == source
    assert release["commit"] == commit_of(world, "digits@v1.0.0") != source
    assert release["metrics"] == candidate["metrics"] == {"accuracy": "0.94"}
    assert release["artifact"] == candidate["artifact"]
    assert world.gto_json("show") == {
        "digits": {
            "version": "v1.0.0",
            "stage": {"dev": "v1.0.0-rc.1", "prod": "v1.0.0"},
            "registered": True,
            "active": True,
        }
    }


def test_a_commit_that_is_taken_waits_for_the_model_to_allow_an_alias(world: World) -> None:
    world.model()
    world.version("rc", version="v1.0.0-rc.1", revision="main")
    world.await_ready("mver", "rc")
    world.version("release", version="v1.0.0", revision="main")
    world.await_said("mver", "release", "CommitTaken", "onCommitTaken: Alias")
    world.patch("rmodel", "digits", {"onCommitTaken": "Alias"})
    assert world.await_ready("mver", "release")["sourceCommit"] == world.remote.git(
        "rev-parse", "main"
    )


def test_the_revision_may_be_pinned_to_the_alias_or_to_its_source(world: World) -> None:
    world.model(onCommitTaken="Alias")
    world.version("rc", version="v1.0.0-rc.1", revision="main")
    world.await_ready("mver", "rc")
    world.version("release", version="v1.0.0", revision="main")
    status = world.await_ready("mver", "release")
    for commit in (status["commit"], status["sourceCommit"]):
        # what GitOps would have written down; each on an object of its own, as it is set once
        world.delete("mver", "release")
        world.version("release", version="v1.0.0", revision="main")
        world.await_ready("mver", "release")
        world.patch("mver", "release", {"revision": commit})
        after = world.await_ready("mver", "release")
        assert (after["commit"], after["sourceCommit"]) == (
            status["commit"],
            status["sourceCommit"],
        )
    other = world.remote.git("rev-parse", "main~1")
    with pytest.raises(AssertionError, match=r"status\.sourceCommit"):
        world.patch("mver", "release", {"revision": other})
    assert world.tags() == ["digits@v1.0.0", "digits@v1.0.0-rc.1"]


def test_an_alias_that_was_reserved_is_made_again_on_an_empty_mirror(world: World) -> None:
    """Killed before the push landed, its cache gone, and the branch has moved meanwhile."""
    world.model(onCommitTaken="Alias")
    world.version("rc", version="v1.0.0", revision="main")
    world.await_ready("mver", "rc")
    source = world.remote.git("rev-parse", "main")
    gate = Gate(world.remote, "pre-receive")
    world.version("next")  # the branch's tip, under a number that is allotted
    gate.await_push()
    (reserved,) = world.status("mver", "next")["pending"]["tags"]
    assert f"parent {source}" in reserved["commit"]
    world.operator.kill()
    shutil.rmtree(world.operator.directory / "cache")
    world.remote.commit({"more": "1"})
    gate.open()

    world.operator.start()
    status = world.await_ready("mver", "next")
    assert (status["version"], status["sourceCommit"]) == ("v1.0.1", source)
    assert world.remote.git("cat-file", "tag", "digits@v1.0.1") == reserved["object"].strip()
    assert world.remote.git("cat-file", "commit", status["commit"]) == reserved["commit"].strip()
    assert world.tags() == ["digits@v1.0.0", "digits@v1.0.1"]


def test_a_ledger_that_was_emptied_is_written_anew_with_the_same_alias(world: World) -> None:
    world.model(onCommitTaken="Alias")
    world.version("rc", version="v1.0.0-rc.1", revision="main")
    world.await_ready("mver", "rc")
    world.version("release", version="v1.0.0", revision="main")
    before = world.await_ready("mver", "release")
    world.patch("mver", "release", {"revision": before["commit"]})
    world.await_ready("mver", "release")
    for tag in world.tags():
        world.remote.git("update-ref", "-d", f"refs/tags/{tag}")
    world.remote.git("reflog", "expire", "--expire=now", "--all")
    world.remote.git("gc", "-q", "--prune=now")
    world.look()
    eventually(lambda: world.tags() == ["digits@v1.0.0", "digits@v1.0.0-rc.1"])
    assert commit_of(world, "digits@v1.0.0") == before["commit"]
    world.await_ready("mver", "release")


def test_versions_of_bytes_elsewhere_share_a_commit_and_a_new_cluster_knows_where_they_are(
    world: World,
) -> None:
    digest = "sha256:" + "0" * 64
    world.model(onCommitTaken="Alias")
    for number in ("1", "2"):
        world.version(
            f"v{number}", version=f"v{number}.0.0", revision="main",
            artifact={"uri": f"s3://bucket/{number}", "digest": digest},
        )  # fmt: skip
        world.await_ready("mver", f"v{number}")
    for number in ("1", "2"):
        world.delete("mver", f"v{number}")
        # what somebody writes who knows the number alone
        world.version(f"again-{number}", version=f"v{number}.0.0")
        artifact = world.await_ready("mver", f"again-{number}")["artifact"]
        assert (artifact["uri"], artifact["digest"]) == (f"s3://bucket/{number}", digest)
    assert world.tags() == ["digits@v1.0.0", "digits@v2.0.0"]


@pytest.mark.parametrize("policy", ["Refuse", "Alias"])
def test_a_reservation_whose_commit_was_rewritten_away_holds_up_nobody_else(
    world: World, policy: str
) -> None:
    world.model(onCommitTaken=policy)
    lost = world.remote.commit({"model.bin": "lost"})
    if policy == "Alias":
        world.version("first", version="v0.1.0", revision="main")
        world.await_ready("mver", "first")
    gate = Gate(world.remote, "pre-receive")
    world.version("gone", revision="main")
    gate.await_push()
    assert world.status("mver", "gone")["pending"]["tags"]
    world.operator.kill()
    for tag in world.tags():
        world.remote.git("update-ref", "-d", f"refs/tags/{tag}")
    world.remote.git("update-ref", "refs/heads/main", f"{lost}~1")
    world.remote.git("gc", "-q", "--prune=now")
    shutil.rmtree(world.operator.directory / "cache")
    gate.open()

    world.operator.start()
    world.version("other", version="v3.0.0", revision="main")
    world.await_ready("mver", "other")
    world.await_said("mver", "gone", "CommitVanished", lost[:12], "push it again")
    world.patch("mver", "gone", {"revision": world.remote.commit({"new": "1"})})
    world.await_ready("mver", "gone")

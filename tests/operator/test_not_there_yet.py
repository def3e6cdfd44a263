"""What is named before it is there, or taken away meanwhile: it is waited for, in words, and taken
up by itself; applying things in the wrong order is no mistake."""

from tests.operator.fixtures import project
from tests.operator.house import House
from tests.servers.remote import Remote

UNKNOWN_COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_repository_or_revision_that_appears_is_taken_up_by_itself(house: House) -> None:
    late, world = house.served / "late.git", house.world("revision")
    nowhere = house.world("nowhere", url=f"file://{late}")
    nowhere.model()
    nowhere.version("nowhere-v1", version="1.0.0")
    nowhere.stage(version="1.0.0")
    dangling = world.remote.commit(project("0.97"), branch="proposal")
    world.remote.git("update-ref", "refs/pull/1/head", dangling)
    world.remote.git("update-ref", "-d", "refs/heads/proposal")
    world.model()
    world.version("by-branch", version="1.0.0", revision="release")
    world.version("by-commit", version="2.0.0", revision=UNKNOWN_COMMIT)
    world.version("by-ancestor", version="3.0.0", revision="main~40")
    world.version("by-pull-request", version="4.0.0", revision=dangling)

    for kind, name in (("rmodel", "nowhere"), ("mver", "nowhere-v1"), ("stage", "nowhere-prod")):
        nowhere.await_said(kind, name, "RepositoryNotFound", "Check the URL", "late.git")
    said = "RevisionNotFound"
    world.await_said("mver", "by-branch", said, "'release' is not known", "push it")
    world.await_said("mver", "by-commit", said, "Push it to a branch, or mend the revision")
    world.await_said("mver", "by-ancestor", said, "~40", "give a smaller number")
    world.await_said("mver", "by-pull-request", said, "Push it to a branch")
    assert world.tags() == []

    later = Remote(late)
    later.commit(project("0.9"))
    world.remote.commit(project("0.99"), branch="release")
    world.remote.git("update-ref", "refs/heads/merged", dangling)
    world.patch("mver", "by-ancestor", {"revision": "main~1"})
    assert world.await_ready("mver", "by-branch")["metrics"] == {"accuracy": "0.99"}
    assert world.await_ready("mver", "by-pull-request")["commit"] == dangling
    world.await_ready("mver", "by-ancestor")
    assert world.tags() == ["digits@v1.0.0", "digits@v3.0.0", "digits@v4.0.0"]
    nowhere.await_ready("stage", "nowhere-prod")
    assert sorted(later.tags()) == ["digits#prod#1", "digits@v1.0.0"]


def test_a_commit_that_a_rewritten_branch_has_left_is_refused(house: House) -> None:
    world = house.world("rewritten")
    lost = world.remote.git("rev-parse", "refs/heads/main")
    world.model()
    world.await_ready("rmodel", "rewritten")
    world.remote.git("update-ref", "refs/heads/main", f"{lost}~1")
    world.version("rewritten-v1", version="1.0.0", revision=lost)
    world.await_said("mver", "rewritten-v1", "RevisionNotReachable", "push a branch or tag")
    assert world.tags() == []


def test_a_url_that_is_mended_is_followed_and_the_other_repository_left_alone(
    house: House,
) -> None:
    wrong, world = house.remote("wrong"), house.world("mended")
    world.model(repository={"url": f"{wrong.url}x"})
    world.version("mended-v1", version="1.0.0", revision="main")
    world.await_reason("mver", "mended-v1", "RepositoryNotFound")
    world.model()
    world.await_ready("rmodel", "mended")
    world.await_ready("mver", "mended-v1")
    assert world.tags() == ["digits@v1.0.0"]
    assert wrong.tags() == {}


def test_an_assignment_waits_for_its_model_and_its_version(house: House) -> None:
    world, said = house.world("early"), "DependencyNotFound"
    world.stage(version="1.0.0")
    world.await_said("stage", "early-prod", said, "no RegisteredModel early", "create it")
    world.model()
    world.await_said("stage", "early-prod", said, "no versions yet", "create a ModelVersion")
    world.version("early-v2", version="2.0.0", revision="main")
    world.await_said("stage", "early-prod", said, "the latest is v2.0.0")
    world.version("early-v1", version="1.0.0", revision="main~1")
    assert world.await_ready("stage", "early-prod")["current"]["version"] == "v1.0.0"


def test_a_model_deleted_under_its_stages_loses_nothing(house: House) -> None:
    world = house.world("orphans")
    world.model()
    world.version("orphans-v1", version="1.0.0", revision="main")
    world.stage(version="1.0.0")
    before = world.await_ready("stage", "orphans-prod")
    world.delete("rmodel", "orphans")
    for kind, name in (("mver", "orphans-v1"), ("stage", "orphans-prod")):
        world.await_said(kind, name, "DependencyNotFound", "create it, and this goes on by itself")
    assert world.status("stage", "orphans-prod")["current"] == before["current"]
    world.model()
    assert world.await_ready("stage", "orphans-prod")["current"] == before["current"]
    world.await_ready("mver", "orphans-v1")
    assert world.tags() == ["digits#prod#1", "digits@v1.0.0"]

"""Revisions in people's words become commits that a branch or tag of the repository holds."""

import pytest
from tests.git.counting import Processes
from tests.servers import Remote

from playbill.api.errors import Stalled, Trouble
from playbill.git.mirror import Mirror


def refusal(mirror: Mirror, revision: str | None, branch: str | None = None) -> str:
    with pytest.raises(Stalled) as refused:
        mirror.resolve(revision, branch)
    return refused.value.reason


@pytest.fixture
def commits(remote: Remote) -> list[str]:
    return [remote.commit({"a": str(number)}) for number in range(3)]


def test_every_way_to_name_a_commit(remote: Remote, mirror: Mirror, commits: list[str]) -> None:
    oid = remote.tag("m@v1.0.0", commits[1])
    remote.git("tag", "light", commits[0])
    remote.git("tag", "-a", "-m", "nested", "nested", "m@v1.0.0")
    wanted = {
        None: commits[2],
        "HEAD": commits[2],
        "HEAD~1": commits[1],
        "main": commits[2],
        "refs/heads/main": commits[2],
        "main~2": commits[0],
        "m@v1.0.0": commits[1],
        "m@v1.0.0~1": commits[0],
        "refs/tags/m@v1.0.0": commits[1],
        "light": commits[0],
        "nested": commits[1],
        commits[0]: commits[0],
        f"{commits[1]}~1": commits[0],
        oid: commits[1],
    }
    answers = mirror.resolve_many([(revision, None) for revision in wanted])
    assert dict(zip(wanted, answers, strict=True)) == wanted


def test_left_out_it_is_the_tip_of_the_branch(remote: Remote, mirror: Mirror) -> None:
    remote.commit()
    dev = remote.commit({"b": "1"}, branch="dev")
    assert mirror.resolve(None, "dev") == dev


def test_a_tag_wins_over_a_branch_of_its_name(
    remote: Remote, mirror: Mirror, commits: list[str]
) -> None:
    remote.git("tag", "main", commits[0])
    assert mirror.resolve("main") == commits[0]
    assert mirror.resolve("refs/heads/main") == commits[2]


@pytest.mark.parametrize(
    "revision",
    [
        "nothing",
        "main~3",
        "main~99999",
        "0" * 40,
        "--output=/tmp/x",
        "-x",
        "main^{/x}",
        "main:a",
        ":/change",
        "main..dev",
        "main@{1}",
        "a b",
        "main\nmain",
        "x" * 400,
        "",
        "~1",
        "refs/pull/1/head",
    ],
)
def test_what_is_not_there_or_no_revision_is_for_the_user_to_mend(
    remote: Remote, mirror: Mirror, commits: list[str], revision: str
) -> None:
    remote.git("update-ref", "refs/pull/1/head", commits[0])
    assert refusal(mirror, revision) == "RevisionNotFound"


def test_a_branch_that_is_not_there_is_for_the_user_to_mend(
    mirror: Mirror, commits: list[str]
) -> None:
    assert refusal(mirror, None, "dev") == "RevisionNotFound"


def test_an_empty_repository_has_no_tip(mirror: Mirror) -> None:
    assert refusal(mirror, None) == "RevisionNotFound"


def test_a_commit_that_no_branch_holds_any_more_is_refused(remote: Remote, mirror: Mirror) -> None:
    lost = remote.commit({"a": "1"})
    mirror.fetch()
    assert mirror.resolve(lost) == lost
    remote.commit({"a": "2"}, root=True)
    mirror.fetch()
    assert refusal(mirror, lost) == "RevisionNotReachable"


def test_a_tag_alone_is_enough_to_hold_a_commit(remote: Remote, mirror: Mirror) -> None:
    kept = remote.commit({"a": "1"})
    remote.tag("m@v1.0.0", kept)
    remote.commit({"a": "2"}, root=True)
    assert mirror.resolve(kept) == kept


def test_tags_of_trees_and_blobs_do_no_harm(
    remote: Remote, mirror: Mirror, commits: list[str]
) -> None:
    remote.git("tag", "-a", "-m", "x", "tree", "main^{tree}")
    remote.git("tag", "blob", "main:a")
    assert mirror.resolve(commits[0]) == commits[0]
    assert refusal(mirror, "tree") == "RevisionNotFound"
    assert refusal(mirror, "blob") == "RevisionNotFound"


def test_many_are_resolved_in_two_processes_and_then_remembered(
    remote: Remote, mirror: Mirror, processes: Processes
) -> None:
    commits = [remote.commit({"a": str(number)}) for number in range(30)]
    mirror.fetch()
    assert mirror.fetched
    processes.forget()
    wanted = [(commit, "main") for commit in commits] + [("nothing", None), ("main~4", "main")]
    answers = mirror.resolve_many(wanted)
    assert answers[:30] == commits
    assert isinstance(answers[30], Trouble)
    assert answers[31] == commits[-5]
    assert processes == {"resolve": 1, "reachable": 1}
    processes.forget()
    assert mirror.resolve_many(wanted)[:30] == commits
    assert not processes

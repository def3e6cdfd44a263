"""Files at commits: many at once, nothing followed, nothing oversized."""

from pathlib import Path

import pytest
from tests.git.counting import MakeMirror, Processes
from tests.servers import Remote, SshServer

from playbill.api.errors import Stalled, Trouble
from playbill.git.credentials import Credentials
from playbill.git.mirror import Mirror


def reason(answer: object) -> str:
    assert isinstance(answer, Trouble)
    return answer.reason


def test_files_are_read_at_their_commits(remote: Remote, mirror: Mirror) -> None:
    old = remote.commit({"dvc.yaml": "old", "models/a b.json": b"\x00\xff\n"})
    new = remote.commit({"dvc.yaml": "new"})
    places = [(old, "dvc.yaml"), (new, "dvc.yaml"), (new, "models/a b.json")]
    answers = mirror.read_many([*places, (new, "nothing"), (new, "models")])
    assert answers == dict(zip(places, [b"old", b"new", b"\x00\xff\n"], strict=True))


def test_files_of_a_packed_repository_are_read(remote: Remote, mirror: Mirror) -> None:
    """With bitmaps, as servers have them, a commit that we have speaks for all below it."""
    commit = remote.commit({"dvc.yaml": "1", "more": "2"})
    remote.git("gc", "-q", "--prune=now")
    assert list((remote.path / "objects/pack").glob("*.bitmap"))
    mirror.fetch()
    assert mirror.read(commit, ["dvc.yaml"]) == {"dvc.yaml": b"1"}
    assert mirror.read(commit, ["dvc.yaml", "more"]) == {"dvc.yaml": b"1", "more": b"2"}


def test_an_empty_file_is_a_file(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit({"empty": ""})
    assert mirror.read(commit, ["empty"]) == {"empty": b""}


@pytest.mark.parametrize("number", [1, 60])
def test_any_number_of_files_takes_five_processes(
    remote: Remote, mirror: Mirror, processes: Processes, number: int
) -> None:
    commit = remote.commit({f"d{index}/f": str(index) for index in range(number)})
    mirror.fetch()
    processes.forget()
    answers = mirror.read_many((commit, f"d{index}/f") for index in range(number))
    assert len(answers) == number
    assert processes == {"read-trees": 1, "find-blobs": 2, "fetch-blobs": 1, "read-blobs": 1}


def test_what_was_read_before_is_not_fetched_again(
    remote: Remote, mirror: Mirror, processes: Processes
) -> None:
    commit = remote.commit({"a": "1"})
    mirror.read(commit, ["a"])
    processes.forget()
    mirror.read(commit, ["a"])
    assert "fetch-blobs" not in processes


def test_symlinks_are_refused_and_never_followed(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit({"d/f": "x"}, links={"link": "/etc/passwd", "dir": "d"})
    answers = mirror.read_many([(commit, "link"), (commit, "dir/f"), (commit, "dir")])
    assert {path: reason(answer) for (_, path), answer in answers.items()} == {
        "link": "InvalidPath",
        "dir": "InvalidPath",
    }


def test_submodules_are_refused(remote: Remote, mirror: Mirror) -> None:
    inner = remote.commit()
    tree = remote.git("mktree", "--missing", stdin=f"160000 commit {inner}\tsub\n".encode())
    commit = remote.git("commit-tree", "-m", "x", tree)
    remote.git("update-ref", "refs/heads/main", commit)
    assert reason(mirror.read_many([(commit, "sub")])[commit, "sub"]) == "InvalidPath"


def test_a_file_over_the_cap_is_refused_and_the_others_are_read(
    remote: Remote, mirror: Mirror
) -> None:
    commit = remote.commit({"large": b"x" * (1 << 20) + b"x", "most": b"x" * (1 << 20)})
    answers = mirror.read_many([(commit, "large"), (commit, "most")])
    assert reason(answers[commit, "large"]) == "FileTooLarge"
    assert answers[commit, "most"] == b"x" * (1 << 20)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../b", "a//b", "./a", "a\nb", "", "a/", "x" * 2000]
)
def test_a_path_that_is_not_normal_is_refused(remote: Remote, mirror: Mirror, path: str) -> None:
    commit = remote.commit({"a": "1"})
    with pytest.raises(Stalled) as refusal:
        mirror.read(commit, [path])
    assert refusal.value.reason == "InvalidPath"


def test_a_path_that_looks_like_an_option_or_a_pattern_is_only_a_name(
    remote: Remote, mirror: Mirror
) -> None:
    names = ["-x", "*", ":(glob)**", "@{u}"]
    commit = remote.commit(dict.fromkeys(names, "1"))
    assert mirror.read(commit, names) == dict.fromkeys(names, b"1")


def test_a_server_that_gives_no_single_objects_is_fetched_in_full(
    remote: Remote, mirror_of: MakeMirror, tmp_path: Path, processes: Processes
) -> None:
    """Filters, but the old protocol: blobs were left out and cannot be asked for."""
    commit = remote.commit({"a": "1", "b": "2"})
    with SshServer(state=tmp_path / "ssh", protocol_v2=False) as server:
        mirror = mirror_of(
            server.url(remote.path),
            Credentials.from_secret(server.secret),
        )
        assert mirror.read(commit, ["a"]) == {"a": b"1"}
        processes.forget()
        assert mirror.read(commit, ["b"]) == {"b": b"2"}
        assert "fetch-blobs" not in processes
        later = remote.commit({"c": "3"})
        mirror.fetch()
        assert mirror.read(later, ["c"]) == {"c": b"3"}

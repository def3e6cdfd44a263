"""Pushing tags: all or none, who was to blame, and what is known when nobody answers."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.git.counting import MakeMirror, Processes
from tests.servers import GitHttpServer, Remote, SshServer

from playbill.api.errors import Retry, Stalled
from playbill.git.command import Git
from playbill.git.credentials import Credentials
from playbill.git.mirror import Mirror
from playbill.git.porcelain import AlreadyThere, Exists, NotTried, Pushed, Rejected
from playbill.git.tags import read_tag
from playbill.ledger.aliases import Alias
from playbill.ledger.tagobject import TagObject


def tag(name: str, target: str, message: str = "ours") -> TagObject:
    return TagObject(name, target, "Playbill", "playbill@example.com", 1_700_000_000, message)


def staged(mirror: Mirror) -> str:
    return mirror._store.local("for-each-ref", "refs/playbill", operation="test").stdout.decode()


@pytest.fixture(params=["git", "the wire"])
def mirror(
    request: pytest.FixtureRequest, remote: Remote, mirror_of: MakeMirror, tmp_path: Path
) -> Iterator[Mirror]:
    """Over a file, git pushes; over http we do."""
    if request.param == "git":
        yield mirror_of(remote.url)
        return
    with GitHttpServer(remote.path.parent, state=tmp_path / "http") as server:
        yield mirror_of(server.url(remote.path.name))


@pytest.fixture
def commit(remote: Remote, mirror: Mirror) -> str:
    """A commit that is on the remote and here."""
    oid = remote.commit({"model": "x"})
    mirror.fetch()
    return oid


def test_a_pushed_tag_is_on_the_remote_byte_for_byte(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    ours = tag("m@v1.0.0", commit)
    report = mirror.push([ours])
    assert report.results == {"m@v1.0.0": Pushed()}
    assert remote.tags() == {"m@v1.0.0": ours.oid}
    assert remote.git("cat-file", "tag", ours.oid).encode() == ours.data.strip()
    assert staged(mirror) == ""


@pytest.mark.parametrize("number", [1, 200])
def test_any_number_of_tags_takes_few_processes(
    remote: Remote, mirror: Mirror, commit: str, processes: Processes, number: int
) -> None:
    processes.forget()
    report = mirror.push([tag(f"m@v{index}.0.0", commit) for index in range(number)])
    staged = {"write-tags": 1, "stage-tags": 2, "push": 1}
    # of these two are processes
    noted = {"discover": 1, "push": 1, "write-tags": 1, "stage-tags": 1}
    assert processes == (staged if mirror.url.scheme == "file" else noted)
    assert len(report.landed) == number == len(remote.tags())


def test_what_was_pushed_need_not_be_fetched_nor_read(
    remote: Remote, mirror: Mirror, commit: str, processes: Processes
) -> None:
    ours = tag("m@v1.0.0", commit, "naïve\n\n\N{SNOWMAN}\n\nPlaybill-Cluster: east\n")
    mirror.push([ours])
    assert mirror.fetched.digest == mirror.list_refs().digest
    processes.forget()
    assert mirror.tags() == [read_tag(ours.name, ours.oid, ours.data)]
    assert not processes
    mirror.remove()
    assert mirror.tags() == [read_tag(ours.name, ours.oid, ours.data)]
    assert processes["tags"] == 1


def test_what_was_pushed_is_known_without_listing_the_mirror_anew(
    mirror: Mirror, commit: str, processes: Processes
) -> None:
    assert mirror.fetched.tags == {}
    ours = tag("m@v1.0.0", commit)
    mirror.push([ours])
    processes.forget()
    assert mirror.fetched.tags == {ours.name: ours.oid}
    assert not processes


def test_pushing_the_same_bytes_again_changes_nothing(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    ours = tag("m@v1.0.0", commit)
    mirror.push([ours])
    report = mirror.push([ours, tag("m@v2.0.0", commit)])
    assert report.results == {"m@v1.0.0": AlreadyThere(), "m@v2.0.0": Pushed()}


def test_a_tag_of_somebody_else_is_never_overwritten(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    theirs = remote.tag("m@v1.0.0")
    report = mirror.push([tag("m@v1.0.0", commit), tag("m@v2.0.0", commit)])
    assert report.results == {"m@v1.0.0": Exists(), "m@v2.0.0": NotTried()}
    assert remote.tags() == {"m@v1.0.0": theirs}
    assert staged(mirror) == ""


def test_a_tag_that_appears_during_the_push_is_not_overwritten(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    theirs = remote.tag("elsewhere")
    remote.git("tag", "-d", "elsewhere")
    remote.hook("pre-receive", f"env -u GIT_QUARANTINE_PATH git update-ref refs/tags/m@v1 {theirs}")
    report = mirror.push([tag("m@v1", commit), tag("m@v2", commit)])
    assert isinstance(report.results["m@v1"], Rejected | Exists)
    assert report.landed == frozenset()
    assert remote.tags() == {"m@v1": theirs}


def test_the_one_that_a_hook_refuses_is_told_from_the_others(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    remote.hook("update", 'case "$1" in *prod*) echo "prod is protected" >&2; exit 1;; esac')
    report = mirror.push([tag("m@v1.0.0", commit), tag("m#prod#1", commit)])
    culprit = report.results["m#prod#1"]
    assert isinstance(culprit, Rejected)
    assert culprit.message.startswith("hook declined: prod is protected")
    assert report.results["m@v1.0.0"] == NotTried()
    assert remote.tags() == {}


def test_a_server_that_refuses_all_is_quoted_for_each(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    remote.hook("pre-receive", 'echo "GL-HOOK-ERR: no tags on Fridays" >&2; exit 1')
    report = mirror.push([tag("m@v1.0.0", commit), tag("m@v2.0.0", commit)])
    expected = Rejected("pre-receive hook declined: GL-HOOK-ERR: no tags on Fridays")
    assert report.results == {"m@v1.0.0": expected, "m@v2.0.0": expected}


def test_a_name_that_is_a_directory_on_the_remote_blames_all_alike(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    remote.tag("m#prod/eu")
    report = mirror.push([tag("m#prod", commit), tag("m@v1.0.0", commit)])
    assert all(isinstance(result, Rejected) for result in report.results.values())
    assert list(remote.tags()) == ["m#prod/eu"]


def test_two_names_of_which_one_is_the_others_directory_leave_nothing_behind(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    report = mirror.push([tag("m#prod", commit), tag("m#prod/eu", commit)])
    assert all(isinstance(result, Rejected) for result in report.results.values())
    assert staged(mirror) == ""
    assert remote.tags() == {}


def test_a_server_that_ends_the_connection_leaves_it_open_whether_tags_landed(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    remote.hook("pre-receive", "kill -9 $PPID")
    with pytest.raises(Retry) as unknown:
        mirror.push([tag("m@v1.0.0", commit)])
    assert unknown.value.reason == "PushUnanswered"
    assert staged(mirror) == ""


def test_a_push_that_was_given_up_may_land_later(
    remote: Remote, commit: str, mirror_of: MakeMirror, hasty_git: Git, tmp_path: Path
) -> None:
    """The client ends while the server's hook runs; the server goes on, and the tag lands."""
    with SshServer(state=tmp_path / "ssh") as server:
        hasty = mirror_of(
            server.url(remote.path),
            Credentials.from_secret(server.secret),
            name="h",
            runner=hasty_git,
        )
        hasty.fetch()
        remote.hook("pre-receive", "sleep 4")
        ours = tag("m@v1.0.0", commit)
        with pytest.raises(Retry) as unknown:
            hasty.push([ours])
        assert unknown.value.reason == "PushUnanswered"
        assert hasty.list_refs().tags == {}
        wait_for(lambda: hasty.list_refs().tags == {"m@v1.0.0": ours.oid})
        remote.hook("pre-receive", "exit 0")
        assert hasty.push([ours]).results == {"m@v1.0.0": AlreadyThere()}


def test_a_server_that_knows_no_atomic_push_takes_tags_one_by_one(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    remote.git("config", "receive.advertiseAtomic", "false")
    with pytest.raises(Stalled) as refused:
        mirror.push([tag("m@v1", commit), tag("m@v2", commit)])
    assert refused.value.reason == "AtomicNotSupported"
    assert mirror.push([tag("m@v1", commit)]).landed == {"m@v1"}


def test_a_tag_brings_the_commit_that_was_written_for_it(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    """A child with its parent's tree, which the remote has and this mirror may not."""
    parent = mirror.read_commits([commit, "0" * 40])
    assert list(parent) == [commit]
    tree, _, rest = parent[commit].partition(b"\n")
    who = rest[rest.index(b"author") :] if b"author" in rest else b""
    data = tree + f"\nparent {commit}\n".encode() + who
    child = Alias(data).oid
    mirror.write_commits([data, data])
    assert mirror.push([tag("m@v1", child)], [data]).landed == {"m@v1"}
    assert remote.git("rev-parse", "m@v1~1") == commit
    assert remote.git("show", "m@v1:model") == "x"


def test_what_a_crashed_push_left_is_removed_when_the_mirror_is_opened(
    remote: Remote, mirror: Mirror, commit: str, mirror_of: MakeMirror
) -> None:
    mirror._store.local(
        "update-ref", "--stdin", operation="test",
        stdin=f"create refs/playbill/push/0123/m@v1 {commit}\n".encode(),
    )  # fmt: skip
    again = mirror_of(remote.url)
    again.push([tag("m@v2", commit)])
    assert staged(again) == ""
    assert list(remote.tags()) == ["m@v2"]


@pytest.mark.parametrize(
    "name", ["-x", "a..b", "a b", "a:b", "a.lock", "a//b", "/a", "a/", ".a", "a/.b", "a~1", "a@{1}"]
)
def test_a_name_that_git_refuses_is_refused_before_git_sees_it(
    mirror: Mirror, commit: str, processes: Processes, name: str
) -> None:
    processes.forget()
    with pytest.raises(Stalled) as refusal:
        mirror.withdraw(name, commit)
    assert refusal.value.reason == "InvalidTagName"
    assert not processes


def test_a_tag_is_withdrawn_only_while_it_is_the_one_that_is_meant(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    ours = tag("m@v1.0.0", commit)
    mirror.push([ours])
    theirs = remote.tag("m@v1.0.0")
    assert not mirror.withdraw("m@v1.0.0", ours.oid)
    assert remote.tags() == {"m@v1.0.0": theirs}
    assert mirror.withdraw("m@v1.0.0", theirs)
    assert remote.tags() == {}
    assert not mirror.withdraw("m@v1.0.0", theirs)


def test_a_mirror_that_vanished_before_a_push_is_made_again(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    subprocess.run(["rm", "-r", str(mirror.directory)], check=True)
    assert mirror.push([tag("m@v1.0.0", commit)]).landed == {"m@v1.0.0"}


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

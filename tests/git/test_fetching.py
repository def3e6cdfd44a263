"""The mirror holds what the remote has, whatever has happened to it in between."""

import fcntl
import shutil
from pathlib import Path

import pytest
from tests.git.counting import MakeMirror, Processes
from tests.servers import Remote

from playbill.api.errors import Retry, Stalled
from playbill.git.command import Git
from playbill.git.mirror import Mirror


def local_tags(mirror: Mirror) -> dict[str, str]:
    mirror.fetch()
    return dict(mirror.fetched.tags)


def test_a_listing_has_branches_and_tags_and_nothing_else(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit()
    tag = remote.tag("m@v1.0.0")
    remote.git("update-ref", "refs/pull/1/head", commit)
    listing = mirror.list_refs()
    assert listing.heads == {"main": commit}
    assert listing.tags == {"m@v1.0.0": tag}


def test_what_is_fetched_has_the_digest_that_was_listed(remote: Remote, mirror: Mirror) -> None:
    remote.commit()
    remote.tag("m@v1.0.0")
    mirror.fetch()
    assert mirror.fetched.digest == mirror.list_refs().digest
    remote.tag("m@v2.0.0")
    assert mirror.fetched.digest != mirror.list_refs().digest


def test_an_empty_repository_is_listed_and_fetched(mirror: Mirror) -> None:
    assert not mirror.list_refs().heads
    mirror.fetch()
    assert not mirror.fetched.heads
    assert mirror.tags() == []
    assert mirror.default_branch() is None


def test_a_moved_tag_moves_here(remote: Remote, mirror: Mirror) -> None:
    remote.commit()
    before = remote.tag("m@v1.0.0")
    assert local_tags(mirror) == {"m@v1.0.0": before}
    remote.commit()
    after = remote.tag("m@v1.0.0")
    assert before != after
    assert local_tags(mirror) == {"m@v1.0.0": after}


def test_a_deleted_tag_is_gone_here(remote: Remote, mirror: Mirror) -> None:
    remote.commit()
    remote.tag("m@v1.0.0")
    assert local_tags(mirror)
    remote.git("tag", "-d", "m@v1.0.0")
    assert local_tags(mirror) == {}


def test_a_force_pushed_branch_is_followed(remote: Remote, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    mirror.fetch()
    rewritten = remote.commit({"a": "2"}, root=True)
    mirror.fetch()
    assert mirror.fetched.heads == {"main": rewritten}


@pytest.mark.parametrize(("first", "second"), [("m#prod", "m#prod/eu"), ("m#prod/eu", "m#prod")])
def test_a_ref_may_take_the_place_of_a_vanished_directory(
    remote: Remote, mirror: Mirror, first: str, second: str
) -> None:
    remote.commit()
    remote.tag(first)
    assert list(local_tags(mirror)) == [first]
    remote.git("tag", "-d", first)
    remote.tag(second)
    assert list(local_tags(mirror)) == [second]


def test_the_default_branch_is_asked_once(
    remote: Remote, mirror: Mirror, processes: Processes
) -> None:
    remote.commit()
    assert mirror.default_branch() == "main"
    assert mirror.default_branch() == "main"
    assert processes["default-branch"] == 1


def test_a_default_branch_that_was_renamed_is_asked_again(remote: Remote, mirror: Mirror) -> None:
    remote.commit()
    mirror.fetch()
    assert mirror.resolve(None)
    assert mirror.default_branch() == "main"
    remote.git("branch", "-m", "main", "trunk")
    mirror.fetch()
    assert mirror.fetched.heads
    assert mirror.default_branch() == "trunk"


def test_two_processes_do_not_use_one_mirror_at_once(
    remote: Remote, mirror_of: MakeMirror, hasty_git: Git
) -> None:
    commit = remote.commit()
    mirror = mirror_of(remote.url, runner=hasty_git)
    mirror.fetch()
    with Path(f"{mirror.directory}.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Retry) as busy:
            mirror.tags()
    assert busy.value.reason == "MirrorBusy"
    assert mirror.resolve("main") == commit


def test_blobs_stay_where_they_are(remote: Remote, mirror: Mirror) -> None:
    remote.commit({"a": "content"})
    mirror.fetch()
    oid = remote.git("rev-parse", "main:a")
    found = mirror._store.local(
        "cat-file", "--batch-check", operation="test", stdin=f"{oid}\n".encode()
    )
    assert found.stdout == f"{oid} missing\n".encode()


def test_a_mirror_that_vanished_is_made_again(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit()
    mirror.fetch()
    shutil.rmtree(mirror.directory)
    assert mirror.resolve("main") == commit
    assert mirror.fetched.heads == {"main": commit}


def test_a_damaged_mirror_is_made_again(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit({"a": "1"})
    remote.tag("m@v1.0.0")
    mirror.fetch()
    for pack in (mirror.directory / "objects" / "pack").glob("*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(b"PACK, but no more")
    assert [tag.target for tag in mirror.tags()] == [commit]


def test_a_mirror_without_its_head_is_made_again(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit()
    mirror.fetch()
    (mirror.directory / "HEAD").unlink()
    assert mirror.resolve("main") == commit


def test_a_lock_file_that_a_killed_git_left_does_no_harm(
    remote: Remote, mirror: Mirror, mirror_of: MakeMirror
) -> None:
    remote.commit()
    mirror.fetch()
    (mirror.directory / "packed-refs.lock").touch()
    (mirror.directory / "refs" / "heads" / "main.lock").touch()
    commit = remote.commit()
    again = mirror_of(remote.url)
    again.fetch()
    assert again.fetched.heads == {"main": commit}


def test_a_server_without_filters_gives_everything(tmp_path: Path, mirror_of: MakeMirror) -> None:
    remote = Remote(tmp_path / "old.git", filters=False)
    commit = remote.commit({"a": "content"})
    mirror = mirror_of(remote.url)
    mirror.fetch()
    assert mirror.read(commit, ["a"]) == {"a": b"content"}


def test_a_sha256_repository_is_refused(tmp_path: Path, mirror_of: MakeMirror) -> None:
    remote = Remote(tmp_path / "new.git", object_format="sha256")
    remote.commit()
    with pytest.raises(Stalled) as refusal:
        mirror_of(remote.url).list_refs()
    assert refusal.value.reason == "UnsupportedObjectFormat"


def test_listing_and_fetching_are_one_process_each(
    remote: Remote, mirror: Mirror, processes: Processes
) -> None:
    remote.commit()
    mirror.fetch()
    processes.forget()
    mirror.list_refs()
    mirror.fetch()
    assert processes == {"list": 1, "fetch": 1}

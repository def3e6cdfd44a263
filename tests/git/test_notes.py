"""Notes by us and by others under one ref, on real remotes."""

import subprocess
from pathlib import Path

import pytest
from tests.git.counting import MakeMirror, Processes
from tests.servers import Remote
from tests.servers.git_http import GitHttpServer

from playbill.api.errors import Stalled
from playbill.git.mirror import Mirror
from playbill.git.notes import (
    REF,
    Notes,
    NotesMoved,
    Signature,
    append_notes,
    fetch_notes,
    list_notes,
    read_notes,
)

SIGNATURE = Signature("Playbill", "playbill@playbill.dev", 1_700_000_000, "notes")


def fetched(mirror: Mirror) -> Notes:
    return mirror.on_store(fetch_notes)


def read(mirror: Mirror) -> dict[str, str]:
    """All notes as the remote has them."""
    notes = fetched(mirror)
    found = mirror.on_store(lambda store: read_notes(store, notes))
    return {commit: text.decode() for commit, text in found.items()}


def append(mirror: Mirror, base: str | None, **lines: str) -> str:
    """Add a line to the notes of commits, which are given with a `c` before them."""
    additions = {name.removeprefix("c"): f"{line}\n".encode() for name, line in lines.items()}
    return mirror.on_store(lambda store: append_notes(store, base, additions, SIGNATURE))


def shown(remote: Remote, commit: str) -> str:
    """What plain git shows."""
    return remote.git("notes", "--ref=playbill", "show", commit)


def by_hand(remote: Remote, commit: str, text: str) -> None:
    remote.git("notes", "--ref=playbill", "append", "-m", text, commit)


def test_a_repository_without_notes_has_none(mirror: Mirror, remote: Remote) -> None:
    remote.commit({"a": "1"})
    assert fetched(mirror) == Notes(None, {})
    assert read(mirror) == {}


def test_lines_are_added_to_the_notes_of_commits_as_git_shows_them(
    mirror: Mirror, remote: Remote
) -> None:
    first, second = remote.commit({"a": "1"}), remote.commit({"a": "2"})
    tip = append(mirror, fetched(mirror).tip, **{f"c{first}": "one", f"c{second}": "two"})
    assert shown(remote, first) == "one"
    append(mirror, tip, **{f"c{first}": "three"})
    assert shown(remote, first) == "one\nthree"
    assert shown(remote, second) == "two"
    assert read(mirror) == {first: "one\nthree\n", second: "two\n"}
    assert remote.git("rev-list", "--count", REF) == "2"


def test_what_people_wrote_stays(mirror: Mirror, remote: Remote) -> None:
    first, second = remote.commit({"a": "1"}), remote.commit({"a": "2"})
    by_hand(remote, first, "checked by hand")
    by_hand(remote, second, "and so was this")
    append(mirror, fetched(mirror).tip, **{f"c{first}": "recorded"})
    assert shown(remote, first) == "checked by hand\nrecorded"
    assert shown(remote, second) == "and so was this"
    by_hand(remote, first, "checked again")
    assert shown(remote, first) == "checked by hand\nrecorded\n\nchecked again"


def test_files_among_the_notes_stay(mirror: Mirror, remote: Remote) -> None:
    commit = remote.commit({"a": "1"})
    script = (
        f"commit {REF}\ncommitter A <a@x> 1700000000 +0000\ndata 1\nx\n"
        "M 100644 inline README\ndata 5\nhello\nM 100755 inline ab/cd\ndata 2\nno\n"
    )
    remote.git("fast-import", "--quiet", stdin=script.encode())
    append(mirror, fetched(mirror).tip, **{f"c{commit}": "one"})
    paths = remote.git("ls-tree", "-r", "--name-only", REF).splitlines()
    assert sorted(paths) == sorted(["README", commit, "ab/cd"])
    assert shown(remote, commit) == "one"


def test_a_note_that_ends_in_the_middle_of_a_line_is_ended_first(
    mirror: Mirror, remote: Remote
) -> None:
    commit = remote.commit({"a": "1"})
    blob = remote.git("hash-object", "-w", "--stdin", stdin=b"no end")
    remote.git("notes", "--ref=playbill", "add", "-C", blob, commit)
    append(mirror, fetched(mirror).tip, **{f"c{commit}": "one"})
    assert shown(remote, commit) == "no end\none"


def test_notes_that_git_has_fanned_out_are_found_and_added_to(
    mirror: Mirror, remote: Remote
) -> None:
    """git fans out from some hundred notes on, git's own fast-import from 256 on."""
    commits = [remote.commit({"n": str(n)}) for n in range(180)]
    notes = "".join(f"N inline {commit}\ndata 4\nold\n\n" for commit in commits[:150])
    script = f"commit {REF}\ncommitter A <a@x> 1700000000 +0000\ndata 1\nx\n{notes}"
    remote.git("fast-import", "--quiet", stdin=script.encode())
    by_hand(remote, commits[150], "old")  # git itself writes the tree anew, in its own way
    assert "/" in remote.git("ls-tree", "-r", "--name-only", REF)
    append(mirror, fetched(mirror).tip, **{f"c{commit}": "new" for commit in commits})
    assert all(shown(remote, commit) == "old\nnew" for commit in commits[:151:50])
    assert shown(remote, commits[170]) == "new"
    paths = remote.git("ls-tree", "-r", "--name-only", REF).splitlines()
    assert sorted(path.replace("/", "") for path in paths) == sorted(commits)
    by_hand(remote, commits[170], "by hand")
    assert len(read(mirror)) == len(commits)


def test_who_comes_second_is_told_so_and_nothing_is_lost(
    mirror: Mirror, mirror_of: MakeMirror, remote: Remote
) -> None:
    commit = remote.commit({"a": "1"})
    other = mirror_of(remote.url, name="other")
    base, same = fetched(mirror).tip, fetched(other).tip
    append(mirror, base, **{f"c{commit}": "first"})
    with pytest.raises(NotesMoved):
        append(other, same, **{f"c{commit}": "second"})
    assert shown(remote, commit) == "first"
    append(other, fetched(other).tip, **{f"c{commit}": "second"})
    assert shown(remote, commit) == "first\nsecond"


def test_who_does_not_know_what_is_here_is_told_to_read(mirror: Mirror, remote: Remote) -> None:
    commit = remote.commit({"a": "1"})
    tip = append(mirror, fetched(mirror).tip, **{f"c{commit}": "one"})
    with pytest.raises(NotesMoved):
        append(mirror, None, **{f"c{commit}": "two"})
    assert append(mirror, tip, **{f"c{commit}": "two"})


def test_a_push_that_was_refused_leaves_nothing_behind(mirror: Mirror, remote: Remote) -> None:
    commit = remote.commit({"a": "1"})
    remote.hook("update", 'case "$1" in refs/notes/*) echo "no notes here" >&2; exit 1;; esac')
    with pytest.raises(Stalled) as refusal:
        append(mirror, fetched(mirror).tip, **{f"c{commit}": "one"})
    assert refusal.value.reason == "NotesRefused"
    assert "no notes here" in refusal.value.message
    assert fetched(mirror) == Notes(None, {})
    remote.hook("update", "exit 0")
    append(mirror, fetched(mirror).tip, **{f"c{commit}": "one"})
    assert shown(remote, commit) == "one"


def test_a_ref_that_was_emptied_on_the_remote_is_begun_anew(mirror: Mirror, remote: Remote) -> None:
    commit = remote.commit({"a": "1"})
    append(mirror, fetched(mirror).tip, **{f"c{commit}": "one"})
    remote.git("update-ref", "-d", REF)
    append(mirror, fetched(mirror).tip, **{f"c{commit}": "two"})
    assert shown(remote, commit) == "two"
    assert remote.git("rev-list", "--count", REF) == "1"


def test_a_note_beyond_measure_is_left_alone(mirror: Mirror, remote: Remote) -> None:
    first, second = remote.commit({"a": "1"}), remote.commit({"a": "2"})
    blob = remote.git("hash-object", "-w", "--stdin", stdin=b"x" * (1 << 20) + b"y")
    remote.git("notes", "--ref=playbill", "add", "-C", blob, first)
    assert read(mirror) == {}
    tip = list_notes_tip(mirror)
    append(mirror, tip, **{f"c{first}": "one", f"c{second}": "one"})
    assert read(mirror) == {second: "one\n"}
    assert remote.git("rev-parse", f"{REF}:{first}") == blob


def list_notes_tip(mirror: Mirror) -> str | None:
    return mirror.on_store(list_notes).tip


@pytest.mark.parametrize("filters", [True, False])
def test_notes_of_a_server_over_http_are_read_and_written(
    tmp_path: Path, mirror_of: MakeMirror, processes: Processes, filters: bool
) -> None:
    remote = Remote(tmp_path / "srv" / "far.git", filters=filters)
    commits = [remote.commit({"n": str(n)}) for n in range(20)]
    for commit in commits[:10]:
        by_hand(remote, commit, "old")
    with GitHttpServer(tmp_path / "srv", state=tmp_path / "state") as server:
        mirror = mirror_of(server.url("far.git"))
        mirror.fetch()
        processes.forget()
        tip = fetched(mirror).tip
        append(mirror, tip, **{f"c{commit}": "new" for commit in commits})
        assert processes["fetch-notes"] == 1
        assert processes["push-notes"] == 1
        assert sum(processes.values()) <= 11, processes
    assert shown(remote, commits[3]) == "old\nnew"
    assert shown(remote, commits[13]) == "new"


def test_a_plain_clone_shows_them_in_its_log(
    mirror: Mirror, remote: Remote, tmp_path: Path
) -> None:
    commit = remote.commit({"a": "1"})
    append(mirror, fetched(mirror).tip, **{f"c{commit}": "recorded"})
    clone = tmp_path / "clone"
    for command in (
        ["clone", "-q", remote.url, str(clone)],
        ["-C", str(clone), "fetch", "-q", "origin", "refs/notes/*:refs/notes/*"],
    ):
        subprocess.run(["git", *command], check=True)
    log = ["git", "-C", str(clone), "log", "--notes=playbill"]
    text = subprocess.run(log, check=True, capture_output=True, text=True).stdout
    assert "Notes (playbill):\n    recorded" in text

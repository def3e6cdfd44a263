"""Every tag comes as a record, whatever shape it is in."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.git.counting import MakeMirror, Processes
from tests.servers import Remote
from tests.servers.remote import ENVIRONMENT

from playbill.api.errors import Retry
from playbill.git.command import Git, TimedOut
from playbill.git.mirror import Mirror
from playbill.ledger.events import TagRecord
from playbill.ledger.fold import Book


def raw_tag(remote: Remote, name: str, data: bytes) -> str:
    oid = remote.git("hash-object", "-t", "tag", "-w", "--stdin", "--literally", stdin=data)
    remote.git("update-ref", f"refs/tags/{name}", oid)
    return oid


def only(mirror: Mirror) -> TagRecord:
    mirror.fetch()
    (record,) = mirror.tags()
    return record


def test_an_annotated_tag_is_read_whole(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit()
    oid = raw_tag(
        remote,
        "m@v1.0.0",
        f"object {commit}\ntype commit\ntag m@v1.0.0\n"
        "tagger Ada Lovelace <ada@example.com> 1700000000 +0130\n\n"
        "Subject\n\nA body.\n\nPlaybill-Cluster: east\n".encode(),
    )
    assert only(mirror) == TagRecord(
        name="m@v1.0.0",
        oid=oid,
        kind="tag",
        target=commit,
        target_kind="commit",
        tagger="Ada Lovelace",
        email="ada@example.com",
        seconds=1_700_000_000,
        message="Subject\n\nA body.\n\nPlaybill-Cluster: east\n",
    )


def test_a_lightweight_tag_is_a_commit(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit()
    remote.git("tag", "light")
    record = only(mirror)
    assert (record.kind, record.oid, record.seconds) == ("commit", commit, None)


def test_a_tag_without_tagger_has_no_time(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit()
    raw_tag(remote, "old", f"object {commit}\ntype commit\ntag old\n\nx\n".encode())
    record = only(mirror)
    assert (record.tagger, record.seconds, record.target) == ("", None, commit)


def test_a_nested_tag_points_at_a_tag(remote: Remote, mirror: Mirror) -> None:
    remote.commit()
    inner = remote.tag("inner")
    remote.git("tag", "-a", "-m", "x", "outer", "inner")
    remote.git("tag", "-d", "inner")
    record = only(mirror)
    assert (record.kind, record.target, record.target_kind) == ("tag", inner, "tag")


def test_a_tag_of_a_tree_points_at_a_tree(remote: Remote, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    remote.git("tag", "-a", "-m", "x", "tree", "main^{tree}")
    assert only(mirror).target_kind == "tree"


def test_bytes_that_are_no_text_and_lines_that_look_like_fields_do_no_harm(
    remote: Remote, mirror: Mirror
) -> None:
    commit = remote.commit()
    message = b"\xff\xfe caf\xe9\nrefs/tags/x\n\nobject 0\n\x01\n"
    for name in ("a", "b"):
        header = f"object {commit}\ntype commit\ntag {name}\ntagger A <a@b> 5 +0000\n\n"
        raw_tag(remote, name, header.encode() + message)
    mirror.fetch()
    assert [(tag.name, tag.seconds, tag.message) for tag in mirror.tags()] == [
        (name, 5, message.decode(errors="replace")) for name in ("a", "b")
    ]


def test_what_follows_a_nul_is_lost_and_nothing_else(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit()
    header = f"object {commit}\ntype commit\ntag a\ntagger A <a@b> 5 +0000\n\n"
    raw_tag(remote, "a", header.encode() + b"before\0after\n")
    remote.tag("b", message="whole")
    mirror.fetch()
    assert [tag.message for tag in mirror.tags()] == ["before", "whole\n"]


def test_a_date_that_is_none_is_the_epoch_as_git_reads_it(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit()
    raw_tag(
        remote,
        "a",
        f"object {commit}\ntype commit\ntag a\ntagger A <a@b> soon +0000\n\nx\n".encode(),
    )
    assert only(mirror).seconds == 0


def test_a_tag_of_a_blob_is_told_without_reading_it(remote: Remote, mirror: Mirror) -> None:
    oid = remote.git("hash-object", "-w", "--stdin", stdin=b"large")
    remote.git("update-ref", "refs/tags/key", oid)
    record = only(mirror)
    assert (record.oid, record.kind, record.message) == (oid, "blob", "")


SOUND = "tagger A <a@b> 7 +0000\n"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("tagger A <a@b> 5\n\nx\n", ("A", "a@b", 5, "x\n")),
        ("tagger A <a@b>   5 +0000\n\nx\n", ("A", "a@b", 5, "x\n")),
        ("tagger A <a@b>\n\nx\n", ("A", "a@b", None, "x\n")),
        ("tagger <a@b> 5 +0000\n\nx\n", ("", "a@b", 5, "x\n")),
        ("tagger A <x> <a@b> 5 +0000\n\nx\n", ("A", "x", 0, "x\n")),
        ("more\ntagger A <a@b> 5 +0000\n\nx\n", ("A", "a@b", 5, "x\n")),
        (f"{SOUND}gpgsig one\n two\n\nx\n", ("A", "a@b", 7, "x\n")),
        (f"{SOUND}\n\n\n  x\n", ("A", "a@b", 7, "  x\n")),
        (f"{SOUND}\nx\r\n\r\ny: z\r\n", ("A", "a@b", 7, "x\r\n\r\ny: z\r\n")),
        (SOUND, ("A", "a@b", 7, "")),
        (SOUND.strip(), ("A", "a@b", 7, "")),
        ("tagger Zoë <z@ë> 5 +0000\n\nnaïve\n", ("Zoë", "z@ë", 5, "naïve\n")),
    ],
)
def test_odd_tags_are_read_as_git_reads_them(
    remote: Remote, mirror: Mirror, header: str, expected: tuple[str, str, int | None, str]
) -> None:
    """As git's own for-each-ref does, and without harm to their neighbours."""
    commit = remote.commit()
    for name in ("a", "b", "c"):
        rest = SOUND + "\nsound\n" if name != "b" else header
        raw_tag(remote, name, f"object {commit}\ntype commit\ntag {name}\n{rest}".encode())
    mirror.fetch()
    before, odd, after = mirror.tags()
    assert (odd.tagger, odd.email, odd.seconds, odd.message) == expected
    assert before.message == after.message == "sound\n"
    assert odd[5:] == _read_by_git(remote, "b")


def _read_by_git(remote: Remote, name: str) -> tuple[str, str, int | None, str]:
    fields = ("taggername", "taggeremail:trim", "taggerdate:raw", "contents")
    form = "%00".join(f"%({field})" for field in fields) + "%00"
    command = ["git", "-C", str(remote.path), "for-each-ref", f"--format={form}"]
    output = subprocess.run(
        [*command, f"refs/tags/{name}"], env=ENVIRONMENT, capture_output=True, check=True
    )
    tagger, email, date, message, _ = output.stdout.decode().split("\0")
    return tagger, email, int(date.split()[0]) if date else None, message


def test_all_tags_are_two_processes(remote: Remote, mirror: Mirror, processes: Processes) -> None:
    remote.commit()
    for number in range(20):
        remote.tag(f"m@v{number}.0.0")
    mirror.fetch()
    processes.forget()
    assert len(mirror.tags()) == 20
    assert processes == {"list-local": 1, "tags": 1}


def test_a_tag_that_is_known_is_not_read_again(
    remote: Remote, mirror: Mirror, processes: Processes
) -> None:
    remote.commit()
    for name in ("m@v1.0.0", "m@v2.0.0"):
        remote.tag(name)
    mirror.fetch()
    book = mirror.read_on(Book())
    remote.tag("m@v3.0.0")
    moved = remote.tag("m@v2.0.0", message="again")
    mirror.fetch()
    lose(mirror, book.oids["m@v1.0.0"])
    later = mirror.read_on(book)
    assert moved in {event.oid for event in later.ledger.artifacts["m"].events}
    assert later == Book().next(remote.tags(), mirror.tags())
    processes.forget()
    assert mirror.read_on(later) == later
    assert not processes


def break_off(monkeypatch: pytest.MonkeyPatch, directory: Path, *, then: str) -> None:
    """From now on git prints three tags' worth of bytes, at most, and does this `then`."""
    directory.mkdir()
    program = directory / "git"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *cat-file*) ;; *) exec {shutil.which("git")} "$@" ;; esac\n'
        f'{shutil.which("git")} "$@" | head -c 500\n{then}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


def test_a_git_that_dies_in_the_middle_gives_no_tags_at_all(
    remote: Remote, mirror: Mirror, tmp_path: Path
) -> None:
    commit_tags(remote, 20)
    mirror.fetch()
    with pytest.MonkeyPatch.context() as patch:
        break_off(patch, tmp_path / "bin", then="kill -9 $$")
        with pytest.raises(Retry):
            mirror.tags()
    assert len(mirror.tags()) == 20


def test_a_git_that_falls_silent_in_the_middle_gives_no_tags_at_all(
    remote: Remote, mirror_of: MakeMirror, hasty_git: Git, tmp_path: Path
) -> None:
    commit_tags(remote, 20)
    mirror = mirror_of(remote.url, runner=hasty_git)
    mirror.fetch()
    with pytest.MonkeyPatch.context() as patch:
        break_off(patch, tmp_path / "bin", then="sleep 1000")
        with pytest.raises(TimedOut):
            mirror.tags()
    assert len(mirror.tags()) == 20


def test_an_object_that_is_gone_from_the_middle_is_fetched_again(
    remote: Remote, mirror: Mirror
) -> None:
    commit_tags(remote, 20)
    mirror.fetch()
    before, book = mirror.tags(), mirror.read_on(Book())
    lose(mirror, before[10].oid)
    assert mirror.tags() == before
    lose(mirror, before[10].oid)
    assert mirror.read_on(Book()) == book


def commit_tags(remote: Remote, count: int) -> None:
    remote.commit()
    for number in range(count):
        remote.tag(f"m@v{number}.0.0")


def lose(mirror: Mirror, oid: str) -> None:
    """All of the mirror's objects but this one, each in a file of its own."""
    objects = mirror.directory / "objects"
    for pack in (objects / "pack").glob("*.pack"):
        aside = pack.rename(mirror.directory / pack.name)
        for beside in (objects / "pack").glob(f"{pack.stem}.*"):
            beside.unlink()
        command = ["git", f"--git-dir={mirror.directory}", "unpack-objects", "-q"]
        subprocess.run(command, input=aside.read_bytes(), env=ENVIRONMENT, check=True)
    (objects / oid[:2] / oid[2:]).unlink()

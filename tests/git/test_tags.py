"""Every tag comes as a record, whatever shape it is in."""

from tests.git.counting import Processes
from tests.servers import Remote

from playbill.git.mirror import Mirror
from playbill.ledger.events import TagRecord


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


def test_all_tags_are_one_process(remote: Remote, mirror: Mirror, processes: Processes) -> None:
    remote.commit()
    for number in range(20):
        remote.tag(f"m@v{number}.0.0")
    mirror.fetch()
    processes.forget()
    assert len(mirror.tags()) == 20
    assert processes == {"tags": 1}

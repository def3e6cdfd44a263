"""Tag objects survive being written down, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.api.errors import Stalled
from playbill.ledger.tagobject import LATEST_SECOND, TagObject

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TAG = TagObject("m@v1.0.0", COMMIT, "Ann", "ann@example.org", 1_600_000_000, "hello\n")


def test_the_bytes_are_gits() -> None:
    assert (
        TAG.data
        == (
            f"object {COMMIT}\ntype commit\ntag m@v1.0.0\n"
            "tagger Ann <ann@example.org> 1600000000 +0000\n\nhello\n"
        ).encode()
    )
    assert TAG.oid == "fb6f382d7190a8a7eb2850fe500c094c29d5e4d1"


@given(
    tagger=st.text(max_size=10),
    email=st.text(max_size=10),
    seconds=st.integers(0, LATEST_SECOND),
    message=st.text(st.characters(codec="utf-8")),
)
def test_a_tag_survives_being_written_down(
    tagger: str, email: str, seconds: int, message: str
) -> None:
    tag = TagObject("m#s#1", COMMIT, tagger, email, seconds, message, "-0330")
    again = TagObject.parse(tag.data)
    assert again == tag
    assert again.oid == tag.oid


def test_a_message_that_is_no_utf8_survives_too() -> None:
    data = TAG.data + b"\xff\xfe"
    assert TagObject.parse(data).data == data


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [("Ann <a@b>", "Ann a@b"), ("A\nB\0C", "ABC"), ("  Ann. ", "Ann"), ("<>", "unknown")],
)
def test_a_tagger_cannot_break_out_of_its_line(given_name: str, kept: str) -> None:
    tag = TagObject("m", COMMIT, given_name, given_name, 1, "x")
    assert (tag.tagger, tag.email) == (kept, kept)


@pytest.mark.parametrize(
    "change",
    [
        {"target": "main"},
        {"target": COMMIT.upper()},
        {"name": ""},
        {"name": "a\nobject b"},
        {"seconds": -1},
        {"seconds": LATEST_SECOND + 1},
        {"timezone": "Z"},
        {"message": "\ud800"},
    ],
)
def test_no_tag_is_made_that_git_or_gto_could_not_read(change: dict[str, str | int]) -> None:
    fields: dict[str, str | int] = {
        "name": "m",
        "target": COMMIT,
        "tagger": "Ann",
        "email": "ann@example.org",
        "seconds": 1,
        "message": "x",
    }
    with pytest.raises(Stalled) as stalled:
        TagObject(**(fields | change))  # type: ignore[arg-type]
    assert stalled.value.reason == "InvalidTagObject"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        TAG.data.replace(b"type commit", b"type tree"),
        TAG.data.replace(b" +0000", b""),
        TAG.data.replace(b"Ann ", b"Ann. "),
        TAG.data.replace(b"1600000000", b"01600000000"),
        TAG.data.replace(b"tagger", b"extra x\ntagger"),
        TAG.data.replace(b"\n\nhello", b"\nhello"),
    ],
)
def test_bytes_that_we_did_not_make_are_refused(data: bytes) -> None:
    with pytest.raises(Stalled) as stalled:
        TagObject.parse(data)
    assert stalled.value.reason == "InvalidTagObject"

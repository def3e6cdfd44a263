"""No name leaves the volume, whoever wrote it."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.api.errors import Stalled
from playbill.fetch.names import check_together, last_of, safe


@pytest.mark.parametrize("name", ["a", "a/b/c.bin", "ä ö.txt", "..a", "a..b", ".hidden", "~", "-x"])
def test_a_plain_relative_path_is_taken_as_it_is(name: str) -> None:
    assert safe(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", "/", "/etc/passwd", "..", "../a", "a/../../b", "a/..", ".", "./a", "a//b", "a/",
        "a\0b", "a\nb", "a\\b", "\udc80", "x" * 256, "a/" * 65 + "a", "a/" * 600,
    ],
)  # fmt: skip
def test_what_would_leave_or_confuse_is_refused(name: str) -> None:
    with pytest.raises(Stalled, match="outside of the volume"):
        safe(name)


@given(st.text(alphabet=st.sampled_from("a./\\\0\n~"), max_size=12) | st.text())
def test_whatever_is_taken_stays_below(name: str) -> None:
    try:
        path = PurePosixPath("/volume/slot") / safe(name)
    except Stalled:
        return
    assert ".." not in path.parts
    assert path.is_relative_to("/volume/slot")
    assert len(path.parts) > 3


@pytest.mark.parametrize("names", [["a", "a"], ["a", "a/b"], ["a/b/c", "x", "a"]])
def test_two_that_cannot_be_there_together_are_refused(names: list[str]) -> None:
    with pytest.raises(Stalled, match=r"there twice|lies in it"):
        check_together(names)


def test_what_lies_side_by_side_is_taken() -> None:
    check_together(["a", "a-b", "b/a", "b/c/d", "ab"])


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("https://host/dir/model%20v1.onnx?sig=x", "model v1.onnx"),
        ("https://host/model.onnx#part", "model.onnx"),
        ("https://host/dir/", "artifact"),
        ("https://host", "artifact"),
    ],
)
def test_a_file_is_named_as_its_address_ends(uri: str, name: str) -> None:
    assert last_of(uri) == name


@pytest.mark.parametrize("uri", ["https://host/..", "https://host/%2e%2e", "https://host/a%00"])
def test_an_address_that_ends_badly_is_refused(uri: str) -> None:
    with pytest.raises(Stalled):
        last_of(uri)

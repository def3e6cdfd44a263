"""The tags that git prints are the same ones, wherever its output is cut into chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.git.errors import MirrorCorrupt
from playbill.git.tags import TagReader, read_tag
from playbill.ledger.events import TagRecord

TARGET = b"object " + b"c" * 40 + b"\ntype commit\ntag m@v1.0.0\n"

sound = st.builds(
    lambda seconds, message: (
        TARGET + b"tagger Ada <a@b> %d +0000\n\n" % seconds + message.encode() + b"\n"
    ),
    st.integers(0, 1 << 33),
    # also what looks like the next tag's first line
    st.one_of(st.text(), st.just("x\n\n" + "a" * 40 + " tag 3\nxyz")),
)
odd = st.one_of(
    st.binary(),
    st.binary().map(lambda rest: TARGET + rest),
    st.sampled_from((b"", TARGET, TARGET + b"\nno tagger\n", TARGET + b"tagger A <a@b> 5\n\nx")),
)
tags = st.lists(st.one_of(sound, sound, odd), min_size=1, max_size=8)


def oid(number: int) -> str:
    return f"{number:040x}"


def printed(objects: list[bytes]) -> bytes:
    """What `cat-file --batch` prints of tags."""
    return b"".join(
        b"%s tag %d\n%s\n" % (oid(number).encode(), len(data), data)
        for number, data in enumerate(objects)
    )


def read(output: bytes, count: int, cuts: list[int]) -> list[TagRecord]:
    records: list[TagRecord] = []
    reader = TagReader({str(number): oid(number) for number in range(count)}, records.extend)
    for start, end in pairwise(sorted({0, *cuts, len(output)})):
        reader.feed(output[start:end])
    reader.close()
    return records


@given(tags, st.data())
def test_it_does_not_matter_where_the_chunks_end(objects: list[bytes], data: st.DataObject) -> None:
    output = printed(objects)
    cuts = data.draw(st.lists(st.integers(0, len(output))))
    expected = [read_tag(str(n), oid(n), data) for n, data in enumerate(objects)]
    assert read(output, len(objects), cuts) == expected
    assert read(output, len(objects), list(range(len(output)))) == expected


@given(tags, st.data())
def test_an_output_that_ends_too_soon_is_never_taken_for_all(
    objects: list[bytes], data: st.DataObject
) -> None:
    output = printed(objects)
    short = output[: data.draw(st.integers(0, len(output) - 1))]
    with pytest.raises(MirrorCorrupt):
        read(short, len(objects), [])


@given(tags, st.data())
def test_a_missing_tag_is_found_wherever_the_chunks_end(
    objects: list[bytes], data: st.DataObject
) -> None:
    output = printed(objects) + f"{oid(len(objects))} missing\n".encode()
    cuts = data.draw(st.lists(st.integers(0, len(output))))
    with pytest.raises(MirrorCorrupt, match=f"tag {len(objects)} is missing"):
        read(output, len(objects) + 1, cuts)


def test_the_beginning_of_a_large_tag_is_not_looked_at_again_with_each_chunk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at = []
    look = TagReader._read

    def count(reader: TagReader, text: str) -> tuple[list[TagRecord], int, int]:
        looked_at.append(len(text))
        return look(reader, text)

    monkeypatch.setattr(TagReader, "_read", count)
    data = TARGET + b"tagger A <a@b> 5 +0000\n\n" + b"x" * 1_000_000
    output = printed([data, data])
    records = read(output, 2, list(range(0, len(output), 4096)))
    assert [len(record.message) for record in records] == [1_000_000, 1_000_000]
    assert sum(looked_at) < len(output) + 10 * 4096

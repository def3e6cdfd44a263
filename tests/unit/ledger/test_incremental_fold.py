"""Folding only what has changed comes to the same as folding all, whatever has happened."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.book import commit

from playbill.ledger.events import TagRecord
from playbill.ledger.fold import Book, fold

NAMES = (
    "m@v1.0.0", "m@v1.0.0#2", "m@v1.1.0", "m@v1.0.0!", "m#prod#1", "m#prod#2", "m#prod!#3",
    "m@deprecated", "m@created", "other/m@v1.0.0", "other/m#prod#7", "dir=m@v0.0.1", "release-1",
)  # fmt: skip

records = st.builds(
    TagRecord,
    name=st.sampled_from(NAMES),
    oid=st.sampled_from(("",)),
    kind=st.sampled_from(("tag", "tag", "tag", "commit")),
    target=st.integers(1, 3).map(commit),
    target_kind=st.sampled_from(("commit", "commit", "commit", "tag", "tree")),
    tagger=st.just("Ada"),
    email=st.just("ada@example.org"),
    seconds=st.one_of(st.integers(1, 4), st.none()),
    message=st.sampled_from(("one\n", "two\n\nPlaybill-Cluster: here\n")),
).map(lambda record: record._replace(oid=str(hash(record))))

listings = st.lists(records, unique_by=lambda record: record.name).map(
    lambda found: {record.name: record for record in found}
)


def turn(book: Book, tags: Mapping[str, TagRecord]) -> Book:
    """The next book, given no more than what is new to this one."""
    oids = {name: record.oid for name, record in tags.items()}
    return book.next(oids, [r for n, r in tags.items() if book.oids.get(n) != r.oid])


@given(st.lists(listings, max_size=5))
def test_any_sequence_of_listings_comes_to_what_the_last_one_comes_to(
    history: list[dict[str, TagRecord]],
) -> None:
    book = Book()
    for tags in history:
        before, ledger = book, book.ledger
        book = turn(book, tags)
        assert book.ledger == fold(tags.values())
        assert before.ledger is ledger
        assert turn(book, tags).ledger == book.ledger


@given(listings, records)
def test_an_artifact_whose_tags_are_the_same_is_not_folded_again(
    tags: dict[str, TagRecord], new: TagRecord
) -> None:
    book = turn(Book(), tags)
    later = turn(book, tags | {new.name: new})
    artifact = new.name.partition("@")[0].partition("#")[0].replace("=", ":")
    for name, state in book.ledger.artifacts.items():
        assert name == artifact or later.ledger.artifacts[name] is state

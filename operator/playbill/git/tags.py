"""The tags of a mirror as records that nobody has judged yet, read by one `cat-file`.

`for-each-ref` could print the fields, but takes longer over it than `cat-file`, whose output we
take apart while it is at work. What it makes of odd tags holds here as well; the tests say what
that is.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from playbill.git.errors import MirrorCorrupt
from playbill.git.listing import Listing
from playbill.git.store import Store
from playbill.ledger.events import TagRecord
from playbill.ledger.fold import Book, Draft

# `object` and `type` are the tag's own header, so a nested tag tells its first step only.
# No pattern looks behind the tag, and a target that is missing here does no harm.
_HEADER = r"object ([0-9a-f]{40})\ntype (.*)\ntag .*\n"
_SOUND = re.compile(
    rf".{{40}} tag ([0-9]+)\n{_HEADER}tagger ([^<\n]*) <([^>\n]*)> ([0-9]{{1,19}}) .*\n\n(?!\n)"
)
_ODD = re.compile(
    rf"{_HEADER}(?:(?!tagger ).+\n)*"
    r"(?:tagger (?:(.*?) )?<([^>\n]*)>(?: +(-?[0-9]{0,19}))?.*(?:\n|\Z))?"
    r"(?:.+\n)*\n*((?s:.*))"
)


Take = Callable[[Sequence[TagRecord]], object]


def read_tags(store: Store, oids: Mapping[str, str], kinds: Mapping[str, str]) -> list[TagRecord]:
    """The records of these tags; `kinds` has the type of those that are no tag objects.

    Raises MirrorCorrupt when an object is missing.
    """
    records: list[TagRecord] = []
    hand_tags(store, oids, kinds, records.extend)
    return records


def read_on(store: Store, here: Listing, book: Book) -> Book:
    """The book of this listing, of which only tags that the one before lacks are read."""
    draft = Draft(book)
    new = {name: oid for name, oid in here.tags.items() if book.oids.get(name) != oid}
    hand_tags(store, new, here.kinds, draft.add)
    return draft.close(here.tags)


def hand_tags(store: Store, oids: Mapping[str, str], kinds: Mapping[str, str], take: Take) -> None:
    """Hand over the same, some at a time, while git is still at the others. Those that were pushed
    from here lately are known without it."""
    light = [name for name in kinds if name in oids]
    take([TagRecord(n, oids[n], kinds[n], "", "", "", "", None, "") for n in light])
    written = {n: data for n, oid in oids.items() if (data := store.shelf.get(oid)) is not None}
    take([read_tag(n, oids[n], data) for n, data in written.items() if n not in kinds])
    skipped = {*light, *written}
    annotated = {n: oid for n, oid in oids.items() if n not in skipped} if skipped else oids
    if annotated:
        wanted = "".join([f"{oid}\n" for oid in annotated.values()]).encode()
        reader = TagReader(annotated, take)
        store.local(
            "cat-file", "--batch", "--buffer", operation="tags", stdin=wanted, consume=reader.feed
        )
        reader.close()


class TagReader:
    """Takes the output of `cat-file --batch` apart while git is still at it.

    Of each object, in this order, there is a line `OID tag SIZE`, so many bytes, and a line feed.
    What can be read of each chunk is handed to `take`.
    """

    def __init__(self, oids: Mapping[str, str], take: Take) -> None:
        self._take = take
        self._coming = iter(oids.items())
        self._next = next(self._coming, None)
        self._rest = bytearray()
        self._worth_reading = 0  # bytes; with fewer, the next tag is not whole

    def feed(self, chunk: bytes) -> None:
        """Read the tags that are whole now. Raises MirrorCorrupt when one is missing."""
        self._rest += chunk
        if len(self._rest) >= self._worth_reading:
            records, end, needed = self._read(self._rest.decode("latin-1"))
            self._take(records)
            del self._rest[:end]
            self._worth_reading = needed - end

    def close(self) -> None:
        """No more is to come. Raises MirrorCorrupt when some are missing."""
        if self._next is not None:
            raise _missing(self._next[0])

    def _read(self, text: str) -> tuple[list[TagRecord], int, int]:
        """The whole tags, where the last of them ends, and where the one after it; a character
        stands for a byte."""
        records: list[TagRecord] = []
        plain = _is_plain(text)
        start = 0
        while self._next is not None:
            name, oid = self._next
            match = _SOUND.match(text, start)
            end = match.end(1) + 1 + int(match[1]) if match else 0
            if match and match.end() <= end < len(text) and (plain or _is_plain(text[start:end])):
                _, target, kind, tagger, email, seconds = match.groups()
                message = text[match.end() : end]
                record = (name, oid, "tag", target, kind, tagger, email, int(seconds), message)
                records.append(TagRecord._make(record))
            else:
                begin, end = _extent(text, start, name)
                if end >= len(text):
                    return records, start, end + 1
                records.append(read_tag(name, oid, text[begin:end].encode("latin-1")))
            start = end + 1
            self._next = next(self._coming, None)
        return records, start, start


def read_tag(name: str, oid: str, data: bytes) -> TagRecord:
    """The record of a tag object of whatever shape."""
    match = _ODD.match(data.partition(b"\0")[0].decode(errors="replace"))
    if match is None:
        return TagRecord(name, oid, "tag", "", "", "", "", None, "")
    target, kind, tagger, email, digits, message = match.groups()
    # a date that is no number is the epoch, as git reads it; no tagger, no time
    seconds = None if digits is None else int((digits.strip("-") and digits) or 0)
    return TagRecord(name, oid, "tag", target, kind, tagger or "", email or "", seconds, message)


def _is_plain(text: str) -> bool:
    """Whether its characters are those that were written; git's text ends at the first NUL."""
    return text.isascii() and "\0" not in text


def _extent(text: str, start: int, name: str) -> tuple[int, int]:
    """Where the object's bytes begin and end; the text's end, while its first line goes on."""
    begin = text.find("\n", start) + 1
    if not begin:
        return start, len(text)
    _, kind, size = [*text[start : begin - 1].split(" "), "", ""][:3]
    if kind != "tag":
        raise _missing(name)
    return begin, begin + int(size)


def _missing(name: str) -> MirrorCorrupt:
    return MirrorCorrupt("MirrorCorrupt", f"The object of tag {name} is missing in the mirror.")

"""pkt-line and side-bands, the framing of git's wire protocol: gitprotocol-common(5) and
gitprotocol-pack(5)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FLUSH = b"0000"
DELIMITER = b"0001"
LONGEST = 65516
"""Bytes that one packet may carry."""

_CONTENT, _PROGRESS, _FAILURE = 1, 2, 3


class GarbledError(ValueError):
    """These bytes are no packets, or end in the middle of one."""


def packet(text: str) -> bytes:
    """One packet; most lines of text end in a line feed, and git's commands to a push do not."""
    content = text.encode(errors="surrogateescape")
    return b"%04x" % (len(content) + 4) + content


def read_packets(data: bytes) -> Iterator[bytes | None]:
    """The content of each packet, and None where a section or all of it ends.

    Raises GarbledError.
    """
    place = 0
    while place < len(data):
        head = data[place : place + 4]
        try:
            length = int(head, 16) if len(head) == 4 else -1
        except ValueError:
            length = -1
        if length in {0, 1, 2}:
            place += 4
            yield None
            continue
        if length < 4 or place + length > len(data):
            raise GarbledError(f"packet at byte {place} of {len(data)}")
        yield data[place + 4 : place + length]
        place += length


def read_lines(data: bytes) -> Iterator[str]:
    """The text of each packet without its line feed, empty where a section ends."""
    for each in read_packets(data):
        yield (each or b"").rstrip(b"\n").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Bands:
    """What came on the three side-bands: the answer, words for people, and why it broke off."""

    content: bytes
    progress: str
    failure: str


def read_bands(packets: Iterable[bytes | None]) -> Bands:
    """Take side-bands apart. Raises GarbledError for a band that there is not."""
    bands: dict[int, list[bytes]] = {_CONTENT: [], _PROGRESS: [], _FAILURE: []}
    for each in packets:
        if each is None:
            break
        if each[:1] not in {b"\x01", b"\x02", b"\x03"}:
            raise GarbledError(f"side-band {each[:1]!r}")
        bands[each[0]].append(each[1:])
    return Bands(
        content=b"".join(bands[_CONTENT]),
        progress=b"".join(bands[_PROGRESS]).decode(errors="replace"),
        failure=b"".join(bands[_FAILURE]).decode(errors="replace"),
    )

"""Small objects of one mirror that were read or written lately, so that git need not be asked.

A name here is an object id, or a commit with a path: what it means can never change. Of most
commits `dvc.yaml` and what it names are the same files, and a pass asks a tree three times.
"""

from collections import OrderedDict

MOST_BYTES = 256 << 10
LARGEST = 16 << 10
OVERHEAD = 200
"""Bytes that an entry takes beside its own, about."""


class Shelf:
    """`None` stands for what is known not to be there; the longest unused go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes | None] = OrderedDict()
        self._size = 0

    def put(self, name: str, data: bytes | None) -> None:
        """Keep it, unless it is large."""
        size = _size(data)
        if size > LARGEST or name in self._kept:
            return
        self._kept[name] = data
        self._size += size
        while self._size > MOST_BYTES:
            self._size -= _size(self._kept.popitem(last=False)[1])

    def __contains__(self, name: str) -> bool:
        return name in self._kept

    def get(self, name: str) -> bytes | None:
        """What is kept, or None."""
        if name in self._kept:
            self._kept.move_to_end(name)
        return self._kept.get(name)

    def clear(self) -> None:
        """Keep nothing any more."""
        self._kept.clear()
        self._size = 0


def _size(data: bytes | None) -> int:
    return OVERHEAD + len(data or b"")

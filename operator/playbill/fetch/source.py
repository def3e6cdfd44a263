"""What every source of an artifact gives: its files, and each of them as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Resume:
    """The bytes that are here already, and what the server called the whole then (an ETag).

    Empty where it called it nothing, and a digest will tell.
    """

    offset: int = 0
    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A file on its way. It starts at byte `start`, which is the offset asked for, or 0;
    `total` is the size of the whole file, `validator` what makes it safe to go on later."""

    start: int
    total: int | None
    validator: str
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file of the artifact. `expects` are digests (`kind:hex`) that all must hold; with
    `validator` the source said, when it was listed, which state of the file it means."""

    path: str
    size: int | None
    open: Callable[[Resume], AbstractContextManager[Stream]]
    expects: tuple[str, ...] = ()
    validator: str = ""
    executable: bool = False
    dos2unix: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The artifact: a directory, or one file. `digest` is what the source itself knows of it,
    `told_size` the bytes that somebody wrote down for it, where the files' own are not known."""

    items: Sequence[Item]
    directory: bool
    digest: str = ""
    told_size: int | None = None

    @property
    def size(self) -> int | None:
        """In bytes, if it is known of all files."""
        sizes = [item.size for item in self.items]
        return None if None in sizes else sum(size for size in sizes if size is not None)


class Source(Protocol):
    """Where an artifact comes from."""

    @property
    def address(self) -> str:
        """For people; without anything secret."""

    def find(self) -> Listing:
        """All files. Raises Trouble."""


def of_one_file(expected: str) -> tuple[str, ...]:
    """What an artifact's digest asks of its only file; a directory's is compared at the end."""
    return (expected,) if expected and not expected.endswith(".dir") else ()

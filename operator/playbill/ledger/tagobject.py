"""The exact bytes of an annotated tag, its object id, and a pack that carries many of them.

A tag whose bytes are known before it is written can be reserved in a status and pushed
again after a crash as the very same object, so pushing it twice is pushing it once.
Formats: git's Documentation/gitformat-pack, and `git mktag` for the tag itself.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Self

from playbill.api.errors import Stalled

# The last second of the year 9999: GTO reads it, and breaks on the next.
LATEST_SECOND = 253402300799

_TAG = re.compile(
    r"object ([0-9a-f]{40})\ntype commit\ntag ([^\n]+)\n"
    r"tagger ([^<>\n]+) <([^<>\n]+)> (0|[1-9][0-9]*) ([+-][0-9]{4})\n\n(.*)",
    re.DOTALL,
)
_OUTSIDE_IDENTITY = re.compile(r"[\x00-\x1f\x7f-\x9f<>\ud800-\udfff]+")
# Surrogates other than those that stand for a byte which is no UTF-8 (PEP 383).
_NO_BYTES = re.compile(r"[\ud800-\udc7f\udd00-\udfff]")
# What git trims from both ends of a name or an address (ident.c).
_CRUD = " .,:;<>\"\\'"
_PACKED_COMMIT = 1
_PACKED_TAG = 4


@dataclass(frozen=True, slots=True)
class TagObject:
    """An annotated tag on a commit; `seconds` since the epoch, `timezone` only for show.

    `name` is without `refs/tags/`, `message` is written as it is. Control characters and
    angle brackets are taken out of the identity; an empty one reads `unknown`, since GTO
    breaks on a tag without. Raises Stalled (InvalidTagObject) for what git would refuse.
    """

    name: str
    target: str
    tagger: str
    email: str
    seconds: int
    message: str
    timezone: str = "+0000"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tagger", _identity(self.tagger))
        object.__setattr__(self, "email", _identity(self.email))
        if not (0 <= self.seconds <= LATEST_SECOND and _TAG.fullmatch(self._text())):
            raise _invalid(self.name)
        if _NO_BYTES.search(self.name + self.message):
            raise _invalid(self.name)

    @property
    def data(self) -> bytes:
        """The object's content, without git's `tag <size>` header."""
        return self._text().encode(errors="surrogateescape")

    @property
    def oid(self) -> str:
        """The object id, SHA-1 in 40 hex digits."""
        data = self.data
        return sha1(b"tag %d\x00" % len(data) + data, usedforsecurity=False).hexdigest()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read bytes that `data` gave; Stalled (InvalidTagObject) for any others."""
        match = _TAG.fullmatch(data.decode(errors="surrogateescape"))
        if match is None:
            raise _invalid("of these bytes")
        target, name, tagger, email, seconds, timezone, message = match.groups()
        tag = cls(name, target, tagger, email, int(seconds), message, timezone)
        if tag.data != data:
            raise _invalid(name)
        return tag

    def _text(self) -> str:
        return (
            f"object {self.target}\ntype commit\ntag {self.name}\n"
            f"tagger {self.tagger} <{self.email}> {self.seconds} {self.timezone}\n\n{self.message}"
        )


def pack(tags: Sequence[TagObject] = (), commits: Sequence[bytes] = ()) -> bytes:
    """Give one pack (version 2) that holds these tags and commits (as git stores them, without
    its header), each object once."""
    objects = dict.fromkeys((_PACKED_COMMIT, data) for data in commits)
    objects |= dict.fromkeys((_PACKED_TAG, tag.data) for tag in tags)
    head = b"PACK" + (2).to_bytes(4) + len(objects).to_bytes(4)
    body = b"".join([head, *(_packed(kind, data) for kind, data in objects)])
    return body + sha1(body, usedforsecurity=False).digest()


def _packed(kind: int, data: bytes) -> bytes:
    """Type and size, 4 bits of the size first and then 7 at a time, before the deflated data."""
    head = bytearray([kind << 4 | len(data) & 0x0F])
    size = len(data) >> 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return bytes(head) + zlib.compress(data)


def _identity(text: str) -> str:
    return _OUTSIDE_IDENTITY.sub("", text).strip(_CRUD) or "unknown"


def _invalid(name: str) -> Stalled:
    return Stalled(
        "InvalidTagObject",
        f"no annotated tag can be made {name!r}: it needs a commit id of 40 hex digits, a name of "
        "one line and a time before the year 10000",
    )

"""Which branches and tags there are, and a digest that changes when any of them does."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from playbill.api.errors import Stalled

HEADS = "refs/heads/"
TAGS = "refs/tags/"
SHA1_HEX = 40


@dataclass(frozen=True)
class Listing:
    """Branches and tags without their prefixes; a tag's oid is its own, not peeled."""

    heads: Mapping[str, str]
    tags: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """64 hex characters, the same for the same refs, wherever they were listed."""
        digest = hashlib.sha256()
        for prefix, refs in ((HEADS, self.heads), (TAGS, self.tags)):
            for name in sorted(refs):
                digest.update(f"{refs[name]} {prefix}{name}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()


def parse_listing(output: bytes) -> Listing:
    """Lines of `OID <space or tab> REF`. Raises Stalled(UnsupportedObjectFormat) for SHA-256."""
    heads: dict[str, str] = {}
    tags: dict[str, str] = {}
    for oid, ref in _lines(output):
        if len(oid) != SHA1_HEX:
            raise Stalled(
                "UnsupportedObjectFormat",
                "The repository uses SHA-256 object names, which GTO and most git servers cannot "
                "read. Convert it to SHA-1.",
            )
        if ref.startswith(HEADS):
            heads[ref.removeprefix(HEADS)] = oid
        elif ref.startswith(TAGS) and not ref.endswith("^{}"):
            tags[ref.removeprefix(TAGS)] = oid
    return Listing(heads=heads, tags=tags)


def _lines(output: bytes) -> Iterable[tuple[str, str]]:
    for line in output.decode(errors="surrogateescape").split("\n"):
        if line:
            oid, _, ref = line.replace("\t", " ", 1).partition(" ")
            yield oid, ref


def parse_default_branch(output: bytes) -> str | None:
    """The branch that `ls-remote --symref URL HEAD` names; None when the server names none."""
    for line in output.decode(errors="replace").split("\n"):
        if line.startswith("ref: ") and line.endswith("\tHEAD"):
            return line.removeprefix("ref: ").removesuffix("\tHEAD").removeprefix(HEADS)
    return None

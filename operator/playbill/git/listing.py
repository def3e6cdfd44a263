"""Which branches and tags there are, and a digest that changes when any of them does."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

from playbill.api.errors import Stalled

HEADS = "refs/heads/"
TAGS = "refs/tags/"
SHA1_HEX = 40


@dataclass(frozen=True)
class Listing:
    """Branches and tags without their prefixes; a tag's oid is its own, not peeled.

    `kinds` has the type of each tag's object where it is no tag object, and is empty for a
    remote, which does not tell.
    """

    heads: Mapping[str, str]
    tags: Mapping[str, str]
    kinds: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def with_tags(self, oids: Mapping[str, str]) -> Self:
        """The listing with these tag objects in it as well."""
        return replace(self, tags={**self.tags, **oids})

    @cached_property
    def digest(self) -> str:
        """64 hex characters, the same for the same refs, wherever they were listed."""
        lines = [
            f"{refs[name]} {prefix}{name}\n"
            for prefix, refs in ((HEADS, self.heads), (TAGS, self.tags))
            for name in sorted(refs)
        ]
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def parse_listing(output: bytes, *, typed: bool = False) -> Listing:
    """Lines of `OID <tab> REF`, or of `OID TYPE REF` when they are typed.

    Raises Stalled(UnsupportedObjectFormat) for SHA-256.
    """
    # no name of a ref holds a space, and of whitespace that is no ASCII it may hold all
    cells = output.decode(errors="surrogateescape").replace("\t", " ").replace("\n", " ").split(" ")
    if len(cells[0]) > SHA1_HEX:
        raise refuse_sha256()
    width = 3 if typed else 2
    refs = list(zip(cells[width - 1 :: width], cells[0::width], strict=False))
    # what ends in ^{} is what a tag points at, and told of besides
    tags = [(ref[10:], oid) for ref, oid in refs if ref[:10] == TAGS and ref[-3:] != "^{}"]
    kinds = zip(cells[2::3], cells[1::3], strict=False) if typed else ()
    return Listing(
        heads={ref[11:]: oid for ref, oid in refs if ref[:11] == HEADS},
        tags=dict(tags),
        kinds={ref[10:]: kind for ref, kind in kinds if kind != "tag" and ref[:10] == TAGS},
    )


def refuse_sha256() -> Stalled:
    """For a repository whose object ids are longer than what tags are made of here."""
    return Stalled(
        "UnsupportedObjectFormat",
        "The repository uses SHA-256 object names, which GTO and most git servers cannot "
        "read. Convert it to SHA-1.",
    )


def parse_default_branch(output: bytes) -> str | None:
    """The branch that `ls-remote --symref URL HEAD` names; None when the server names none."""
    for line in output.decode(errors="replace").split("\n"):
        if line.startswith("ref: ") and line.endswith("\tHEAD"):
            return line.removeprefix("ref: ").removesuffix("\tHEAD").removeprefix(HEADS)
    return None

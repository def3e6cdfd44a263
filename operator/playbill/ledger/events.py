"""What a tag says, as types: one frozen class for each of GTO's five actions.

A stage tag carries no version: it binds to whatever version of the artifact
sits on its commit, so `Assignment` and `Unassignment` have none; `fold` binds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TagRecord:
    """One tag as `git for-each-ref` lists it, before anyone has asked what it means.

    `name` is without `refs/tags/`; `kind` is the object's own type (`tag` or, for a
    lightweight tag, `commit`); `target` and `target_kind` are what an annotated tag
    points at, not peeled further. `seconds` is None when there is no tagger.
    """

    name: str
    oid: str
    kind: str
    target: str
    target_kind: str
    tagger: str
    email: str
    seconds: int | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all five actions share. `artifact` is GTO's full name, with `:` after a directory."""

    artifact: str
    commit: str
    seconds: int
    tag: str
    oid: str
    counter: int | None = None
    tagger: str = ""
    email: str = ""
    subject: str = ""
    body: str = ""
    trailers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration(Event):
    """`N@vX.Y.Z`: the commit is this version."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deregistration(Event):
    """`N@vX.Y.Z!`: it no longer is."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment(Event):
    """`N#S#k`: the version on the commit takes the stage."""

    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unassignment(Event):
    """`N#S!#k`: the version on the commit leaves the stage."""

    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation(Event):
    """`N@deprecated`: the artifact is not to be used any more; any later event revives it."""


LedgerEvent = Registration | Deregistration | Assignment | Unassignment | Deprecation


@dataclass(frozen=True, slots=True)
class Problem:
    """A tag that is reported and skipped, with a CamelCase reason and words for people."""

    tag: str
    reason: str
    message: str

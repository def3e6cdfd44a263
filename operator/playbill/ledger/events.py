"""What a tag says, as types: one frozen class for each of GTO's five actions.

A stage tag carries no version: it binds to whatever version of the artifact
sits on its commit, so `Assignment` and `Unassignment` have none; `fold` binds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

from playbill.ledger.message import split
from playbill.ledger.tagobject import TagObject


class TagRecord(NamedTuple):
    """One tag as git holds it, before anyone has asked what it means.

    `name` is without `refs/tags/`; `kind` is the object's own type (`tag` or, for a
    lightweight tag, `commit`); `target` and `target_kind` are what an annotated tag
    points at, not peeled further. `seconds` is None when there is no tagger. A tuple, for
    a repository has many and a tuple is made in a third of a frozen dataclass's time.
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

    @classmethod
    def of(cls, tag: TagObject) -> Self:
        """The record that git will list of a tag of ours."""
        return cls(
            name=tag.name,
            oid=tag.oid,
            kind="tag",
            target=tag.target,
            target_kind="commit",
            tagger=tag.tagger,
            email=tag.email,
            seconds=tag.seconds,
            message=tag.message,
        )


@dataclass(frozen=True)
class Event:
    """What all five actions share. `artifact` is GTO's full name, with `:` after a directory.

    The message is taken apart when somebody asks for its parts, which for most tags nobody does.
    """

    artifact: str
    record: TagRecord
    counter: int | None

    @property
    def tag(self) -> str:
        """The tag's name."""
        return self.record.name

    @property
    def oid(self) -> str:
        """The tag object's id."""
        return self.record.oid

    @property
    def commit(self) -> str:
        """What the tag points at."""
        return self.record.target

    @property
    def seconds(self) -> int:
        """When, since the epoch."""
        return self.record.seconds or 0

    @property
    def tagger(self) -> str:
        """Who made the tag."""
        return self.record.tagger

    @property
    def email(self) -> str:
        """The tagger's address, without brackets."""
        return self.record.email

    @property
    def subject(self) -> str:
        """The message's first line."""
        return self._words[0]

    @property
    def body(self) -> str:
        """What stands between the subject and the trailers."""
        return self._words[1]

    @property
    def trailers(self) -> Mapping[str, str]:
        """The trailers, our own keys in our spelling."""
        return self._words[2]

    @cached_property
    def _words(self) -> tuple[str, str, Mapping[str, str]]:
        return split(self.record.message)


@dataclass(frozen=True)
class Registration(Event):
    """`N@vX.Y.Z`: the commit is this version."""

    version: str


@dataclass(frozen=True)
class Deregistration(Event):
    """`N@vX.Y.Z!`: it no longer is."""

    version: str


@dataclass(frozen=True)
class Assignment(Event):
    """`N#S#k`: the version on the commit takes the stage."""

    stage: str


@dataclass(frozen=True)
class Unassignment(Event):
    """`N#S!#k`: the version on the commit leaves the stage."""

    stage: str


@dataclass(frozen=True)
class Deprecation(Event):
    """`N@deprecated`: the artifact is not to be used any more; any later event revives it."""


LedgerEvent = Registration | Deregistration | Assignment | Unassignment | Deprecation


@dataclass(frozen=True, slots=True)
class Problem:
    """A tag that is reported and skipped, with a CamelCase reason and words for people."""

    tag: str
    reason: str
    message: str

"""Names of tags: GTO's grammar, read as GTO reads it, written as git and GTO both accept.

    register    N@vX.Y.Z[-pre][+build]      deregister  N@vX.Y.Z!
    assign      N#S                         unassign    N#S!
    deprecate   N@deprecated                each may end in a counter `#k`

`N` is an artifact's full name; its `dir:` is written `dir=` in a tag, for git forbids
`:`. Reading (`parse_tag`) takes all that GTO 1.10 takes, but for `N@created`, which
breaks GTO itself. Writing (`check_*`) refuses what git refuses as a ref as well.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import semver

from playbill.api import patterns
from playbill.api.errors import Stalled

Bump = Literal["Major", "Minor", "Patch"]
VersionKey = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...], str]

FIRST_VERSION = "v0.0.1"

# Longer names exist in no repository made by people, and Python refuses to convert very
# long numbers: https://docs.python.org/3/library/stdtypes.html#int-max-str-digits
_LONGEST_TAG = 1024

# Possessive, as what follows a name is never of its characters: there is one way to read a tag.
_NAME = r"[a-zA-Z0-9][a-zA-Z0-9/_-]*+(?<![/_-])"
_SEMVER = patterns.SEMVER_UNANCHORED.replace("(", "(?:")
_TAG = re.compile(
    rf"((?:[a-zA-Z0-9_./-]++=)?{_NAME})"
    rf"(?:(?:#({_NAME})|@(v{_SEMVER}))(!?)|@deprecated)(?:#([0-9]+))?"
)
_ARTIFACT = re.compile(patterns.ARTIFACT_NAME)
_STAGE = re.compile(patterns.STAGE_NAME)
_VERSION = re.compile(patterns.SEMVER)


@dataclass(frozen=True, slots=True)
class RegistrationTag:
    """`N@vX.Y.Z`."""

    artifact: str
    version: str
    counter: int | None = None

    def format(self) -> str:
        """Give the tag's name, without `refs/tags/`."""
        return f"{_in_tag(self.artifact)}@{self.version}{_suffix(self.counter)}"


@dataclass(frozen=True, slots=True)
class DeregistrationTag:
    """`N@vX.Y.Z!`."""

    artifact: str
    version: str
    counter: int | None = None

    def format(self) -> str:
        """Give the tag's name, without `refs/tags/`."""
        return f"{_in_tag(self.artifact)}@{self.version}!{_suffix(self.counter)}"


@dataclass(frozen=True, slots=True)
class AssignmentTag:
    """`N#S#k`; without a counter it is GTO's simple form."""

    artifact: str
    stage: str
    counter: int | None = None

    def format(self) -> str:
        """Give the tag's name, without `refs/tags/`."""
        return f"{_in_tag(self.artifact)}#{self.stage}{_suffix(self.counter)}"


@dataclass(frozen=True, slots=True)
class UnassignmentTag:
    """`N#S!#k`; without a counter it is GTO's simple form."""

    artifact: str
    stage: str
    counter: int | None = None

    def format(self) -> str:
        """Give the tag's name, without `refs/tags/`."""
        return f"{_in_tag(self.artifact)}#{self.stage}!{_suffix(self.counter)}"


@dataclass(frozen=True, slots=True)
class DeprecationTag:
    """`N@deprecated`."""

    artifact: str
    counter: int | None = None

    def format(self) -> str:
        """Give the tag's name, without `refs/tags/`."""
        return f"{_in_tag(self.artifact)}@deprecated{_suffix(self.counter)}"


TagName = RegistrationTag | DeregistrationTag | AssignmentTag | UnassignmentTag | DeprecationTag


Parts = tuple[str, str | None, str | None, bool, int | None]
"""Of a tag's name: artifact, stage, version, whether it takes back, counter."""


def split_tag(name: str) -> Parts | None:
    """The parts of a tag's name, for those who read thousands; None when it is not GTO's."""
    match = _TAG.fullmatch(name) if len(name) <= _LONGEST_TAG else None
    if match is None:
        return None
    artifact, stage, version, cancel, digits = match.groups()
    counter = int(digits) if digits else None
    return artifact.replace("=", ":"), stage, version, bool(cancel), counter


def parse_tag(name: str) -> TagName | None:
    """Read a tag's name (without `refs/tags/`); None when it is not one of GTO's."""
    parts = split_tag(name)
    if parts is None:
        return None
    artifact, stage, version, cancel, counter = parts
    if version:
        return (DeregistrationTag if cancel else RegistrationTag)(artifact, version, counter)
    if stage:
        return (UnassignmentTag if cancel else AssignmentTag)(artifact, stage, counter)
    return DeprecationTag(artifact, counter)


def check_artifact(name: str) -> str:
    """Give the name back when it can be written; Stalled (InvalidName) when it cannot."""
    directory, _, _ = name.rpartition(":")
    # The last part of the directory goes on with `=name` in the tag, so it may be `x.lock`.
    locked = any(part.endswith(".lock") for part in directory.split("/")[:-1])
    if _ARTIFACT.fullmatch(name) and not locked and len(name) <= patterns.ARTIFACT_MAX_LENGTH:
        return name
    raise Stalled(
        "InvalidName",
        f"{_quoted(name)} cannot name an artifact in git tags: use letters, digits, '-', '_' and "
        "single '/', beginning and ending with a letter or digit, after an optional 'dir:' whose "
        "parts neither begin with '.' nor end in '.lock', "
        f"at most {patterns.ARTIFACT_MAX_LENGTH} characters in all",
    )


def check_stage(name: str) -> str:
    """Give the name back when it can be written; Stalled (InvalidStage) when it cannot."""
    if _STAGE.fullmatch(name) and len(name) <= patterns.STAGE_MAX_LENGTH:
        return name
    raise Stalled(
        "InvalidStage",
        f"{_quoted(name)} cannot name a stage in git tags: use letters, digits, '-', '_' and "
        "single '/', beginning and ending with a letter or digit, "
        f"at most {patterns.STAGE_MAX_LENGTH} characters",
    )


def check_version(text: str) -> str:
    """Give the version with its `v`; Stalled (InvalidVersion) when it is no strict SemVer.

    A version that ends in `.lock` is legal SemVer, but git refuses a tag of that name.
    """
    bare = text.removeprefix("v")
    legal = _VERSION.fullmatch(text) is not None and semver.Version.is_valid(bare)
    if legal and not bare.endswith(".lock") and len(text) <= patterns.SEMVER_MAX_LENGTH:
        return f"v{bare}"
    raise Stalled(
        "InvalidVersion",
        f"{_quoted(text)} is no version: write it as SemVer 2.0.0, as in v1.2.3 or v1.2.3-rc.1, "
        f"not ending in '.lock', at most {patterns.SEMVER_MAX_LENGTH} characters",
    )


@lru_cache(maxsize=1 << 14)
def version_key(version: str) -> VersionKey:
    """Sort by SemVer precedence (SemVer 2.0.0, section 11), then by build metadata.

    Precedence ignores build metadata; as text it breaks ties in the same way everywhere.
    Takes only what `parse_tag` or `check_version` has let through.
    """
    rest, _, build = version.removeprefix("v").partition("+")
    core, dash, prerelease = rest.partition("-")
    major, minor, patch = core.split(".")
    identifiers = tuple(_identifier_key(i) for i in prerelease.split(".")) if dash else ()
    return int(major), int(minor), int(patch), not dash, identifiers, build


def next_version(latest: str | None, bump: Bump) -> str:
    """Give the version that GTO would allot after `latest`: the first is v0.0.1.

    As GTO does, a pre-release is bumped past its release: v1.0.0-rc.1 by Patch is v1.0.1.
    """
    if latest is None:
        return FIRST_VERSION
    version = semver.Version.parse(latest.removeprefix("v"))
    match bump:
        case "Major":
            return f"v{version.bump_major()}"
        case "Minor":
            return f"v{version.bump_minor()}"
        case "Patch":
            return f"v{version.bump_patch()}"


class RefNames:
    """Names of tags that exist, with the directories they occupy in git's ref namespace.

    A ref is a file to git: tag `a` blocks `a/b`, and `a/b` blocks `a`. Built in O(total
    length) when first asked, then asked in O(depth of the name).
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = frozenset(names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RefNames) and self._names == other._names

    def __hash__(self) -> int:
        return hash(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def collision(self, name: str) -> str | None:
        """Give a tag that stops git from creating `name` beside it; None when there is none.

        The same name is no collision: ask with `in`.
        """
        above = next((parent for parent in _parents(name) if parent in self._names), None)
        return above or self._below.get(name)

    @cached_property
    def _below(self) -> dict[str, str]:
        nested = sorted(name for name in self._names if "/" in name)
        return {parent: name for name in nested for parent in _parents(name)}


def ref_collides(name: str, existing: RefNames | Iterable[str]) -> str | None:
    """Give a tag in `existing` that is a directory or a file where `name` needs the other."""
    refs = existing if isinstance(existing, RefNames) else RefNames(existing)
    return refs.collision(name)


def _parents(name: str) -> Iterator[str]:
    slash = name.find("/")
    while slash != -1:
        yield name[:slash]
        slash = name.find("/", slash + 1)


def _identifier_key(identifier: str) -> tuple[bool, int, str]:
    """Numbers sort below words, numbers as numbers, words as ASCII text."""
    if identifier.isdigit():
        return False, int(identifier), ""
    return True, 0, identifier


def _in_tag(artifact: str) -> str:
    return artifact.replace(":", "=")


def _suffix(counter: int | None) -> str:
    return "" if counter is None else f"#{counter}"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}…")

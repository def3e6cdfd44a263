"""A commit of its own for a version whose commit is another version's already.

GTO reads one version of an artifact a commit. So that a release may have the very files of
its release candidate, it gets a child commit with the same tree, kept by its tag alone. Its
bytes follow from what it stands for, so whoever makes it again, makes the same one.

Its date is the source's: a commit dated after its tags would revive a deprecated artifact
in GTO.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from typing import Final

from playbill.ledger import message
from playbill.ledger.events import Registration
from playbill.ledger.grammar import RegistrationTag, parse_tag
from playbill.ledger.state import VersionState
from playbill.ledger.tagobject import LATEST_SECOND, TagObject

IDENTITY: Final = "Playbill <playbill@playbill.dev>"

_TREE = re.compile(rb"tree ([0-9a-f]{40})\n")
_PARENT = re.compile(rb"^parent ([0-9a-f]{40})$", re.MULTILINE)
_COMMITTED = re.compile(rb"^committer [^\n]*> ([0-9]+) [^\n]*$", re.MULTILINE)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CARRIED = (message.SOURCE_COMMIT, message.ARTIFACT_URI, message.ARTIFACT_DIGEST)


@dataclass(frozen=True, slots=True)
class Base:
    """What an alias stands on: a commit, its tree, and its committer's seconds since the epoch."""

    commit: str
    tree: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Alias:
    """A commit object without git's header."""

    data: bytes

    @property
    def oid(self) -> str:
        """The object id, SHA-1 in 40 hex digits."""
        header = b"commit %d\x00" % len(self.data)
        return sha1(header + self.data, usedforsecurity=False).hexdigest()

    @property
    def source(self) -> str:
        """The commit that it stands for, its parent."""
        found = _PARENT.search(self.data)
        assert found is not None  # noqa: S101 - we made it
        return found[1].decode()


def parse_base(commit: str, data: bytes) -> Base | None:
    """A commit, from its object without git's header; None for what is no commit of git's."""
    head = data.partition(b"\n\n")[0]
    tree, committed = _TREE.match(head), _COMMITTED.search(head)
    if tree is None or committed is None:
        return None
    return Base(commit, tree[1].decode(), min(int(committed[1]), LATEST_SECOND))


def make_alias(
    base: Base, *, artifact: str, version: str, uri: str | None, digest: str | None
) -> Alias:
    """The commit for this version of this artifact; it tells where the bytes are, if given."""
    trailers = {message.SOURCE_COMMIT: base.commit, **elsewhere(uri, digest)}
    words = message.compose(
        f"{artifact} {version}",
        text=f"The files of commit {base.commit}, under a commit of this version's own.",
        trailers=trailers,
    )
    when = f"{IDENTITY} {base.seconds} +0000"
    text = f"tree {base.tree}\nparent {base.commit}\nauthor {when}\ncommitter {when}\n\n{words}"
    return Alias(text.encode())


def elsewhere(uri: str | None, digest: str | None) -> dict[str, str]:
    """The trailers for bytes that git does not hold."""
    return {
        **({message.ARTIFACT_URI: uri} if uri else {}),
        **({message.ARTIFACT_DIGEST: digest} if digest else {}),
    }


def alias_for(tag: TagObject, data: bytes) -> Alias | None:
    """The alias that these bytes are and this tag is on; None when they are not."""
    name, parent = parse_tag(tag.name), _PARENT.search(data)
    if not isinstance(name, RegistrationTag) or parent is None:
        return None
    base = parse_base(parent[1].decode(), data)
    if base is None:
        return None
    told_by = message.split(tag.message)[2]
    alias = make_alias(
        base,
        artifact=name.artifact,
        version=name.version,
        uri=told_by.get(message.ARTIFACT_URI),
        digest=told_by.get(message.ARTIFACT_DIGEST),
    )
    return alias if alias.data == data and alias.oid == tag.target else None


def source_of(known: VersionState) -> str:
    """The commit whose files a version has: its own, unless that is an alias."""
    return _source(known.commit, told(known, message.SOURCE_COMMIT))


def source_of_tag(target: str, trailers: Mapping[str, str]) -> str:
    """The same by a single registration tag."""
    return _source(target, trailers.get(message.SOURCE_COMMIT))


def told(known: VersionState, key: str) -> str | None:
    """What the newest registration with this trailer says."""
    found = teller(known, key)
    return found.trailers[key] if found else None


def teller(known: VersionState, key: str) -> Registration | None:
    """The newest registration with this trailer."""
    return next((each for each in reversed(known.registrations) if each.trailers.get(key)), None)


def carried(known: VersionState) -> dict[str, str]:
    """The trailers of a version that each of its registrations has to bear."""
    said = {key: told(known, key) for key in _CARRIED}
    return {key: value for key, value in said.items() if value}


def _source(commit: str, said: str | None) -> str:
    return said if said and _COMMIT.fullmatch(said) else commit

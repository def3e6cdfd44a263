"""Which bytes a version is: by git's word first, then by that of the object that owns it.

A workload fetches and checks what is said here, and policies judge by the same digest.

Whoever may write ModelVersions must not change what a stage serves by it: what was recorded when
the version was registered stays so, and what git or DVC know of the files at its commit counts
before what anybody declares. Only of what git knows nothing does an object tell, and of several
that claim one version only its owner; that git cannot be read just now is no such case.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from playbill.ledger.aliases import teller, told
from playbill.ledger.events import Registration
from playbill.ledger.message import ARTIFACT_DIGEST, ARTIFACT_URI
from playbill.ledger.state import VersionState


@dataclass(frozen=True, slots=True)
class Bytes:
    """Where the bytes are, where git does not hold them, and what they must hash to."""

    uri: str | None = None
    digest: str | None = None


class Files(Protocol):
    """What is known of the files at a commit."""

    @property
    def digest(self) -> str:
        """The artifact's by DVC or by git; empty where neither tracks it."""

    @property
    def passing(self) -> bool:
        """Whether they could only not be read just now."""


def bytes_of(known: VersionState | None, files: Files | None, declared: Bytes | None) -> Bytes:
    """The bytes of a version as the ledger, the files at its commit, and its object tell.

    A digest is of the bytes that it stands beside: one that was recorded or declared for a uri
    says nothing of other bytes.
    """
    uri = told(known, ARTIFACT_URI) if known else None
    if known is not None and uri is not None:
        also = declared.digest if declared and declared.uri == uri else None
        return Bytes(uri, told(known, ARTIFACT_DIGEST) or also)
    if files is not None and (files.digest or files.passing):
        return Bytes(digest=files.digest or None)
    return declared or Bytes()


def tellers(known: VersionState) -> list[Registration]:
    """The registrations whose words on the bytes count. Not always the newest: whoever may push
    can add one to a version, of any date."""
    found = (teller(known, key) for key in (ARTIFACT_URI, ARTIFACT_DIGEST))
    return [each for each in found if each is not None]


def origin_of(known: VersionState | None) -> str | None:
    """A hash of what the registrations of a version say of its bytes; None when they say nothing,
    and the commit tells all that a ledger can."""
    words = [told(known, key) for key in (ARTIFACT_URI, ARTIFACT_DIGEST)] if known else []
    if not any(words):
        return None
    return sha256(json.dumps(words).encode()).hexdigest()[:16]

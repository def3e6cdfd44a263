"""Which version a StageAssignment asks for: the one it names, or the highest that it follows.

Following promotes a version once, when it is the highest that fits. It never goes back by
itself, and what somebody decides with GTO afterwards stands until a higher one comes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from semantic_version import NpmSpec, Version

from playbill.api.errors import Stalled
from playbill.ledger.grammar import check_version, version_key
from playbill.ledger.intents import StageIntent
from playbill.ledger.view import ArtifactView

_AFTER_OPERATOR = re.compile(r"(?<=[<>=^~])\s+")
_LEADING_V = re.compile(r"(?<![0-9A-Za-z.+-])v(?=[0-9])")


@dataclass(frozen=True, slots=True)
class Range:
    """A SemVer range as npm has it (node-semver), with GTO's `v` allowed before a number."""

    text: str
    prereleases: bool

    def allows(self, version: str) -> bool:
        """Whether a version fits; a pre-release, if they count, fits where the release that it
        leads up to does. Raises Stalled (InvalidRange)."""
        number = Version(version.removeprefix("v"))
        if number.prerelease and not self.prereleases:
            return False
        return bool(_parse(self.text).match(number.truncate()))


@lru_cache(maxsize=1024)
def _parse(text: str) -> NpmSpec:
    plain = " ".join(text.split())
    try:
        return NpmSpec(_LEADING_V.sub("", _AFTER_OPERATOR.sub("", plain)))
    except (ValueError, AttributeError) as error:
        raise Stalled(
            "InvalidRange",
            f"follow.range {text!r} is no SemVer range: write it as npm does, such as ^1.2, "
            f"~1.4.0, 1.x, '1.2 - 2.4' or '>=1.2 <3 || 5.x' ({_why(error)})",
        ) from None


def _why(error: Exception) -> str:
    """The parser's own words. It has none for what stands beside a hyphen, and stumbles instead."""
    words = str(error)
    return words if words.startswith("Invalid") else "a hyphen stands between two plain versions"


def asked_version(intent: StageIntent, artifact: ArtifactView) -> str | None:
    """The version that the stage is to have; None when the ledger decides.

    Raises Stalled (InvalidVersion, InvalidRange).
    """
    if intent.version is not None:
        return check_version(intent.version)
    if intent.follow is None:
        return None
    _parse(intent.follow.range)
    winner = artifact.winner(intent.stage)
    found = highest_fitting(intent, artifact)
    if winner is None or not winner.registered or found is None:
        return found or (winner.version if winner else None)
    return max(found, winner.version, key=version_key)


def highest_fitting(intent: StageIntent, artifact: ArtifactView) -> str | None:
    """The highest registered version that fits what is followed, whoever holds the stage."""
    follow = intent.follow
    if follow is None or artifact.state is None:
        return None
    if follow.stage is not None:
        source = artifact.winner(follow.stage)
        candidates = [source.version] if source and source.registered else []
    else:
        candidates = [n for n, v in artifact.state.versions.items() if v.active]
    fitting = Range(follow.range, follow.prereleases)
    return max(filter(fitting.allows, candidates), key=version_key, default=None)

"""What the init container `playbill-fetch` said as its last word, read from the pod's status.

Pure. The word is a line of JSON in the termination message; the pod's author can put another
image in its place, so nothing in it is believed to be of any shape, size or truth: it is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from playbill.rollout.fetching import CONTAINER

LONGEST = 600

PASSING = frozenset({"Unavailable", "Interrupted", "NoSpace"})
"""Reasons of the program that may be gone when the kubelet starts it again."""

_REASON = re.compile(r"[A-Z][A-Za-z]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The artifact is there: what it hashes to, `sha256` being ours, and its size in bytes."""

    digest: str
    sha256: str
    size: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFetched:
    """It is not there. `reason` fits a condition; `hopeless` when trying again cannot help."""

    reason: str
    message: str
    hopeless: bool


def fetch_outcome(pod: Mapping[str, Any]) -> Fetched | NotFetched | None:
    """How the fetch of a pod (core/v1, as JSON) ended last; None while it never has."""
    terminated = _terminated(pod)
    if terminated is None:
        return None
    said = _said(str(terminated.get("message") or ""))
    if terminated.get("exitCode") == 0:
        return Fetched(
            digest=_text(said.get("digest")),
            sha256=_text(said.get("sha256")),
            size=_count(said.get("bytes")),
            files=_count(said.get("files")),
        )
    return _failure(said, terminated)


def worst_outcome(pods: Iterable[Mapping[str, Any]]) -> Fetched | NotFetched | None:
    """Of a rollout's pods the outcome that tells most: hopeless, then passing, then fetched."""
    outcomes = [outcome for pod in pods if (outcome := fetch_outcome(pod)) is not None]
    return min(outcomes, key=_rank, default=None)


def _rank(outcome: Fetched | NotFetched) -> int:
    if isinstance(outcome, Fetched):
        return 2
    return 0 if outcome.hopeless else 1


def _terminated(pod: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for status in (pod.get("status") or {}).get("initContainerStatuses") or ():
        if status.get("name") == CONTAINER:
            return next(_ends(status), None)
    return None


def _ends(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The end of this try, or else of the one before, which the kubelet keeps."""
    for state in ("state", "lastState"):
        if terminated := (status.get(state) or {}).get("terminated"):
            yield terminated


def _said(message: str) -> Mapping[str, Any]:
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        return {"message": " ".join(message.split())[-LONGEST:]}
    return said if isinstance(said, dict) else {}


def _failure(said: Mapping[str, Any], terminated: Mapping[str, Any]) -> NotFetched:
    reason = _text(said.get("reason"))
    reason = reason if _REASON.fullmatch(reason) else ""
    words = _text(said.get("message")) or (
        f"it ended with exit code {terminated.get('exitCode')} "
        f"({_text(terminated.get('reason')) or 'no reason given'})"
    )
    return NotFetched(
        reason="DigestMismatch" if reason == "DigestMismatch" else "FetchFailed",
        message=f"the artifact was not fetched: {words}",
        hopeless=bool(reason) and reason not in PASSING,
    )


def _text(value: object) -> str:
    return " ".join(value.split())[:LONGEST] if isinstance(value, str) else ""


def _count(value: object) -> int:
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
    return value if sound else 0  # type: ignore[return-value]

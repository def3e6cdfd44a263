"""How a rollout of manifests fares, from the health of each of its objects.

No controller keeps the clock for objects of any kind, as a Deployment's does. It
runs from when we last changed one of them, which the API server notes in
managedFields: by its own clock, and for as long as the object is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from playbill.rollout.judge import Failed, Progressing, RolledOut, Verdict
from playbill.rollout.kstatus import Health, health
from playbill.rollout.managed_fields import applied_at
from playbill.rollout.manifests import ObjectKey

SETTLE_SECONDS = 10.0
"""So long what an object says is not trusted, if it may speak of an earlier spec, or of none."""

Object = Mapping[str, Any]


def judge_objects(
    live: Sequence[Object], *, deadline_seconds: int, now: float, proven: bool = False
) -> Verdict:
    """The verdict on objects as the API server has them, with managedFields.

    `now` is in seconds since 1970. `proven` says that this very rendering has been
    healthy before: what ails it now is then no failed rollout, and has no deadline.

    Failed has the reason of the object (CrashLoop, JobFailed, its Stalled condition's),
    or ProgressDeadlineExceeded.
    """
    since = max((at for each in live if (at := _seconds(applied_at(each)))), default=now)
    settled = now - since >= SETTLE_SECONDS
    found = [(ObjectKey.of(each), _settled(health(each), settled)) for each in live]
    pods = _pods(live)
    for key, its in found:
        if its.state == "Failed":
            return Failed(its.reason or "ObjectFailed", f"{key}: {its.message}", pods)
    waited_for = [f"{key}: {its.message}" for key, its in found if its.state != "Current"]
    if not waited_for:
        return RolledOut(_all_healthy(found), pods)
    words = _in_words(waited_for, len(found))
    if now - since > deadline_seconds and not proven:
        message = f"no progress within {deadline_seconds} s: {words}"
        return Failed("ProgressDeadlineExceeded", message, pods)
    return Progressing(words, pods)


def _settled(its: Health, settled: bool) -> Health:
    if its.unsure and not settled:
        return Health("InProgress", "waiting whether its controller reports on it")
    return its


def _all_healthy(found: Sequence[tuple[ObjectKey, Health]]) -> str:
    if len(found) == 1:
        return f"{found[0][0]}: {found[0][1].message}"
    return f"all {len(found)} objects are healthy"


def _in_words(waited_for: Sequence[str], of: int) -> str:
    """The first object that is waited for, and how many there are."""
    if of == 1:
        return waited_for[0]
    return f"{of - len(waited_for)} of {of} objects healthy; {waited_for[0]}"


def _pods(live: Sequence[Object]) -> str:
    """Ready pods of those wanted, of all objects that count them; empty when none does."""
    counting = [each for each in live if isinstance(_number(each, "status", "replicas"), int)]
    if not counting:
        return ""
    ready = sum(_number(each, "status", "readyReplicas") or 0 for each in counting)
    wanted = sum(_wanted(each) for each in counting)
    return f"{min(ready, wanted)}/{wanted}"


def _wanted(live: Object) -> int:
    given = _number(live, "spec", "replicas")
    return 1 if given is None else given


def _number(live: Object, part: str, field: str) -> int | None:
    found = live.get(part)
    value = found.get(field) if isinstance(found, Mapping) else None
    return value if isinstance(value, int) else None


def _seconds(at: str | None) -> float | None:
    return datetime.fromisoformat(at).timestamp() if at else None

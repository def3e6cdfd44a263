"""How a rollout fares, from what the Deployment's own controller says of it.

The order of the questions is that of `kubectl rollout status`, so both give the
same answer about the same object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RolledOut:
    """Every wanted pod is of the newest template and available; no old pod is left."""

    message: str
    pods: str


@dataclass(frozen=True, slots=True)
class Progressing:
    """Not there yet; the Deployment's next event says more."""

    message: str
    pods: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No progress within the deadline; `reason` is the CamelCase word for a condition."""

    reason: str
    message: str
    pods: str


Verdict = RolledOut | Progressing | Failed
"""`pods` is "ready/wanted", such as "1/2", counting pods of the newest template only."""


def judge(
    deployment: Mapping[str, Any] | None, *, deadline_seconds: int, begun: str | None = None
) -> Verdict:
    """The verdict on a Deployment as the API server has it; None is one that is not there yet.

    `deadline_seconds` is its progressDeadlineSeconds, for the message alone: the
    Deployment's controller keeps the clock. `begun` (RFC 3339) is given for a rollout that is
    young: a deadline that was exceeded before is the one of the template before. The controller
    says so of a template whose ReplicaSet is still there until its first pod makes progress.
    """
    if deployment is None:
        return Progressing("the Deployment is not there yet", pods="0/0")
    counts = _Counts.of(deployment)
    if _is_unseen(deployment):
        return Progressing("the rollout has begun", counts.pods)
    progress = _condition(deployment, "Progressing")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        if begun is not None and progress.get("lastUpdateTime", begun) <= begun:
            return Progressing("the rollout has begun", counts.pods)
        words = f"no progress within {deadline_seconds} s: {_in_words(deployment, counts)}"
        return Failed("ProgressDeadlineExceeded", words, counts.pods)
    if counts.complete:
        return RolledOut(_pods_ready(counts.wanted, counts.wanted), counts.pods)
    if deployment["spec"].get("paused"):
        name = deployment["metadata"]["name"]
        return Progressing(
            f"the Deployment is paused: `kubectl rollout resume deployment/{name}` lets it go on",
            counts.pods,
        )
    return Progressing(_in_words(deployment, counts), counts.pods)


@dataclass(frozen=True, slots=True)
class _Counts:
    wanted: int
    all: int
    updated: int
    ready: int
    available: int

    @classmethod
    def of(cls, deployment: Mapping[str, Any]) -> _Counts:
        status = deployment.get("status") or {}
        return cls(
            wanted=deployment["spec"].get("replicas", 1),
            all=status.get("replicas", 0),
            updated=status.get("updatedReplicas", 0),
            ready=status.get("readyReplicas", 0),
            available=status.get("availableReplicas", 0),
        )

    @property
    def old(self) -> int:
        return max(self.all - self.updated, 0)

    @property
    def new_ready(self) -> int:
        """At least so many: the status counts ready pods without saying which are new."""
        return max(min(self.ready - self.old, self.updated), 0)

    @property
    def complete(self) -> bool:
        return self.updated >= self.wanted and self.old == 0 and self.available >= self.updated

    @property
    def pods(self) -> str:
        return f"{self.new_ready}/{self.wanted}"


def _is_unseen(deployment: Mapping[str, Any]) -> bool:
    seen: int = (deployment.get("status") or {}).get("observedGeneration", 0)
    generation: int = deployment["metadata"].get("generation", 0)
    return seen < generation


def _in_words(deployment: Mapping[str, Any], counts: _Counts) -> str:
    parts = [_pods_ready(counts.new_ready, counts.wanted, new=counts.old > 0)]
    if counts.old:
        parts.append(f"{counts.old} old pod{'s' if counts.old > 1 else ''} still running")
    failure = _condition(deployment, "ReplicaFailure")
    if failure.get("status") == "True":
        parts.append(f"pods cannot be created: {failure.get('message', '')}")
    return "; ".join(parts)


def _pods_ready(ready: int, wanted: int, *, new: bool = False) -> str:
    if wanted == 0:
        return "scaled to no pods"
    return f"{ready} of {wanted} {'new ' if new else ''}pod{'s' if wanted > 1 else ''} ready"


def _condition(deployment: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    for condition in (deployment.get("status") or {}).get("conditions") or ():
        if condition["type"] == kind:
            found: Mapping[str, Any] = condition
            return found
    return {}

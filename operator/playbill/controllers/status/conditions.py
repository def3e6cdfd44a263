"""The conditions of a status, summed up in one place. Pure.

As kstatus and Flux have them: Ready always; Reconciling and Stalled only while true. The
status's own observedGeneration moves on Ready or Stalled alone, so that what waits for a
generation does not take "still working" for an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from playbill.api.base import Condition
from playbill.api.errors import Retry, Stalled, Trouble
from playbill.controllers.status.bounds import MESSAGE, cut

Phase = Literal["Ready", "Working", "Waiting", "Stalled"]


@dataclass(frozen=True, slots=True)
class Summary:
    """How an object is, in one phase, one word and one sentence."""

    phase: Phase
    reason: str
    message: str

    @classmethod
    def of(cls, trouble: Trouble) -> Summary:
        """The summary that a trouble amounts to."""
        if isinstance(trouble, Stalled):
            return cls("Stalled", trouble.reason, trouble.message)
        if isinstance(trouble, Retry):
            return cls("Working", trouble.reason, trouble.message)
        return cls("Waiting", trouble.reason, trouble.message)

    @property
    def final(self) -> bool:
        """Whether this is the answer to the present generation."""
        return self.phase in {"Ready", "Stalled"}


@dataclass(frozen=True, slots=True)
class Part:
    """One condition of a kind's own, such as Recorded or RolledOut."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


def conditions(
    summary: Summary,
    parts: Sequence[Part] = (),
    *,
    old: Sequence[Condition],
    generation: int,
    now: str,
) -> list[Condition]:
    """All conditions, with the times of those whose status has not changed kept."""
    wanted = [_ready(summary), *_abnormal(summary), *parts]
    before = {c.type: c for c in old}
    return [_stamped(part, before.get(part.type), generation, now) for part in wanted]


def _ready(summary: Summary) -> Part:
    status: dict[Phase, Literal["True", "False", "Unknown"]] = {
        "Ready": "True",
        "Working": "Unknown",
        "Waiting": "False",
        "Stalled": "False",
    }
    return Part("Ready", status[summary.phase], summary.reason, summary.message)


def _abnormal(summary: Summary) -> list[Part]:
    if summary.phase == "Stalled":
        return [Part("Stalled", "True", summary.reason, summary.message)]
    if summary.phase == "Working":
        return [Part("Reconciling", "True", summary.reason, summary.message)]
    return []


def _stamped(part: Part, before: Condition | None, generation: int, now: str) -> Condition:
    since = before.last_transition_time if before and before.status == part.status else now
    return Condition(
        type=part.type,
        status=part.status,
        reason=part.reason,
        message=cut(part.message, MESSAGE),
        last_transition_time=since,
        observed_generation=generation,
    )

"""Pushing a part of a plan so that one bad tag does not hold up the others.

A push is atomic: all of it lands or nothing. When the server names the culprits, what asked
for them is left out and the rest is pushed again, for no step stands on another of its plan;
when it blames all alike (a `pre-receive` hook does), the part is halved by artifact until the
culprit is alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from playbill.api.errors import Stalled, Trouble
from playbill.git.porcelain import AlreadyThere, Exists, Pushed, Rejected, Result
from playbill.ledger.batch import Part, tags_of
from playbill.ledger.plan import Step
from playbill.ledger.tagobject import TagObject

Push = Callable[[Sequence[TagObject]], Awaitable[Mapping[str, Result]]]


@dataclass(slots=True)
class PartReport:
    """What landed, what the server refused (by the uid of who asked), and what is left over."""

    landed: list[TagObject] = field(default_factory=list)
    refused: dict[str, Trouble] = field(default_factory=dict)
    conflicts: int = 0
    again: bool = False


async def push_part(push: Push, part: Part) -> PartReport:
    """Push what can be pushed of a part. Raises Retry when the server gave no answer."""
    report = PartReport()
    waiting = [part]
    while waiting:
        current = waiting.pop(0)
        results = await push(tags_of(current))
        if all(isinstance(results[t.name], Pushed | AlreadyThere) for t in tags_of(current)):
            report.landed += tags_of(current)
            continue
        waiting = [*_after_refusal(current, results, report), *waiting]
    return report


def _after_refusal(part: Part, results: Mapping[str, Result], report: PartReport) -> list[Part]:
    culprits = [s for s in part if any(_at_fault(results[t.name]) for t in s.tags)] or list(part)
    blamed = sorted({s.intent.artifact for s in culprits})
    if len(culprits) < len(part) or len(part) == 1:
        _blame(culprits, results, report)
        innocent = tuple(s for s in part if s not in culprits)
        return [innocent] if innocent else []
    if len(blamed) > 1:
        return _halves(part, blamed)
    return [(step,) for step in part]


def _halves(part: Part, artifacts: Sequence[str]) -> list[Part]:
    first = set(artifacts[: len(artifacts) // 2])
    return [
        tuple(s for s in part if s.intent.artifact in first),
        tuple(s for s in part if s.intent.artifact not in first),
    ]


def _at_fault(result: Result) -> bool:
    return isinstance(result, Exists | Rejected)


def _blame(culprits: Sequence[Step], results: Mapping[str, Result], report: PartReport) -> None:
    """A name that somebody else took is planned anew; what the server forbids is the user's."""
    for step in culprits:
        faults = [results[t.name] for t in step.tags]
        rejected = next((f for f in faults if isinstance(f, Rejected)), None)
        if rejected is None:
            report.conflicts += 1
            report.again = True
        else:
            names = ", ".join(t.name for t in step.tags[:3])
            report.refused[step.intent.asker.uid] = Stalled(
                "PushRejected",
                f"the git server does not take {names}: {rejected.message}. Give the operator's "
                "account the right to create this tag, then change the spec or wait for the next "
                "look at the repository",
            )

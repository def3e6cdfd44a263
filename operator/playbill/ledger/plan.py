"""From all that is asked to all that is to be written: one plan for one repository.

Pure: the same intents, ledger and second give the same plan, and the log hears of nothing but
errors that nobody foresaw. What to do next for a single resource is `decide`; a plan is `decide`
for one after the other, in fair order, each seeing what the ones before it will have written.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from playbill.api.errors import Trouble, Waiting
from playbill.ledger.aliases import Alias
from playbill.ledger.decisions import Decision, Repeat, Settled, Withdraw, Write
from playbill.ledger.deprecation import decide_model
from playbill.ledger.following import asked_version
from playbill.ledger.grammar import AssignmentTag, check_artifact, parse_tag
from playbill.ledger.intents import (
    AnyIntent,
    ModelIntent,
    Reservation,
    StageIntent,
    VersionIntent,
)
from playbill.ledger.policies.permitting import permit_standing
from playbill.ledger.reserved import is_still_asked, number_of
from playbill.ledger.rollbacks import unrecorded
from playbill.ledger.stages import decide_stage
from playbill.ledger.tagobject import TagObject
from playbill.ledger.unforeseen import unforeseen
from playbill.ledger.versions import decide_version, refuse_taken_commit
from playbill.ledger.view import View

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One intent and what is to be written for it."""

    intent: AnyIntent
    decision: Write | Repeat | Withdraw

    @property
    def tags(self) -> tuple[TagObject, ...]:
        """The tags to push."""
        return () if isinstance(self.decision, Withdraw) else self.decision.tags

    @property
    def aliases(self) -> tuple[Alias, ...]:
        """The commits to make before."""
        return () if isinstance(self.decision, Withdraw) else self.decision.aliases


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write, in order, and what became of each intent, by the uid of its resource."""

    steps: tuple[Step, ...]
    decisions: dict[str, Decision]


def decide(intent: AnyIntent, view: View, now: int) -> Decision:
    """Give what this intent comes to, trouble included, with `now` in seconds since the epoch."""
    if intent.read_only:
        return _decide_adopted(intent, view, now)
    try:
        check_artifact(intent.artifact)
        standing = _standing(intent, view)
        if standing:
            if isinstance(intent, StageIntent):
                permit_standing(intent, view, now)
            return Repeat(standing, intent.pending.aliases if intent.pending else ())
        match intent:
            case VersionIntent():
                return decide_version(intent, view, now)
            case StageIntent():
                return decide_stage(intent, view, now)
            case ModelIntent():
                return decide_model(intent, view, now)
    except Trouble as trouble:
        return trouble


def decide_guarded(intent: AnyIntent, view: View, now: int) -> Decision:
    """The same, and an error that nobody foresaw is trouble of this intent alone: what others
    ask of the repository goes on."""
    try:
        return decide(intent, view, now)
    except Exception as error:
        logger.exception("deciding on %s failed", intent.asker.resource)
        return unforeseen(intent, error)


def _decide_adopted(intent: AnyIntent, view: View, now: int) -> Decision:
    """What was made from the ledger has nothing to ask of it."""
    decision = decide(replace(intent, read_only=False, pending=None, recorded=None), view, now)
    if isinstance(decision, Settled | Trouble) and not isinstance(decision, Waiting):
        return decision
    return Waiting(
        "NotInLedger",
        "the ledger no longer says what this object was made of: it goes by itself",
    )


def make_plan(intents: Iterable[AnyIntent], view: View, now: int) -> Plan:
    """Plan for all intents of one repository; records what it plans into the view."""
    ordered = _fair_order(list(intents))
    for intent in ordered:
        if intent.pending:
            unseen = [t for t in intent.pending.tags if view.oid(t.name) is None]
            view.artifact(intent.artifact).expect(unseen)
    steps: list[Step] = []
    decisions: dict[str, Decision] = {}
    for intent in ordered:
        decision = decisions[intent.asker.uid] = decide_guarded(intent, view, now)
        if isinstance(decision, Write | Repeat):
            view.reckon(intent.artifact, decision.tags)
        if isinstance(decision, Write | Repeat | Withdraw):
            steps.append(Step(intent, decision))
    return Plan(tuple(steps), decisions)


def _standing(intent: AnyIntent, view: View) -> tuple[TagObject, ...]:
    """The reserved tags that git does not hold yet and that still are what is asked.

    None stand when the spec has changed since, or when one of the names is seen to hold
    other bytes: then the reservation is void, and another is made.
    """
    pending = intent.pending
    if pending is None or not is_still_asked(intent):
        return ()
    held = [view.oid(tag.name) for tag in pending.tags]
    if any(oid not in (None, tag.oid) for oid, tag in zip(held, pending.tags, strict=True)):
        return ()
    if isinstance(intent, StageIntent) and not _lands_on_version(intent, pending, view):
        return ()
    unseen = tuple(t for oid, t in zip(held, pending.tags, strict=True) if oid is None)
    if unseen and isinstance(intent, VersionIntent):
        for tag in unseen:
            number = number_of(tag)
            if number is None:
                continue
            artifact = view.artifact(intent.artifact)
            if intent.may_alias and artifact.version_on(tag.target, besides=number):
                return ()  # planned anew under the same number, on a commit of its own
            refuse_taken_commit(artifact, tag.target, number)
    return unseen


def _lands_on_version(intent: StageIntent, reservation: Reservation, view: View) -> bool:
    """A stage tag is only pushed where its version is: alone it would name a bare commit."""
    artifact = view.artifact(intent.artifact)
    if intent.leaving:
        return True
    back = unrecorded(intent, artifact)
    version = back.to if back else asked_version(intent, artifact)
    if version is None:
        return False
    commit = artifact.commit_of(version)
    assigning = (t for t in reservation.tags if isinstance(parse_tag(t.name), AssignmentTag))
    return all(tag.target == commit for tag in assigning)


def _fair_order(intents: list[AnyIntent]) -> list[AnyIntent]:
    """Promotions, then registrations, then deprecations; round-robin by artifact.

    Within an artifact numbers that are given go before numbers that are allotted, so that
    an allotted one never takes a number that somebody else has written down.
    """
    lanes: dict[int, dict[str, list[AnyIntent]]] = defaultdict(lambda: defaultdict(list))
    for intent in sorted(intents, key=_seniority):
        lanes[_lane(intent)][intent.artifact].append(intent)
    return [intent for _, lane in sorted(lanes.items()) for intent in round_robin(lane.values())]


def _lane(intent: AnyIntent) -> int:
    match intent:
        case StageIntent():
            return 0
        case VersionIntent():
            return 1
        case ModelIntent():
            return 2


def _seniority(intent: AnyIntent) -> tuple[bool, str, str]:
    allotted = isinstance(intent, VersionIntent) and intent.version is None
    return allotted, intent.asker.created, intent.asker.resource


def round_robin(queues: Iterable[Sequence[T]]) -> list[T]:
    """Take one from each queue in turn until all are empty."""
    turns = [list(queue) for queue in queues]
    longest = max((len(turn) for turn in turns), default=0)
    return [turn[i] for i in range(longest) for turn in turns if i < len(turn)]

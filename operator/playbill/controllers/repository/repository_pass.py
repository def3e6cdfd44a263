"""One pass over one repository: read the resources, list the tags, plan, reserve, push, list.

    C = the resources, read from the API server       before the listing
    L = the tags of the remote
    plan (pure) -> sign -> reserve what the spec does not determine -> push -> L again

One pass runs at a time for a repository in a process; any number of processes may run
one at once, for every name is pushed under must-not-exist and every name that was
allotted is reserved first (design section 4). `tests/simulation` runs this very code
with crashes at every step, late pushes and rival leaders.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from playbill.api.errors import Retry, Stalled, Trouble
from playbill.controllers.inventory.snapshot import Snapshot
from playbill.controllers.repository.pushing import push_part
from playbill.git.porcelain import Result
from playbill.ledger.aliases import Alias
from playbill.ledger.batch import parts
from playbill.ledger.decisions import Repeat, Withdraw, Write
from playbill.ledger.intents import AnyIntent
from playbill.ledger.plan import Step, make_plan
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import Author, View

RESERVATIONS_AT_ONCE = 16
"""Artifacts whose reservations are under way."""

PATIENCE = 10.0
"""Seconds; a push that is unanswered after so long is the last one of its pass."""


class Desk(Protocol):
    """The API server, as the pass needs it."""

    async def read(self) -> Sequence[AnyIntent]:
        """What the repository's resources ask now, read from the API server itself."""

    async def reserve(
        self, intent: AnyIntent, tags: Sequence[TagObject], aliases: Sequence[Alias]
    ) -> bool:
        """Write the tags into `status.pending`; False when the object has changed since."""


class Remote(Protocol):
    """The repository, as the pass needs it. Every call may raise Trouble."""

    async def read(self) -> Snapshot:
        """List, fetch what is new, fold."""

    async def confirm(self, tags: Sequence[TagObject]) -> Snapshot:
        """The same, after these tags were pushed."""

    async def resolve(self, intents: Sequence[AnyIntent]) -> Sequence[AnyIntent]:
        """Fill in the commits that the versions among them mean."""

    async def make(self, aliases: Sequence[Alias]) -> None:
        """Have these commits at hand, for tags to be pushed on."""

    async def lacks(self, commits: Collection[str]) -> Collection[str]:
        """Those of these commits that the repository has no longer."""

    async def push(self, tags: Sequence[TagObject]) -> Mapping[str, Result]:
        """Push all or none; Retry(PushUnanswered) when it is not known what happened."""

    async def withdraw(self, tag: str, oid: str) -> bool:
        """Delete the tag if it still is this object."""


Sign = Callable[[Sequence[tuple[str, TagObject]]], Awaitable[Sequence[TagObject | Trouble]]]
"""For each artifact and tag of it the tag as it is to be written, or why it cannot be signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the pass works under; without `sign` no tag is signed."""

    author: Author
    clock: Callable[[], int]
    limit: int = 0
    counters: Mapping[str, int] = field(default_factory=dict)
    sign: Sign | None = None


@dataclass(slots=True)
class Outcome:
    """What a pass left: the newest snapshot, refusals by uid, and whether to come again."""

    snapshot: Snapshot
    refused: dict[str, Trouble] = field(default_factory=dict)
    written: list[TagObject] = field(default_factory=list)
    conflicts: int = 0
    again: bool = False


async def repository_pass(desk: Desk, remote: Remote, terms: Terms) -> Outcome:
    """Run one pass. Raises Trouble when the repository could not be read at all."""
    intents = await desk.read()
    snapshot = await remote.read()
    view = _view(snapshot, terms)
    intents = await remote.resolve(intents)
    plan = make_plan(intents, view, terms.clock())
    outcome = Outcome(snapshot)
    if not plan.steps:
        return outcome
    await _withdraw(remote, plan.steps, outcome)
    signed = await _sign(terms.sign, plan.steps, outcome) if terms.sign else plan.steps
    present = await _refuse_vanished(remote, signed, outcome)
    ready = await _reserve(desk, present, outcome)
    await _push(remote, ready, terms.limit, outcome)
    # Also when the server said yes to all: a rival may have registered the same commit since the
    # first listing, and what is not confirmed yet can still be withdrawn.
    outcome.snapshot = await remote.confirm(outcome.written)
    _pardon(ready, outcome)
    return outcome


def _pardon(steps: Sequence[Step], outcome: Outcome) -> None:
    """A name that is there by now was taken in a race, or landed after all: no one's fault.

    A server that checks a whole push at once cannot say which of its tags lost a race, and
    blames them all; the listing tells.
    """
    for step in steps:
        blamed = isinstance(outcome.refused.get(step.intent.asker.uid), Stalled)
        if blamed and any(tag.name in outcome.snapshot.oids for tag in step.tags):
            del outcome.refused[step.intent.asker.uid]
            outcome.conflicts += 1
            outcome.again = True


def _view(snapshot: Snapshot, terms: Terms) -> View:
    return View(
        snapshot.ledger,
        snapshot.oids,
        author=terms.author,
        counters=terms.counters,
        stages=snapshot.stages,
    )


async def _withdraw(remote: Remote, steps: Sequence[Step], outcome: Outcome) -> None:
    for step in steps:
        if isinstance(step.decision, Withdraw):
            await remote.withdraw(step.decision.tag, step.decision.oid)
            outcome.again = True


async def _sign(sign: Sign, steps: Sequence[Step], outcome: Outcome) -> list[Step]:
    """Sign what is new, before it is reserved: what was reserved keeps the bytes that it has."""
    new = [(s.intent.artifact, t) for s in steps if isinstance(s.decision, Write) for t in s.tags]
    answers = iter(await sign(new) if new else ())
    signed = []
    for step in steps:
        if not isinstance(step.decision, Write):
            signed.append(step)
            continue
        tags = [next(answers) for _ in step.tags]
        sound = tuple(tag for tag in tags if isinstance(tag, TagObject))
        if len(sound) == len(tags):
            signed.append(replace(step, decision=replace(step.decision, tags=sound)))
        else:
            trouble = next(tag for tag in tags if isinstance(tag, Trouble))
            outcome.refused[step.intent.asker.uid] = trouble
    return signed


async def _refuse_vanished(
    remote: Remote, steps: Sequence[Step], outcome: Outcome
) -> Sequence[Step]:
    """What was reserved once may be on a commit that a rewritten branch has lost since: git
    could not push it, nor anything with it."""
    needed = {s.intent.asker.uid: _sources(s) for s in steps if isinstance(s.decision, Repeat)}
    if not needed:
        return steps
    lost = await remote.lacks({commit for commits in needed.values() for commit in commits})
    kept = []
    for step in steps:
        gone = sorted(needed.get(step.intent.asker.uid, frozenset()) & set(lost))
        if gone:
            outcome.refused[step.intent.asker.uid] = _vanished(gone[0], step.tags[0].name)
        else:
            kept.append(step)
    return kept


def _sources(step: Step) -> set[str]:
    made = {alias.oid: alias.source for alias in step.aliases}
    return {made.get(tag.target, tag.target) for tag in step.tags}


def _vanished(commit: str, tag: str) -> Stalled:
    return Stalled(
        "CommitVanished",
        f"the commit {commit[:12]} that {tag} is reserved for is gone from the repository, whose "
        "history was rewritten: push it again under any branch, or set revision to another commit",
    )


async def _reserve(desk: Desk, steps: Sequence[Step], outcome: Outcome) -> list[Step]:
    """Write reservations down, and give the steps that may be pushed.

    An object that has changed meanwhile is planned anew in the next pass, with all of its
    artifact, for what was planned after it may stand on it.
    """
    by_artifact: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        if step.tags:
            by_artifact[step.intent.artifact].append(step)
    gate = asyncio.Semaphore(RESERVATIONS_AT_ONCE)

    async def granted(own: Sequence[Step]) -> bool:
        async with gate:
            return await _all_reserved(desk, own, outcome)

    answers = await asyncio.gather(*map(granted, by_artifact.values()))
    whole = {artifact for artifact, yes in zip(by_artifact, answers, strict=True) if yes}
    outcome.again = outcome.again or len(whole) < len(by_artifact)
    return [step for step in steps if step.tags and step.intent.artifact in whole]


async def _all_reserved(desk: Desk, steps: Sequence[Step], outcome: Outcome) -> bool:
    """In the order of the plan, and none after one that fails: what has reserved the numbers
    above it would keep them, and its own would be left out for good."""
    for step in steps:
        if not (isinstance(step.decision, Write) and step.decision.reserve):
            continue
        try:
            reserved = await desk.reserve(step.intent, step.tags, step.aliases)
        except Trouble as trouble:
            outcome.refused[step.intent.asker.uid] = trouble
            return False
        if not reserved:
            return False
    return True


async def _push(remote: Remote, steps: list[Step], limit: int, outcome: Outcome) -> None:
    aliases = [alias for step in steps for alias in step.aliases]
    if aliases:
        await remote.make(aliases)
    for part in parts(steps, limit):
        started = time.monotonic()
        try:
            report = await push_part(remote.push, part)
        except Retry as retry:
            # What was reserved stays reserved, and the listing tells what landed.
            outcome.again = True
            for step in part:
                outcome.refused.setdefault(step.intent.asker.uid, retry)
            # One push without an answer need not spoil the others, but a server that hangs
            # would hold up the pass for as many timeouts as there are parts.
            hangs = time.monotonic() - started > PATIENCE
            if hangs or retry.reason != "PushUnanswered":
                return
            continue
        except Stalled as stalled:
            for step in part:
                outcome.refused[step.intent.asker.uid] = stalled
            continue
        outcome.written += report.landed
        outcome.refused |= report.refused
        outcome.conflicts += report.conflicts
        outcome.again = outcome.again or report.again

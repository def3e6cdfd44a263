"""Whether the policies let a version take a stage, and let a workload follow the stage.

A promotion that a spec asks for is judged before its tag is written. What a tag alone decides is
judged before the workload follows: whoever may push cannot deploy by it. Trailers authorise
nothing, so any tag that the workload does not run yet is judged like that, our own included.
Rollbacks are not asked about here, nor is the emptying of a stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.ledger.artifact_bytes import origin_of
from playbill.ledger.events import Assignment
from playbill.ledger.following import asked_version, highest_fitting
from playbill.ledger.intents import StageIntent
from playbill.ledger.policies.policy import Case, EvidenceNotRead, Finding, Needed, Oversight, Rules
from playbill.ledger.policies.rules import findings, signable
from playbill.ledger.rollbacks import unrecorded
from playbill.ledger.state import Holder
from playbill.ledger.view import ArtifactView, View

JUST_RECORDED = 300
"""Seconds after a window's end in which what was recorded while it was open is still rolled out."""


@dataclass(frozen=True, slots=True)
class Running:
    """What a workload runs: a commit, for names of versions can be moved, and the origin of its
    bytes, for tags can tell of other ones. No commit when only that it runs something is known."""

    commit: str | None
    origin: str | None = None


def permit(intent: StageIntent, view: View, version: str, now: int) -> None:
    """Raise what the policies have against this version on the intent's stage.

    Stalled (GateFailed, DigestRequired, SignatureRequired, StageNotAllowed, PolicyInvalid),
    Waiting (NotHeldLongEnough), Retry (NotHeldLongEnough, OutsideWindow, EvidenceNotRead).
    """
    if intent.oversight is None:
        return
    case = promotion(intent, intent.oversight, view, version=version, now=now)
    trouble = verdict(check(intent.oversight.rules, case))
    if trouble is not None:
        raise trouble


def permit_standing(intent: StageIntent, view: View, now: int) -> None:
    """The same of a tag that was reserved and is not seen yet: the policies may have changed."""
    artifact = view.artifact(intent.artifact)
    if intent.leaving or unrecorded(intent, artifact):
        return
    version = asked_version(intent, artifact)
    if version is not None:
        permit(intent, view, version, now)


def refuse_rollout(
    intent: StageIntent, view: View, *, running: Running | None, now: int
) -> Trouble | None:
    """What the policies have against the workload's following who holds the stage now.

    `running` is what the workload runs, None when it runs nothing. What runs already is never
    judged again.
    """
    case = following(intent, view, running=running, now=now)
    if case is None or intent.oversight is None:
        return None
    try:
        return verdict(check(intent.oversight.rules, case))
    except EvidenceNotRead as unread:
        return unread


def lacking(intent: StageIntent, view: View, *, now: int) -> Needed:
    """What has to be read before this intent, and the workload behind it, can be judged."""
    over, artifact = intent.oversight, view.artifact(intent.artifact)
    if over is None or intent.leaving or unrecorded(intent, artifact):
        return Needed()
    cases = [following(intent, view, running=None, now=now)]
    try:
        version = asked_version(intent, artifact)
    except Trouble:
        version = None  # the decision says what is wrong with it
    winner = artifact.winner(intent.stage)
    if version is not None and (winner is None or winner.version != version):
        cases.append(promotion(intent, over, view, version=version, now=now))
    wanted = [needed(over.rules, case).lacking(over.evidence) for case in cases if case]
    return Needed(
        frozenset().union(*(each.commits for each in wanted)),
        frozenset().union(*(each.tags for each in wanted)),
    )


def promotion(intent: StageIntent, over: Oversight, view: View, *, version: str, now: int) -> Case:
    """The case of a version that the spec asks for.

    To put a version on record again that was there by this spec is no change of it.
    """
    artifact = view.artifact(intent.artifact)
    winner = artifact.winner(intent.stage)
    again = intent.recorded is not None and intent.recorded_version == version
    return Case(
        model=over.model,
        stage=intent.stage,
        version=version,
        commit=artifact.commit_of(version),
        artifact=artifact,
        evidence=over.evidence,
        now=now,
        holder=(winner.version, winner.commit) if winner else None,
        moves=not again,
    )


def following(intent: StageIntent, view: View, *, running: Running | None, now: int) -> Case | None:
    """The case of a workload that is to follow who holds the stage; None when it need not be
    judged: it runs those bytes already, or nobody holds it."""
    over, artifact = intent.oversight, view.artifact(intent.artifact)
    winner = artifact.winner(intent.stage)
    if over is None or winner is None:
        return None
    if running == Running(winner.commit, origin_of(artifact.version_at(winner.commit))):
        return None
    return Case(
        model=over.model,
        stage=intent.stage,
        version=winner.version,
        commit=winner.commit,
        artifact=artifact,
        evidence=over.evidence,
        now=now,
        holder=_before(artifact, winner),
        assignment=None if _is_asked(intent, artifact, winner) else winner.assignment,
        late=JUST_RECORDED,
        put=() if running else _put(artifact, winner, now),
    )


def _is_asked(intent: StageIntent, artifact: ArtifactView, winner: Holder) -> bool:
    """Whether the spec itself asks for who holds the stage, and not a tag alone."""
    try:
        if intent.version is not None:
            return asked_version(intent, artifact) == winner.version
        return highest_fitting(intent, artifact) == winner.version
    except Trouble:
        return False


def _put(artifact: ArtifactView, winner: Holder, now: int) -> tuple[int, ...]:
    """When the winner was put on the stage since it was last taken off it, newest first: what a
    restored cluster knows of the windows that were kept, for which no status tells what ran."""
    found: list[int] = []
    for each in reversed(artifact.stage_events(winner.assignment.stage)):
        if each.commit == winner.commit:
            if not isinstance(each, Assignment):
                break
            found.append(each.seconds)
    return tuple(second for second in found if second <= now)


def _before(artifact: ArtifactView, winner: Holder) -> tuple[str, str] | None:
    """Whom the winner took the place of: the newest of other commits that was assigned before."""
    events = artifact.stage_events(winner.assignment.stage)
    earlier = (
        each
        for each in reversed(events[: events.index(winner.assignment)])
        if isinstance(each, Assignment) and each.commit != winner.commit
    )
    found = next(earlier, None)
    return (artifact.version_on(found.commit) or found.commit, found.commit) if found else None


def needed(rules: Iterable[Rules], case: Case) -> Needed:
    """What judging this case takes."""
    sound = [each for each in rules if each.fault is None]
    if case.commit is None:
        return Needed()
    commits = {case.commit} if any(each.wants_traits for each in sound) else set()
    if case.holder is not None and any(each.wants_current for each in sound):
        commits.add(case.holder[1])
    signed = any(each.signers is not None for each in sound)
    return Needed(frozenset(commits), frozenset(e.oid for e in signable(case) if signed))


def check(rules: Sequence[Rules], case: Case) -> list[Finding]:
    """What every rule says. Raises EvidenceNotRead when something has to be read first."""
    missing = needed(rules, case).lacking(case.evidence)
    if missing:
        raise EvidenceNotRead(missing)
    return [finding for each in rules for finding in findings(each, case)]


def verdict(found: Iterable[Finding]) -> Trouble | None:
    """The trouble that findings amount to: the lasting before the passing, all of a kind in one."""
    against = [(finding, finding.against) for finding in found if finding.against is not None]
    for fate in (Stalled, Waiting, Retry):
        same = [(finding, trouble) for finding, trouble in against if isinstance(trouble, fate)]
        if same:
            reason, words = same[0][1].reason, _in_words(finding for finding, _ in same)
            if fate is not Retry:
                return fate(reason, words)
            times = [t.after for _, t in same if isinstance(t, Retry) and t.after is not None]
            return Retry(reason, words, after=max(times, default=None))
    return None


def _in_words(found: Iterable[Finding]) -> str:
    by_policy: dict[str, list[str]] = {}
    for finding in found:
        by_policy.setdefault(finding.policy, []).append(finding.words)
    return "; ".join(f"policy {name}: {'; '.join(said)}" for name, said in by_policy.items())

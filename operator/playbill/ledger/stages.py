"""Deciding a StageAssignment: who holds the stage, and who is to."""

from __future__ import annotations

from playbill.api.errors import Stalled, Waiting
from playbill.ledger import message
from playbill.ledger.decisions import Decision, Settled, Write
from playbill.ledger.deprecation import renew
from playbill.ledger.drafting import draft, next_second
from playbill.ledger.events import Assignment, Unassignment
from playbill.ledger.following import asked_version
from playbill.ledger.grammar import (
    AssignmentTag,
    UnassignmentTag,
    check_stage,
    parse_tag,
)
from playbill.ledger.intents import Rollback, StageIntent
from playbill.ledger.policies.permitting import permit
from playbill.ledger.rollbacks import reason_of, refuse_rolled_back, unrecorded
from playbill.ledger.state import Holder
from playbill.ledger.vanished import refuse_vanished
from playbill.ledger.versions import refuse_deprecated
from playbill.ledger.view import ArtifactView, View, asked_for_by, is_ours

MOST_AT_ONCE = 20
"""Tags that one reservation may hold; a stage with more holders is emptied in turns."""


def decide_stage(intent: StageIntent, view: View, now: int) -> Decision:
    """Give what a StageAssignment's intent comes to. Raises Trouble instead of returning it."""
    artifact = view.artifact(intent.artifact)
    check_stage(intent.stage)
    if intent.leaving:
        return _leave(intent, view, artifact, now)
    back = unrecorded(intent, artifact)
    if back is not None:
        return _roll_back(intent, back, view, artifact, now)
    refuse_rolled_back(intent, view, artifact)
    winner = artifact.winner(intent.stage)
    version = asked_version(intent, artifact)
    if version is None or (winner is not None and winner.version == version):
        return Settled(winner.assignment if winner else None)
    if intent.follow and _was_followed(intent, view, artifact, version):
        return Settled(winner.assignment if winner else None)
    _refuse_unlisted(intent, view)
    permit(intent, view, version, now)
    _refuse_vanished(intent, view, version)
    commit = _commit(artifact, version)
    refuse_deprecated(artifact)
    _refuse_ambiguous(artifact, version, commit)
    _refuse_moved(intent, artifact, version, commit)
    reason = None if intent.follow else _refuse_contest(intent, view, artifact)
    return _assign(intent, view, artifact, version, commit, now, reason)


def _roll_back(
    intent: StageIntent, back: Rollback, view: View, artifact: ArtifactView, now: int
) -> Decision:
    """Record that the version before is on stage again: no rule for promotions holds it up, and
    what was deprecated meanwhile stays so."""
    _refuse_unlisted(intent, view)
    commit = _commit(artifact, back.to)
    if commit != back.commit:
        raise Stalled(
            "VersionMoved",
            f"{back.version} failed and {back.to} serves again, but its tag was moved from commit "
            f"{back.commit[:12]} to {commit[:12]}, so the ledger cannot say so: push the old tag "
            "again, or assign another version",
        )
    if all(e.commit != commit for e in artifact.stage_events(intent.stage)):
        raise Stalled(
            "NeverHeld",
            f"{back.to} never held {intent.stage}, so going back to it would be a promotion that "
            "nobody asked for: somebody has written status.rolledBack; change the spec",
        )
    _refuse_ambiguous(artifact, back.to, commit)
    found = _assign(intent, view, artifact, back.to, commit, now, reason_of(back))
    again = renew(view=view, intent=intent, artifact=artifact, undone_by=found.tags, now=now)
    return Write((*found.tags, *again), reserve=True)


def _commit(artifact: ArtifactView, version: str) -> str:
    commit = artifact.commit_of(version)
    if commit is not None:
        return commit
    if artifact.version(version) is not None:
        raise Stalled(
            "VersionDeregistered",
            f"{version} of {artifact.name} was deregistered: name another version",
        )
    latest = artifact.state.latest if artifact.state else None
    hint = f"the latest is {latest}" if latest else "it has no versions yet"
    raise Waiting(
        "DependencyNotFound",
        f"{artifact.name} has no registered version {version} ({hint}): waiting for it; "
        "create a ModelVersion for it, or name another version",
    )


def _was_followed(intent: StageIntent, view: View, artifact: ArtifactView, version: str) -> bool:
    """Whether following put this version there before, and somebody decided otherwise since.

    Told by the spec's hash as well as by the request: a restored cluster does not take back
    what people decided.
    """
    commit = artifact.commit_of(version)
    return any(
        e.commit == commit and (_is_record(e, intent) or _is_same_wish(e, intent, view))
        for e in artifact.stage_events(intent.stage)
    )


def _is_same_wish(event: Assignment | Unassignment, intent: StageIntent, view: View) -> bool:
    asker = intent.asker
    return (
        isinstance(event, Assignment)
        and bool(asker.spec_hash)
        and is_ours(event, view.author.cluster)
        and event.trailers.get(message.RESOURCE) == asker.resource
        and event.trailers.get(message.SPEC) == asker.spec_hash
    )


def _refuse_unlisted(intent: StageIntent, view: View) -> None:
    """GTO refuses stages that the repository's own `.gto` does not list, and hides them."""
    if view.stages is None or intent.stage in view.stages:
        return
    listed = ", ".join(sorted(view.stages))
    raise Stalled(
        "StageNotAllowed",
        f"the repository's .gto allows the stages {listed} only, and GTO would not show "
        f"{intent.stage}: add it to stages in .gto, or assign one of those",
    )


def _refuse_vanished(intent: StageIntent, view: View, version: str) -> None:
    if intent.follow and intent.recorded_version != version:
        return
    refuse_vanished(
        intent,
        view,
        did="recorded this assignment",
        mend="change the spec to record it anew. The workload stays as it is",
    )


def _refuse_ambiguous(artifact: ArtifactView, version: str, commit: str) -> None:
    """A stage tag on a commit of two versions makes every command of GTO fail."""
    other = artifact.version_on(commit, besides=version)
    if other is not None:
        raise Stalled(
            "CommitAmbiguous",
            f"{version} and {other} of {artifact.name} are the same commit {commit[:12]}, and a "
            "stage tag there would break GTO for the whole repository: assign a version that has "
            "a commit of its own",
        )


def _refuse_moved(intent: StageIntent, artifact: ArtifactView, version: str, commit: str) -> None:
    """Whoever moves a version's tag by force does not get other bytes onto the stage by it."""
    subject = message.assigning(intent.artifact, intent.stage, version)
    before = next(
        (
            e
            for e in reversed(artifact.stage_events(intent.stage))
            if asked_for_by(e, intent.asker.uid) and e.subject == subject
        ),
        None,
    )
    if before is not None and before.commit != commit:
        raise Stalled(
            "VersionMoved",
            f"{version} of {artifact.name} was commit {before.commit[:12]} when {before.tag} "
            f"assigned it, and somebody has moved its tag to {commit[:12]} since: push the old "
            "tag again, or register the other commit as another version. The workload stays as "
            "it is",
        )


def _refuse_contest(intent: StageIntent, view: View, artifact: ArtifactView) -> str | None:
    """A plain tag against a declared version is answered once; another cluster's never.

    Gives the reason that the answer's trailer tells, None for a first record.
    """
    events = artifact.stage_events(intent.stage)
    own = [i for i, e in enumerate(events) if _is_record(e, intent)]
    if not own:
        return None
    later = [e for e in events[own[-1] + 1 :] if not _is_record(e, intent)]
    if not later:
        return None
    culprit = later[-1]
    foreign_cluster = culprit.trailers.get(message.CLUSTER) not in (None, view.author.cluster)
    if foreign_cluster or len(own) > 1:
        raise Stalled(
            "Contested",
            f"{culprit.tagger} wrote {culprit.tag} against this assignment"
            f"{' from another cluster' if foreign_cluster else ', again after it was answered'}: "
            "agree on who decides this stage, then change spec.version, or leave it out to let "
            "the ledger decide",
        )
    return f"answers {culprit.tag}"


def _is_record(event: Assignment | Unassignment, intent: StageIntent) -> bool:
    return (
        isinstance(event, Assignment)
        and event.trailers.get(message.REQUEST) == intent.asker.request
    )


def _assign(
    intent: StageIntent,
    view: View,
    artifact: ArtifactView,
    version: str,
    commit: str,
    now: int,
    reason: str | None,
) -> Write:
    tag = draft(
        view=view,
        intent=intent,
        name=AssignmentTag(intent.artifact, intent.stage, artifact.counter + 1),
        target=commit,
        seconds=_second(intent, view, artifact, now),
        subject=message.assigning(intent.artifact, intent.stage, version),
        reason=reason,
    )
    return Write((tag,), reserve=True)


def _leave(intent: StageIntent, view: View, artifact: ArtifactView, now: int) -> Decision:
    """Empty the stage: for GTO that takes one unassignment for each version that holds it.

    The holder of longest standing goes first, so that the one in charge stays to the last
    when there are more than one reservation can hold. What is in flight goes before them all,
    for this reservation replaces the one that tells of it. A deprecated artifact stays so,
    which takes a tag of its own.
    """
    found = artifact.stage(intent.stage)
    holders = found.holders if found else ()
    leaving = _still_in_flight(intent, view, artifact)
    if _ever_ours(intent, view, holders):
        leaving |= {h.commit: h.version for h in reversed(holders)}
    if not leaving:
        return Settled(found.last_event if found else None)
    seconds = _second(intent, view, artifact, now)
    room = MOST_AT_ONCE - 1 if artifact.deprecated else MOST_AT_ONCE
    tags = [
        draft(
            view=view,
            intent=intent,
            name=UnassignmentTag(intent.artifact, intent.stage, artifact.counter + i),
            target=commit,
            seconds=seconds,
            subject=message.unassigning(intent.artifact, intent.stage, version),
            undoes=found.last_event if found else None,
        )
        for i, (commit, version) in enumerate(list(leaving.items())[:room], start=1)
    ]
    again = renew(view=view, intent=intent, artifact=artifact, undone_by=tags, now=now)
    return Write((*tags, *again), reserve=True)


def _still_in_flight(intent: StageIntent, view: View, artifact: ArtifactView) -> dict[str, str]:
    """Assignments of ours that were reserved and not seen yet: one may land after we left,
    and is taken back in advance by a later tag."""
    tags = intent.pending.tags if intent.pending else ()
    return {
        tag.target: artifact.version_on(tag.target) or tag.target
        for tag in tags
        if isinstance(parse_tag(tag.name), AssignmentTag) and view.oid(tag.name) is None
    }


def _ever_ours(intent: StageIntent, view: View, holders: tuple[Holder, ...]) -> bool:
    """An assignment that never came to hold the stage has nothing to take back."""
    return intent.was_recorded or any(
        is_ours(h.assignment, view.author.cluster)
        and h.assignment.trailers.get(message.RESOURCE) == intent.asker.resource
        for h in holders
    )


def _second(intent: StageIntent, view: View, artifact: ArtifactView, now: int) -> int:
    return next_second(
        view=view,
        last=artifact.stage_seconds(intent.stage),
        now=now,
        events=artifact.stage_events(intent.stage),
    )

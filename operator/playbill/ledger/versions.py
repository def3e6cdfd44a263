"""Deciding a ModelVersion: is it registered, may it be, and as what."""

from __future__ import annotations

from playbill.api.errors import Stalled, Trouble, Waiting
from playbill.ledger import message
from playbill.ledger.aliases import (
    Alias,
    carried,
    elsewhere,
    make_alias,
    source_of,
    source_of_tag,
)
from playbill.ledger.decisions import Decision, Settled, Withdraw, Write
from playbill.ledger.deprecation import renew
from playbill.ledger.drafting import draft, next_second
from playbill.ledger.events import Registration
from playbill.ledger.grammar import RegistrationTag, check_version, next_version
from playbill.ledger.intents import VersionIntent
from playbill.ledger.reregistration import is_told_to_return, return_tag, withdrawal_tag
from playbill.ledger.reserved import reserved_number
from playbill.ledger.state import VersionState
from playbill.ledger.vanished import refuse_vanished
from playbill.ledger.view import ArtifactView, View, asked_for_by, is_ours


def decide_version(intent: VersionIntent, view: View, now: int) -> Decision:
    """Give what a ModelVersion's intent comes to. Raises Trouble instead of returning it."""
    artifact = view.artifact(intent.artifact)
    version = declared_version(intent, artifact, view)
    known = artifact.version(version) if version else None
    if known is None:
        return _unknown(intent, view, artifact, version, now)
    stray = _stray(intent, view, artifact, known)
    if stray is not None:
        return stray
    if not known.active:
        return _deregistered(intent, view, artifact, known, now)
    _refuse_other_commit(intent, view, known)
    if intent.deregistered:
        return _deregister(intent, view, artifact, known, now)
    return Settled(known.registration)


def declared_version(intent: VersionIntent, artifact: ArtifactView, view: View) -> str | None:
    """The number that the intent means: its own, or the one it was given; None while it has none.

    A number that was left out is recognised by the request (the resource's uid), else by
    cluster and resource with the same target, so that a restored cluster allots nothing twice.
    """
    if intent.version is not None:
        return check_version(intent.version)
    own = [e for e in artifact.events if isinstance(e, Registration)]
    for event in reversed(own):
        if asked_for_by(event, intent.asker.uid):
            return event.version
    if intent.status_version is not None and artifact.version(intent.status_version):
        return intent.status_version
    for event in reversed(own):
        if _same_resource(event, intent, view) and _same_target(event, intent):
            return event.version
    return None


def _same_resource(event: Registration, intent: VersionIntent, view: View) -> bool:
    return (
        is_ours(event, view.author.cluster)
        and event.trailers.get(message.RESOURCE) == intent.asker.resource
    )


def _same_target(event: Registration, intent: VersionIntent) -> bool:
    """A revision that was left out meant the tip of then, which nobody knows any more."""
    if intent.revision is None:
        return True
    return intent.commit in {event.commit, source_of_tag(event.commit, event.trailers)}


def _unknown(
    intent: VersionIntent, view: View, artifact: ArtifactView, version: str | None, now: int
) -> Write:
    _refuse_vanished(intent, view)
    if intent.deregistered:
        raise Stalled(
            "NotRegistered",
            f"{version or 'this version'} of {intent.artifact} was never registered, so there is "
            "nothing to deregister: set deregistered to false, or delete this object",
        )
    return _register(intent, view, artifact, version, now)


def _refuse_vanished(intent: VersionIntent, view: View) -> None:
    refuse_vanished(
        intent,
        view,
        did="registered this version",
        mend="delete this object and create another one to register anew",
    )


def _register(
    intent: VersionIntent, view: View, artifact: ArtifactView, version: str | None, now: int
) -> Write:
    refuse_deprecated(artifact)
    commit = intent.commit
    if isinstance(commit, Trouble):
        raise commit
    if commit is None:
        raise _not_resolved()
    number = version or intent.status_version or reserved_number(intent, view)
    number = number or next_version(artifact.highest(), intent.bump)
    alias = _alias(intent, artifact, commit, number)
    seconds = next_second(
        view=view, last=artifact.version_seconds(number), now=now, events=artifact.events
    )
    source = {message.SOURCE_COMMIT: commit} if alias else {}
    tag = draft(
        view=view,
        intent=intent,
        name=RegistrationTag(intent.artifact, number, None),
        target=alias.oid if alias else commit,
        seconds=seconds,
        subject=message.registering(intent.artifact, number),
        more={**source, **elsewhere(intent.uri, intent.digest)},
    )
    return Write((tag,), reserve=version is None, aliases=(alias,) if alias else ())


def _alias(
    intent: VersionIntent, artifact: ArtifactView, commit: str, version: str
) -> Alias | None:
    """The commit to make for a version whose own is taken, None when there is no need.

    A version that was on an alias before gets the same one again, whoever has the commit now.
    """
    if not intent.was_alias:
        if artifact.version_on(commit, besides=version) is None:
            return None
        if not intent.may_alias:
            refuse_taken_commit(artifact, commit, version)
    if intent.base is None or intent.base.commit != commit:
        raise _not_resolved()
    return make_alias(
        intent.base,
        artifact=intent.artifact,
        version=version,
        uri=intent.uri,
        digest=intent.digest,
    )


def _not_resolved() -> Waiting:
    """The revision has to be looked up first: the next pass over the repository does."""
    return Waiting("RevisionNotResolved", "the revision has not been looked up yet")


def refuse_deprecated(artifact: ArtifactView) -> None:
    """Any later event revives a deprecated artifact in GTO's eyes, so none is written."""
    if artifact.deprecated:
        raise Stalled(
            "ModelDeprecated",
            f"{artifact.name} is deprecated, and any new tag would revive it: set deprecated to "
            "false on its RegisteredModel to go on with it",
        )


def refuse_taken_commit(artifact: ArtifactView, commit: str, version: str | None) -> None:
    """GTO cannot read an artifact with two versions on one commit, registered or no longer."""
    other = artifact.version_on(commit, besides=version)
    if other is not None:
        raise Stalled(
            "CommitTaken",
            f"commit {commit[:12]} is {other} of {artifact.name} already, and GTO cannot read two "
            f"versions on one commit: make a new commit for this version, or use {other}; "
            "or `onCommitTaken: Alias` on the RegisteredModel gives it a commit of its own",
        )


def _stray(
    intent: VersionIntent, view: View, artifact: ArtifactView, known: VersionState
) -> Withdraw | None:
    """Our own unconfirmed registration beside another version on its commit is withdrawn.

    Not when we have assigned it since. A stage tag of others stays with the other version:
    it binds to the commit, and the commit is the same.
    """
    registration = known.registration
    if intent.recorded or not asked_for_by(registration, intent.asker.uid):
        return None
    other = artifact.version_on(known.commit, besides=known.version)
    if other is None or _outranks(registration, artifact, other, view):
        return None
    if _assigned_by_us(artifact, known.commit, view):
        return None
    return Withdraw(registration.tag, registration.oid)


def _assigned_by_us(artifact: ArtifactView, commit: str, view: View) -> bool:
    stages = artifact.state.stages.values() if artifact.state else ()
    return any(
        holder.commit == commit and is_ours(holder.assignment, view.author.cluster)
        for stage in stages
        for holder in stage.holders
    )


def _outranks(own: Registration, artifact: ArtifactView, other: str, view: View) -> bool:
    """Of two that this cluster wrote itself the later one goes, lest both should."""
    rival = artifact.version(other)
    if rival is None or not is_ours(rival.registration, view.author.cluster):
        return False
    return (own.seconds, own.tag) < (rival.registration.seconds, rival.registration.tag)


def _refuse_other_commit(intent: VersionIntent, view: View, known: VersionState) -> None:
    """A version that exists is the one that is meant, unless the spec names another commit, or
    it was on another one when this object recorded it."""
    here = {known.commit, source_of(known)}
    if intent.recorded and isinstance(intent.commit, str) and intent.commit not in here:
        raise Stalled(
            "VersionMoved",
            f"{known.version} of {intent.artifact} was commit {intent.commit[:12]} when this "
            f"object recorded it, and {known.registration.tagger} has it on {known.commit[:12]} "
            "since: push the old tag again, or create this object anew to accept that",
        )
    if intent.revision is None:
        return
    own = asked_for_by(known.registration, intent.asker.uid) or _same_resource(
        known.registration, intent, view
    )
    if own and not intent.pinned:
        return
    wanted = intent.revision if intent.pinned else intent.commit
    if wanted is None:
        raise _not_resolved()
    if not isinstance(wanted, str) or wanted in here:
        return
    raise Stalled(
        "VersionTaken",
        f"{known.version} of {intent.artifact} is commit {known.commit[:12]} already (registered "
        f"by {known.registration.tagger}), not {wanted[:12]}: choose another version, or set "
        f"revision to {known.commit}",
    )


def _deregistered(
    intent: VersionIntent, view: View, artifact: ArtifactView, known: VersionState, now: int
) -> Settled | Write:
    if intent.deregistered:
        return Settled(known.deregistration)
    _refuse_vanished(intent, view)
    if is_told_to_return(intent, known):
        return _register_again(intent, view, artifact, known, now)
    raise Stalled(
        "Deregistered",
        f"{known.version} of {intent.artifact} was deregistered, and is registered again only by "
        "the object that had it deregistered: set deregistered to true, or register another "
        "version",
    )


def _register_again(
    intent: VersionIntent, view: View, artifact: ArtifactView, known: VersionState, now: int
) -> Write:
    refuse_deprecated(artifact)
    refuse_taken_commit(artifact, known.commit, known.version)
    seconds = next_second(
        view=view, last=artifact.version_seconds(known.version), now=now, events=artifact.events
    )
    tag = draft(
        view=view,
        intent=intent,
        name=return_tag(artifact, known),
        target=known.commit,
        seconds=seconds,
        subject=message.registering(intent.artifact, known.version),
        undoes=known.deregistration,
        more=carried(known),
    )
    return Write((tag,), reserve=True)


def _deregister(
    intent: VersionIntent, view: View, artifact: ArtifactView, known: VersionState, now: int
) -> Write:
    holding = _stages_held(artifact, known.version)
    assigned = known.commit in artifact.assigned
    if holding or assigned or intent.users or intent.runners:
        who = [f"it holds the stage {s}" for s in holding]
        who += ["it is about to be put on a stage"] if assigned else []
        who += [f"StageAssignment {u} names it" for u in intent.users]
        who += [f"the workload of StageAssignment {r} needs it" for r in intent.runners]
        raise Waiting(
            "InUse",
            f"{known.version} cannot be deregistered yet: {', '.join(who)}. "
            "Put another version there, or remove the assignment",
        )
    seconds = next_second(
        view=view, last=artifact.version_seconds(known.version), now=now, events=artifact.events
    )
    name = withdrawal_tag(artifact, known.version, view)
    tag = draft(
        view=view,
        intent=intent,
        name=name,
        target=known.commit,
        seconds=seconds,
        subject=message.deregistering(intent.artifact, known.version),
        undoes=known.registration,
    )
    again = renew(view=view, intent=intent, artifact=artifact, undone_by=[tag], now=now)
    return Write((tag, *again), reserve=bool(again) or name.counter is not None)


def _stages_held(artifact: ArtifactView, version: str) -> list[str]:
    stages = artifact.state.stages if artifact.state else {}
    return [n for n, s in stages.items() if s.winner and s.winner.version == version]

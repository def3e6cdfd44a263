"""From resources to what they ask of the ledger, and who of several claimants owns what. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace

from playbill.api import stage_assignment as api
from playbill.api.base import CHANGE, REQUESTED_AT, REQUESTED_BY
from playbill.api.errors import Stalled, Trouble
from playbill.api.model_version import ModelVersion
from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import RolledBack, StageAssignment
from playbill.api.times import seconds_of
from playbill.controllers.inventory.store import Asking
from playbill.ledger.aliases import alias_for
from playbill.ledger.grammar import (
    AssignmentTag,
    DeprecationTag,
    DeregistrationTag,
    RegistrationTag,
    TagName,
    UnassignmentTag,
    parse_tag,
)
from playbill.ledger.intents import (
    AnyIntent,
    Asker,
    Follow,
    ModelIntent,
    Reservation,
    Rollback,
    StageIntent,
    VersionIntent,
)
from playbill.ledger.tagobject import TagObject


def intent_of(
    resource: Asking,
    *,
    artifact: str,
    commit: str | Trouble | None = None,
    users: Iterable[str] = (),
    since: int = 0,
    read_only: bool = False,
    may_alias: bool = False,
) -> AnyIntent:
    """What a resource asks of the ledger.

    `commit` is what its revision resolved to; `users` are the live assignments that name it.
    What its status tells of the time before `since` was recorded in another ledger. A
    `read_only` one only shows what the ledger says. `may_alias` is its model's word on commits
    that are taken.
    """
    match resource:
        case RegisteredModel():
            intent: AnyIntent = _model_intent(resource)
        case ModelVersion():
            lost = _is_before(resource.status.registered_at, since)
            version = _version_intent(
                resource, artifact=artifact, commit=commit, users=tuple(users), may_alias=may_alias
            )
            intent = _unrecorded(version, resource, commit) if lost else version
        case StageAssignment():
            current = resource.status.current
            lost = _is_before(current.since if current else None, since)
            stage = _stage_intent(resource, artifact=artifact)
            intent = replace(stage, recorded=None) if lost else stage
    return replace(intent, read_only=True) if read_only else intent


def _is_before(recorded_at: str | None, since: int) -> bool:
    """Whether the tag that a status tells of was in another ledger than this one."""
    return recorded_at is not None and seconds_of(recorded_at) < since


def _model_intent(model: RegisteredModel) -> ModelIntent:
    return ModelIntent(
        asker=asker_of(model),
        artifact=model.artifact,
        pending=reservation_of(model, model.artifact),
        deprecated=model.spec.deprecated,
    )


def _version_intent(
    version: ModelVersion,
    *,
    artifact: str,
    commit: str | Trouble | None,
    users: tuple[str, ...],
    may_alias: bool,
) -> VersionIntent:
    spec, status = version.spec, version.status
    pinned = status.commit if status.tag else None
    return VersionIntent(
        asker=asker_of(version),
        artifact=artifact,
        message=spec.message,
        pending=reservation_of(version, artifact),
        recorded=status.tag,
        version=spec.version,
        status_version=status.version,
        bump=spec.bump,
        revision=spec.revision,
        commit=pinned or commit,
        deregistered=spec.deregistered,
        users=users,
        may_alias=may_alias,
        uri=spec.artifact.uri if spec.artifact else None,
        digest=spec.artifact.digest if spec.artifact else None,
    )


def _unrecorded(
    intent: VersionIntent, version: ModelVersion, commit: str | Trouble | None
) -> VersionIntent:
    """Asks for the very version and commit of its status anew, if the commit is there.

    An alias is not there without its tag; its source is, and gives the same one again.
    """
    status = version.status
    source = status.source_commit or status.commit
    return replace(
        intent,
        recorded=None,
        revision=source,
        commit=commit,
        was_alias=source != status.commit,
    )


def _stage_intent(assignment: StageAssignment, *, artifact: str) -> StageIntent:
    spec, status = assignment.spec, assignment.status
    return StageIntent(
        asker=asker_of(assignment),
        artifact=artifact,
        message=spec.message,
        pending=reservation_of(assignment, artifact),
        recorded=_recorded_tag(assignment),
        stage=spec.stage,
        version=spec.version,
        follow=_follow(spec.follow),
        recorded_version=status.current.version if status.current else None,
        leaving=assignment.metadata.deletion_timestamp is not None,
        was_recorded=status.is_true("Recorded"),
        rollback=_rollback(assignment),
    )


def _rollback(assignment: StageAssignment) -> Rollback | None:
    """What became of the present wish, if its rollout was taken back."""
    back = assignment.status.rolled_back
    if back is None or not is_present(back, assignment):
        return None
    return Rollback(
        version=back.version,
        tag=back.tag,
        to=back.to,
        commit=back.commit,
        reason=back.reason,
        message=back.message,
    )


def is_present(back: RolledBack, assignment: StageAssignment) -> bool:
    """Whether a rollback speaks of what the assignment asks for now."""
    return (back.generation, back.spec) == (assignment.metadata.generation, spec_hash(assignment))


def _recorded_tag(assignment: StageAssignment) -> str | None:
    """The tag that put on stage what the spec asks for, if its present generation has been
    answered: no trouble that passes makes that unknown."""
    current, spec = assignment.status.current, assignment.spec
    if current is None or (spec.version is None and spec.follow is None):
        return None
    recorded = assignment.status.condition("Recorded")
    if recorded is None or recorded.status == "Unknown":
        return None
    if recorded.observed_generation != assignment.metadata.generation:
        return None
    version = spec.version or current.version
    return current.tag if current.version.removeprefix("v") == version.removeprefix("v") else None


def _follow(spec: api.Follow | None) -> Follow | None:
    if spec is None:
        return None
    return Follow(range=spec.range, prereleases=spec.prereleases, stage=spec.stage)


def unnamed(intent: AnyIntent) -> AnyIntent:
    """The same, without the account that is said to have asked."""
    return replace(intent, asker=replace(intent.asker, requested_by=""))


def asker_of(resource: Asking) -> Asker:
    """Who asks, for the trailers.

    Who deletes an object is written nowhere on it: what it says of its spec's last change, and
    who made that, is not said of its deletion.
    """
    meta = resource.metadata
    said = meta.annotations if meta.deletion_timestamp is None else {}
    return Asker(
        kind=resource.INFO.kind,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        generation=meta.generation,
        created=meta.creation_timestamp,
        spec_hash=spec_hash(resource),
        requested_by=said.get(REQUESTED_BY, ""),
        change=said.get(CHANGE, ""),
    )


def spec_hash(resource: Asking) -> str:
    """Sixteen hex digits that change when the spec does, or when another try is asked for."""
    spec = resource.spec.model_dump(by_alias=True, exclude_unset=True)
    again = resource.metadata.annotations.get(REQUESTED_AT)
    if again is not None:
        spec[REQUESTED_AT] = again
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def reservation_of(resource: Asking, artifact: str) -> Reservation | None:
    """The reserved tags of a status, None when there are none.

    What the operator would not have written for this object was put there by somebody else:
    it is never pushed, and counts as lost, like any other status.
    """
    pending = resource.status.pending
    if pending is None or not pending.tags:
        return None
    try:
        tags = [
            TagObject.parse(tag.object.encode(errors="surrogateescape")) for tag in pending.tags
        ]
    except (Stalled, ValueError):
        return None
    if not all(_is_due_to(resource, artifact, parse_tag(tag.name)) for tag in tags):
        return None
    written = [
        alias_for(tag, held.commit.encode(errors="surrogateescape"))
        for tag, held in zip(tags, pending.tags, strict=True)
        if held.commit
    ]
    aliases = tuple(alias for alias in written if alias is not None)
    if len(aliases) < len(written):
        return None
    return Reservation(generation=pending.generation, tags=tuple(tags), aliases=aliases)


def _is_due_to(resource: Asking, artifact: str, name: TagName | None) -> bool:
    """Whether a tag of this name is one that the object may ask for."""
    if name is None or name.artifact != artifact:
        return False
    match resource:
        case RegisteredModel():
            return isinstance(name, DeprecationTag | UnassignmentTag)
        case ModelVersion():
            # a version of a deprecated model is withdrawn without reviving it
            return isinstance(name, RegistrationTag | DeregistrationTag | DeprecationTag)
        case StageAssignment():
            if isinstance(name, DeprecationTag):
                return True  # a stage of a deprecated model is emptied without reviving it
            return (
                isinstance(name, AssignmentTag | UnassignmentTag)
                and name.stage == resource.spec.stage
            )


def owner_of(claimants: Iterable[Asking]) -> Asking | None:
    """The oldest of those that claim one version or stage.

    Kubernetes tells ages to the second: within one, whoever has it already keeps it.
    """
    return min(
        claimants,
        key=lambda r: (r.metadata.creation_timestamp, not _is_established(r), r.metadata.uid),
        default=None,
    )


def _is_established(resource: Asking) -> bool:
    match resource:
        case ModelVersion():
            return resource.status.tag is not None
        case StageAssignment():
            return resource.status.current is not None
        case RegisteredModel():
            return True


def refuse_claimed(resource: ModelVersion | StageAssignment, claimants: Iterable[Asking]) -> None:
    """Stalled (ClaimedElsewhere) when an older object claims the same version or stage."""
    owner = owner_of(claimants)
    if owner is None or owner.metadata.uid == resource.metadata.uid:
        return
    what = (
        f"stage {resource.spec.stage}"
        if isinstance(resource, StageAssignment)
        else f"version {resource.spec.version or resource.status.version}"
    )
    raise Stalled(
        "ClaimedElsewhere",
        f"{what} of this model belongs to the older {owner.INFO.kind} "
        f"{owner.metadata.namespace}/{owner.metadata.name}: delete one of the two, or let this one "
        "name something else",
    )

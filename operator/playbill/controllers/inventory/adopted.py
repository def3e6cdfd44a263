"""Which objects are to stand for what others wrote, and what they look like. Pure.

An adopted object shows what the ledger says and never writes to it. It is told by its labels
and by a spec that says no more than what it stands for: once somebody has added a word to
it, or applied the same with a tool that leaves its mark, it is theirs.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from playbill.api.adoption import ADOPTED_LABEL, Adopt, Discover
from playbill.api.base import API_VERSION, GROUP
from playbill.api.model_repository import ModelRepository
from playbill.api.model_version import ModelVersion
from playbill.api.patterns import (
    ARTIFACT_MAX_LENGTH,
    ARTIFACT_NAME,
    SEMVER,
    SEMVER_MAX_LENGTH,
    STAGE_MAX_LENGTH,
    STAGE_NAME,
)
from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.keys import Kind
from playbill.controllers.inventory.repository_state import Listed
from playbill.controllers.inventory.store import Resource, slot_of
from playbill.git.dvc import split_artifact
from playbill.git.project import ProjectProblem
from playbill.ledger.events import LedgerEvent
from playbill.ledger.grammar import version_key
from playbill.ledger.message import REQUEST
from playbill.ledger.state import VersionState
from playbill.ledger.view import ArtifactView

SAYS_NO_MORE: Mapping[str, frozenset[str]] = {
    "RegisteredModel": frozenset({"repository_ref", "artifact"}),
    "ModelVersion": frozenset({"model", "version", "revision"}),
    "StageAssignment": frozenset({"model", "stage", "deletion_policy"}),
}
LABELS: Mapping[str, str] = {
    ADOPTED_LABEL: "true",
    "app.kubernetes.io/managed-by": "playbill",
}
LONGEST_NAME = 63
MOST_MODELS = 1_000
"""RegisteredModels that are made for one ModelRepository."""
_DNS_LABEL = re.compile("[a-z]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object that is to be there: its kind, its name, and what it says."""

    kind: Kind
    name: str
    spec: Mapping[str, Any]


def is_adopted(resource: Resource) -> bool:
    """Whether the object is one that the operator made, and nobody has taken over by an edit."""
    allowed, meta = SAYS_NO_MORE.get(resource.INFO.kind), resource.metadata
    if allowed is None or meta.labels != LABELS or not all(map(_is_ours, meta.annotations)):
        return False
    return resource.spec.model_dump(exclude_defaults=True).keys() <= allowed


def _is_ours(annotation: str) -> bool:
    return annotation.startswith(f"{GROUP}/")


def stands_for(resource: Resource, wanted: Wanted) -> bool:
    """Whether the object is the wanted one: a version may have another commit by now."""
    says = resource.spec.model_dump(by_alias=True, exclude_defaults=True)
    return resource.metadata.name == wanted.name and says == wanted.spec


def wanted_models(
    home: ModelRepository, *, listed: Mapping[str, str], recorded: Collection[str]
) -> list[str]:
    """The artifacts that are to have a RegisteredModel: `listed` gives those of dvc.yaml with
    their types, `recorded` are those that have tags."""
    found = set()
    if home.spec.discover is not None:
        found |= {a for a, type_ in listed.items() if _is_discovered(home.spec.discover, a, type_)}
    adopt = home.spec.adopt
    if adopt is not None and adopt.models:
        found |= {a for a in recorded if not adopt.types or listed.get(a) in adopt.types}
    return sorted(a for a in found if _fits(ARTIFACT_NAME, ARTIFACT_MAX_LENGTH, a))


def unread_models(listed: Listed | None, artifacts: Sequence[str]) -> Sequence[str]:
    """Those whose dvc.yaml cannot be read just now: nobody knows what it says of them."""
    if listed is None:
        return artifacts
    unread = {posixpath.dirname(p) for p, f in listed.items() if isinstance(f, ProjectProblem)}
    return [artifact for artifact in artifacts if split_artifact(artifact)[0] in unread]


def _is_discovered(discover: Discover, artifact: str, type_: str) -> bool:
    included = not discover.include or any(fnmatchcase(artifact, p) for p in discover.include)
    return included and (not discover.types or type_ in discover.types)


def wanted_parts(
    adopt: Adopt | None,
    model: RegisteredModel,
    artifact: ArtifactView,
    *,
    identity: str,
    type_: str | None,
    declared: Iterable[ModelVersion | StageAssignment],
) -> list[Wanted]:
    """The versions and stages of a model that are to have objects.

    `declared` are people's own objects of this model: what they stand for, or have asked for,
    has one already.
    """
    if adopt is None or (adopt.types and type_ not in adopt.types):
        return []
    people = list(declared)
    taken = {slot_of(resource) for resource in people}
    asked = {resource.metadata.uid for resource in people}
    found: list[Wanted] = []
    if adopt.versions:
        found += [
            _version(model, version, identity)
            for version in versions_to_show(artifact, adopt.keep, asked)
            if f"@{version.version.removeprefix('v')}" not in taken
        ]
    if adopt.stages:
        found += [
            _stage(model, stage, identity)
            for stage in stages_to_show(artifact, asked)
            if f"#{stage}" not in taken
        ]
    return found


def versions_to_show(
    artifact: ArtifactView, keep: int, asked: Collection[str]
) -> list[VersionState]:
    """The highest registered versions, and all that hold a stage."""
    if artifact.state is None:
        return []
    active = {n for n, v in artifact.state.versions.items() if v.active}
    held = {s.winner.version for s in artifact.state.stages.values() if s.winner}
    highest = set(sorted(active, key=version_key, reverse=True)[:keep])
    shown = (artifact.state.versions[name] for name in sorted(active & (highest | held)))
    return [
        version
        for version in shown
        if _fits(SEMVER, SEMVER_MAX_LENGTH, version.version)
        and not _was_asked_by(version.registration, asked)
    ]


def stages_to_show(artifact: ArtifactView, asked: Collection[str]) -> list[str]:
    """The stages that somebody holds."""
    stages = artifact.state.stages if artifact.state else {}
    return sorted(
        name
        for name, stage in stages.items()
        if stage.winner
        and _fits(STAGE_NAME, STAGE_MAX_LENGTH, name)
        and not _was_asked_by(stage.winner.assignment, asked)
    )


def _was_asked_by(event: LedgerEvent, uids: Collection[str]) -> bool:
    """An object that asked for the tag may not know its own number yet."""
    return event.trailers.get(REQUEST, "").partition("/")[0] in uids


def _fits(pattern: str, length: int, text: str) -> bool:
    """Whether the API takes the name: GTO's grammar is wider than git's and ours."""
    return len(text) <= length and re.fullmatch(pattern, text) is not None


def _version(model: RegisteredModel, known: VersionState, identity: str) -> Wanted:
    version = known.version
    name = object_name(f"{model.metadata.name}-{version}", f"{identity}@{version}")
    spec = {"model": model.metadata.name, "version": version, "revision": known.commit}
    return Wanted("ModelVersion", name, spec)


def _stage(model: RegisteredModel, stage: str, identity: str) -> Wanted:
    name = object_name(f"{model.metadata.name}-{stage}", f"{identity}#{stage}")
    spec = {"model": model.metadata.name, "stage": stage, "deletionPolicy": "Retain"}
    return Wanted("StageAssignment", name, spec)


def model_named(home: ModelRepository, artifact: str, *, identity: str, taken: bool) -> Wanted:
    """The RegisteredModel of an artifact: of its own name, if that is free and a DNS label."""
    plain = len(artifact) <= LONGEST_NAME and _DNS_LABEL.fullmatch(artifact) is not None
    name = artifact if plain and not taken else object_name(artifact, identity)
    spec = {"repositoryRef": {"name": home.metadata.name}, "artifact": artifact}
    return Wanted("RegisteredModel", name, spec)


def object_name(words: str, key: str) -> str:
    """`words` in letters, digits and dashes, and 8 hex digits of the key: at most 63 characters,
    with a letter first, as a workload's name has to be (DNS-1035)."""
    suffix = hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:8]
    slug = re.sub("[^a-z0-9]+", "-", words.lower()).strip("-")
    slug = slug if slug[:1].isalpha() else f"m-{slug}"
    return f"{slug[: LONGEST_NAME - 9].rstrip('-')}-{suffix}"


def manifest(wanted: Wanted, owner: RegisteredModel | ModelRepository) -> dict[str, Any]:
    """The object to create.

    What stands for a part of a model goes with it, and nothing waits for that. A model has no
    owner: a person may apply theirs over it, and the garbage collector must not take that away.
    """
    meta = owner.metadata
    owners = [_owner_reference(owner)] if isinstance(owner, RegisteredModel) else []
    return {
        "metadata": {
            "name": wanted.name,
            "namespace": meta.namespace,
            "labels": dict(LABELS),
            "ownerReferences": owners,
        },
        "spec": dict(wanted.spec),
    }


def _owner_reference(owner: RegisteredModel) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": owner.INFO.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        "controller": False,
        "blockOwnerDeletion": False,
    }

"""The objects of spec.rollout.manifests as they are applied: tokens replaced, marked as ours.

What an author may say of an object's metadata is its name, labels and annotations.
All else there would either be lost or let an object pass for somebody else's, so
it is refused here, before anything is asked of the API server. What the objects
themselves may be is not ours to judge: the account that applies them can create
just what its namespace's administrators granted it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

from playbill.api.base import GROUP
from playbill.api.errors import Stalled
from playbill.api.stage_assignment import StageAssignment
from playbill.rollout.facts import Facts
from playbill.rollout.objects import Manifest, our_labels, owner_reference, sealed, without_nulls
from playbill.rollout.tokens import JSON, has_token, substitute

# Both become parts of an address on the API server.
_API_VERSION = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9][a-z0-9]*")
_NOT_IN_NAMES = re.compile(r"[/%]|^\.{1,2}$")

_METADATA = frozenset({"name", "namespace", "labels", "annotations"})


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """An object in its namespace; the version of its API is only a way of looking at it."""

    group: str
    kind: str
    name: str

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> ObjectKey:
        """The key of an object, rendered or live."""
        return cls(group_of(manifest["apiVersion"]), manifest["kind"], manifest["metadata"]["name"])

    def __str__(self) -> str:
        """`InferenceService digits`, for messages."""
        return f"{self.kind} {self.name}"


def group_of(api_version: str) -> str:
    """`apps` of `apps/v1`; the core group is the empty one."""
    return api_version.rpartition("/")[0]


def render_manifests(assignment: StageAssignment, facts: Facts) -> tuple[Manifest, ...]:
    """The objects of `assignment`, in its order, for the version that `facts` describes.

    Tokens are replaced in string values, of names too: an object that bears
    another name then is another object, and the former one is pruned.

    Raises Stalled: RolloutMissing (the assignment has no manifests),
    TokenUnavailable, InvalidManifest (what no API server would take, or two
    objects in one place), ManifestNotAllowed (what is not for manifests to say).
    """
    rollout = assignment.spec.rollout
    if rollout is None or rollout.manifests is None:
        raise Stalled("RolloutMissing", "the assignment has no spec.rollout.manifests")
    written = [m.model_dump(by_alias=True, exclude_unset=True) for m in rollout.manifests]
    rendered = tuple(
        _rendered(without_nulls(each), number, assignment=assignment, facts=facts)
        for number, each in enumerate(written)
    )
    _refuse_twins(rendered)
    return rendered


def _rendered(given: JSON, number: int, *, assignment: StageAssignment, facts: Facts) -> Manifest:
    given = cast(Manifest, given)
    _refuse_unfit(given, number)
    manifest = _stored(cast(Manifest, substitute(given, facts.tokens())))
    metadata = manifest["metadata"]
    what = f"{manifest['kind']} {metadata['name']}"
    _refuse_metadata(metadata, what, namespace=assignment.metadata.namespace)
    return sealed(
        {
            **manifest,
            "metadata": {
                "name": metadata["name"],
                "namespace": assignment.metadata.namespace,
                "labels": {**metadata.get("labels", {}), **our_labels(assignment)},
                "annotations": {**metadata.get("annotations", {}), **facts.annotations()},
                "ownerReferences": [owner_reference(assignment)],
            },
        }
    )


def _stored(manifest: Manifest) -> Manifest:
    """A Secret as it is kept: nobody owns its stringData, so an edit would go unseen."""
    plain = manifest.get("stringData")
    if (manifest["apiVersion"], manifest["kind"]) != ("v1", "Secret") or not _is_text(plain):
        return manifest
    data = manifest.get("data", {})
    if not isinstance(data, dict):
        return manifest  # for the API server to refuse, with its own words
    coded = {key: b64encode(text.encode()).decode() for key, text in plain.items()}
    rest = {field: value for field, value in manifest.items() if field != "stringData"}
    return {**rest, "data": {**data, **coded}}


def _is_text(given: Any) -> TypeGuard[dict[str, str]]:
    return isinstance(given, dict) and all(isinstance(value, str) for value in given.values())


def _refuse_unfit(given: Manifest, number: int) -> None:
    """What can be said of a manifest before any token is replaced."""
    what = f"spec.rollout.manifests[{number}]"
    for field in ("apiVersion", "kind"):
        if has_token(given[field]):
            raise _invalid(
                f"{what} has a token in {field}: write {field} out, for rights are granted by it"
            )
    if not _API_VERSION.fullmatch(given["apiVersion"]):
        raise _invalid(f"{what} has no such apiVersion as v1 or apps/v1: {given['apiVersion']!r}")
    kind = f"{given['kind']} of {given['apiVersion']}"
    if "items" in given or given["kind"] == "List":
        raise _invalid(f"{what} is a list ({kind}): put its items into spec.rollout.manifests")
    if group_of(given["apiVersion"]) == GROUP:
        raise _not_allowed(f"{what} is a {kind}: apply playbill's own resources beside it")
    if "status" in given:
        raise _not_allowed(f"{what} has a status, which is for its controller to write")


def _refuse_metadata(metadata: Manifest, what: str, *, namespace: str) -> None:
    if _NOT_IN_NAMES.search(metadata["name"]):
        raise _invalid(f"{what} has no name that an object can have")
    extra = sorted(metadata.keys() - _METADATA)
    if extra:
        raise _not_allowed(
            f"{what} sets metadata.{extra[0]}: give it only a name, labels and annotations"
        )
    if metadata.get("namespace", namespace) != namespace:
        raise _not_allowed(
            f"{what} is for namespace {metadata['namespace']}: manifests stay in that of their "
            f"StageAssignment, {namespace}"
        )
    for field in ("labels", "annotations"):
        _refuse_reserved(metadata.get(field, {}), f"{what} sets metadata.{field}")


def _refuse_reserved(given: Any, what: str) -> None:
    if not _is_text(given):
        raise _invalid(f"{what} to what is no map of strings: put quotes around each value")
    for key in given:
        if key.partition("/")[0] == GROUP or key == "app.kubernetes.io/managed-by":
            raise _not_allowed(
                f"{what} {key}, by which playbill finds and describes its objects: take it out"
            )


def _refuse_twins(manifests: Iterable[Manifest]) -> None:
    seen: set[ObjectKey] = set()
    for key in map(ObjectKey.of, manifests):
        if key in seen:
            raise _invalid(f"spec.rollout.manifests has two of {key}: take one out")
        seen.add(key)


def _invalid(message: str) -> Stalled:
    return Stalled("InvalidManifest", message)


def _not_allowed(message: str) -> Stalled:
    return Stalled("ManifestNotAllowed", message)

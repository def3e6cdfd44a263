"""An object as we apply it: without nulls, marked as ours, and sealed with the hash of itself."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from playbill.api.base import API_VERSION, GROUP
from playbill.api.stage_assignment import StageAssignment
from playbill.rollout.tokens import JSON

Manifest = dict[str, Any]
"""An object of Kubernetes, as JSON."""

ASSIGNMENT_LABEL = f"{GROUP}/assignment"
"""The one label that selects the pods of an assignment."""

HASH_ANNOTATION = f"{GROUP}/applied-hash"
"""The hash of a rendering: what tells a field that we took out from one we never had."""

MANAGED_BY = {"app.kubernetes.io/managed-by": "playbill"}


def our_labels(assignment: StageAssignment) -> dict[str, str]:
    """The labels that every object of `assignment` bears."""
    return {**MANAGED_BY, ASSIGNMENT_LABEL: assignment.metadata.name}


def owner_reference(assignment: StageAssignment) -> dict[str, Any]:
    """The reference that makes `assignment` the controller of an object.

    blockOwnerDeletion stays out: where OwnerReferencesPermissionEnforcement is on
    (OpenShift), setting it takes `update` on stageassignments/finalizers, and it
    would only make a foreground deletion wait for the pods.
    """
    return {
        "apiVersion": API_VERSION,
        "kind": StageAssignment.INFO.kind,
        "name": assignment.metadata.name,
        "uid": assignment.metadata.uid,
        "controller": True,
    }


def digest_of(value: JSON) -> str:
    """Sixteen hex digits of the SHA-256 of a value's canonical JSON."""
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def sealed(manifest: Manifest) -> Manifest:
    """The same with the hash of itself, which `drift` compares."""
    annotations = {**manifest["metadata"]["annotations"], HASH_ANNOTATION: digest_of(manifest)}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": annotations}}


def unsealed(manifest: Manifest) -> Manifest:
    """The same as before it was sealed, to be changed and sealed anew."""
    metadata = manifest["metadata"]
    kept = {key: said for key, said in metadata["annotations"].items() if key != HASH_ANNOTATION}
    return {**manifest, "metadata": {**metadata, "annotations": kept}}


def seal_of(manifest: Manifest) -> str | None:
    """The hash that an object, rendered or live, was sealed with."""
    annotations = manifest["metadata"].get("annotations") or {}
    found: str | None = annotations.get(HASH_ANNOTATION)
    return found


def without_nulls(value: JSON) -> JSON:
    """In a manifest null means absent; in server-side apply it would be a value."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value

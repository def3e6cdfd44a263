"""From an assignment and the facts of its version to the Deployment that serves the stage.

Pure and deterministic: the same input gives the same bytes, so that a change in
the rendering is a change that somebody made. Only fields that we mean to own are
rendered; server-side apply leaves all others to their owners. Nothing of the
assignment's own metadata is copied: GitOps tools recognise their objects by
labels there, and would prune what they never made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from playbill.api.base import API_VERSION, GROUP
from playbill.api.errors import Stalled
from playbill.api.rollout import PodTemplate
from playbill.api.stage_assignment import StageAssignment
from playbill.rollout.service import service_ports
from playbill.rollout.tokens import JSON, substitute

Manifest = dict[str, Any]
"""An object of Kubernetes, as JSON."""

ASSIGNMENT_LABEL = f"{GROUP}/assignment"
"""The one label that selects the pods of an assignment."""

HASH_ANNOTATION = f"{GROUP}/applied-hash"
"""The hash of a rendering: what tells a field that we took out from one we never had."""

MANAGED_BY = {"app.kubernetes.io/managed-by": "playbill"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the ledger and the repository say of the version that holds the stage."""

    model: str
    version: str
    commit: str
    stage: str
    digest: str | None = None
    path: str | None = None
    uri: str | None = None

    def tokens(self) -> dict[str, str]:
        """The values of the tokens that this version has."""
        values = {
            "model": self.model,
            "version": self.version,
            "commit": self.commit,
            "stage": self.stage,
            "digest": self.digest,
            "path": self.path,
            "uri": self.uri,
        }
        return {name: value for name, value in values.items() if value}

    def annotations(self) -> dict[str, str]:
        """For people and other tools; annotations, because `v1.0.0+build` is no label value."""
        return {
            f"{GROUP}/model": self.model,
            f"{GROUP}/version": self.version,
            f"{GROUP}/stage": self.stage,
            f"{GROUP}/commit": self.commit,
        }


@dataclass(frozen=True, slots=True)
class Workload:
    """What an assignment has in the cluster; `service` is None when no port is named."""

    deployment: Manifest
    service: Manifest | None


def render(assignment: StageAssignment, facts: Facts) -> Workload:
    """The workload of `assignment`, serving the version that `facts` describes.

    Raises Stalled: RolloutMissing (the assignment has none), TokenUnavailable,
    MetadataReserved (the template sets what selects or describes the pods),
    PortsAmbiguous (no Service can be made of the named ports).
    """
    rollout = assignment.spec.rollout
    if rollout is None:
        raise Stalled("RolloutMissing", "the assignment has no spec.rollout")
    template = _template(rollout.template, assignment=assignment, facts=facts)
    spec: Manifest = {
        "progressDeadlineSeconds": rollout.progress_deadline_seconds,
        "selector": {"matchLabels": _selector(assignment)},
        # An old pod goes only when a new one is ready: promoting leaves no gap.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
        "template": template,
    }
    if rollout.replicas is not None:
        spec["replicas"] = rollout.replicas
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(assignment, facts.annotations()),
        "spec": spec,
    }
    return Workload(_sealed(deployment), _service(assignment, template["spec"]))


def _template(template: PodTemplate, *, assignment: StageAssignment, facts: Facts) -> Manifest:
    written = template.model_dump(by_alias=True, exclude_unset=True)
    given = cast(Manifest, substitute(_without_nulls(written), facts.tokens()))
    metadata = given.get("metadata", {})
    return {
        "metadata": {
            "labels": _forced(metadata.get("labels", {}), _selector(assignment)),
            "annotations": _forced(metadata.get("annotations", {}), facts.annotations()),
        },
        "spec": given["spec"],
    }


def _forced(given: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """Both together; a key that is ours may not be given another value."""
    for key, value in ours.items():
        if given.get(key, value) != value:
            raise Stalled(
                "MetadataReserved",
                f"spec.rollout.template sets {key} to {given[key]!r}, but playbill sets it to "
                f"{value!r} to find and describe its pods: take it out of the template",
            )
    return {**given, **ours}


def _service(assignment: StageAssignment, pod_spec: Manifest) -> Manifest | None:
    ports = service_ports(pod_spec)
    if not ports:
        return None
    return _sealed(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata(assignment, {}),
            "spec": {"type": "ClusterIP", "selector": _selector(assignment), "ports": ports},
        }
    )


def _metadata(assignment: StageAssignment, annotations: dict[str, str]) -> Manifest:
    meta = assignment.metadata
    return {
        "name": meta.name,
        "namespace": meta.namespace,
        "labels": {**MANAGED_BY, **_selector(assignment)},
        "annotations": annotations,
        # blockOwnerDeletion stays out: where OwnerReferencesPermissionEnforcement
        # is on (OpenShift), setting it takes `update` on stageassignments/finalizers,
        # and it would only make a foreground deletion wait for the pods.
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": StageAssignment.INFO.kind,
                "name": meta.name,
                "uid": meta.uid,
                "controller": True,
            }
        ],
    }


def _selector(assignment: StageAssignment) -> dict[str, str]:
    return {ASSIGNMENT_LABEL: assignment.metadata.name}


def _sealed(manifest: Manifest) -> Manifest:
    """The same with the hash of itself, which `drift` compares."""
    written = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(written.encode()).hexdigest()[:16]
    annotations = {**manifest["metadata"]["annotations"], HASH_ANNOTATION: digest}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": annotations}}


def _without_nulls(value: JSON) -> JSON:
    """In a manifest null means absent; in server-side apply it would be a value."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value

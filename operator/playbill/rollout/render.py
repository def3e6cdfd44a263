"""From an assignment and the facts of its version to the Deployment that serves the stage.

Pure and deterministic: the same input gives the same bytes, so that a change in
the rendering is a change that somebody made. Only fields that we mean to own are
rendered; server-side apply leaves all others to their owners. Nothing of the
assignment's own metadata is copied: GitOps tools recognise their objects by
labels there, and would prune what they never made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from playbill.api.base import GROUP
from playbill.api.errors import Stalled
from playbill.api.rollout import PodTemplate, Rollout
from playbill.api.stage_assignment import StageAssignment
from playbill.rollout.draining import draining
from playbill.rollout.facts import Facts
from playbill.rollout.fetching import FetchDefaults, with_fetch
from playbill.rollout.manifests import render_manifests
from playbill.rollout.objects import (
    ASSIGNMENT_LABEL,
    HASH_ANNOTATION,
    Manifest,
    digest_of,
    our_labels,
    owner_reference,
    sealed,
    without_nulls,
)
from playbill.rollout.service import service_ports
from playbill.rollout.tokens import substitute

__all__ = ["ASSIGNMENT_LABEL", "HASH_ANNOTATION", "Facts", "Manifest", "Rendering", "render"]

FETCH_DEFAULTS = FetchDefaults(image="playbill-fetch")

TEMPLATE_ANNOTATION = f"{GROUP}/template-hash"
"""On the pods: the hash of what a template renders to for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What a stage is to run: objects in the order in which they are applied, a Deployment and
    perhaps its Service, or the manifests of the assignment. `origin` is that of the `Facts`;
    `account` says that the objects are applied as the namespace's own account."""

    version: str
    commit: str
    objects: tuple[Manifest, ...]
    origin: str | None = None
    account: bool = False

    @property
    def deployment(self) -> Manifest:
        """What a template renders to."""
        return self.objects[0]

    @property
    def service(self) -> Manifest | None:
        """The Service of a template; None when no port is named."""
        return self.objects[1] if len(self.objects) > 1 else None

    @property
    def hash(self) -> str:
        """Sixteen hex digits that change when anything of it does."""
        return digest_of([sealed["metadata"]["annotations"] for sealed in self.objects])


def render(
    assignment: StageAssignment, facts: Facts, defaults: FetchDefaults = FETCH_DEFAULTS
) -> Rendering:
    """The workload of `assignment`, serving the version that `facts` describes.

    Raises Stalled: RolloutMissing (the assignment has none), TokenUnavailable,
    MetadataReserved (the template sets what selects or describes the pods),
    PortsAmbiguous (no Service can be made of the named ports), and what `with_fetch` and
    `render_manifests` raise.
    """
    rollout = assignment.spec.rollout
    if rollout is not None and rollout.manifests is not None:
        manifests = render_manifests(assignment, facts)
        return Rendering(
            version=facts.version,
            commit=facts.commit,
            origin=facts.origin,
            objects=manifests,
            account=True,
        )
    if rollout is None or rollout.template is None:
        raise Stalled("RolloutMissing", "the assignment has no spec.rollout.template")
    template = _template(rollout, rollout.template, assignment, facts, defaults)
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
    service = _service(assignment, template["spec"])
    return Rendering(
        version=facts.version,
        commit=facts.commit,
        origin=facts.origin,
        objects=(sealed(deployment), *([service] if service else [])),
    )


def _template(
    rollout: Rollout,
    template: PodTemplate,
    assignment: StageAssignment,
    facts: Facts,
    defaults: FetchDefaults,
) -> Manifest:
    written = template.model_dump(by_alias=True, exclude_unset=True)
    given = cast(Manifest, substitute(without_nulls(written), facts.tokens()))
    if rollout.fetch is not None:
        given = with_fetch(given, rollout.fetch, artifact=facts.artifact(), defaults=defaults)
    metadata, spec = given.get("metadata", {}), draining(given["spec"])
    ours = facts.annotations() | {TEMPLATE_ANNOTATION: digest_of({"of": [metadata, spec]})}
    return {
        "metadata": {
            "labels": _forced(metadata.get("labels", {}), _selector(assignment)),
            "annotations": _forced(metadata.get("annotations", {}), ours),
        },
        "spec": spec,
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
    return sealed(
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
        "labels": our_labels(assignment),
        "annotations": annotations,
        "ownerReferences": [owner_reference(assignment)],
    }


def _selector(assignment: StageAssignment) -> dict[str, str]:
    return {ASSIGNMENT_LABEL: assignment.metadata.name}

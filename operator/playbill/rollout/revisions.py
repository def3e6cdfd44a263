"""The renderings that were healthy, kept as ControllerRevisions: what a rollback goes back to.

As StatefulSets and DaemonSets keep theirs: named after the owner and the hash of what they hold,
numbered by when they were last the newest, a few of them and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from playbill.api.stage_assignment import ORIGIN, StageAssignment
from playbill.rollout.objects import (
    Manifest,
    digest_of,
    our_labels,
    owner_reference,
    seal_of,
    unsealed,
)
from playbill.rollout.render import Rendering

MOST_KEPT = 5
"""Of each assignment; the oldest go first."""


def revision_name(assignment: StageAssignment, rendering: Rendering) -> str:
    """The name of the revision that holds a rendering."""
    return f"{assignment.metadata.name}-{rendering.hash}"


def revision_of(assignment: StageAssignment, rendering: Rendering, number: int) -> Manifest:
    """The ControllerRevision that holds a rendering."""
    meta = assignment.metadata
    return {
        "metadata": {
            "name": revision_name(assignment, rendering),
            "namespace": meta.namespace,
            "labels": our_labels(assignment),
            "ownerReferences": [owner_reference(assignment)],
        },
        "revision": number,
        "data": {
            "version": rendering.version,
            "commit": rendering.commit,
            "origin": rendering.origin,
            "account": rendering.account,
            "objects": list(rendering.objects),
        },
    }


def rendering_of(revision: Mapping[str, Any], assignment: StageAssignment) -> Rendering | None:
    """The rendering that a revision holds; None for what this assignment was never rendered to.

    Others may be able to write revisions who may not write workloads, in this namespace or in
    another: what the operator applies with rights of its own is what it made, and nothing else.
    """
    data = revision.get("data")
    if not isinstance(data, Mapping):
        return None
    version, commit, objects = data.get("version"), data.get("commit"), data.get("objects")
    if not (isinstance(version, str) and isinstance(commit, str) and isinstance(objects, list)):
        return None
    account, origin = data.get("account") is True, data.get("origin")
    if not objects or not all(_is_ours(each, assignment) for each in objects):
        return None
    if not account and _kinds(objects) not in _TEMPLATE_KINDS:
        return None
    return Rendering(
        version=version,
        commit=commit,
        origin=origin if isinstance(origin, str) and re.fullmatch(ORIGIN, origin) else None,
        objects=tuple(objects),
        account=account,
    )


_TEMPLATE_KINDS = (
    [("apps/v1", "Deployment")],
    [("apps/v1", "Deployment"), ("v1", "Service")],
)


def _kinds(objects: Iterable[Manifest]) -> list[tuple[Any, Any]]:
    return [(each.get("apiVersion"), each.get("kind")) for each in objects]


def _is_ours(manifest: Any, assignment: StageAssignment) -> bool:
    """Whether an object is sealed, and in the place and of the owner that it is rendered with."""
    meta = manifest.get("metadata") if isinstance(manifest, dict) else None
    if not isinstance(meta, dict) or not isinstance(meta.get("annotations"), dict):
        return False
    if meta.get("namespace") != assignment.metadata.namespace:
        return False
    if meta.get("ownerReferences") != [owner_reference(assignment)]:
        return False
    return seal_of(manifest) == digest_of(unsealed(manifest))


def newest_first(
    revisions: Iterable[Mapping[str, Any]], assignment: StageAssignment
) -> list[Mapping[str, Any]]:
    """The revisions that this very assignment owns, the last healthy one first."""
    ours = [
        each
        for each in revisions
        if owner_reference(assignment) in (each["metadata"].get("ownerReferences") or ())
    ]
    return sorted(ours, key=lambda each: -int(each.get("revision", 0)))


def surplus(ordered: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of those that are too many."""
    return [each["metadata"]["name"] for each in ordered[MOST_KEPT:]]

"""What an assignment shows that is worth a line in the audit trail, and what a model says of the
trail itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from playbill.api.base import GROUP
from playbill.api.errors import Stalled
from playbill.api.stage_assignment import StageAssignment, StageAssignmentStatus
from playbill.api.times import seconds_of
from playbill.controllers.inventory.adopted import is_adopted
from playbill.controllers.inventory.audit_memory import AuditMemory
from playbill.controllers.status.bounds import TEXT, cut
from playbill.ledger.audit import Served


def audit_note(memory: AuditMemory) -> str | None:
    """For a model's status: why outcomes are not written to git, if only a person can help."""
    if not isinstance(memory.trouble, Stalled):
        return None
    words = (
        f"outcomes are not written as git notes: {memory.trouble.message} Nothing else suffers; "
        "let this account push refs/notes/playbill, or set repository.auditNotes to false"
    )
    return cut(words, TEXT)


def served(assignment: StageAssignment, status: StageAssignmentStatus) -> Served | None:
    """What an assignment shows of the tag that it stands for; None for one that tells nothing."""
    spec, meta = assignment.spec, assignment.metadata
    recorded = status.condition("Recorded")
    if status.current is None or recorded is None or recorded.status != "True":
        return None
    if spec.suspend or is_adopted(assignment):
        return None
    resource = f"StageAssignment/{meta.namespace}/{meta.name}"
    plain = Served(stage=spec.stage, tag=status.current.tag, resource=resource)
    rolled_out = status.condition("RolledOut")
    if rolled_out is None or rolled_out.status == "Unknown":
        return plain
    if rolled_out.status == "False":
        return Served(
            stage=spec.stage,
            tag=status.current.tag,
            resource=resource,
            outcome="failed",
            seconds=seconds_of(rolled_out.last_transition_time),
            reason=rolled_out.reason,
            message=rolled_out.message,
        )
    if status.workload is None or status.workload.commit != status.current.commit:
        return plain
    return Served(
        stage=spec.stage,
        tag=status.current.tag,
        resource=resource,
        outcome="available",
        seconds=seconds_of(rolled_out.last_transition_time),
    )


def is_outcome(before: StageAssignmentStatus, after: StageAssignmentStatus) -> bool:
    """Whether a status that is about to be written tells of an outcome that the last did not."""
    return _outcome(before) != _outcome(after) and _outcome(after)[1] in {"True", "False"}


def _outcome(status: StageAssignmentStatus) -> tuple[str, str]:
    condition = status.condition("RolledOut")
    return status.current.tag if status.current else "", condition.status if condition else ""


def image_ids(pods: Iterable[Mapping[str, Any]], version: str) -> list[str]:
    """The ids of the images that the ready pods of a version run, each once, in order."""
    found: set[str] = set()
    for pod in pods:
        meta, status = pod["metadata"], pod.get("status") or {}
        of_version = (meta.get("annotations") or {}).get(f"{GROUP}/version") == version
        conditions = status.get("conditions") or ()
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        if of_version and ready and not meta.get("deletionTimestamp"):
            ids = (c.get("imageID") or "" for c in status.get("containerStatuses") or ())
            found.update(i.rpartition("@")[2] for i in ids if i)
    return sorted(found)

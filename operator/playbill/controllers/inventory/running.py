"""Which versions an assignment has need of, beside the one that its spec names. Pure."""

from __future__ import annotations

from playbill.api.stage_assignment import StageAssignment, StageAssignmentStatus


def in_use(assignment: StageAssignment) -> frozenset[str]:
    """The versions that its workload runs, or may have to go back to."""
    return in_use_by(assignment.status) if assignment.spec.rollout is not None else frozenset()


def in_use_by(status: StageAssignmentStatus) -> frozenset[str]:
    """The same of a status: what its pods are to run, what a rollback serves, and, while a rollout
    is under way, what was available before it, for its pods may run still."""
    found = {status.workload.version if status.workload else None}
    if status.rolled_back is not None:
        found.add(status.rolled_back.to)
    elif not status.is_true("RolledOut"):
        healthy = (entry.version for entry in status.history if entry.outcome == "Available")
        found.add(next(healthy, None))
    return frozenset(version for version in found if version)

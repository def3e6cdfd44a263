"""What a workload runs by the status of its assignment, and which versions it has need of beside
the one that the spec names. Pure."""

from __future__ import annotations

from playbill.api.stage_assignment import StageAssignment, StageAssignmentStatus
from playbill.ledger.policies.permitting import Running


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


def running(status: StageAssignmentStatus) -> Running | None:
    """What the workload runs; None when it runs nothing.

    By our own status alone: whoever may change a Deployment may write anything there, and objects
    of other kinds need not tell.
    """
    workload = status.workload
    if workload is None or workload.version is None:
        return None
    commit = workload.commit or _served_by_an_older_operator(status, workload.version)
    return Running(commit, workload.origin)


def _served_by_an_older_operator(status: StageAssignmentStatus, version: str) -> str | None:
    """The commit where a status names none: what is ready follows the ledger, so it is the one
    that held the stage then. Of anything else it cannot be told."""
    current = status.current
    if current is None or current.version != version or not status.is_true("Ready"):
        return None
    return current.commit

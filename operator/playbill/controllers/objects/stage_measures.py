"""What is measured of stages: who holds them, how rollouts end, and what is taken back."""

from __future__ import annotations

from playbill.api.stage_assignment import StageAssignment, StageAssignmentStatus
from playbill.controllers.status.stage_history import ended
from playbill.controllers.status.stage_status import Serving
from playbill.ledger.view import ArtifactView
from playbill.metrics import Metrics

RESULTS = {"Available": "rolled_out", "Failed": "failed", "RolledBack": "rolled_back"}
"""Outcomes of rollouts, as metrics name them."""


def count_rollback(metrics: Metrics, assignment: StageAssignment, serving: Serving | None) -> None:
    """Once, when the status first tells of it, and not when the ledger reminds us."""
    back = serving.back if serving is not None and not serving.told else None
    if back is not None and back != assignment.status.rolled_back:
        metrics.rollbacks.labels(back.reason).inc()


def measure_stage(
    metrics: Metrics,
    assignment: StageAssignment,
    artifact: ArtifactView,
    status: StageAssignmentStatus,
) -> None:
    """One info series for who holds the stage; transitions and rollouts as they end."""
    meta, stage = assignment.metadata, assignment.spec.stage
    holder = artifact.winner(stage)
    before = assignment.status.current
    if holder is None:
        metrics.unset_stage(namespace=meta.namespace, assignment=meta.name)
        return
    metrics.set_stage(
        namespace=meta.namespace,
        assignment=meta.name,
        model=artifact.name,
        stage=stage,
        version=holder.version,
    )
    if before is None or before.tag != holder.assignment.tag:
        metrics.stage_transitions.labels(stage, "recorded").inc()
    for outcome, seconds in ended(assignment.status.history, status.history):
        result = RESULTS[outcome]
        metrics.stage_transitions.labels(stage, result).inc()
        if seconds is not None:
            metrics.rollout_duration.labels(result).observe(seconds)

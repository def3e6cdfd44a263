"""Whether a rollback stands for what an assignment asks now. Pure."""

from __future__ import annotations

from playbill.api.stage_assignment import RolledBack, StageAssignment
from playbill.api.times import timestamp
from playbill.controllers.inventory.intents import is_present, spec_hash
from playbill.controllers.reconciling.judging import Judgement
from playbill.controllers.status.bounds import NAME, TAG, TEXT, cut
from playbill.ledger import rollbacks as ledger
from playbill.ledger.state import Holder


def standing(
    assignment: StageAssignment, judgement: Judgement, holder: Holder | None
) -> RolledBack | None:
    """The rollback by which the workload goes; None when it follows the ledger.

    By the status while the ledger does not tell of it yet, or cannot be read; by the ledger from
    then on, also when the status was lost.
    """
    if assignment.spec.rollout is None:
        return None
    known = assignment.status.rolled_back
    present = known if known is not None and is_present(known, assignment) else None
    trouble = judgement.trouble
    if isinstance(trouble, ledger.RolledBack):
        return present or _as_recorded(assignment, trouble)
    if present is None or judgement.artifact is None:
        return present
    unrecorded = holder is not None and holder.assignment.tag == present.tag
    return present if unrecorded else None


def is_told(assignment: StageAssignment, judgement: Judgement, back: RolledBack) -> bool:
    """Whether the ledger tells of the rollback; while it cannot be read, whether it did."""
    if judgement.artifact is not None:
        return isinstance(judgement.trouble, ledger.RolledBack)
    current = assignment.status.current
    return current is not None and current.tag != back.tag


def _as_recorded(assignment: StageAssignment, trouble: ledger.RolledBack) -> RolledBack | None:
    record, told = trouble.record, trouble.told
    if record is None:
        return None
    return RolledBack(
        version=cut(told.version, NAME),
        to=cut(trouble.now, NAME),
        commit=record.commit,
        revision="",
        tag=cut(trouble.failed, TAG),
        reason=told.reason,
        message=cut(told.message, TEXT),
        at=timestamp(record.seconds),
        generation=assignment.metadata.generation,
        spec=spec_hash(assignment),
    )

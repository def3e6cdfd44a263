"""Whether the policies let a workload follow who holds the stage: a tag alone deploys nothing."""

from __future__ import annotations

import time

from playbill.api.errors import Trouble
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.running import running
from playbill.controllers.inventory.store import key_of
from playbill.controllers.reconciling.judging import Judgement
from playbill.controllers.reconciling.shell import Shell
from playbill.ledger.intents import StageIntent
from playbill.ledger.policies.permitting import refuse_rollout
from playbill.ledger.policies.policy import EvidenceNotRead


def refused(shell: Shell, assignment: StageAssignment, judgement: Judgement) -> Trouble | None:
    """What the policies have against it; EvidenceNotRead when a pass has to read something first,
    which is asked for."""
    state = judgement.state
    if (
        state is None
        or state.view is None
        or not shell.store.policies(key_of(assignment).namespace)
    ):
        return None
    if not isinstance(judgement.intent, StageIntent):
        return None
    runs = running(assignment.status)
    against = refuse_rollout(judgement.intent, state.view, running=runs, now=int(time.time()))
    if isinstance(against, EvidenceNotRead):
        state.candidates.add(key_of(assignment))
        shell.look(state.key)
    return against

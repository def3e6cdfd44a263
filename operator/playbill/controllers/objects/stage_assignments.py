"""Reconciling a StageAssignment: judge, have its workload follow the ledger, say so; or let go."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from playbill.api.errors import Trouble
from playbill.api.model_version import ModelVersion
from playbill.api.stage_assignment import (
    FINALIZER,
    RolledBack,
    StageAssignment,
    StageAssignmentStatus,
)
from playbill.controllers.inventory.running import in_use_by
from playbill.controllers.inventory.store import key_of
from playbill.controllers.objects.finalizer import Finalizer
from playbill.controllers.objects.stage_measures import count_rollback, measure_stage
from playbill.controllers.reconciling.judging import Judgement, is_hopeless
from playbill.controllers.reconciling.shell import Shell
from playbill.controllers.repository.audit import GATHER_SECONDS
from playbill.controllers.repository.outcomes import is_outcome, served
from playbill.controllers.rollouts.deploying import refused
from playbill.controllers.rollouts.manifest_objects import STEADY_SECONDS
from playbill.controllers.rollouts.rollouts import Rollouts
from playbill.controllers.rollouts.standing import is_told, standing
from playbill.controllers.status.conditions import Summary
from playbill.controllers.status.stage_status import Serving, recorded_summary, stage_status
from playbill.ledger import rollbacks as ledger
from playbill.ledger.policies.policy import EvidenceNotRead
from playbill.ledger.state import Holder
from playbill.rollout.judge import Failed, Progressing

PROGRESS_SECONDS = 5.0
"""A rollout under way is looked at this often, beside the Deployment's own events."""

OBSTACLE_SECONDS = 10.0
"""So often is looked whether an obstacle is gone that no event of ours tells of."""

OBSTACLES = frozenset({"NotOwned", "Refused", "Forbidden"})
"""What others put right: their object of our name, a quota or a policy, a missing right."""


@dataclass(frozen=True, slots=True)
class StageAssignments:
    """The reconciler of StageAssignments."""

    shell: Shell
    rollouts: Rollouts
    finalizer: Finalizer

    async def reconcile(self, assignment: StageAssignment) -> float | None:
        """One pass over one assignment; seconds until the next, if one is needed."""
        if assignment.metadata.deletion_timestamp is not None:
            return await self._leave(assignment)
        if self.finalizer.is_wanted(assignment):
            await self.finalizer.put_on(assignment)
            return 0.0
        judgement = self.shell.judge(assignment)
        if judgement is None:
            return None
        holder = _holder(assignment, judgement)
        back = standing(assignment, judgement, holder)
        if back is not None:
            return await self._go_back(assignment, judgement, back, holder)
        recorded = _recorded(assignment, judgement)
        if recorded is None:
            return None
        serving = await self._serve(assignment, judgement, recorded)
        if serving is None and _awaits_facts(assignment, judgement, recorded):
            return None
        again = await self._report(assignment, judgement, recorded, serving)
        return 0.0 if serving is not None and serving.back is not None else again

    async def _go_back(
        self,
        assignment: StageAssignment,
        judgement: Judgement,
        back: RolledBack,
        holder: Holder | None,
    ) -> float | None:
        """Serve what was healthy before, at once; the ledger is told by its own pass."""
        serving = await self.rollouts.go_back(
            assignment,
            back,
            holder,
            judgement.artifact,
            against=lambda: refused(self.shell, assignment, judgement),
        )
        recorded = _recorded(assignment, judgement)
        if isinstance(judgement.trouble, ledger.RolledBack):
            recorded = recorded_summary(assignment, holder)
        if serving is None or recorded is None:
            return None  # the next pass over the repository brings what is missing
        serving = replace(serving, told=is_told(assignment, judgement, back))
        return await self._report(assignment, judgement, recorded, serving)

    async def _serve(
        self, assignment: StageAssignment, judgement: Judgement, recorded: Summary
    ) -> Serving | None:
        """The workload follows what is on record, and stays as it is while that is unclear."""
        if assignment.spec.rollout is None:
            return await self.rollouts.remove(assignment)
        holder = _holder(assignment, judgement)
        if recorded.phase != "Ready" or judgement.artifact is None:
            return await self.rollouts.stay(assignment)
        if holder is not None:
            against = refused(self.shell, assignment, judgement)
            if isinstance(against, EvidenceNotRead):
                return None
            if against is not None:
                return await self.rollouts.hold(assignment, against)
            return await self.rollouts.serve(assignment, holder, judgement.artifact)
        if judgement.artifact.stage(assignment.spec.stage) is not None:
            return await self.rollouts.remove(assignment)  # a tag says that nobody holds it
        return await self.rollouts.watch(assignment)  # tags that vanished take nothing away

    async def _report(
        self,
        assignment: StageAssignment,
        judgement: Judgement,
        recorded: Summary,
        serving: Serving | None,
    ) -> float | None:
        status = stage_status(
            assignment,
            artifact=judgement.artifact,
            recorded=recorded,
            serving=serving,
            now=time.time(),
        )
        settled = judgement.settled is not None
        if not await self.shell.reporter.report(assignment, status, settled=settled):
            return 0.0
        if judgement.state is not None and is_outcome(assignment.status, status):
            judgement.state.audit.saw(assignment.spec.model, served(assignment, status))
            self.shell.look(judgement.state.key, GATHER_SECONDS)
        if judgement.artifact is not None:
            measure_stage(self.shell.metrics, assignment, judgement.artifact, status)
        count_rollback(self.shell.metrics, assignment, serving)
        self._let_go(assignment, status)
        looks = [_next_look(serving)]
        troubles = (judgement.trouble, serving.held if serving else None)
        looks += [trouble.after for trouble in troubles if trouble is not None]
        return min((look for look in looks if look is not None), default=None)

    async def _leave(self, assignment: StageAssignment) -> float | None:
        """Empty the stage if that is ours to do, then let the object go."""
        if FINALIZER not in assignment.metadata.finalizers:
            return None
        free = await self.finalizer.is_free(assignment)
        judgement = None if free else self.shell.judge(assignment)
        if judgement is None or judgement.settled is not None or is_hopeless(judgement.trouble):
            await self.finalizer.take_off(assignment)
            return None
        if judgement.trouble is None:
            return None
        trouble = _with_way_out(judgement.trouble)
        return await self._report(assignment, judgement, Summary.of(trouble), None)

    def _let_go(self, assignment: StageAssignment, status: StageAssignmentStatus) -> None:
        """Have versions looked at that are to be deregistered when no workload needs them."""
        catalogue, store = self.shell.catalogue, self.shell.store
        model = catalogue.model_of(assignment)
        if model is None or not in_use_by(assignment.status) - in_use_by(status):
            return
        for same in catalogue.same_models(model):
            for part in store.of_model(same.metadata.namespace, same.metadata.name):
                if not (isinstance(part, ModelVersion) and part.spec.deregistered):
                    continue
                state = catalogue.state_of(same)
                state.candidates.add(key_of(part))
                self.shell.look(state.key)


def _next_look(serving: Serving | None) -> float | None:
    if serving is not None and serving.again:
        return 0.0
    match serving.verdict if serving else None:
        case Progressing():
            return PROGRESS_SECONDS
        case Failed(reason=reason) if reason in OBSTACLES:
            return OBSTACLE_SECONDS
        case _:
            return STEADY_SECONDS if serving and serving.objects else None


def _recorded(assignment: StageAssignment, judgement: Judgement) -> Summary | None:
    if judgement.trouble is not None:
        return Summary.of(judgement.trouble)
    if judgement.settled is None:
        return None
    return recorded_summary(assignment, _holder(assignment, judgement))


def _holder(assignment: StageAssignment, judgement: Judgement) -> Holder | None:
    artifact = judgement.artifact
    return artifact.winner(assignment.spec.stage) if artifact else None


def _awaits_facts(assignment: StageAssignment, judgement: Judgement, recorded: Summary) -> bool:
    """Whether the next pass over the repository brings what the workload is rendered from."""
    return (
        assignment.spec.rollout is not None
        and recorded.phase == "Ready"
        and _holder(assignment, judgement) is not None
    )


def _with_way_out(trouble: Trouble) -> Trouble:
    hint = " (or set deletionPolicy to Retain, and the object goes without a record)"
    return type(trouble)(trouble.reason, trouble.message + hint)

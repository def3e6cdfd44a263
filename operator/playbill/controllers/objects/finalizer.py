"""Our one finalizer: put on before anything is recorded, taken off when the stage is empty."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from playbill.api.errors import Stalled, Trouble
from playbill.api.stage_assignment import FINALIZER, StageAssignment
from playbill.controllers.inventory.kinds import RESOURCES
from playbill.controllers.inventory.store import Asking
from playbill.controllers.reconciling.judging import is_hopeless, judge
from playbill.controllers.reconciling.shell import Shell
from playbill.kube.answers import Conflict, Missing
from playbill.kube.resources import NAMESPACES

MANAGER = "playbill"


@dataclass(frozen=True, slots=True)
class Finalizer:
    """Of StageAssignments alone: a deletion is recorded before the object goes."""

    shell: Shell

    def is_wanted(self, assignment: StageAssignment) -> bool:
        """Before anything is written or asked for, lest the reservation meet a newer object;
        and not for one that owns nothing."""
        held = FINALIZER in assignment.metadata.finalizers
        if held or assignment.spec.deletion_policy != "Record":
            return False
        judgement = judge(assignment, self.shell.catalogue, int(time.time()))
        return judgement is not None and judgement.state is not None

    async def put_on(self, assignment: StageAssignment) -> None:
        """So that a deletion can be recorded before the object goes."""
        await self._patch(assignment, [*assignment.metadata.finalizers, FINALIZER])

    async def take_off(self, assignment: StageAssignment) -> None:
        """Let the object go."""
        kept = [f for f in assignment.metadata.finalizers if f != FINALIZER]
        await self._patch(assignment, kept)

    async def is_free(self, assignment: StageAssignment) -> bool:
        """Whether the object may go without a word to the ledger (design section 2)."""
        catalogue, meta = self.shell.catalogue, assignment.metadata
        model = catalogue.model_of(assignment)
        if assignment.spec.deletion_policy == "Retain" or model is None:
            return True
        if catalogue.is_suspended(assignment, model):
            return True
        try:
            state = catalogue.state_of(model)
        except Trouble:
            return True
        claimants = filter(catalogue.may_own, catalogue.twins(assignment))
        if is_hopeless(state.trouble) or _has_heir(assignment, claimants):
            return True
        return await self._is_terminating(meta.namespace)

    async def _is_terminating(self, name: str) -> bool:
        try:
            namespace = await self.shell.kube.get(NAMESPACES, None, name)
        except Stalled:  # no right to look: then deletionPolicy is the way out
            return False
        return namespace is None or namespace["metadata"].get("deletionTimestamp") is not None

    async def _patch(self, assignment: StageAssignment, finalizers: list[str]) -> None:
        meta = assignment.metadata
        body = {
            "metadata": {
                "uid": meta.uid,
                "resourceVersion": meta.resource_version,
                "finalizers": finalizers,
            }
        }
        resource = RESOURCES["StageAssignment"]
        try:
            raw = await self.shell.kube.merge_patch(
                resource, meta.namespace, meta.name, body, manager=MANAGER
            )
        except Missing:
            return
        except Conflict:
            fresh = await self.shell.kube.get(resource, meta.namespace, meta.name)
            if fresh is not None:
                self.shell.store.put("StageAssignment", fresh)
            raise
        self.shell.store.put("StageAssignment", raw)


def _has_heir(assignment: StageAssignment, claimants: Iterable[Asking]) -> bool:
    """Another object claims the stage: ownership passes to it, or is its already."""
    return any(
        each.metadata.uid != assignment.metadata.uid and each.metadata.deletion_timestamp is None
        for each in claimants
    )

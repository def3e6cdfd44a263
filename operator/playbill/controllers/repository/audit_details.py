"""What a line of the audit trail says beyond the ledger: which bytes, and which images."""

from __future__ import annotations

from dataclasses import dataclass

from playbill.api.errors import Trouble
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.artifact_bytes import declared_bytes
from playbill.controllers.inventory.keys import ObjectKey
from playbill.controllers.inventory.repository_state import RepositoryState
from playbill.controllers.inventory.store import Store
from playbill.controllers.repository.outcomes import image_ids
from playbill.kube.client import Kube
from playbill.kube.resources import PODS
from playbill.ledger.artifact_bytes import bytes_of
from playbill.ledger.audit import MOST_IMAGES, Due, Line
from playbill.rollout.render import ASSIGNMENT_LABEL


@dataclass(frozen=True, slots=True)
class Details:
    """Asks the cluster, for lines that are about to be written."""

    kube: Kube
    store: Store

    async def fill(self, state: RepositoryState, due: Due) -> Due:
        """With the bytes that were meant, and the images of the pods that serve them."""
        line, details = due.line, {}
        if line.outcome in {"recorded", "available"}:
            assignment = self._assignment(line)
            if line.outcome == "available" and assignment is not None:
                details["images"] = await self._images(assignment, line.version)
            details["digest"] = self._digest(state, due, assignment)
        return Due(due.commit, line.with_details({k: v for k, v in details.items() if v}))

    def _assignment(self, line: Line) -> StageAssignment | None:
        _, namespace, name = line.details["resource"].split("/")
        found = self.store.get(ObjectKey("StageAssignment", namespace, name))
        return found if isinstance(found, StageAssignment) else None

    def _digest(self, state: RepositoryState, due: Due, assignment: StageAssignment | None) -> str:
        """As the workload has it."""
        line, declared = due.line, None
        if assignment is not None:
            meta = assignment.metadata
            declared = declared_bytes(
                self.store, meta.namespace, assignment.spec.model, line.version
            )
        artifact = state.view.artifact(line.artifact) if state.view else None
        known = artifact.version_at(due.commit) if artifact else None
        facts = state.facts.get((due.commit, line.artifact))
        return bytes_of(known, facts, declared).digest or ""

    async def _images(self, assignment: StageAssignment, version: str) -> str:
        meta = assignment.metadata
        selector = f"{ASSIGNMENT_LABEL}={meta.name}"
        try:
            pods, _ = await self.kube.list(PODS, meta.namespace, label_selector=selector)
        except Trouble:
            return ""  # a right that an operator can be run without
        return ",".join(image_ids(pods, version)[:MOST_IMAGES])

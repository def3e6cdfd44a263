"""Keeping what was healthy, and finding it again: an assignment's ControllerRevisions."""

from __future__ import annotations

from dataclasses import dataclass, field

from playbill.api.stage_assignment import StageAssignment
from playbill.kube.client import Kube
from playbill.kube.resources import CONTROLLER_REVISIONS
from playbill.rollout.objects import ASSIGNMENT_LABEL, Manifest
from playbill.rollout.render import Rendering
from playbill.rollout.revisions import (
    newest_first,
    rendering_of,
    revision_name,
    revision_of,
    surplus,
)

MANAGER = "playbill"

MOST_READ = 1000
"""Renderings that are remembered; each is some kilobytes."""


@dataclass(frozen=True, slots=True)
class Revisions:
    """Reads and writes them; they are not watched, for they are looked at when a rollout ends."""

    kube: Kube
    read: dict[tuple[str, str], Rendering] = field(default_factory=dict)
    """By uid of the assignment and name: what a rollback serves is asked for at each look, and the
    data of a revision never changes."""

    async def keep(self, assignment: StageAssignment, rendering: Rendering) -> str:
        """Have this rendering be the newest healthy one; gives the name of its revision."""
        name = revision_name(assignment, rendering)
        found = await self._list(assignment)
        newest = int(found[0].get("revision", 0)) if found else 0
        revision = revision_of(assignment, rendering, newest + 1)
        if not found or found[0]["metadata"]["name"] != name:
            await self._put(revision)
        for each in surplus([revision, *(r for r in found if r["metadata"]["name"] != name)]):
            await self.kube.delete(CONTROLLER_REVISIONS, assignment.metadata.namespace, each)
        return name

    async def last_healthy(self, assignment: StageAssignment) -> tuple[str, Rendering] | None:
        """The rendering that was healthy last, with its revision's name."""
        for each in await self._list(assignment):
            rendering = rendering_of(each, assignment)
            if rendering is not None:
                return each["metadata"]["name"], rendering
        return None

    async def get(self, assignment: StageAssignment, name: str) -> Rendering | None:
        """The rendering of one revision, if it is there and this assignment's own."""
        key = assignment.metadata.uid, name
        if key in self.read:
            return self.read[key]
        raw = await self.kube.get(CONTROLLER_REVISIONS, assignment.metadata.namespace, name)
        ours = newest_first([raw] if raw else [], assignment)
        found = rendering_of(ours[0], assignment) if ours else None
        if found is not None:
            if len(self.read) >= MOST_READ:
                self.read.clear()
            self.read[key] = found
        return found

    async def _put(self, revision: Manifest) -> None:
        """By server-side apply alone: what is created keeps the very bytes of its data, and any
        later write would differ from them by a space, where none may change."""
        await self.kube.apply(CONTROLLER_REVISIONS, revision, manager=MANAGER)

    async def _list(self, assignment: StageAssignment) -> list[Manifest]:
        meta = assignment.metadata
        selector = f"{ASSIGNMENT_LABEL}={meta.name}"
        found, _ = await self.kube.list(
            CONTROLLER_REVISIONS, meta.namespace, label_selector=selector
        )
        return [dict(each) for each in newest_first(found, assignment)]

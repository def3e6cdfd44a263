"""Having the cluster hold a rendering, be it a Deployment or objects of any kinds."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from playbill.api.stage_assignment import StageAssignment, WorkloadObject
from playbill.controllers.rollouts.manifest_objects import ManifestObjects
from playbill.controllers.rollouts.workloads import Workloads, ready_pods, version_of
from playbill.rollout.judge import Verdict
from playbill.rollout.judge_objects import judge_objects
from playbill.rollout.manifests import ObjectKey
from playbill.rollout.objects import Manifest
from playbill.rollout.render import Rendering


@dataclass(frozen=True, slots=True)
class Live:
    """The objects of a rendering as the cluster has them; `account` as in the rendering."""

    objects: tuple[Manifest, ...]
    account: bool

    @property
    def places(self) -> tuple[WorkloadObject, ...]:
        """Where they are, for the status; what we know by name without it is left out."""
        return tuple(map(_place, self.objects)) if self.account else ()


@dataclass(frozen=True, slots=True)
class Applying:
    """Both ways, behind one door."""

    workloads: Workloads
    manifests: ManifestObjects

    async def bring_in_step(self, assignment: StageAssignment, rendering: Rendering) -> Live:
        """Have all objects be as they are rendered."""
        if not rendering.account:
            return Live((await self.workloads.bring_in_step(assignment, rendering),), account=False)
        done = await self.manifests.bring_in_step(assignment, rendering.objects)
        for sentence in done.put_back:
            self.workloads.tell_drift(assignment, sentence)
        return Live(done.objects, account=True)

    async def live(self, assignment: StageAssignment) -> Live | None:
        """What is there, as it is."""
        places = made(assignment)
        if places:
            found = await self.manifests.observe(assignment, places)
            return Live(found, account=True) if found else None
        live = self.workloads.live(assignment)
        return Live((live,), account=False) if live is not None else None

    async def judge(self, assignment: StageAssignment, live: Live, *, known: bool) -> Verdict:
        """How it fares; `known` as in `Workloads.judge`."""
        if not live.account:
            return await self.workloads.judge(assignment, live.objects[0], known=known)
        rollout = assignment.spec.rollout
        deadline = rollout.progress_deadline_seconds if rollout else 0
        return judge_objects(live.objects, deadline_seconds=deadline, now=time.time(), proven=known)

    async def prune(self, assignment: StageAssignment, rendering: Rendering) -> None:
        """Take away what served before and is no part of what serves now."""
        now = rendering.objects
        await self.manifests.prune(assignment, made(assignment), now)
        if rendering.account:  # which may have a Deployment of the assignment's name itself
            await self.workloads.remove(assignment, but=frozenset(map(ObjectKey.of, now)))

    async def remove(self, assignment: StageAssignment) -> None:
        """Take everything away that is ours."""
        await self.workloads.remove(assignment)
        await self.manifests.remove(assignment, made(assignment))

    def unknown(self, assignment: StageAssignment, rendering: Rendering) -> list[WorkloadObject]:
        """Objects that are about to be made and that the status does not name yet: what it does
        not name is never pruned, should the process end now."""
        if not rendering.account:
            return []
        known = {_key(each) for each in made(assignment)}
        return [place for each in rendering.objects if _key(place := _place(each)) not in known]

    def served(self, assignment: StageAssignment) -> tuple[str | None, str]:
        """The version of what is there, and its ready pods, as far as it is known at once."""
        live = self.workloads.live(assignment)
        if live is not None or assignment.status.workload is None:
            return version_of(live), ready_pods(live)
        return assignment.status.workload.version, assignment.status.workload.pods or ""


def made(assignment: StageAssignment) -> list[WorkloadObject]:
    """What the status says that manifests have made."""
    return assignment.status.workload.objects if assignment.status.workload else []


def _place(live: Manifest) -> WorkloadObject:
    return WorkloadObject(
        api_version=live["apiVersion"], kind=live["kind"], name=live["metadata"]["name"]
    )


def _key(place: WorkloadObject) -> ObjectKey:
    return ObjectKey(place.api_version.rpartition("/")[0], place.kind, place.name)


def merged(*groups: Iterable[WorkloadObject]) -> tuple[WorkloadObject, ...]:
    """All of them, each once, in their order."""
    found = {_key(place): place for group in groups for place in group}
    return tuple(found.values())

"""Having a new version verified: its Job is made once for each try, and asked for its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playbill.api.errors import Trouble
from playbill.api.rollout import Verify
from playbill.api.stage_assignment import StageAssignment
from playbill.kube.answers import Conflict
from playbill.kube.client import Kube
from playbill.kube.resources import JOBS, PODS
from playbill.rollout.explain import diagnose
from playbill.rollout.facts import Facts
from playbill.rollout.judge import RolledOut, Verdict
from playbill.rollout.objects import Manifest
from playbill.rollout.ownership import refuse_foreign
from playbill.rollout.render import Rendering
from playbill.rollout.verifying import VERIFIES_LABEL, has_ended, job_of, verified

MANAGER = "playbill"


@dataclass(frozen=True, slots=True)
class Verifying:
    """Jobs are not watched: one is asked about while a rollout waits for it, and no longer."""

    kube: Kube
    image: str

    async def verdict(
        self,
        assignment: StageAssignment,
        verify: Verify,
        facts: Facts,
        rendering: Rendering,
        done: RolledOut,
        *,
        attempt: str,
    ) -> Verdict:
        """What the check says of a workload that is `done` rolling out; begins it if need be.

        Raises Stalled: NotOwned, VerifyInvalid, and what the API server refuses.
        """
        wanted = job_of(assignment, verify, facts, rendering, attempt=attempt, image=self.image)
        meta = wanted["metadata"]
        job = await self.kube.get(JOBS, meta["namespace"], meta["name"])
        if job is None:
            await self._clear(assignment)
            job = await self._begin(wanted)
        refuse_foreign(job, assignment)
        return verified(job, done, await self._why(job))

    async def _begin(self, wanted: Manifest) -> Manifest:
        try:
            return await self.kube.create(JOBS, wanted, manager=MANAGER)
        except Conflict:  # another leader's, or one that a moment ago nobody saw
            meta = wanted["metadata"]
            found = await self.kube.get(JOBS, meta["namespace"], meta["name"])
            if found is None:
                raise
            return found

    async def end(self, assignment: StageAssignment) -> None:
        """Take away the Jobs that have not ended: the version that they ask about has given way."""
        await self._clear(assignment, which=lambda job: not has_ended(job))

    async def _clear(
        self, assignment: StageAssignment, *, which: Callable[[Manifest], bool] = lambda _: True
    ) -> None:
        """Take away the Jobs of former tries: the last one stays until there is another."""
        meta = assignment.metadata
        jobs, _ = await self.kube.list(
            JOBS, meta.namespace, label_selector=f"{VERIFIES_LABEL}={meta.name}"
        )
        for job in filter(which, map(dict, jobs)):
            try:
                refuse_foreign(job, assignment)
            except Trouble:
                continue
            name, uid = job["metadata"]["name"], job["metadata"]["uid"]
            await self.kube.delete(JOBS, meta.namespace, name, uid=uid)

    async def _why(self, job: Manifest) -> str | None:
        meta = job["metadata"]
        try:
            pods, _ = await self.kube.list(
                PODS, meta["namespace"], label_selector=f"job-name={meta['name']}"
            )
        except Trouble:
            return None  # a right that an operator can be run without
        found = diagnose(pods)
        return found.sentence if found else None

"""The Deployment and the Service of an assignment: bring them in step, judge them, remove them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial

from playbill.api.base import GROUP
from playbill.api.errors import Trouble
from playbill.api.stage_assignment import StageAssignment
from playbill.api.times import timestamp
from playbill.controllers.reconciling.shell import Shell
from playbill.kube.resources import DEPLOYMENTS, PODS, SERVICES
from playbill.kube.resources import Resource as ApiResource
from playbill.kube.workload import bring_in_step
from playbill.rollout.explain import Diagnosis, diagnose
from playbill.rollout.judge import Failed, Progressing, Verdict, judge
from playbill.rollout.manifests import ObjectKey
from playbill.rollout.objects import ASSIGNMENT_LABEL
from playbill.rollout.ownership import refuse_foreign
from playbill.rollout.render import TEMPLATE_ANNOTATION, Manifest, Rendering
from playbill.rollout.sticking import has_to_stick, sticking

VERSION_ANNOTATION = f"{GROUP}/version"

SETTLE_SECONDS = 10.0
"""So long a Deployment may go on to tell of the template before."""

PATIENCE = 4.0
"""Seconds in which pods may start before anybody asks them what is wrong."""


@dataclass(frozen=True, slots=True)
class Workloads:
    """Deployments and Services of assignments."""

    shell: Shell

    async def bring_in_step(self, assignment: StageAssignment, rendering: Rendering) -> Manifest:
        """Have both be as they are rendered; gives the Deployment."""
        live, service = self.live(assignment), self.live(assignment, "Service")
        if has_to_stick(rendering.deployment, live, service, template=TEMPLATE_ANNOTATION):
            # Before the first new pod, so that every client is known by the pod that it has.
            await self._service(assignment, rendering, stick=True)
            return await self._in_step(DEPLOYMENTS, assignment, rendering.deployment)
        applied = await self._in_step(DEPLOYMENTS, assignment, rendering.deployment)
        await self._service(assignment, rendering, stick=False)
        return applied

    async def _service(
        self, assignment: StageAssignment, rendering: Rendering, *, stick: bool
    ) -> None:
        if rendering.service is None:
            await self._delete(SERVICES, assignment)
        else:
            service = sticking(rendering.service) if stick else rendering.service
            await self._in_step(SERVICES, assignment, service)

    async def remove(
        self, assignment: StageAssignment, *, but: frozenset[ObjectKey] = frozenset()
    ) -> None:
        """Take the workload away, if it is ours."""
        for resource in (DEPLOYMENTS, SERVICES):
            if ObjectKey(resource.group, resource.kind, assignment.metadata.name) not in but:
                await self._delete(resource, assignment)

    def live(self, assignment: StageAssignment, kind: str = "Deployment") -> Manifest | None:
        """What was last seen of it."""
        meta = assignment.metadata
        return self.shell.store.workload(kind, meta.namespace, meta.name)

    async def judge(self, assignment: StageAssignment, live: Manifest, *, known: bool) -> Verdict:
        """How it fares. What is `known` to have been healthy is not given up for what its pods
        say: they may fail for reasons of their node's."""
        rollout = assignment.spec.rollout
        deadline = rollout.progress_deadline_seconds if rollout else 0
        verdict = judge(live, deadline_seconds=deadline, begun=_begun(assignment))
        if isinstance(verdict, Failed | Progressing) and self._is_late(assignment, verdict):
            found = diagnose(await self.pods(assignment, live))
            if found is not None:
                return _told(verdict, found, known=known)
        return verdict

    async def pods(self, assignment: StageAssignment, live: Manifest) -> list[Manifest]:
        """The pods of the present template; none without the right to list them."""
        meta = assignment.metadata
        selector = f"{ASSIGNMENT_LABEL}={meta.name}"
        try:
            pods, _ = await self.shell.kube.list(PODS, meta.namespace, label_selector=selector)
        except Trouble:
            return []
        wanted = _template_hash(live["spec"]["template"])
        return [pod for pod in pods if _template_hash(pod) == wanted]

    def tell_drift(self, assignment: StageAssignment, sentence: str) -> None:
        """Say whose edit was put back."""
        self.shell.reporter.tell(assignment, "Warning", "DriftCorrected", sentence)

    def _is_late(self, assignment: StageAssignment, verdict: Verdict) -> bool:
        """Pods are asked for their reasons only when they have had time to start."""
        if isinstance(verdict, Failed):
            return True
        rolled_out = assignment.status.condition("RolledOut")
        if rolled_out is None:
            return False
        # What was found to have failed is not forgotten for as long as that is news.
        failed = rolled_out.status == "False"
        return failed or rolled_out.last_transition_time < timestamp(time.time() - PATIENCE)

    async def _in_step(
        self, resource: ApiResource, assignment: StageAssignment, rendered: Manifest
    ) -> Manifest:
        meta = assignment.metadata
        live = self.live(assignment, resource.kind)
        if live is None:  # one that is not ours bears no label of ours, and is not watched
            live = await self.shell.kube.get(resource, meta.namespace, meta.name)
        refuse_foreign(live, assignment)
        applied, written = await bring_in_step(
            self.shell.kube,
            resource,
            rendered,
            live,
            on_drift=partial(self.tell_drift, assignment),
        )
        if written:
            self.shell.store.put_workload(applied)
        return applied

    async def _delete(self, resource: ApiResource, assignment: StageAssignment) -> None:
        live = self.live(assignment, resource.kind)
        if live is None or live["metadata"].get("deletionTimestamp"):
            return
        try:
            refuse_foreign(live, assignment)
        except Trouble:
            return
        meta = live["metadata"]
        await self.shell.kube.delete(resource, meta["namespace"], meta["name"], uid=meta["uid"])


def version_of(live: Manifest | None) -> str | None:
    """The version that a workload is to run."""
    return live["metadata"].get("annotations", {}).get(VERSION_ANNOTATION) if live else None


def ready_pods(live: Manifest | None) -> str:
    """Ready of those wanted."""
    return judge(live, deadline_seconds=0).pods


def _begun(assignment: StageAssignment) -> str | None:
    """When a rollout, or the way back from one, began that is so young that the Deployment may
    speak of the one before."""
    status = assignment.status
    found, back = status.condition("RolledOut"), status.rolled_back
    times = [found.last_transition_time] if found and found.status == "Unknown" else []
    times += [back.at] if back else []
    young = timestamp(time.time() - SETTLE_SECONDS)
    return max((each for each in times if each >= young), default=None)


def _told(verdict: Failed | Progressing, found: Diagnosis, *, known: bool) -> Verdict:
    if found.hopeless and not known:
        return Failed(found.hopeless, found.sentence, verdict.pods)
    return replace(verdict, message=f"{verdict.message}; {found.sentence}")


def _template_hash(of: Manifest) -> str | None:
    found: str | None = (of["metadata"].get("annotations") or {}).get(TEMPLATE_ANNOTATION)
    return found

"""The workload of an assignment in the cluster: observe, render, bring in step, judge."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from playbill.api.base import GROUP
from playbill.api.errors import Stalled, Trouble
from playbill.api.model_version import ModelVersion
from playbill.api.stage_assignment import StageAssignment
from playbill.api.times import timestamp
from playbill.controllers.inventory.store import key_of
from playbill.controllers.objects.shell import Shell
from playbill.controllers.status.stage_status import Serving
from playbill.kube.resources import DEPLOYMENTS, PODS, SERVICES
from playbill.kube.resources import Resource as ApiResource
from playbill.kube.workload import bring_in_step
from playbill.ledger.state import Holder
from playbill.ledger.view import ArtifactView
from playbill.rollout.explain import explain_pods
from playbill.rollout.judge import Failed, Progressing, Verdict, judge
from playbill.rollout.ownership import refuse_foreign
from playbill.rollout.render import ASSIGNMENT_LABEL, Facts, Manifest, render

VERSION_ANNOTATION = f"{GROUP}/version"


@dataclass(frozen=True, slots=True)
class Workloads:
    """Deployments and Services of assignments."""

    shell: Shell

    async def serve(
        self, assignment: StageAssignment, holder: Holder, artifact: ArtifactView
    ) -> Serving | None:
        """Have the workload serve this version; None while its files have yet to be read."""
        facts = self._facts(assignment, holder, artifact)
        if facts is None:
            return None
        live = self._live(assignment, "Deployment")
        try:
            workload = render(assignment, facts)
            applied = await self._in_step(DEPLOYMENTS, assignment, workload.deployment)
            await self._service(assignment, workload.service)
        except Stalled as stalled:
            failed = Failed(stalled.reason, stalled.message, pods=_pods(live))
            return Serving(verdict=failed, version=_version(live))
        return Serving(verdict=await self._judge(assignment, applied), version=_version(applied))

    async def watch(self, assignment: StageAssignment) -> Serving | None:
        """Judge the workload as it is, and leave it so: nothing says that it should change."""
        live = self._live(assignment, "Deployment")
        if live is None or assignment.spec.rollout is None:
            return None
        return Serving(verdict=await self._judge(assignment, live), version=_version(live))

    async def remove(self, assignment: StageAssignment) -> None:
        """Take the workload away, if it is ours."""
        await self._delete(DEPLOYMENTS, assignment)
        await self._delete(SERVICES, assignment)

    def _facts(
        self, assignment: StageAssignment, holder: Holder, artifact: ArtifactView
    ) -> Facts | None:
        model = self.shell.catalogue.model_of(assignment)
        if model is None:
            return None
        state = self.shell.catalogue.state_of(model)
        read = state.facts_for(holder.commit, artifact.name, key_of(assignment))
        if read is None:
            self.shell.look(state.key)
            return None
        given = self._declared(assignment, holder)
        return Facts(
            model=artifact.name,
            version=holder.version,
            commit=holder.commit,
            stage=assignment.spec.stage,
            digest=(given.digest if given else None) or read.digest or None,
            path=read.path or None,
            uri=given.uri if given else None,
        )

    def _declared(self, assignment: StageAssignment, holder: Holder) -> _Declared | None:
        """What a ModelVersion of this version says of its bytes."""
        meta = assignment.metadata
        slot = f"@{holder.version.removeprefix('v')}"
        for found in self.shell.store.claimants(meta.namespace, assignment.spec.model, slot):
            if isinstance(found, ModelVersion) and found.spec.artifact is not None:
                return _Declared(found.spec.artifact.uri, found.spec.artifact.digest)
        return None

    async def _in_step(
        self, resource: ApiResource, assignment: StageAssignment, rendered: Manifest
    ) -> Manifest:
        meta = assignment.metadata
        live = self._live(assignment, resource.kind)
        if live is None:  # one that is not ours bears no label of ours, and is not watched
            live = await self.shell.kube.get(resource, meta.namespace, meta.name)
        refuse_foreign(live, assignment)
        applied, written = await bring_in_step(self.shell.kube, resource, rendered, live)
        if written:
            self.shell.store.put_workload(applied)
        return applied

    async def _service(self, assignment: StageAssignment, rendered: Manifest | None) -> None:
        if rendered is None:
            await self._delete(SERVICES, assignment)
        else:
            await self._in_step(SERVICES, assignment, rendered)

    async def _delete(self, resource: ApiResource, assignment: StageAssignment) -> None:
        live = self._live(assignment, resource.kind)
        if live is None or live["metadata"].get("deletionTimestamp"):
            return
        try:
            refuse_foreign(live, assignment)
        except Trouble:
            return
        meta = live["metadata"]
        await self.shell.kube.delete(resource, meta["namespace"], meta["name"], uid=meta["uid"])

    async def _judge(self, assignment: StageAssignment, live: Manifest) -> Verdict:
        rollout = assignment.spec.rollout
        deadline = rollout.progress_deadline_seconds if rollout else 0
        verdict = judge(live, deadline_seconds=deadline)
        if isinstance(verdict, Failed | Progressing) and self._is_late(assignment, verdict):
            why = await self._why(assignment)
            if why:
                return replace(verdict, message=f"{verdict.message}: {why}")
        return verdict

    def _is_late(self, assignment: StageAssignment, verdict: Verdict) -> bool:
        """Pods are asked for their reasons only when they have had time to start."""
        if isinstance(verdict, Failed):
            return True
        since = next(
            (c.last_transition_time for c in assignment.status.conditions if c.type == "RolledOut"),
            None,
        )
        started = timestamp(time.time() - PATIENCE)
        return since is not None and since < started

    async def _why(self, assignment: StageAssignment) -> str | None:
        meta = assignment.metadata
        selector = f"{ASSIGNMENT_LABEL}={meta.name}"
        try:
            pods, _ = await self.shell.kube.list(PODS, meta.namespace, label_selector=selector)
        except Trouble:
            return None  # a right that an operator can be run without
        return explain_pods(pods)

    def _live(self, assignment: StageAssignment, kind: str) -> Manifest | None:
        meta = assignment.metadata
        return self.shell.store.workload(kind, meta.namespace, meta.name)


PATIENCE = 4.0
"""Seconds in which pods may start before anybody asks them what is wrong."""


@dataclass(frozen=True, slots=True)
class _Declared:
    uri: str
    digest: str | None


def _version(live: Manifest | None) -> str | None:
    return live["metadata"].get("annotations", {}).get(VERSION_ANNOTATION) if live else None


def _pods(live: Manifest | None) -> str:
    return judge(live, deadline_seconds=0).pods

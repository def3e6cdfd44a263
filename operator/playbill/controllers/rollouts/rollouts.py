"""One rollout from its rendering to its end: healthy and kept, or failed and taken back.

    render -> bring in step -> judge -> verify -> keep as the last healthy one
                                  \\-> failed: say what to go back to (`Serving.back`)

What is to be gone back to is written into the status first; the next pass reads it there and
applies it, without waiting for git, and the ledger is told by the repository's own pass. So a
process that dies between any two steps is followed by one that goes on with the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from playbill.api.errors import Stalled, Trouble, Waiting
from playbill.api.stage_assignment import (
    MOST_OBJECTS,
    RolledBack,
    StageAssignment,
    WorkloadObject,
)
from playbill.api.times import timestamp
from playbill.controllers.inventory.intents import spec_hash
from playbill.controllers.inventory.running import running
from playbill.controllers.reconciling.shell import Shell
from playbill.controllers.rollouts.applying import Applying, Live, made, merged
from playbill.controllers.rollouts.revisions import Revisions
from playbill.controllers.rollouts.verifying import Verifying
from playbill.controllers.rollouts.version_facts import version_facts
from playbill.controllers.status.bounds import NAME, TAG, TEXT, cut
from playbill.controllers.status.stage_status import Serving
from playbill.ledger.policies.permitting import Running
from playbill.ledger.policies.policy import EvidenceNotRead
from playbill.ledger.state import Holder
from playbill.ledger.view import ArtifactView
from playbill.rollout.facts import Facts
from playbill.rollout.fetched import Fetched, worst_outcome
from playbill.rollout.fetching import FetchDefaults
from playbill.rollout.judge import Failed, Progressing, RolledOut, Verdict
from playbill.rollout.render import Rendering, render
from playbill.rollout.revisions import revision_name

UNTOLD = frozenset({"KindNotServed", "OwnerReplaced"})
"""What is waited for without an event of ours: a CRD, the end of an object of any kind."""

HELD = frozenset({"NotOwned"})
"""Failures that going back cannot help: somebody else's object is in the way."""

NOTHING_KEPT = Failed(
    "NothingKept", "no state of it that was healthy is kept in this cluster", pods=""
)
"""The objects were made anew, and the spec as it is has failed."""


@dataclass(frozen=True, slots=True)
class Rollouts:
    """Has the workload of an assignment serve a version, or the one before."""

    shell: Shell
    applying: Applying
    revisions: Revisions
    verifying: Verifying
    fetch: FetchDefaults

    async def serve(
        self, assignment: StageAssignment, holder: Holder, artifact: ArtifactView
    ) -> Serving | None:
        """Have the workload serve this version; None while its files have yet to be read."""
        facts = version_facts(self.shell, assignment, holder, artifact)
        if facts is None:
            return None
        rendering: Rendering | None = None
        try:
            rendering = render(assignment, facts, self.fetch)
            if unknown := self.applying.unknown(assignment, rendering):
                return self._announced(assignment, unknown)
            live = await self.applying.bring_in_step(assignment, rendering)
            verdict = await self._verdict(assignment, facts, rendering, live, holder)
        except Waiting as waiting:
            return self._waiting(assignment, waiting)
        except Stalled as stalled:
            serving = self._refused(assignment, stalled)
        else:
            serving = await self._serving(assignment, rendering, live, verdict)
        return await self._or_back(assignment, holder, serving, rendering)

    async def go_back(
        self,
        assignment: StageAssignment,
        back: RolledBack,
        holder: Holder | None,
        artifact: ArtifactView | None,
        *,
        against: Callable[[], Trouble | None],
    ) -> Serving | None:
        """Have the workload serve what was healthy before; None while files have yet to be read.

        What was healthy here is served again whatever the policies say. Where the ledger alone
        says what it was, it is asked what is `against` it: whoever may push can write that.
        """
        rendering = await self._former(assignment, back)
        if rendering is None:
            return await self._without_revision(assignment, back, holder, artifact, against)
        return await self._serve_former(assignment, rendering, back)

    async def _serve_former(
        self, assignment: StageAssignment, rendering: Rendering, back: RolledBack
    ) -> Serving:
        try:
            if unknown := self.applying.unknown(assignment, rendering):
                return replace(self._announced(assignment, unknown), back=back)
            if not _is_recorded(assignment, back):
                await self._end_checks(assignment)
            live = await self.applying.bring_in_step(assignment, rendering)
        except Waiting as waiting:
            return replace(self._waiting(assignment, waiting), back=back)
        except Stalled as stalled:
            return replace(self._refused(assignment, stalled), back=back)
        verdict = await self.applying.judge(assignment, live, known=True)
        return replace(await self._serving(assignment, rendering, live, verdict), back=back)

    async def watch(self, assignment: StageAssignment) -> Serving | None:
        """Judge the workload as it is, and leave it so: nothing says that it should change."""
        live = await self.applying.live(assignment)
        if live is None or assignment.spec.rollout is None:
            return None
        verdict = await self.applying.judge(assignment, live, known=True)
        return self._as_before(assignment, verdict)

    async def stay(self, assignment: StageAssignment) -> Serving | None:
        """Leave the workload as it is while git does not tell what it should be: what ran is not
        forgotten when somebody removes it meanwhile, and is put back without being judged anew."""
        serving = await self.watch(assignment)
        if serving is None and assignment.status.workload is not None:
            return self._gone(assignment)
        return serving

    async def hold(self, assignment: StageAssignment, why: Trouble) -> Serving:
        """Leave the workload as it is, for what the ledger says may not be served."""
        serving = await self.watch(assignment) or self._gone(assignment)
        return replace(serving, held=why)

    async def remove(self, assignment: StageAssignment) -> Serving | None:
        """Take the workload away, if it is ours; what stays when that is refused."""
        try:
            await self.applying.remove(assignment)
        except Stalled as stalled:
            return replace(self._refused(assignment, stalled), held=stalled)
        status = assignment.status
        if status.workload is not None and not status.is_true("RolledOut"):
            with suppress(Stalled):  # whoever may not list Jobs has made none
                await self.verifying.end(assignment)
        return None

    async def _verdict(
        self,
        assignment: StageAssignment,
        facts: Facts,
        rendering: Rendering,
        live: Live,
        holder: Holder,
    ) -> Verdict:
        known = _kept(assignment) == revision_name(assignment, rendering)
        verdict = await self.applying.judge(assignment, live, known=known)
        verify = assignment.spec.rollout.verify if assignment.spec.rollout else None
        if not isinstance(verdict, RolledOut) or verify is None:
            return verdict
        if known or await self.revisions.get(assignment, revision_name(assignment, rendering)):
            if not assignment.status.is_true("RolledOut"):
                await self._end_checks(assignment)
            return verdict  # it was good before: long ago, or the status was lost
        attempt = f"{holder.assignment.tag} {spec_hash(assignment)}"
        return await self.verifying.verdict(
            assignment, verify, facts, rendering, verdict, attempt=attempt
        )

    async def _end_checks(self, assignment: StageAssignment) -> None:
        """Nobody waits any more for what a Job has yet to find out."""
        if assignment.spec.rollout is not None and assignment.spec.rollout.verify is not None:
            await self.verifying.end(assignment)

    async def _serving(
        self, assignment: StageAssignment, rendering: Rendering, live: Live, verdict: Verdict
    ) -> Serving:
        kept, before = _kept(assignment), made(assignment)
        serving = Serving(
            verdict=verdict,
            version=rendering.version,
            commit=rendering.commit,
            origin=rendering.origin,
            revision=kept,
            objects=merged(live.places, before),
        )
        if not isinstance(verdict, RolledOut):
            return serving
        if kept != revision_name(assignment, rendering):
            kept = await self.revisions.keep(assignment, rendering)
        serving = replace(serving, revision=kept)
        try:
            await self.applying.prune(assignment, rendering)
        except Stalled as stalled:  # the account may not delete: nothing is forgotten
            return replace(serving, verdict=Failed(stalled.reason, stalled.message, verdict.pods))
        return await self._with_bytes(assignment, live, replace(serving, objects=live.places))

    async def _with_bytes(
        self, assignment: StageAssignment, live: Live, serving: Serving
    ) -> Serving:
        """What the init container found, asked for once for each version that serves."""
        rollout, before = assignment.spec.rollout, assignment.status.workload
        if rollout is None or rollout.fetch is None:
            return serving
        same = running(assignment.status) == Running(serving.commit, serving.origin)
        if before is not None and before.sha256 and before.version == serving.version and same:
            return replace(serving, digest=before.digest, sha256=before.sha256)
        pods = await self.applying.workloads.pods(assignment, live.objects[0])
        found = worst_outcome(pods)
        if not isinstance(found, Fetched):
            return serving
        return replace(serving, digest=found.digest or None, sha256=found.sha256 or None)

    def _refused(self, assignment: StageAssignment, stalled: Stalled) -> Serving:
        _, pods = self.applying.served(assignment)
        return self._as_before(assignment, Failed(stalled.reason, stalled.message, pods=pods))

    def _waiting(self, assignment: StageAssignment, waiting: Waiting) -> Serving:
        """What no event tells of when it has come, and is looked for again."""
        if waiting.reason not in UNTOLD:
            raise waiting
        _, pods = self.applying.served(assignment)
        return self._as_before(assignment, Progressing(waiting.message, pods))

    def _announced(self, assignment: StageAssignment, unknown: list[WorkloadObject]) -> Serving:
        """The status names what is about to be made; the next pass makes it."""
        _, pods = self.applying.served(assignment)
        serving = self._as_before(assignment, Progressing("the rollout begins", pods))
        objects = merged(serving.objects, unknown)
        if len(objects) > MOST_OBJECTS:
            raise Stalled(
                "TooManyObjects",
                f"with those of rollouts before it there would be {len(objects)} objects, and "
                f"more than {MOST_OBJECTS} are not kept track of: go back to what was healthy, "
                "whereupon all others are removed",
            )
        return replace(serving, objects=objects, again=True)

    def _as_before(self, assignment: StageAssignment, verdict: Verdict) -> Serving:
        known = assignment.status.workload  # not what somebody may have written on a Deployment
        version = known.version if known else self.applying.served(assignment)[0]
        runs = running(assignment.status) or Running(commit=None)
        return Serving(
            verdict=verdict,
            version=version,
            commit=runs.commit,
            origin=runs.origin,
            revision=_kept(assignment),
            objects=merged(made(assignment)),
        )

    def _gone(self, assignment: StageAssignment) -> Serving:
        nothing = Progressing("nothing is served", pods="")
        return replace(self._as_before(assignment, nothing), gone=True)

    async def _or_back(
        self,
        assignment: StageAssignment,
        holder: Holder,
        serving: Serving,
        rendering: Rendering | None,
    ) -> Serving:
        """With what to go back to, when the rollout has failed and there is something."""
        verdict, rollout = serving.verdict, assignment.spec.rollout
        if not isinstance(verdict, Failed) or verdict.reason in HELD:
            return serving
        if rollout is None or rollout.on_failure == "Hold":
            return serving
        if rendering is not None and serving.revision == revision_name(assignment, rendering):
            return serving  # it was good, and fails now for reasons of its own
        name, healthy = await self.revisions.last_healthy(assignment) or (None, None)
        if name is None or healthy is None:
            return serving
        if rendering is not None and healthy.hash == rendering.hash:
            return serving  # the same, and the status was lost
        return replace(serving, back=_rolled_back(assignment, holder, verdict, name, healthy))

    async def _former(self, assignment: StageAssignment, back: RolledBack) -> Rendering | None:
        found = await self.revisions.get(assignment, back.revision) if back.revision else None
        if found is not None:
            return found
        other = await self.revisions.last_healthy(assignment)
        return other[1] if other and other[1].version == back.to else None

    async def _without_revision(
        self,
        assignment: StageAssignment,
        back: RolledBack,
        holder: Holder | None,
        artifact: ArtifactView | None,
        against: Callable[[], Trouble | None],
    ) -> Serving | None:
        """A restored cluster has no revisions: what the ledger says is served by the spec, unless
        it was the spec itself that failed."""
        if holder is None or artifact is None or back.version == back.to:
            serving = await self.watch(assignment) or self._as_before(assignment, NOTHING_KEPT)
            return replace(serving, back=back)
        why = against()
        if isinstance(why, EvidenceNotRead):
            return None
        if why is not None:
            return replace(await self.hold(assignment, why), back=back)
        facts = version_facts(self.shell, assignment, holder, artifact)
        if facts is None:
            return None
        try:
            rendering = render(assignment, facts, self.fetch)
        except Stalled as stalled:
            return replace(self._refused(assignment, stalled), back=back)
        return await self._serve_former(assignment, rendering, back)


def _kept(assignment: StageAssignment) -> str | None:
    """The revision of the last healthy rendering, as the status has it."""
    return assignment.status.workload.revision if assignment.status.workload else None


def _is_recorded(assignment: StageAssignment, back: RolledBack) -> bool:
    current = assignment.status.current
    return current is not None and current.tag != back.tag


def _rolled_back(
    assignment: StageAssignment, holder: Holder, verdict: Failed, name: str, healthy: Rendering
) -> RolledBack:
    return RolledBack(
        version=cut(holder.version, NAME),
        to=healthy.version,
        commit=healthy.commit,
        revision=name,
        tag=cut(holder.assignment.tag, TAG),
        reason=verdict.reason,
        message=cut(verdict.message, TEXT),
        at=timestamp(time.time()),
        generation=assignment.metadata.generation,
        spec=spec_hash(assignment),
    )

"""The objects of spec.rollout.manifests in the cluster: applied, observed, and pruned.

All of it is done with the rights of the namespace's account `playbill-rollout`,
so that nobody gains any by way of the operator. Their kinds are not known ahead
and not watched: whoever calls polls, every PROGRESS_SECONDS while a rollout is
under way and every STEADY_SECONDS otherwise. A look costs one GET for each
object, and nothing is written when nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from playbill.api.errors import Stalled, Trouble, Waiting
from playbill.api.stage_assignment import StageAssignment
from playbill.kube.answers import ROLLOUT_ACCOUNT, Conflict
from playbill.kube.client import Kube
from playbill.kube.discovery import Discovery, not_served
from playbill.kube.resources import Resource
from playbill.rollout.blame import Change, drift, put_back
from playbill.rollout.managed_fields import MANAGER, lost_fields
from playbill.rollout.manifests import ObjectKey, group_of
from playbill.rollout.objects import Manifest, owner_reference, seal_of
from playbill.rollout.ownership import refuse_foreign

PROGRESS_SECONDS = 5.0
"""A rollout under way is looked at this often."""

STEADY_SECONDS = 60.0
"""And a settled one this often: no event tells of objects of any kind."""


class Place(Protocol):
    """Where an object is, as status.workload.objects has it (WorkloadObject)."""

    @property
    def api_version(self) -> str:
        """Its API, such as apps/v1."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def name(self) -> str:
        """Its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InStep:
    """The objects after a pass, in the order of their manifests, with managedFields.

    `put_back` has a sentence for each object that somebody else had changed, for an
    Event (DriftCorrected) on the assignment.
    """

    objects: tuple[Manifest, ...]
    written: bool
    put_back: tuple[str, ...] = ()


class ManifestObjects:
    """Objects of any kind, each of one StageAssignment.

    Raises from every method, beside what Kube raises: Waiting(KindNotServed), while the
    cluster does not have a kind (poll: its CRD may come); Stalled(ManifestNotAllowed,
    NotOwned); Waiting(OwnerReplaced); Stalled(Forbidden) names the account
    and the commands that grant it what it lacks.
    """

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._discovery = Discovery(kube)
        self._seals: dict[str, str | None] = {}

    async def bring_in_step(
        self, assignment: StageAssignment, rendered: Sequence[Manifest]
    ) -> InStep:
        """Have the cluster hold what was rendered, in its order, with no write if it does.

        All kinds, owners and objects are looked at before anything is written, so that
        a refusal leaves nothing half done. A Conflict means that somebody wrote
        meanwhile, or that another leader has been at work: look again.
        """
        account = self._account(assignment)
        for each in rendered:
            _refuse_stray(each, assignment)
        resources = [await self._resource(each) for each in rendered]
        live = [
            await self._look(account, resource, assignment, each["metadata"]["name"])
            for resource, each in zip(resources, rendered, strict=True)
        ]
        for found in live:
            refuse_foreign(found, assignment)
            self._refuse_unexpected(found)
        done = [
            await self._apply(account, resource, each, found)
            for resource, each, found in zip(resources, rendered, live, strict=True)
        ]
        return InStep(
            objects=tuple(each.live for each in done),
            written=any(each.written for each in done),
            put_back=tuple(put_back(each.live, each.changes) for each in done if each.changes),
        )

    async def observe(
        self, assignment: StageAssignment, places: Iterable[Place]
    ) -> tuple[Manifest, ...]:
        """The objects as they are now, those that are there and are ours; nothing is written."""
        account, found = self._account(assignment), []
        for place in places:
            live = await self._find(account, assignment, place)
            if live is not None and _is_ours(live, assignment):
                found.append(live)
        return tuple(found)

    async def prune(
        self,
        assignment: StageAssignment,
        before: Iterable[Place],
        now: Sequence[Manifest],
    ) -> tuple[ObjectKey, ...]:
        """Delete what is in `before` and not in `now`, if it is ours still; what was deleted.

        Another version of the same API is the same object. Call it once `now` is healthy: until
        then the former objects may be all that serves. On an error nothing is forgotten: keep
        `before` in the status, and prune again.
        """
        kept, gone = {ObjectKey.of(each) for each in now}, []
        for place in before:
            key = ObjectKey(group_of(place.api_version), place.kind, place.name)
            if key not in kept and await self._delete(assignment, place):
                gone.append(key)
        return tuple(gone)

    async def remove(
        self, assignment: StageAssignment, before: Iterable[Place]
    ) -> tuple[ObjectKey, ...]:
        """Delete all of `before` that is ours."""
        return await self.prune(assignment, before, ())

    def _account(self, assignment: StageAssignment) -> Kube:
        return self._kube.as_account(assignment.metadata.namespace, ROLLOUT_ACCOUNT)

    async def _resource(self, manifest: Manifest) -> Resource:
        return await self._discovery.resource(manifest["apiVersion"], manifest["kind"])

    async def _find(
        self, account: Kube, assignment: StageAssignment, place: Place
    ) -> Manifest | None:
        """The object; None when it, or its kind, is gone."""
        try:
            resource = await self._discovery.resource(place.api_version, place.kind)
            return await self._look(account, resource, assignment, place.name)
        except Waiting as waiting:
            if waiting.reason != "KindNotServed":
                raise
            return None  # its CRD took it along

    async def _look(
        self, account: Kube, resource: Resource, assignment: StageAssignment, name: str
    ) -> Manifest | None:
        try:
            return await account.get(resource, assignment.metadata.namespace, name)
        except Stalled as stalled:
            if stalled.reason != "ApiNotServed":
                raise
            self._discovery.forget(resource)  # its CRD is gone, or came back another
            raise not_served(resource.api_version, resource.kind) from stalled

    def _refuse_unexpected(self, live: Manifest | None) -> None:
        """A leader that slept finds what another one has applied, and must not undo it.

        There is no cache that would show it to have slept, as there is for Deployments:
        so we remember what we saw last. By the next try a lost lease has ended us.
        """
        if live is None:
            return
        uid, seal = live["metadata"]["uid"], seal_of(live)
        if self._seals.setdefault(uid, seal) != seal:
            self._seals[uid] = seal
            what = ObjectKey.of(live)
            raise Conflict("Conflict", f"{what} was applied by another process: looking again")

    async def _apply(
        self, account: Kube, resource: Resource, rendered: Manifest, live: Manifest | None
    ) -> _Applied:
        if live is None:
            made = await account.apply(resource, rendered, manager=MANAGER, force=False)
            return self._seen(_Applied(made, written=True))
        if live["metadata"].get("deletionTimestamp"):
            return _Applied(live, written=False)  # it comes back when it is gone
        if seal_of(rendered) == seal_of(live) and not lost_fields(rendered, live):
            return _Applied(live, written=False)
        version = {"resourceVersion": live["metadata"]["resourceVersion"]}
        body = {**rendered, "metadata": {**rendered["metadata"], **version}}
        after = await account.apply(resource, body, manager=MANAGER)
        return self._seen(_Applied(after, written=True, changes=drift(rendered, live)))

    def _seen(self, applied: _Applied) -> _Applied:
        self._seals[applied.live["metadata"]["uid"]] = seal_of(applied.live)
        return applied

    async def _delete(self, assignment: StageAssignment, place: Place) -> bool:
        """Whether there was something of ours to delete."""
        account = self._account(assignment)
        live = await self._find(account, assignment, place)
        if live is None or not _is_ours(live, assignment):
            return False
        resource = await self._discovery.resource(place.api_version, place.kind)
        meta = live["metadata"]
        self._seals.pop(meta["uid"], None)
        if meta.get("deletionTimestamp"):
            return False
        await account.delete(resource, meta["namespace"], meta["name"], uid=meta["uid"])
        return True


@dataclass(frozen=True, slots=True)
class _Applied:
    live: Manifest
    written: bool
    changes: tuple[Change, ...] = ()


def _refuse_stray(rendered: Manifest, assignment: StageAssignment) -> None:
    """What a rollback goes back to was kept in the cluster, where others may have changed it."""
    meta = rendered["metadata"]
    at_home = meta.get("namespace") == assignment.metadata.namespace
    if not at_home or meta.get("ownerReferences") != [owner_reference(assignment)]:
        raise Stalled(
            "ManifestNotAllowed",
            f"{ObjectKey.of(rendered)} was not rendered for this StageAssignment: somebody has "
            "changed its ControllerRevision; promote a version again",
        )


def _is_ours(live: dict[str, Any], assignment: StageAssignment) -> bool:
    """By the owner reference with the uid alone: a label anybody can write."""
    try:
        refuse_foreign(live, assignment)
    except Trouble:
        return False
    return True

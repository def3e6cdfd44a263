"""Bringing an owned object in step with its rendering, with as few writes as it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playbill.kube.client import Kube, Object
from playbill.kube.resources import Resource
from playbill.rollout.blame import Change, drift, put_back
from playbill.rollout.drift import in_step
from playbill.rollout.managed_fields import MANAGER
from playbill.rollout.objects import seal_of

FIELD_MANAGER = MANAGER
"""Owns what is rendered, in managedFields."""

HANDOVER_MANAGER = "playbill-handover"
"""Holds spec.replicas from when we let go of it until an autoscaler changes it."""


Told = Callable[[str], None]
"""Takes the sentence for an Event about an edit of somebody else's that was put back."""


async def bring_in_step(
    kube: Kube,
    resource: Resource,
    rendered: Object,
    live: Object | None,
    *,
    on_drift: Told | None = None,
) -> tuple[Object, bool]:
    """The object as it is then, and whether anything was written.

    `live` is what was last observed (a cache will do). A write carries its
    resourceVersion, so one who has slept through another leader's work gets a
    Conflict. An object that appeared meanwhile is not taken over: it is a Conflict
    too, and the next look finds out whose it is.

    `on_drift` is told what others had changed of it and when, once that is put back;
    finding out takes one request more, and only then.
    """
    if live is None:
        return await kube.apply(resource, rendered, manager=FIELD_MANAGER, force=False), True
    if in_step(rendered, live):
        return live, False
    changes = await _drift(kube, resource, rendered, live) if on_drift else ()
    if _lets_go_of_replicas(rendered, live):
        live = await _hand_over_replicas(kube, resource, live)
    version = {"resourceVersion": live["metadata"]["resourceVersion"]}
    body = {**rendered, "metadata": {**rendered["metadata"], **version}}
    after = await kube.apply(resource, body, manager=FIELD_MANAGER)
    if on_drift and changes:
        on_drift(put_back(after, changes))
    return after, True


async def _drift(
    kube: Kube, resource: Resource, rendered: Object, live: Object
) -> tuple[Change, ...]:
    """What others changed, unless our own rendering has: caches hold no managedFields."""
    if seal_of(rendered) != seal_of(live):
        return ()
    meta = live["metadata"]
    fresh = await kube.get(resource, meta["namespace"], meta["name"])
    return drift(rendered, fresh) if fresh is not None else ()


def _lets_go_of_replicas(rendered: Object, live: Object) -> bool:
    return "replicas" in live["spec"] and "replicas" not in rendered["spec"]


async def _hand_over_replicas(kube: Kube, resource: Resource, live: Object) -> Object:
    """Let another manager own the live number first, when we own it.

    A field that its only owner stops applying falls back to its default: the
    workload would shrink to one pod before the autoscaler saw it. Source:
    "Transferring ownership" in Kubernetes' page on server-side apply.
    """
    meta = live["metadata"]
    fresh = await kube.get(resource, meta["namespace"], meta["name"])
    if fresh is None or not _own_replicas(fresh):
        return live
    body = {
        "metadata": {key: meta[key] for key in ("name", "namespace", "resourceVersion")},
        "spec": {"replicas": fresh["spec"]["replicas"]},
    }
    return await kube.apply(resource, body, manager=HANDOVER_MANAGER)


def _own_replicas(live: Object) -> bool:
    return any(
        _is_ours(entry) and "f:replicas" in entry["fieldsV1"].get("f:spec", {})
        for entry in live["metadata"].get("managedFields", ())
    )


def _is_ours(entry: dict[str, Any]) -> bool:
    return (entry["manager"], entry["operation"]) == (FIELD_MANAGER, "Apply")

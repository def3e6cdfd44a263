"""What the API server would have after a change: its objects, with the manifests laid over them.

Each manifest goes through a server-side dry run where the user may apply it: what admission and
the schema refuse is refused here. Defaults are those of our own models, which the schema is made
of, so that nothing depends on whether the user may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from playbill.api.errors import Stalled, Trouble
from playbill.api.times import timestamp
from playbill.controllers.inventory.keys import ObjectKey
from playbill.controllers.inventory.kinds import LATECOMERS, RESOURCES
from playbill.controllers.inventory.store import Store
from playbill.controllers.planning.manifests import Manifest
from playbill.kube.client import Kube

MANAGER = "playbill-plan"


@dataclass(slots=True)
class Overlay:
    """The store as it would be; what was refused, by object; and who may not try."""

    store: Store = field(default_factory=Store)
    refused: dict[ObjectKey, Trouble] = field(default_factory=dict)
    untried: set[ObjectKey] = field(default_factory=set)
    changed: set[ObjectKey] = field(default_factory=set)


async def lay_over(
    kube: Kube, manifests: Sequence[tuple[ObjectKey, Manifest]], *, now: float
) -> Overlay:
    """Read what there is in the manifests' namespaces, and lay them over it."""
    live = await _live(kube, {key.namespace for key, _ in manifests})
    overlay = Overlay()
    await _try(kube, manifests, overlay)
    for key, manifest in manifests:
        if key in overlay.refused:
            continue
        wanted = _laid_over(key, manifest, live.get(key), now=now)
        if wanted["spec"] != (live.get(key) or {}).get("spec"):
            overlay.changed.add(key)
        live[key] = wanted
    for key, raw in live.items():
        _put(overlay, key, raw)
    return overlay


async def _live(kube: Kube, namespaces: Iterable[str]) -> dict[ObjectKey, Manifest]:
    found: dict[ObjectKey, Manifest] = {}
    for namespace in sorted(namespaces):
        for kind, resource in RESOURCES.items():
            try:
                items, _ = await kube.list(resource, namespace)
            except Stalled as stalled:
                if stalled.reason == "ApiNotServed" and resource in LATECOMERS:
                    continue
                raise
            for raw in items:
                found[ObjectKey(kind, namespace, raw["metadata"]["name"])] = raw
    return found


async def _try(
    kube: Kube, manifests: Sequence[tuple[ObjectKey, Manifest]], overlay: Overlay
) -> None:
    """Have the API server look at each, without keeping it."""
    gate = asyncio.Semaphore(8)

    async def one(key: ObjectKey, manifest: Manifest) -> None:
        meta = {**manifest["metadata"], "name": key.name, "namespace": key.namespace}
        body = {"metadata": meta, "spec": manifest["spec"]}
        async with gate:
            try:
                await kube.apply(RESOURCES[key.kind], body, manager=MANAGER, dry_run=True)
            except Stalled as stalled:
                if stalled.reason in {"Forbidden", "ApiNotServed"}:
                    overlay.untried.add(key)
                else:
                    overlay.refused[key] = stalled
            except Trouble as trouble:  # a namespace that is not there yet
                overlay.refused[key] = trouble

    await asyncio.gather(*(one(key, manifest) for key, manifest in manifests))


def _laid_over(
    key: ObjectKey, manifest: Manifest, live: Manifest | None, *, now: float
) -> Manifest:
    """The object as it would be: a new spec counts as a new generation."""
    given = manifest["metadata"]
    meta = dict((live or {}).get("metadata") or _new(key, now))
    for part in ("labels", "annotations"):
        meta[part] = {**(meta.get(part) or {}), **(given.get(part) or {})}
    if live is not None and live.get("spec") != manifest["spec"]:
        meta["generation"] = meta.get("generation", 0) + 1
    status = (live or {}).get("status") or {}
    return {**manifest, "metadata": meta, "spec": manifest["spec"], "status": status}


def _new(key: ObjectKey, now: float) -> Manifest:
    return {
        "name": key.name,
        "namespace": key.namespace,
        "uid": f"planned/{key}",
        "generation": 1,
        "resourceVersion": "0",
        "creationTimestamp": timestamp(now),
    }


def _put(overlay: Overlay, key: ObjectKey, raw: Mapping[str, object]) -> None:
    try:
        overlay.store.put(key.kind, raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        overlay.refused[key] = Stalled("Invalid", f"{place}: {first['msg']}")

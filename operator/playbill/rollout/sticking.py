"""Keeping each client with one version while two of them serve.

As long as old and new pods are both ready, a Service leads each request to any of them, and a
client would go back and forth between two versions. So for the time of a rollout the Service
remembers where a client was led (ClientIP): it stays with its pod until that goes, and from a
new pod it never comes back to an old one. Between rollouts requests are spread as ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playbill.rollout.objects import Manifest, sealed, unsealed

SECONDS = 600
"""For so long a client is remembered that asks nothing."""


def has_to_stick(
    rendered: Mapping[str, Any],
    live: Mapping[str, Any] | None,
    service: Mapping[str, Any] | None,
    *,
    template: str,
) -> bool:
    """Whether pods of two templates serve, or are about to, by the Deployment as it is rendered
    and as it is; `template` is the annotation by which one is told from another.

    While its controller has not seen the newest Deployment, the Service stays as it is.
    """
    if live is None:
        return False
    if _template(rendered, template) != _template(live, template):
        return True
    status = live.get("status") or {}
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return service is not None and service["spec"].get("sessionAffinity") == "ClientIP"
    return bool(status.get("replicas", 0) > status.get("updatedReplicas", 0))


def sticking(service: Manifest) -> Manifest:
    """The same Service, with a memory for its clients."""
    plain = unsealed(service)
    affinity = {
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": SECONDS}},
    }
    return sealed({**plain, "spec": {**plain["spec"], **affinity}})


def _template(deployment: Mapping[str, Any], annotation: str) -> str | None:
    meta = deployment["spec"]["template"].get("metadata") or {}
    found: str | None = (meta.get("annotations") or {}).get(annotation)
    return found

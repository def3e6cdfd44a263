"""Letting a pod that goes finish: nobody sends it requests any more when its process is told.

A pod that is deleted leaves the Service's endpoints and gets SIGTERM at once, and proxies hear of
the one later than the process of the other: for a moment requests go to a port that is closed.
A few seconds of sleep before the signal (KEP-3960) close that gap, whatever the server does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SECONDS = 3
"""So long proxies have to hear of it; kube-proxy syncs within one."""

USUAL_GRACE = 30
"""Kubernetes' terminationGracePeriodSeconds when none is given."""


def draining(pod_spec: Mapping[str, Any]) -> dict[str, Any]:
    """The same pod, whose containers with ports sleep before they are told to end.

    A container that says for itself what is done before it stops is left as it is, and so is a
    pod whose time to end is too short for it.
    """
    grace = pod_spec.get("terminationGracePeriodSeconds", USUAL_GRACE)
    if not isinstance(grace, int) or grace <= SECONDS:
        return dict(pod_spec)
    return {**pod_spec, "containers": [_draining(each) for each in pod_spec["containers"]]}


def _draining(container: dict[str, Any]) -> dict[str, Any]:
    lifecycle = container.get("lifecycle", {})
    if not container.get("ports") or not isinstance(lifecycle, dict) or "preStop" in lifecycle:
        return container
    sleep = {"preStop": {"sleep": {"seconds": SECONDS}}}
    return {**container, "lifecycle": {**lifecycle, **sleep}}

"""Containers with ports sleep before they are told to end."""

from __future__ import annotations

from typing import Any

import pytest

from playbill.rollout.draining import SECONDS, draining

PORTS = [{"containerPort": 8080}]
SLEEP = {"preStop": {"sleep": {"seconds": SECONDS}}}


@pytest.mark.parametrize(
    ("container", "lifecycle"),
    [
        ({"ports": PORTS}, SLEEP),
        ({}, None),
        ({"ports": PORTS, "lifecycle": {"preStop": {"exec": {}}}}, {"preStop": {"exec": {}}}),
        ({"ports": PORTS, "lifecycle": {"postStart": {}}}, {"postStart": {}, **SLEEP}),
        ({"ports": PORTS, "lifecycle": "no object"}, "no object"),
    ],
)
def test_what_serves_has_time_to_be_forgotten(container: dict[str, Any], lifecycle: Any) -> None:
    (found,) = draining({"containers": [container]})["containers"]
    assert found.get("lifecycle") == lifecycle


@pytest.mark.parametrize("grace", [0, SECONDS, "30"])
def test_a_pod_that_has_to_go_at_once_is_left_as_it_is(grace: Any) -> None:
    pod = {"terminationGracePeriodSeconds": grace, "containers": [{"ports": PORTS}]}
    assert draining(pod) == pod

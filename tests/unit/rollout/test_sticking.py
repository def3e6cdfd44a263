"""When a Service keeps its clients with their pods, and how it is rendered then."""

from __future__ import annotations

from typing import Any

import pytest

from playbill.rollout.objects import seal_of, sealed
from playbill.rollout.sticking import has_to_stick, sticking

MARK = "t"
STICKS = {"spec": {"sessionAffinity": "ClientIP"}}
SPREADS = {"spec": {"sessionAffinity": "None"}}


def deployment(template: str, *, seen: bool = True, pods: int = 2, new: int = 2) -> dict[str, Any]:
    return {
        "metadata": {"generation": 4},
        "spec": {"template": {"metadata": {"annotations": {MARK: template}}}},
        "status": {
            "observedGeneration": 4 if seen else 3,
            "replicas": pods,
            "updatedReplicas": new,
        },
    }


@pytest.mark.parametrize(
    ("live", "service", "sticks"),
    [
        (None, None, False),
        (deployment("old"), SPREADS, True),
        (deployment("new", seen=False), STICKS, True),
        (deployment("new", seen=False), SPREADS, False),  # a mere change of replicas
        (deployment("new", pods=3, new=1), STICKS, True),
        (deployment("new"), STICKS, False),
    ],
)
def test_clients_stick_while_pods_of_two_templates_serve(
    live: Any, service: Any, sticks: bool
) -> None:
    assert has_to_stick(deployment("new"), live, service, template=MARK) is sticks


def test_the_service_is_sealed_anew() -> None:
    plain = sealed({"metadata": {"annotations": {"mine": "kept"}}, "spec": {"type": "ClusterIP"}})
    stuck = sticking(plain)
    assert stuck["spec"]["sessionAffinity"] == "ClientIP"
    assert stuck["metadata"]["annotations"]["mine"] == "kept"
    assert seal_of(stuck) not in {None, seal_of(plain)}
    assert plain["spec"] == {"type": "ClusterIP"}

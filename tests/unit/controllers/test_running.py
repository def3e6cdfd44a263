"""Which versions an assignment has need of."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.controllers.objects import condition, stage
from tests.unit.ledger.book import commit

from playbill.controllers.inventory.running import in_use

ROLLOUT = {"template": {"spec": {"containers": [{"name": "server"}]}}}
BACK = {
    "version": "v2.0.0",
    "to": "v1.0.0",
    "commit": commit(1),
    "revision": "",
    "tag": "m#prod#2",
    "reason": "CrashLoop",
    "message": "",
    "at": "2026-01-01T00:00:00Z",
    "generation": 1,
    "spec": "hash",
}


def entry(version: str, outcome: str | None) -> dict[str, Any]:
    found = {"event": "Assigned", "version": version, "at": "2026-01-01T00:00:00Z", "tag": version}
    return {**found, "outcome": outcome} if outcome else found


def workload(version: str) -> dict[str, Any]:
    return {"name": "m-prod", "version": version}


HISTORY = [entry("v3.0.0", None), entry("v2.0.0", "RolledBack"), entry("v1.0.0", "Available")]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, set()),
        ({"workload": workload("v3.0.0")}, {"v3.0.0"}),
        ({"workload": workload("v2.0.0"), "rolledBack": BACK}, {"v1.0.0", "v2.0.0"}),
        ({"workload": workload("v3.0.0"), "history": HISTORY}, {"v1.0.0", "v3.0.0"}),
        (
            {
                "workload": workload("v3.0.0"),
                "history": HISTORY,
                "conditions": [condition("RolledOut")],
            },
            {"v3.0.0"},
        ),
    ],
    ids=["nothing", "what runs", "what it went back to", "what ran before", "done"],
)
def test_what_runs_and_what_may_have_to_run_again(status: Any, expected: set[str]) -> None:
    assert in_use(stage(status=status, rollout=ROLLOUT)) == expected


def test_without_a_rollout_nothing_runs() -> None:
    assert in_use(stage(status={"workload": workload("v1.0.0")})) == frozenset()

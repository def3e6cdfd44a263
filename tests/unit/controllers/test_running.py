"""What a workload runs, and which versions its assignment has need of."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.controllers.objects import condition, stage
from tests.unit.ledger.book import commit

from playbill.controllers.inventory.running import in_use, running
from playbill.ledger.policies.permitting import Running

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


HOLDS = {"version": "v1.0.0", "commit": commit(1), "tag": "m#prod#1", "since": BACK["at"]}


def told(runs: str | None, ready: str = "True", **more: Any) -> dict[str, Any]:
    """A status where v1.0.0 holds the stage, of a workload that runs this version."""
    facts = {"name": "m-prod", "version": runs, **more}
    return {"current": HOLDS, "workload": facts, "conditions": [condition("Ready", ready)]}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, None),
        (told(None), None),
        (told("v1.0.0", commit=commit(7)), Running(commit(7))),
        (told("v1.0.0", commit=commit(7), origin="0" * 16), Running(commit(7), "0" * 16)),
        (told("v1.0.0"), Running(commit(1))),
        (told("v1.0.0", ready="False"), Running(None)),
        (told("v2.0.0"), Running(None)),
        ({**told("v1.0.0"), "current": None}, Running(None)),
    ],
    ids=[
        "no status",
        "nothing runs",
        "the commit that the status names",
        "and the origin",
        "an older operator had it serve who held the stage",
        "an older operator may have held it back",
        "an older operator had it serve another",
        "an older operator left it running",
    ],
)
def test_the_commit_that_runs_is_told_by_the_status_alone(
    status: Any, expected: Running | None
) -> None:
    assert running(stage(status=status, rollout=ROLLOUT).status) == expected

"""How a rollout fares, by what the Deployment's controller wrote."""

from typing import Any

import pytest

from playbill.rollout.judge import Failed, Progressing, RolledOut, judge

EXCEEDED = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
QUOTA = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: gpu"}


def deployment(
    *,
    wanted: int | None = 2,
    generation: int = 3,
    observed: int = 3,
    conditions: tuple[dict[str, Any], ...] = (),
    paused: bool = False,
    **counts: int,
) -> dict[str, Any]:
    spec: dict[str, Any] = {"paused": paused} if paused else {}
    if wanted is not None:
        spec["replicas"] = wanted
    return {
        "metadata": {"name": "d", "generation": generation},
        "spec": spec,
        "status": {
            "observedGeneration": observed,
            "conditions": list(conditions),
            **{f"{name}Replicas" if name != "all" else "replicas": n for name, n in counts.items()},
        },
    }


@pytest.mark.parametrize(
    ("live", "verdict"),
    [
        (None, Progressing("the Deployment is not there yet", "0/0")),
        (
            {"metadata": {"name": "d", "generation": 1}, "spec": {}},
            Progressing("the rollout has begun", "0/1"),
        ),
        (
            deployment(observed=2, all=2, updated=2, ready=2, available=2),
            Progressing("the rollout has begun", "2/2"),
        ),
        (deployment(), Progressing("0 of 2 pods ready", "0/2")),
        (
            deployment(all=3, updated=1, ready=2, available=2),
            Progressing("0 of 2 new pods ready; 2 old pods still running", "0/2"),
        ),
        (
            deployment(all=3, updated=2, ready=2, available=2),
            Progressing("1 of 2 new pods ready; 1 old pod still running", "1/2"),
        ),
        (
            deployment(all=2, updated=2, ready=1, available=1),
            Progressing("1 of 2 pods ready", "1/2"),
        ),
        (
            deployment(all=2, updated=2, ready=2, available=2),
            RolledOut("2 of 2 pods ready", "2/2"),
        ),
        (
            deployment(wanted=None, all=1, updated=1, ready=1, available=1),
            RolledOut("1 of 1 pod ready", "1/1"),
        ),
        (deployment(wanted=0), RolledOut("scaled to no pods", "0/0")),
        (
            deployment(conditions=(QUOTA,)),
            Progressing("0 of 2 pods ready; pods cannot be created: exceeded quota: gpu", "0/2"),
        ),
        (
            deployment(conditions=(EXCEEDED,), all=3, updated=1, ready=2),
            Failed(
                "ProgressDeadlineExceeded",
                "no progress within 60 s: 0 of 2 new pods ready; 2 old pods still running",
                "0/2",
            ),
        ),
        (
            deployment(conditions=(EXCEEDED, QUOTA)),
            Failed(
                "ProgressDeadlineExceeded",
                "no progress within 60 s: 0 of 2 pods ready; pods cannot be created: "
                "exceeded quota: gpu",
                "0/2",
            ),
        ),
        (
            deployment(conditions=(EXCEEDED,), observed=2, all=2, updated=2),
            Progressing("the rollout has begun", "0/2"),
        ),
    ],
)
def test_the_verdict_is_that_of_kubectl_rollout_status(live: Any, verdict: Any) -> None:
    assert judge(live, deadline_seconds=60) == verdict


@pytest.mark.parametrize(
    ("begun", "failed"),
    [
        (None, True),
        ("2026-01-01T00:00:04Z", True),
        ("2026-01-01T00:00:05Z", False),
        ("2026-01-01T00:00:09Z", False),
    ],
)
def test_a_deadline_that_was_exceeded_before_is_the_one_of_the_template_before(
    begun: str | None, failed: bool
) -> None:
    old = {**EXCEEDED, "lastUpdateTime": "2026-01-01T00:00:05Z"}
    live = deployment(conditions=(old,), all=3, updated=1, ready=2)
    verdict = judge(live, deadline_seconds=60, begun=begun)
    assert isinstance(verdict, Failed if failed else Progressing)


def test_a_pause_by_hand_is_told_with_its_way_out() -> None:
    verdict = judge(deployment(paused=True, all=2, ready=2, available=2), deadline_seconds=60)

    assert isinstance(verdict, Progressing)
    assert "kubectl rollout resume deployment/d" in verdict.message


def test_available_is_what_counts_and_not_ready_alone() -> None:
    verdict = judge(
        deployment(all=2, updated=2, ready=2, available=1),
        deadline_seconds=60,
    )

    assert isinstance(verdict, Progressing)

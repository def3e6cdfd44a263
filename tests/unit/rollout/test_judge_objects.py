"""How a rollout of several objects fares, and since when."""

from datetime import UTC, datetime
from typing import Any

import pytest

from playbill.rollout.judge import Failed, Progressing, RolledOut, Verdict
from playbill.rollout.judge_objects import SETTLE_SECONDS, judge_objects

START = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
DEADLINE = 60


def applied(after: float) -> list[dict[str, Any]]:
    at = datetime.fromtimestamp(START.timestamp() + after, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ours = {"manager": "playbill", "operation": "Apply", "time": at, "fieldsV1": {}}
    theirs = {"manager": "kserve", "operation": "Update", "time": "2030-01-01T00:00:00Z"}
    return [theirs, ours]


def service(status: dict[str, Any] | None = None, *, after: float = 0) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "digits", "generation": 1, "managedFields": applied(after)},
        **({} if status is None else {"status": status}),
    }


def deployment(ready: int, *, after: float = 0) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "proxy", "generation": 1, "managedFields": applied(after)},
        "spec": {"replicas": 2},
        "status": {
            "observedGeneration": 1,
            "replicas": 2,
            "updatedReplicas": 2,
            "readyReplicas": ready,
            "availableReplicas": ready,
        },
    }


def said(ready: str, **more: Any) -> dict[str, Any]:
    return {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": ready, **more}]}


def verdict(*live: dict[str, Any], after: float, proven: bool = False) -> Verdict:
    now = START.timestamp() + after
    return judge_objects(live, deadline_seconds=DEADLINE, now=now, proven=proven)


def test_all_healthy_is_rolled_out() -> None:
    found = verdict(service(said("True")), deployment(2), after=1)

    assert found == RolledOut("all 2 objects are healthy", "2/2")


def test_one_object_speaks_for_itself() -> None:
    assert verdict(service(said("True")), after=1) == RolledOut(
        "InferenceService digits: it is ready", ""
    )


def test_what_is_waited_for_is_named() -> None:
    found = verdict(service(said("False", reason="NoPods")), deployment(2), after=1)

    assert found == Progressing("1 of 2 objects healthy; InferenceService digits: NoPods", "2/2")


def test_the_deadline_runs_from_our_last_change_and_nobody_elses() -> None:
    waiting = (service(said("False"), after=0), deployment(2, after=30))

    assert isinstance(verdict(*waiting, after=30 + DEADLINE), Progressing)
    late = verdict(*waiting, after=31 + DEADLINE)
    assert isinstance(late, Failed)
    assert late.reason == "ProgressDeadlineExceeded"
    assert "no progress within 60 s: 1 of 2 objects healthy" in late.message


def test_what_was_healthy_once_has_no_deadline_any_more() -> None:
    ill = service(said("False", reason="NodeLost"))

    assert isinstance(verdict(ill, after=DEADLINE * 100, proven=True), Progressing)


def test_a_failure_does_not_wait_for_the_deadline() -> None:
    stalled = {**said("False"), "observedGeneration": 1}
    stalled["conditions"].append({"type": "Stalled", "status": "True", "reason": "BadSpec"})

    found = verdict(deployment(0), service(stalled), after=1)

    assert isinstance(found, Failed)
    assert (found.reason, found.message) == ("BadSpec", "InferenceService digits: BadSpec")


@pytest.mark.parametrize("reason", ["Bad_Spec", "Bad:Spec", "no such model!", "B" * 300, 7, None])
def test_a_reason_that_is_no_plain_word_is_told_and_not_taken_for_one(reason: object) -> None:
    stalled = said("False")
    stalled["conditions"].append({"type": "Stalled", "status": "True", "reason": reason})

    found = verdict(service(stalled), after=1)

    assert isinstance(found, Failed)
    assert found.reason == "ObjectFailed"
    assert str(reason or "") in found.message


def test_an_object_that_nobody_reports_on_is_given_a_moment() -> None:
    assert isinstance(verdict(service(), after=SETTLE_SECONDS - 1), Progressing)
    assert isinstance(verdict(service(), after=SETTLE_SECONDS), RolledOut)


def test_an_answer_that_may_be_about_an_earlier_spec_is_not_taken_at_once() -> None:
    for status, then in (("True", RolledOut), ("False", Progressing)):
        old = said(status)
        del old["observedGeneration"]
        assert isinstance(verdict(service(old), after=1), Progressing)
        assert isinstance(verdict(service(old), after=SETTLE_SECONDS), then)


def test_an_object_that_is_going_is_waited_for() -> None:
    going = service(said("True"))
    going["metadata"]["deletionTimestamp"] = "2026-05-03T12:00:00Z"

    assert isinstance(verdict(going, after=1), Progressing)

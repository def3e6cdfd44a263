"""The most telling reason why pods do not start."""

from typing import Any

import pytest

from playbill.rollout.explain import explain_pods


def pod(name: str = "p", *, created: str = "2026-01-01T00:00:00Z", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "creationTimestamp": created}, "status": status}


def with_container(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return pod(containerStatuses=[{"name": "c", "image": "i:1", "state": state, **more}])


PULL = with_container({"waiting": {"reason": "ImagePullBackOff", "message": "back-off"}})
UNSCHEDULABLE = pod(
    conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: no gpu"}]
)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (PULL, "container c of pod p has no image i:1: ImagePullBackOff (back-off)"),
        (
            with_container({"waiting": {"reason": "ErrImageNeverPull"}}),
            "container c of pod p has no image i:1: ErrImageNeverPull",
        ),
        (
            with_container(
                {"waiting": {"reason": "CreateContainerConfigError", "message": 'no secret "s"'}}
            ),
            'container c of pod p cannot be started: CreateContainerConfigError (no secret "s")',
        ),
        (
            with_container(
                {"waiting": {"reason": "CrashLoopBackOff"}},
                lastState={"terminated": {"exitCode": 1, "reason": "Error", "message": "no\nfile"}},
            ),
            "container c of pod p keeps crashing: exit code 1 (no file)",
        ),
        (
            with_container({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
            "container c of pod p crashed: exit code 137, OOMKilled",
        ),
        (UNSCHEDULABLE, "pod p cannot be scheduled: 0/3 nodes: no gpu"),
        (
            with_container({"running": {}}, ready=False),
            "container c of pod p is running, but not ready yet",
        ),
        (pod(phase="Failed", reason="Evicted"), "pod p failed: Evicted"),
    ],
)
def test_a_pod_that_does_not_start_says_why(given: dict[str, Any], words: str) -> None:
    assert explain_pods([given]) == words


def test_an_init_container_speaks_as_well() -> None:
    waiting = {"name": "fetch", "state": {"terminated": {"exitCode": 2}}}

    assert explain_pods([pod(initContainerStatuses=[waiting])]) == (
        "initContainer fetch of pod p crashed: exit code 2"
    )


@pytest.mark.parametrize(
    "given",
    [
        pod(),
        with_container({"running": {}}, ready=True),
        with_container({"waiting": {"reason": "ContainerCreating"}}),
        pod(initContainerStatuses=[{"name": "i", "state": {"terminated": {"exitCode": 0}}}]),
    ],
)
def test_pods_without_trouble_say_nothing(given: dict[str, Any]) -> None:
    assert explain_pods([given]) is None


def test_a_pod_that_is_on_its_way_out_is_not_asked() -> None:
    leaving = {**PULL, "metadata": {"name": "p", "deletionTimestamp": "2026-01-01T00:00:00Z"}}

    assert explain_pods([leaving]) is None


def test_what_a_user_can_mend_goes_before_what_may_pass() -> None:
    assert "image" in (explain_pods([UNSCHEDULABLE, PULL]) or "")


def test_of_equal_reasons_the_newest_pod_speaks() -> None:
    old = pod("old", created="2026-01-01T00:00:00Z", phase="Failed", reason="Evicted")
    new = pod("new", created="2026-01-02T00:00:00Z", phase="Failed", reason="Evicted")

    assert explain_pods([old, new]) == "pod new failed: Evicted"


def test_a_long_message_is_cut() -> None:
    crashed = {"terminated": {"exitCode": 1, "message": "x" * 5000}}

    assert len(explain_pods([with_container(crashed)]) or "") < 400

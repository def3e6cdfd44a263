"""The most telling reason why pods do not start."""

from typing import Any

import pytest

from playbill.rollout.explain import Diagnosis, diagnose


def pod(name: str = "p", *, created: str = "2026-01-01T00:00:00Z", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "creationTimestamp": created}, "status": status}


def with_container(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return pod(containerStatuses=[{"name": "c", "image": "i:1", "state": state, **more}])


PULL = with_container({"waiting": {"reason": "ImagePullBackOff", "message": "back-off"}})
UNSCHEDULABLE = pod(
    conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: no gpu"}]
)


def said(pods: list[dict[str, Any]]) -> str | None:
    found = diagnose(pods)
    return found.sentence if found else None


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
    assert said([given]) == words


def test_an_init_container_speaks_as_well() -> None:
    waiting = {"name": "fetch", "state": {"terminated": {"exitCode": 2}}}

    assert said([pod(initContainerStatuses=[waiting])]) == (
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
    assert said([given]) is None


def test_a_pod_that_is_on_its_way_out_is_not_asked() -> None:
    leaving = {**PULL, "metadata": {"name": "p", "deletionTimestamp": "2026-01-01T00:00:00Z"}}

    assert said([leaving]) is None


def test_what_a_user_can_mend_goes_before_what_may_pass() -> None:
    assert "image" in (said([UNSCHEDULABLE, PULL]) or "")


def test_of_equal_reasons_the_newest_pod_speaks() -> None:
    old = pod("old", created="2026-01-01T00:00:00Z", phase="Failed", reason="Evicted")
    new = pod("new", created="2026-01-02T00:00:00Z", phase="Failed", reason="Evicted")

    assert said([old, new]) == "pod new failed: Evicted"


def test_a_long_message_is_cut() -> None:
    crashed = {"terminated": {"exitCode": 1, "message": "x" * 5000}}

    assert len(said([with_container(crashed)]) or "") < 700


def crashed(times: int, **terminated: Any) -> dict[str, Any]:
    ended = {"exitCode": 1, **terminated}
    return with_container(
        {"waiting": {"reason": "CrashLoopBackOff"}},
        restartCount=times,
        lastState={"terminated": ended},
    )


def image(reason: str, message: str = "") -> dict[str, Any]:
    return with_container({"waiting": {"reason": reason, "message": message}}, image="server:2")


@pytest.mark.parametrize(
    ("given", "hopeless"),
    [
        (image("ErrImageNeverPull"), "ImageUnavailable"),
        (image("InvalidImageName"), "ImageUnavailable"),
        (image("ErrImagePull", "server:2: not found"), "ImageUnavailable"),
        (image("ImagePullBackOff", "pull access denied"), "ImageUnavailable"),
        (image("ImagePullBackOff", "dial tcp: i/o timeout"), None),
        (crashed(2), None),
        (crashed(3), "CrashLoop"),
        (UNSCHEDULABLE, None),
        (with_container({"waiting": {"reason": "CreateContainerConfigError"}}), None),
    ],
)
def test_what_no_waiting_can_help_is_hopeless(given: dict[str, Any], hopeless: str | None) -> None:
    found = diagnose([given])

    assert found is not None
    assert found.hopeless == hopeless


def test_the_hopeless_pod_speaks_before_one_that_may_recover() -> None:
    found = diagnose([image("ErrImagePull", "i/o timeout"), crashed(5)])

    assert found is not None
    assert found.hopeless == "CrashLoop"


def fetching(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return pod(initContainerStatuses=[{"name": "playbill-fetch", "state": state, **more}])


def test_wrong_bytes_are_hopeless_at_once_and_told_with_both_digests() -> None:
    words = '{"reason": "DigestMismatch", "message": "expected md5:aa, found md5:bb"}'

    found = diagnose([fetching({"terminated": {"exitCode": 65, "message": words}})])

    assert found == Diagnosis(
        "pod p: the artifact was not fetched: expected md5:aa, found md5:bb",
        "DigestMismatch",
    )


def test_a_store_that_is_away_may_come_back_for_a_while() -> None:
    words = '{"reason": "Unavailable", "message": "the store answers 503"}'
    ended = {"terminated": {"exitCode": 69, "message": words}}

    first, last = diagnose([fetching(ended)]), diagnose([fetching(ended, restartCount=3)])

    assert first is not None
    assert last is not None
    assert (first.hopeless, last.hopeless) == (None, "FetchFailed")

"""The Job that verifies a version: how it is made, and what its end means."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.controllers.objects import stage

from playbill.api.errors import Stalled
from playbill.api.stage_assignment import StageAssignment
from playbill.rollout.facts import Facts
from playbill.rollout.judge import Failed, Progressing, RolledOut
from playbill.rollout.render import render
from playbill.rollout.verifying import VERIFIES_LABEL, has_ended, job_of, verified

FACTS = Facts(model="digits", version="v2.0.0", commit="c" * 40, stage="prod")
PORTS = [{"name": "grpc", "containerPort": 9000}, {"name": "http", "containerPort": 8080}]
DONE = RolledOut("1 of 1 pod ready", "1/1")


def assignment(name: str = "digits-prod", **verify: Any) -> StageAssignment:
    container = {"name": "server", "image": "i", "ports": PORTS}
    template = {"spec": {"containers": [container]}}
    return stage(name, rollout={"template": template, "verify": verify})


def job(of: StageAssignment, *, attempt: str = "one") -> dict[str, Any]:
    rollout = of.spec.rollout
    assert rollout is not None
    assert rollout.verify is not None
    rendering = render(of, FACTS)
    return job_of(of, rollout.verify, FACTS, rendering, attempt=attempt, image="playbill-fetch:1")


def with_job(*, labels: dict[str, str] | None = None, **pod: Any) -> dict[str, Any]:
    container = {"name": "try", "image": "curl", "args": ["${version}", "${stage}"]}
    meta = {"metadata": {"labels": labels}} if labels else {}
    return {"template": {**meta, "spec": {"containers": [container], **pod}}}


def args(of: StageAssignment) -> list[str]:
    found: list[str] = job(of)["spec"]["template"]["spec"]["containers"][0]["args"]
    return found


def test_the_pods_are_the_template_s_with_the_tokens_and_end_for_good() -> None:
    made = job(assignment(job=with_job(), timeoutSeconds=42))
    assert made["spec"]["activeDeadlineSeconds"] == 42
    assert made["spec"]["backoffLimit"] == 0
    pod = made["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["containers"][0]["args"] == ["v2.0.0", "prod"]
    assert made["metadata"]["ownerReferences"][0]["uid"] == "uid-digits-prod"


def test_no_service_of_ours_sends_its_pods_requests() -> None:
    made = job(assignment(job=with_job(labels={"team": "vision"})))
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels["team"] == "vision"
    assert labels[VERIFIES_LABEL] == "digits-prod"
    assert "playbill.dev/assignment" not in labels


def test_a_template_that_would_have_them_sent_there_is_refused() -> None:
    stolen = with_job(labels={"playbill.dev/assignment": "digits-prod"})
    with pytest.raises(Stalled, match="take that label out") as caught:
        job(assignment(job=stolen))
    assert caught.value.reason == "VerifyInvalid"


def test_each_try_has_a_name_of_its_own_and_the_same_try_the_same() -> None:
    of = assignment(job=with_job())
    first, again, other = job(of), job(of), job(of, attempt="two")
    changed = job(assignment(job=with_job(), timeoutSeconds=7))
    names = [each["metadata"]["name"] for each in (first, again, other, changed)]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_the_longest_name_still_is_one_for_its_pods() -> None:
    name = f"{'a' * 45}-{'b' * 17}"
    found = job(assignment(name, job=with_job()))["metadata"]["name"]
    assert found.startswith(f"{'a' * 45}-verify-")
    assert len(found) <= 63


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ({}, ["check", "http://digits-prod:9000/", "--status=200", "--timeout=300"]),
        (
            {"port": "http", "path": "/v1?x=1", "status": 204},
            ["check", "http://digits-prod:8080/v1?x=1", "--status=204", "--timeout=300"],
        ),
    ],
)
def test_an_http_check_asks_the_service_of_the_assignment(check: Any, expected: list[str]) -> None:
    assert args(assignment(http=check)) == expected


def test_the_kubelet_expands_nothing_in_what_is_expected() -> None:
    assert args(assignment(http={"contains": "costs $(HOME) in ${version}"}))[-1] == (
        "--contains=costs $$(HOME) in v2.0.0"
    )


def test_an_http_check_keeps_its_own_time_and_may_take_a_while_to_start() -> None:
    made = job(assignment(http={}, timeoutSeconds=10))
    assert made["spec"]["activeDeadlineSeconds"] == 70
    pod = made["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"]["runAsNonRoot"] is True


def test_a_port_that_nobody_names_is_said() -> None:
    with pytest.raises(Stalled, match="no port admin") as caught:
        job(assignment(http={"port": "admin"}))
    assert caught.value.reason == "VerifyInvalid"


def ended(*conditions: tuple[str, str, str]) -> dict[str, Any]:
    told = [{"type": t, "status": s, "message": m} for t, s, m in conditions]
    return {"metadata": {"name": "j"}, "status": {"conditions": told}}


@pytest.mark.parametrize(
    ("found", "why", "expected"),
    [
        ({"metadata": {"name": "j"}}, None, "Job j is finding out whether it is good"),
        (ended(), "no image", "Job j is finding out whether it is good: no image"),
        (ended(("Failed", "False", "")), None, "Job j is finding out whether it is good"),
        (ended(("FailureTarget", "True", "too long")), None, "Job j is finding out"),
        (ended(("SuccessCriteriaMet", "True", "")), None, "Job j is finding out"),
    ],
)
def test_until_it_ends_the_rollout_goes_on(found: Any, why: str | None, expected: str) -> None:
    verdict = verified(found, DONE, why)
    assert not has_ended(found)
    assert isinstance(verdict, Progressing)
    assert verdict.message.startswith(f"1 of 1 pod ready; {expected}")


def test_a_job_that_completes_says_that_the_version_is_good() -> None:
    job = ended(("Complete", "True", ""))
    assert has_ended(job)
    verdict = verified(job, DONE, None)
    assert verdict == DONE


@pytest.mark.parametrize(
    ("why", "words"), [(None, "was active too long"), ("exit code 3", "exit code 3")]
)
def test_a_job_that_fails_says_so_in_the_words_of_its_pods(why: str | None, words: str) -> None:
    verdict = verified(ended(("Failed", "True", "was active too long")), DONE, why)
    assert verdict == Failed("VerifyFailed", f"Job j failed: {words}", "1/1")

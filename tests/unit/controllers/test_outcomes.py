"""What of an assignment's status becomes a line of the audit trail."""

from typing import Any

import pytest

from playbill.api.errors import Retry, Stalled, Trouble
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.adopted import LABELS
from playbill.controllers.inventory.audit_memory import AuditMemory
from playbill.controllers.repository.outcomes import audit_note, image_ids, is_outcome, served
from playbill.ledger.audit import Served

TIME = "2026-05-03T12:00:07Z"
SECONDS = 1_777_809_607
RESOURCE = "StageAssignment/ml/digits-prod"
PLAIN = Served(stage="prod", tag="digits#prod#4", resource=RESOURCE)


def condition(type_: str, status: str, reason: str = "Reason") -> dict[str, Any]:
    return {
        "type": type_, "status": status, "reason": reason, "message": "words",
        "lastTransitionTime": TIME,
    }  # fmt: skip


def assignment(
    *conditions: dict[str, Any], serves: str = "c" * 40, labels: dict[str, str] | None = None,
    **spec: Any,
) -> StageAssignment:  # fmt: skip
    current = {
        "version": "v1.0.0", "commit": "c" * 40, "tag": "digits#prod#4", "since": TIME, "by": "x",
    }  # fmt: skip
    workload = {"kind": "Deployment", "name": "digits-prod", "commit": serves, "pods": "1/1"}
    return StageAssignment.model_validate(
        {
            "metadata": {"name": "digits-prod", "namespace": "ml", "labels": labels or {}},
            "spec": {"model": "digits", "stage": "prod", **spec},
            "status": {"current": current, "workload": workload, "conditions": list(conditions)},
        }
    )


RECORDED = condition("Recorded", "True")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (assignment(), None),
        (assignment(condition("Recorded", "False")), None),
        (assignment(RECORDED, suspend=True), None),
        (assignment(RECORDED), PLAIN),
        (assignment(RECORDED, condition("RolledOut", "Unknown")), PLAIN),
        (assignment(RECORDED, condition("RolledOut", "True"), serves="d" * 40), PLAIN),
    ],
)
def test_nothing_is_told_before_it_is_known(
    given: StageAssignment, expected: Served | None
) -> None:
    assert served(given, given.status) == expected


def test_a_version_is_available_since_its_rollout_ended() -> None:
    given = assignment(RECORDED, condition("RolledOut", "True"))
    found = served(given, given.status)
    assert found is not None
    assert (found.outcome, found.seconds) == ("available", SECONDS)


def test_a_failure_tells_its_reason_whatever_still_serves() -> None:
    given = assignment(RECORDED, condition("RolledOut", "False", "Refused"), serves="d" * 40)
    found = served(given, given.status)
    assert found is not None
    assert (found.outcome, found.reason, found.message) == ("failed", "Refused", "words")


def test_an_adopted_assignment_tells_nothing_until_somebody_makes_it_theirs() -> None:
    adopted = assignment(RECORDED, labels=dict(LABELS), deletionPolicy="Retain")
    assert served(adopted, adopted.status) is None
    taken_over = assignment(RECORDED, labels=dict(LABELS), version="1.0.0")
    assert served(taken_over, taken_over.status) == PLAIN


def test_only_the_end_of_a_rollout_is_an_outcome() -> None:
    begun = assignment(RECORDED, condition("RolledOut", "Unknown")).status
    done = assignment(RECORDED, condition("RolledOut", "True")).status
    without = assignment(RECORDED).status
    assert is_outcome(begun, done)
    assert not is_outcome(done, done)
    assert not is_outcome(done, begun)
    assert not is_outcome(begun, without)


def pod(version: str, *images: str, ready: str = "True", **meta: str) -> dict[str, Any]:
    return {
        "metadata": {"annotations": {"playbill.dev/version": version}, **meta},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{"imageID": image} for image in images],
        },
    }


def test_images_are_those_of_ready_pods_of_the_version() -> None:
    pods = [
        pod("v1.0.0", "registry.example/server@sha256:bb", "sha256:aa", ""),
        pod("v1.0.0", "sha256:aa"),
        pod("v0.9.0", "sha256:old"),
        pod("v1.0.0", "sha256:unready", ready="False"),
        pod("v1.0.0", "sha256:going", deletionTimestamp=TIME),
        {"metadata": {}},
    ]
    assert image_ids(pods, "v1.0.0") == ["sha256:aa", "sha256:bb"]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (None, None),
        (Retry("RemoteUnavailable", "the server is away"), None),
        (Stalled("NotesRefused", "no notes here"), "no notes here"),
    ],
)
def test_a_model_tells_only_what_a_person_can_mend(
    trouble: Trouble | None, words: str | None
) -> None:
    note = audit_note(AuditMemory(trouble=trouble))
    assert (words in note) if words and note else (note is words)

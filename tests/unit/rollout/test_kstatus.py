"""The health of objects of many kinds; the cases are those that kstatus tells apart."""

from typing import Any

import pytest

from playbill.rollout.kstatus import health

WAITS, FAILED, GOOD = "InProgress", "Failed", "Current"


def live(
    kind: str,
    status: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    *,
    generation: int | None = 2,
    deleted: bool = False,
) -> dict[str, Any]:
    """An object of `kind`, such as `apps/v1 Deployment`."""
    version, _, name = kind.rpartition(" ")
    metadata: dict[str, Any] = {"name": "digits"}
    if generation is not None:
        metadata["generation"] = generation
    if deleted:
        metadata["deletionTimestamp"] = "2026-05-03T12:00:00Z"
    found: dict[str, Any] = {"apiVersion": version or "v1", "kind": name, "metadata": metadata}
    found["spec"] = spec or {}
    return found if status is None else {**found, "status": status}


def condition(kind: str, status: str = "True", **more: Any) -> dict[str, Any]:
    return {"type": kind, "status": status, **more}


def conditions(*given: dict[str, Any], observed: int | None = 2, **more: Any) -> dict[str, Any]:
    seen = {} if observed is None else {"observedGeneration": observed}
    return {"conditions": list(given), **seen, **more}


READY = condition("Ready")
ISVC = "serving.kserve.io/v1beta1 InferenceService"
STS, DS, RS = "apps/v1 StatefulSet", "apps/v1 DaemonSet", "apps/v1 ReplicaSet"


def counted(replicas: int, ready: int, updated: int, **more: Any) -> dict[str, Any]:
    return {
        "observedGeneration": 2,
        "replicas": replicas,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "updatedReplicas": updated,
        **more,
    }


def scheduled(current: int, updated: int, available: int, ready: int) -> dict[str, Any]:
    return {
        "observedGeneration": 2,
        "desiredNumberScheduled": 2,
        "currentNumberScheduled": current,
        "updatedNumberScheduled": updated,
        "numberAvailable": available,
        "numberReady": ready,
    }


TABLE: list[tuple[str, dict[str, Any], str, str]] = [
    ("any: deleted", live(ISVC, conditions(READY), deleted=True), "Terminating", "deleted"),
    ("any: ready", live(ISVC, conditions(READY)), GOOD, "ready"),
    ("any: behind", live(ISVC, conditions(READY, observed=1)), WAITS, "newest spec"),
    ("any: Ready itself is behind", live(ISVC, conditions(condition("Ready", observedGeneration=1),
     observed=None)), WAITS, "newest spec"),
    ("any: not ready", live(ISVC, conditions(condition("Ready", "False", reason="PredictorNotReady",
     message="no pods"))), WAITS, "PredictorNotReady: no pods"),
    ("any: unknown", live(ISVC, conditions(condition("Ready", "Unknown"))), WAITS, "not ready yet"),
    ("any: reconciling goes before Ready", live(ISVC, conditions(READY, condition("Reconciling",
     message="pulling"))), WAITS, "pulling"),
    ("any: stalled goes before Ready", live(ISVC, conditions(READY, condition("Stalled",
     reason="BadSpec", message="no such runtime"))), FAILED, "BadSpec: no such runtime"),
    ("any: was stalled once", live(ISVC, conditions(READY, condition("Stalled", "False"))),
     GOOD, "ready"),
    ("any: conditions of another shape", live(ISVC, {"conditions": {"Ready": "no"}}), GOOD,
     "nothing"),
    ("any: status of another shape", live(ISVC, {"conditions": ["Ready"]}), GOOD, "nothing"),
    ("Deployment: all there", live("apps/v1 Deployment", counted(1, 1, 1)), GOOD, "1 of 1 pod"),
    ("Deployment: behind", live("apps/v1 Deployment", counted(1, 1, 1), generation=3), WAITS,
     "newest spec"),
    ("Deployment: old pods", live("apps/v1 Deployment", counted(2, 1, 1)), WAITS, "old pod"),
    ("Deployment: too late", live("apps/v1 Deployment", {**counted(1, 0, 1), **conditions(condition(
     "Progressing", "False", reason="ProgressDeadlineExceeded"))}), FAILED, "no progress"),
    ("StatefulSet: new", live(STS, {"observedGeneration": 2}, {"replicas": 2}), WAITS, "0 of 2"),
    ("StatefulSet: none ready", live(STS, counted(2, 1, 2), {"replicas": 2}), WAITS, "1 of 2"),
    ("StatefulSet: too many", live(STS, counted(3, 2, 2), {"replicas": 2}), WAITS,
     "1 pod too many"),
    ("StatefulSet: old revision", live(STS, counted(1, 1, 1, currentRevision="a",
     updateRevision="b")), WAITS, "former revision"),
    ("StatefulSet: not updated", live(STS, counted(2, 2, 1), {"replicas": 2}), WAITS,
     "1 of 2 pods updated"),
    ("StatefulSet: good", live(STS, counted(1, 1, 1, currentRevision="a", updateRevision="a")),
     GOOD, "1 of 1 pod ready"),
    ("StatefulSet: partition waits", live(STS, counted(3, 3, 0), {"replicas": 3, "updateStrategy": {
     "rollingUpdate": {"partition": 2}}}), WAITS, "0 of 1 pods updated"),
    ("StatefulSet: partition done", live(STS, counted(3, 3, 1, currentRevision="a",
     updateRevision="b"), {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}}),
     GOOD, "3 of 3"),
    ("StatefulSet: by hand", live(STS, counted(2, 0, 0), {"updateStrategy": {"type": "OnDelete"}}),
     GOOD, "by hand"),
    ("StatefulSet: of no pods, unseen", live(STS, {}, {"replicas": 0}), WAITS, "not seen"),
    ("DaemonSet: unseen", live(DS), WAITS, "not seen"),
    ("DaemonSet: scheduling", live(DS, scheduled(1, 1, 1, 1)), WAITS, "1 of 2 pods scheduled"),
    ("DaemonSet: updating", live(DS, scheduled(2, 1, 1, 1)), WAITS, "1 of 2 pods updated"),
    ("DaemonSet: unavailable", live(DS, scheduled(2, 2, 1, 2)), WAITS, "1 of 2 pods available"),
    ("DaemonSet: unready", live(DS, scheduled(2, 2, 2, 0)), WAITS, "0 of 2 pods ready"),
    ("DaemonSet: good", live(DS, scheduled(2, 2, 2, 2)), GOOD, "2 of 2 pods ready"),
    ("ReplicaSet: good", live(RS, counted(1, 1, 1)), GOOD, "1 of 1 pod ready"),
    ("ReplicaSet: unseen", live(RS), WAITS, "not seen"),
    ("ReplicaSet: unready", live(RS, counted(1, 0, 1)), WAITS, "0 of 1"),
    ("ReplicaSet: too many", live(RS, counted(2, 1, 1)), WAITS, "too many"),
    ("ReplicaSet: quota", live(RS, conditions(condition("ReplicaFailure", message="quota"))), WAITS,
     "quota"),
    ("Job: unseen", live("batch/v1 Job"), WAITS, "0 of 1 completed"),
    ("Job: runs", live("batch/v1 Job", {"startTime": "t", "succeeded": 1}, {"completions": 3}),
     WAITS, "1 of 3 completed"),
    ("Job: done", live("batch/v1 Job", conditions(condition("Complete"))), GOOD, "completed"),
    ("Job: failed", live("batch/v1 Job", conditions(condition("Failed", reason="TooOften"))),
     FAILED, "TooOften"),
    ("Job: suspended", live("batch/v1 Job", conditions(condition("Suspended"))), GOOD, "suspended"),
    ("Pod: unseen", live("v1 Pod"), WAITS, "not seen yet"),
    ("Pod: ready", live("v1 Pod", conditions(READY, phase="Running")), GOOD, "ready"),
    ("Pod: not ready", live("v1 Pod", conditions(condition("Ready", "False"), phase="Running")),
     WAITS, "it is running, not ready"),
    ("Pod: no room", live("v1 Pod", conditions(condition("PodScheduled", "False",
     message="no node"), phase="Pending")), WAITS, "cannot be scheduled: no node"),
    ("Pod: done", live("v1 Pod", {"phase": "Succeeded"}), GOOD, "completed"),
    ("Pod: failed", live("v1 Pod", {"phase": "Failed", "reason": "Evicted"}), FAILED, "Evicted"),
    ("Pod: crashes", live("v1 Pod", {"phase": "Running", "containerStatuses": [{"name": "server",
     "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}), FAILED, "server"),
    ("Claim: pending", live("v1 PersistentVolumeClaim", {"phase": "Pending"}), WAITS, "pending"),
    ("Claim: bound", live("v1 PersistentVolumeClaim", {"phase": "Bound"}), GOOD, "bound"),
    ("Service", live("v1 Service", {"loadBalancer": {}}, generation=None), GOOD, "there"),
    ("Service: no address", live("v1 Service", {}, {"type": "LoadBalancer"}), WAITS, "no address"),
    ("ConfigMap", live("v1 ConfigMap", generation=None), GOOD, "there"),
    ("Argo: healthy", live("argoproj.io/v1alpha1 Rollout", {"phase": "Healthy",
     "observedGeneration": "2"}), GOOD, "healthy"),
    ("Argo: behind, in text", live("argoproj.io/v1alpha1 Rollout", {"phase": "Healthy",
     "observedGeneration": "1"}), WAITS, "newest spec"),
    ("Argo: paused", live("argoproj.io/v1alpha1 Rollout", {"phase": "Paused", "message": "canary"}),
     WAITS, "canary"),
    ("Argo: degraded", live("argoproj.io/v1alpha1 Rollout", {"phase": "Degraded", "message": "x"}),
     FAILED, "x"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "state", "words"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_an_objects_health_is_that_of_its_kind(
    given: dict[str, Any], state: str, words: str
) -> None:
    found = health(given)

    assert (found.state, words in found.message) == (state, True), found


@pytest.mark.parametrize(
    ("given", "unsure"),
    [
        (live(ISVC), True),  # nobody has seen it yet
        (live(ISVC, {}), True),
        (live(ISVC, conditions(READY, observed=None)), True),  # of which spec?
        (live(ISVC, conditions(condition("Stalled"), observed=None)), True),
        (live(ISVC, conditions(READY)), False),
        (live(ISVC, conditions(condition("Ready", observedGeneration=2), observed=None)), False),
        (live(ISVC, {"observedGeneration": 2}), False),
        (live("v1 ConfigMap"), False),
        (live("apps/v1 Deployment", counted(1, 1, 1)), False),
    ],
)
def test_what_may_speak_of_an_earlier_spec_is_unsure(given: dict[str, Any], unsure: bool) -> None:
    assert health(given).unsure is unsure

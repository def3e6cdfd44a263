"""Whether an object of any kind is as its spec asks, by the conventions of kstatus.

Source of the rules: sigs.k8s.io/cli-utils, pkg/kstatus/status (generic.go, core.go),
written anew. Where a rollout must know more than kstatus says, this is stricter:

- A Job is good when it has completed, not as soon as it runs (Flux does the same).
- A Pod that failed has failed; one that cannot be scheduled is waited for.
- Ready may carry an observedGeneration of its own, and is then held to it.
- A Rollout of Argo has a phase in place of Ready.
- What nobody has reported on yet is `unsure`: kstatus takes an object without a
  status for a good one, which each custom resource is for a moment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from playbill.rollout.judge import Failed, RolledOut, judge
from playbill.rollout.manifests import group_of

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")

State = Literal["Current", "InProgress", "Failed", "Terminating"]
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Health:
    """The state of one object; `unsure` when its status may speak of an earlier spec, or of none.

    `reason` is a CamelCase word for what Failed, where the object gives one and no more.
    """

    state: State
    message: str
    reason: str = ""
    unsure: bool = False


def health(live: Object) -> Health:
    """The health of an object as the API server has it."""
    if live["metadata"].get("deletionTimestamp"):
        return Health("Terminating", "it is being deleted")
    if _is_behind(live):
        return Health("InProgress", "its controller has not seen the newest spec yet")
    for condition in _conditions(live):
        if condition.get("status") != "True":
            continue
        if condition["type"] == "Reconciling":
            return Health("InProgress", _said(condition))
        if condition["type"] == "Stalled":
            found = Health("Failed", _said(condition), _word(condition))
            return _if_sure(live, condition, found)
    known = _KINDS.get((group_of(live["apiVersion"]), live["kind"]))
    return known(live) if known else _by_ready(live)


def _is_behind(live: Object) -> bool:
    observed, generation = _status(live).get("observedGeneration"), _generation(live)
    # Argo writes it as text.
    return observed is not None and generation is not None and str(observed) != str(generation)


def _by_ready(live: Object) -> Health:
    """What is none of Kubernetes' own: by its condition Ready, if it has one."""
    ready = _condition(live, "Ready")
    if ready is None:
        return Health("Current", "it reports nothing", unsure=not _is_observed(live))
    if str(ready.get("observedGeneration", _generation(live))) != str(_generation(live)):
        return Health("InProgress", "its controller has not seen the newest spec yet")
    if ready.get("status") == "True":
        return _if_sure(live, ready, Health("Current", "it is ready"))
    return Health("InProgress", _said(ready))


def _if_sure(live: Object, condition: Object, found: Health) -> Health:
    """The same, and whether it is known to speak of the newest spec."""
    sure = _is_observed(live) or "observedGeneration" in condition
    return replace(found, unsure=not sure)


def _is_observed(live: Object) -> bool:
    return "observedGeneration" in _status(live)


def _always(live: Object) -> Health:  # noqa: ARG001 - one of several rules
    return Health("Current", "it is there")


def _deployment(live: Object) -> Health:
    deadline = live.get("spec", {}).get("progressDeadlineSeconds", 600)
    match judge(live, deadline_seconds=deadline):
        case RolledOut(message=message):
            return Health("Current", message)
        case Failed(reason=reason, message=message):
            return Health("Failed", message, reason)
        case other:
            return Health("InProgress", other.message)


def _stateful_set(live: Object) -> Health:
    spec, status = live["spec"], _status(live)
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return Health("Current", "its pods are replaced by hand")
    wanted = spec.get("replicas", 1)
    counts = _counted(wanted, pods=status.get("replicas", 0), ready=status.get("readyReplicas", 0))
    if counts is not None:
        return counts
    if not _is_observed(live):
        return Health("InProgress", "its controller has not seen it yet")
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    updated = status.get("updatedReplicas", 0)
    if updated < wanted - partition:
        return Health("InProgress", f"{updated} of {wanted - partition} pods updated")
    if partition == 0 and status.get("currentRevision") != status.get("updateRevision"):
        return Health("InProgress", "pods of the former revision are still there")
    return Health("Current", _pods(wanted, wanted))


def _daemon_set(live: Object) -> Health:
    status = _status(live)
    if not _is_observed(live) or "desiredNumberScheduled" not in status:
        return Health("InProgress", "its controller has not seen it yet")
    wanted = status["desiredNumberScheduled"]
    for field, word in (
        ("currentNumberScheduled", "scheduled"),
        ("updatedNumberScheduled", "updated"),
        ("numberAvailable", "available"),
        ("numberReady", "ready"),
    ):
        if status.get(field, 0) < wanted:
            return Health("InProgress", f"{status.get(field, 0)} of {wanted} pods {word}")
    return Health("Current", _pods(wanted, wanted))


def _replica_set(live: Object) -> Health:
    failure = _condition(live, "ReplicaFailure")
    if failure is not None and failure.get("status") == "True":
        return Health("InProgress", f"pods cannot be created: {_said(failure)}")
    status, wanted = _status(live), live["spec"].get("replicas", 1)
    if not _is_observed(live):
        return Health("InProgress", "its controller has not seen it yet")
    available = status.get("availableReplicas", 0)
    counts = _counted(wanted, pods=status.get("replicas", 0), ready=available)
    return counts or Health("Current", _pods(wanted, wanted))


def _job(live: Object) -> Health:
    conditions = {c["type"]: c for c in _conditions(live) if c.get("status") == "True"}
    if "Complete" in conditions:
        return Health("Current", "it has completed")
    if "Failed" in conditions:
        failed = conditions["Failed"]
        return Health("Failed", f"it has failed: {_said(failed)}", "JobFailed")
    if "Suspended" in conditions:
        return Health("Current", "it is suspended")
    status, spec = _status(live), live["spec"]
    wanted = spec.get("completions", spec.get("parallelism", 1))
    return Health("InProgress", f"{status.get('succeeded', 0)} of {wanted} completed")


def _pod(live: Object) -> Health:
    status = _status(live)
    phase, ready = status.get("phase"), _condition(live, "Ready")
    if phase == "Succeeded":
        return Health("Current", "it has completed")
    if phase == "Failed":
        why = status.get("message") or status.get("reason") or "a container failed"
        return Health("Failed", f"it has failed: {why}", "PodFailed")
    if phase == "Running" and ready is not None and ready.get("status") == "True":
        return Health("Current", "it is ready")
    crashing = [
        each["name"]
        for each in status.get("containerStatuses") or ()
        if ((each.get("state") or {}).get("waiting") or {}).get("reason") == "CrashLoopBackOff"
    ]
    if crashing:
        return Health("Failed", f"its containers keep crashing: {', '.join(crashing)}", "CrashLoop")
    unscheduled = _condition(live, "PodScheduled")
    if unscheduled is not None and unscheduled.get("status") == "False":
        return Health("InProgress", f"it cannot be scheduled: {_said(unscheduled)}")
    return Health("InProgress", f"it is {phase.lower() if phase else 'not seen yet'}, not ready")


def _claim(live: Object) -> Health:
    phase = _status(live).get("phase") or "not seen yet"
    if phase == "Bound":
        return Health("Current", "it is bound")
    return Health("InProgress", f"it is {phase.lower()}, not bound")


def _service(live: Object) -> Health:
    spec = live.get("spec", {})
    if spec.get("type") == "LoadBalancer" and not spec.get("clusterIP"):
        return Health("InProgress", "it has no address yet")
    return Health("Current", "it is there")


def _argo_rollout(live: Object) -> Health:
    status = _status(live)
    phase, message = status.get("phase"), status.get("message") or ""
    if phase == "Healthy":
        return Health("Current", "it is healthy", unsure=not _is_observed(live))
    if phase == "Degraded":
        return Health("Failed", message or "it is degraded", "Degraded", not _is_observed(live))
    return Health("InProgress", message or f"it is {(phase or 'not seen yet').lower()}")


_KINDS: dict[tuple[str, str], Callable[[Object], Health]] = {
    ("", "ConfigMap"): _always,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "Secret"): _always,
    ("", "Service"): _service,
    ("", "ServiceAccount"): _always,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("argoproj.io", "Rollout"): _argo_rollout,
    ("autoscaling", "HorizontalPodAutoscaler"): _always,
    ("batch", "CronJob"): _always,
    ("batch", "Job"): _job,
    ("networking.k8s.io", "Ingress"): _always,
    ("networking.k8s.io", "NetworkPolicy"): _always,
    ("policy", "PodDisruptionBudget"): _always,
    ("rbac.authorization.k8s.io", "Role"): _always,
    ("rbac.authorization.k8s.io", "RoleBinding"): _always,
}


def _counted(wanted: int, *, pods: int, ready: int) -> Health | None:
    if ready < wanted:
        return Health("InProgress", _pods(ready, wanted))
    if pods > wanted:
        over = pods - wanted
        return Health("InProgress", f"{over} pod{'' if over == 1 else 's'} too many still running")
    return None


def _pods(ready: int, wanted: int) -> str:
    return f"{ready} of {wanted} pod{'' if wanted == 1 else 's'} ready"


def _status(live: Object) -> Mapping[str, Any]:
    found = live.get("status")
    return found if isinstance(found, Mapping) else {}


def _generation(live: Object) -> int | None:
    found: int | None = live["metadata"].get("generation")
    return found


def _conditions(live: Object) -> list[Mapping[str, Any]]:
    """Its conditions; a kind may well have something else by that name."""
    found = _status(live).get("conditions")
    if not isinstance(found, list):
        return []
    return [each for each in found if isinstance(each, Mapping) and "type" in each]


def _condition(live: Object, kind: str) -> Mapping[str, Any] | None:
    return next((each for each in _conditions(live) if each["type"] == kind), None)


def _word(condition: Mapping[str, Any]) -> str:
    """Its reason if that is one plain word: a rollback's tag holds it, and is known by it again."""
    reason = condition.get("reason")
    return reason if isinstance(reason, str) and _WORD.fullmatch(reason) else ""


def _said(condition: Mapping[str, Any]) -> str:
    reason, message = condition.get("reason") or "", condition.get("message") or ""
    return f"{reason}: {message}" if reason and message else reason or message or "not ready yet"

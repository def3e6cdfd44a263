"""Why pods do not start, in one sentence: the reason that tells a person most.

A Deployment says that its pods are not ready; only the pods say why. Listing
them is a right that an operator can be run without, so nothing depends on this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_IMAGE = {
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
_CONFIG = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "PostStartHookError",
    "PreCreateHookError",
    "RunContainerError",
}
_LONGEST = 300


@dataclass(frozen=True, slots=True, order=True)
class _Symptom:
    rank: int
    sentence: str


def explain_pods(pods: Sequence[Mapping[str, Any]]) -> str | None:
    """The most telling reason among pods (core/v1, as JSON) that are not ready, or None.

    What a user can mend for sure (an image, a reference) goes before what may
    pass (no room on any node, a probe); of equal ones the newest pod speaks.
    """
    newest_first = sorted(pods, key=_created, reverse=True)
    symptoms = [symptom for pod in newest_first for symptom in _symptoms(pod)]
    return min(symptoms, key=lambda symptom: symptom.rank).sentence if symptoms else None


def _created(pod: Mapping[str, Any]) -> str:
    created: str = pod["metadata"].get("creationTimestamp") or ""
    return created


def _symptoms(pod: Mapping[str, Any]) -> Iterator[_Symptom]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return
    for kind in ("initContainer", "container"):
        for container in status.get(f"{kind}Statuses") or ():
            yield from _container_symptoms(f"{kind} {container['name']} of pod {name}", container)
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            why = condition.get("message") or condition.get("reason", "")
            yield _Symptom(3, f"pod {name} cannot be scheduled: {_short(why)}")
    if status.get("phase") == "Failed":
        why = status.get("message") or status.get("reason") or "failed"
        yield _Symptom(4, f"pod {name} failed: {_short(why)}")


def _container_symptoms(where: str, container: Mapping[str, Any]) -> Iterator[_Symptom]:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = waiting.get("reason", ""), _short(waiting.get("message") or "")
    if reason in _IMAGE:
        image = f"image {container.get('image', '')}"
        yield _Symptom(0, _said(f"{where} has no {image}: {reason}", message))
    elif reason in _CONFIG:
        yield _Symptom(1, _said(f"{where} cannot be started: {reason}", message))
    elif reason == "CrashLoopBackOff":
        ended = (container.get("lastState") or {}).get("terminated") or {}
        yield _Symptom(2, f"{where} keeps crashing: {_ending(ended)}")
    elif (state.get("terminated") or {}).get("exitCode"):
        yield _Symptom(2, f"{where} crashed: {_ending(state['terminated'])}")
    elif "running" in state and container.get("ready") is False:
        yield _Symptom(5, f"{where} is running, but not ready yet")


def _ending(terminated: Mapping[str, Any]) -> str:
    parts = [f"exit code {terminated.get('exitCode', 'unknown')}"]
    if (reason := terminated.get("reason")) and reason != "Error":
        parts.append(reason)
    return _said(", ".join(parts), _short(terminated.get("message") or ""))


def _said(what: str, message: str) -> str:
    return f"{what} ({message})" if message else what


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"

"""Why pods do not start, in one sentence: the reason that tells a person most.

A Deployment says that its pods are not ready; only the pods say why, and whether waiting can
help. Listing them is a right that an operator can be run without: then a rollout fails at its
deadline and not before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playbill.rollout.fetched import NotFetched, fetch_outcome
from playbill.rollout.fetching import CONTAINER as FETCH

MOST_CRASHES = 3
"""A container that has ended so often, and been started again, is given up."""

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
# The registry has answered, and will say the same tomorrow; what it does not answer may pass.
_NEVER = {"ErrImageNeverPull", "InvalidImageName"}
_ANSWERED = re.compile(
    r"not found|manifest unknown|does not exist|access denied|unauthorized|forbidden", re.IGNORECASE
)
_LONGEST = 600


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A sentence; `hopeless` is the condition's reason where no waiting can help."""

    sentence: str
    hopeless: str | None = None


@dataclass(frozen=True, slots=True)
class _Symptom:
    rank: int
    sentence: str
    hopeless: str | None = None


def diagnose(pods: Sequence[Mapping[str, Any]]) -> Diagnosis | None:
    """The most telling reason among pods (core/v1, as JSON) that are not ready, or None.

    What is hopeless goes before all else; then what a user can mend for sure (an image, a
    reference) before what may pass (no room on any node, a probe); of equal ones the newest pod
    speaks.
    """
    newest_first = sorted(pods, key=_created, reverse=True)
    symptoms = [symptom for pod in newest_first for symptom in _symptoms(pod)]
    if not symptoms:
        return None
    worst = min(symptoms, key=lambda symptom: (symptom.hopeless is None, symptom.rank))
    return Diagnosis(worst.sentence, worst.hopeless)


def _created(pod: Mapping[str, Any]) -> str:
    created: str = pod["metadata"].get("creationTimestamp") or ""
    return created


def _symptoms(pod: Mapping[str, Any]) -> Iterator[_Symptom]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return
    fetched = fetch_outcome(pod)
    if isinstance(fetched, NotFetched):
        hopeless = fetched.reason if fetched.hopeless or _is_given_up(pod) else None
        yield _Symptom(0, f"pod {name}: {_short(fetched.message)}", hopeless)
    for kind in ("initContainer", "container"):
        for container in status.get(f"{kind}Statuses") or ():
            if container["name"] == FETCH and isinstance(fetched, NotFetched):
                continue
            yield from _container_symptoms(f"{kind} {container['name']} of pod {name}", container)
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            why = condition.get("message") or condition.get("reason", "")
            yield _Symptom(3, f"pod {name} cannot be scheduled: {_short(why)}")
    if status.get("phase") == "Failed":
        why = status.get("message") or status.get("reason") or "failed"
        yield _Symptom(4, f"pod {name} failed: {_short(why)}")


def _is_given_up(pod: Mapping[str, Any]) -> bool:
    containers = (pod.get("status") or {}).get("initContainerStatuses") or ()
    return any(c["name"] == FETCH and _often(c) for c in containers)


def _often(container: Mapping[str, Any]) -> bool:
    times: int = container.get("restartCount", 0)
    return times >= MOST_CRASHES


def _container_symptoms(where: str, container: Mapping[str, Any]) -> Iterator[_Symptom]:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = waiting.get("reason", ""), _short(waiting.get("message") or "")
    if reason in _IMAGE:
        image = f"image {container.get('image', '')}"
        sentence = _said(f"{where} has no {image}: {reason}", message)
        never = reason in _NEVER or _ANSWERED.search(message)
        yield _Symptom(0, sentence, "ImageUnavailable" if never else None)
    elif reason in _CONFIG:
        yield _Symptom(1, _said(f"{where} cannot be started: {reason}", message))
    elif ended := _last_ending(container):
        yield _crash(where, container, ended)
    elif "running" in state and container.get("ready") is False:
        yield _Symptom(5, f"{where} is running, but not ready yet")


def _last_ending(container: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How a container ended that is to be started again; None for one that is not."""
    state, last = container.get("state") or {}, container.get("lastState") or {}
    if (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff":
        return last.get("terminated") or {"exitCode": "unknown"}
    ended: Mapping[str, Any] = state.get("terminated") or {}
    return ended if ended.get("exitCode") else None


def _crash(where: str, container: Mapping[str, Any], ended: Mapping[str, Any]) -> _Symptom:
    often = _often(container)
    again = container.get("restartCount") or "waiting" in (container.get("state") or {})
    verb = "keeps crashing" if again else "crashed"
    return _Symptom(2, f"{where} {verb}: {_ending(ended)}", "CrashLoop" if often else None)


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

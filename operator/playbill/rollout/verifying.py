"""The Job that finds out whether a new version is good, and what its end means. Pure.

It runs when all pods are of the new version: the Service of the assignment's name then leads to
nothing else. An http check is a Job as well: it asks from inside of the cluster, as clients do,
and the operator needs no way to anybody's pods.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from playbill.api.base import GROUP
from playbill.api.errors import Stalled
from playbill.api.rollout import HttpCheck, Verify
from playbill.api.stage_assignment import StageAssignment
from playbill.rollout.facts import Facts
from playbill.rollout.judge import Failed, Progressing, RolledOut, Verdict
from playbill.rollout.objects import (
    ASSIGNMENT_LABEL,
    MANAGED_BY,
    Manifest,
    digest_of,
    owner_reference,
    without_nulls,
)
from playbill.rollout.our_containers import RESTRICTED, literal
from playbill.rollout.render import Rendering
from playbill.rollout.tokens import substitute

VERIFIES_LABEL = f"{GROUP}/verifies"
"""On the Job and its pods, in place of the label that selects the pods of the workload."""

START_SECONDS = 60
"""The http check keeps its own time; so long its pod may take to start."""

LONGEST_STEM = 46


def job_of(
    assignment: StageAssignment,
    verify: Verify,
    facts: Facts,
    rendering: Rendering,
    *,
    attempt: str,
    image: str,
) -> Manifest:
    """The Job; `attempt` tells one try of the same version from another, `image` has `playbill`.

    Raises Stalled(VerifyInvalid) for a port that the template does not name, TokenUnavailable.
    """
    meta = assignment.metadata
    mark = digest_of([rendering.hash, attempt, verify.model_dump(mode="json", by_alias=True)])
    name = f"{meta.name[:LONGEST_STEM].rstrip('-')}-verify-{mark[:8]}"
    labels = {**MANAGED_BY, VERIFIES_LABEL: meta.name}
    template = _template(assignment, verify, facts, rendering, image)
    metadata = template.get("metadata", {})
    if ASSIGNMENT_LABEL in metadata.get("labels", {}):
        raise Stalled(
            "VerifyInvalid",
            f"rollout.verify.job labels its pods {ASSIGNMENT_LABEL}, and a Service would send them "
            "requests: take that label out",
        )
    return {
        "metadata": {
            "name": name,
            "namespace": meta.namespace,
            "labels": labels,
            "annotations": facts.annotations(),
            "ownerReferences": [owner_reference(assignment)],
        },
        "spec": {
            "backoffLimit": verify.job.backoff_limit if verify.job else 0,
            "activeDeadlineSeconds": verify.timeout_seconds + (0 if verify.job else START_SECONDS),
            "template": {
                "metadata": {**metadata, "labels": {**metadata.get("labels", {}), **labels}},
                "spec": {"restartPolicy": "Never", **template["spec"]},
            },
        },
    }


def _template(
    assignment: StageAssignment, verify: Verify, facts: Facts, rendering: Rendering, image: str
) -> Manifest:
    if verify.job is not None:
        written = verify.job.template.model_dump(by_alias=True, exclude_unset=True)
        return cast(Manifest, substitute(without_nulls(written), facts.tokens()))
    check = verify.http or HttpCheck()
    port = _port(check, rendering)
    arguments = [
        "check",
        f"http://{assignment.metadata.name}:{port}{check.path}",
        f"--status={check.status}",
        f"--timeout={verify.timeout_seconds}",
    ]
    if check.contains is not None:
        arguments.append(f"--contains={substitute(check.contains, facts.tokens())}")
    container = {
        "name": "check",
        "image": image,
        "args": [literal(each) for each in arguments],
        "securityContext": {**RESTRICTED, "runAsUser": 65532},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    }
    return {"spec": {"automountServiceAccountToken": False, "containers": [container]}}


def _port(check: HttpCheck, rendering: Rendering) -> int:
    ports = rendering.service["spec"]["ports"] if rendering.service else []
    for port in ports:
        if check.port in (None, port["name"]):
            found: int = port["port"]
            return found
    wanted = f"no port {check.port}" if check.port else "no port"
    raise Stalled(
        "VerifyInvalid",
        f"rollout.verify.http has nowhere to ask, for the template names {wanted}: give a "
        "container's port that name",
    )


def has_ended(job: Mapping[str, Any]) -> bool:
    """Whether a Job has completed or failed for good."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(c["type"] in {"Complete", "Failed"} and c["status"] == "True" for c in conditions)


def verified(job: Mapping[str, Any], done: RolledOut, why: str | None) -> Verdict:
    """What the Job says of a workload that is rolled out; `why` is what its pods tell."""
    name = job["metadata"]["name"]
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition["status"] != "True":
            continue
        if condition["type"] == "Complete":
            return done  # in the words of any later look, or the status would be written twice
        if condition["type"] == "Failed":
            words = why or condition.get("message") or condition.get("reason", "")
            return Failed("VerifyFailed", f"Job {name} failed: {words}", done.pods)
    suffix = f": {why}" if why else ""
    return Progressing(f"{done.message}; Job {name} is finding out whether it is good{suffix}",
                       done.pods)  # fmt: skip

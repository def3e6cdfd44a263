"""Manifests with real pods: health is what the pods come to, and a bad version goes by itself."""

from typing import Any

import pytest
from tests.cluster.kubectl import eventually
from tests.cluster.model_service import grant
from tests.e2e.serving import V1, V2, Served, ask_in_node
from tests.operator.world import Object


@pytest.fixture
def granted(served: Served) -> Served:
    """The account of the namespace may apply what these tests apply."""
    world = served.world
    for resource in ("statefulsets.apps", "services", "jobs.batch"):
        role = f"playbill-rollout-{resource}"
        if world.kubectl.answer("get", "role", role, "-n", world.namespace).code != 0:
            grant(world.kubectl, world.namespace, resource)
    served.register()
    return served


def stateful_set(served: Served, **container: Any) -> list[Object]:
    """A StatefulSet of one pod that answers with its version, and its Service."""
    labels = {"app": served.model}
    template = served.template(**container)
    template["metadata"] = {"labels": labels}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": served.model},
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 8080}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": served.model},
            "spec": {
                "serviceName": served.model,
                "selector": {"matchLabels": labels},
                "template": template,
            },
        },
    ]


def assign(served: Served, *manifests: Object, **rollout: Any) -> None:
    given = {"manifests": list(manifests), **rollout}
    served.world.stage(served.name, model=served.model, version=V1, rollout=given)


def answers(served: Served, expected: str) -> None:
    spec = served.world.get("service", served.model)["spec"]
    url = f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}/"
    eventually(lambda: ask_in_node(url) == expected)


def test_a_promotion_is_ready_when_the_new_pods_are(granted: Served) -> None:
    assign(granted, *stateful_set(granted))
    workload = granted.ready()["workload"]
    assert workload["pods"] == "1/1"
    answers(granted, V1)

    granted.change(version=V2)
    workload = granted.ready(V2)["workload"]
    assert (workload["pods"], workload["version"]) == ("1/1", V2)
    answers(granted, V2)


def test_pods_that_never_get_ready_are_taken_back_at_the_deadline(granted: Served) -> None:
    """A StatefulSet replaces its pods in place: what is gone back to is applied over them."""
    probe = {"exec": {"command": ["/bin/busybox", "grep", "-q", V1, "/www/index.html"]}}
    fast = {"readinessProbe": {**probe, "periodSeconds": 1}}
    spec = stateful_set(granted, **fast)
    spec[1]["spec"]["podManagementPolicy"] = "Parallel"
    assign(granted, *spec, progressDeadlineSeconds=15)
    granted.ready()

    granted.change(version=V2)
    said = granted.world.await_reason("stage", granted.name, "RolledBack")["message"]
    assert "no progress within 15 s" in said
    assert f"StatefulSet {granted.model}" in said


def test_a_job_among_them_has_to_complete_and_its_failure_is_told_at_once(granted: Served) -> None:
    def job(name: str, code: str) -> Object:
        container = {
            "name": "check",
            "image": granted.image,
            "command": ["/bin/busybox", "sh", "-c", f"exit {code}"],
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {
                "backoffLimit": 0,
                "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
            },
        }

    assign(granted, job(f"{granted.model}-good", "0"))
    granted.ready()
    granted.change(rollout={"manifests": [job(f"{granted.model}-bad", "3")], "onFailure": "Hold"})
    said = granted.stalled("JobFailed")
    assert f"Job {granted.model}-bad: it has failed" in said
    assert granted.world.exists("job", f"{granted.model}-good"), "what was good is not taken away"

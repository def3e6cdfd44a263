"""A rollout that cannot be: the status says why in the words of who refuses, and how it ends."""

from typing import Any

import pytest
from tests.cluster.kubectl import eventually
from tests.e2e.serving import V1, V2, Served, foreign

"""No event tells of what others put right; it is looked for now and then."""


def test_what_the_api_server_refuses_is_said_in_its_words_and_can_be_mended(
    served: Served,
) -> None:
    served.register()
    served.assign(template=served.template(imagePullPolicy="Sometimes"))
    assert 'imagePullPolicy: Unsupported value: "Sometimes"' in served.stalled("Invalid")
    assert served.conditions()["Recorded"]["status"] == "True"
    assert served.conditions()["RolledOut"]["status"] == "False"
    assert not served.exists("deployment")
    served.change(rollout=served.rollout())
    served.ready()
    served.answers(V1)


def test_a_field_of_the_wrong_type_is_said_in_the_servers_words(served: Served) -> None:
    served.register()
    served.assign(template=served.template(args="not a list"))
    assert "args" in served.stalled("Invalid")
    served.change(rollout=served.rollout())
    served.ready()


def told(served: Served) -> str:
    """What all conditions say together."""
    conditions = served.world.status("stage", served.name).get("conditions", [])
    return " ".join(c["message"] for c in conditions)


def test_a_server_that_crashes_is_told_with_its_exit_code(served: Served) -> None:
    served.register()
    crash = {"command": ["/bin/busybox", "sh", "-c", "exit 7"]}
    served.assign(template=served.template(**crash))
    eventually(lambda: "exit code 7" in told(served))
    served.change(version=V2, rollout=served.rollout())
    served.ready(V2)


DEPLOYMENT: dict[str, Any] = {
    "replicas": 0,
    "selector": {"matchLabels": {"app": "mine"}},
    "template": {
        "metadata": {"labels": {"app": "mine"}},
        "spec": {"containers": [{"name": "mine", "image": "mine"}]},
    },
}


SERVICE: dict[str, Any] = {"selector": {"app": "mine"}, "ports": [{"port": 80}]}


def test_what_somebody_else_made_is_left_alone_until_it_goes(served: Served) -> None:
    world, other = served.world, Served(served.world, f"{served.model}-b", served.image)
    cases = ((served, "Deployment", DEPLOYMENT), (other, "Service", SERVICE))
    for each, kind, spec in cases:
        world.apply(foreign(kind, each.name, spec))
        before = world.get(kind, each.name)
        each.register()
        each.assign()
        assert f"a {kind} {each.name} that playbill did not make" in each.stalled("NotOwned")
        after = world.get(kind, each.name)
        assert after["spec"] == before["spec"]
        assert after["metadata"].get("labels") == before["metadata"].get("labels")
        assert "ownerReferences" not in after["metadata"]
    assert not served.exists("service")

    for each, kind, _ in cases:
        world.delete(kind, each.name)
    for each, _, _ in cases:
        world.await_ready("stage", each.name)
        each.answers(V1)


def test_what_somebody_else_made_outlives_the_assignment(served: Served) -> None:
    served.world.apply(foreign("Deployment", served.name, DEPLOYMENT))
    served.register()
    served.assign()
    served.stalled("NotOwned")
    served.change(rollout=None)
    served.ready()
    served.world.delete("stage", served.name)
    assert served.exists("deployment")


def test_a_token_without_a_value_asks_for_it_and_goes_on_when_it_comes(served: Served) -> None:
    served.register()
    served.assign(template=served.template("${version}", "${digest}"))
    assert "${digest}" in served.stalled("TokenUnavailable")
    assert not served.exists("deployment")
    digest = f"sha256:{'cd' * 32}"
    artifact = {"uri": "s3://models/one", "digest": digest}
    served.world.patch("mver", f"{served.model}-v1", {"artifact": artifact})
    served.ready()
    served.answers(f"{V1} {digest}")


def test_the_label_that_selects_the_pods_cannot_be_given_another_value(served: Served) -> None:
    served.register()
    labels = {"playbill.dev/assignment": "another"}
    served.assign(template=served.template() | {"metadata": {"labels": labels}})
    assert "playbill.dev/assignment to 'another'" in served.stalled("MetadataReserved")
    assert not served.exists("deployment")
    served.change(rollout={"template": {"metadata": {"labels": {**labels, **mine(served)}}}})
    served.ready()


def mine(served: Served) -> dict[str, str]:
    return {"playbill.dev/assignment": served.name, "team": "vision"}


@pytest.fixture
def quota(served: Served) -> Any:
    """Sets what the namespace may hold besides what is there, for this test alone."""
    kubectl, namespace = served.world.kubectl, served.world.namespace

    def set_quota(hard: dict[str, str]) -> None:
        served.world.apply(foreign("ResourceQuota", "small", {"hard": hard}))
        eventually(lambda: served.world.get("quota", "small").get("status", {}).get("hard") == hard)

    yield set_quota
    kubectl("delete", "quota", "small", "-n", namespace, "--ignore-not-found")


def test_a_quota_on_pods_is_told_and_a_larger_one_lets_it_go_on(served: Served, quota: Any) -> None:
    served.register()
    served.world.await_ready("mver", f"{served.model}-v1")
    quota({"pods": "0"})
    served.assign()
    eventually(lambda: "exceeded quota: small" in told(served))
    served.world.delete("quota", "small")
    served.world.await_ready("stage", served.name)


def test_a_quota_on_deployments_is_told_and_a_larger_one_lets_it_go_on(
    served: Served, quota: Any
) -> None:
    served.register()
    served.world.await_ready("mver", f"{served.model}-v1")
    quota({"count/deployments.apps": "0"})
    served.assign()
    assert "exceeded quota: small" in served.stalled("Refused")
    served.world.delete("quota", "small")
    served.world.await_ready("stage", served.name)


SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def test_pod_security_says_what_it_refuses(served: Served) -> None:
    served.register()
    served.world.await_ready("mver", f"{served.model}-v1")
    label = ("label", "namespace", served.world.namespace, "--overwrite")
    enforce = "pod-security.kubernetes.io/enforce"
    served.world.kubectl(*label, f"{enforce}=restricted")
    try:
        served.assign()
        eventually(lambda: 'violates PodSecurity "restricted' in told(served))
        served.change(rollout={"template": served.template(securityContext=SAFE)})
        served.ready()
    finally:
        served.world.kubectl(*label, f"{enforce}-")

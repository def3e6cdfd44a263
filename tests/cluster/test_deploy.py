"""The manifests of the operator: they apply, they are restricted, and they grant what they say."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.model_service import grant

from playbill.api.errors import Stalled
from playbill.kube.client import Kube
from playbill.kube.resources import Resource

DEPLOY = Path(__file__).parents[2] / "deploy"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "Namespace",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


def rendered(kubectl: Kubectl, overlay: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(kubectl("kustomize", str(DEPLOY / overlay))))


def one(manifests: list[dict[str, Any]], kind: str, name: str = "playbill") -> dict[str, Any]:
    (found,) = [
        each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name
    ]
    return found


@pytest.mark.parametrize("overlay", ["cluster", "actor", "base", "overlays/local"])
def test_a_cluster_accepts_every_object(cluster: Kubectl, overlay: str) -> None:
    for manifest in rendered(cluster, overlay):
        if "namespace" in manifest["metadata"]:  # the namespace is not there in a dry run
            manifest["metadata"]["namespace"] = "default"
        cluster(
            "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-",
            manifest=manifest,
        )  # fmt: skip


def test_the_local_overlay_runs_the_image_of_this_machine(kubectl: Kubectl) -> None:
    pod = one(rendered(kubectl, "overlays/local"), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "localhost/playbill:dev"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert "--cluster-name=local" in container["args"]
    assert "--cluster-name=default" not in container["args"]
    assert "--allow-private-addresses" in container["args"]


def test_the_webhook_component_opens_its_port_and_nothing_else(
    cluster: Kubectl, tmp_path: Path
) -> None:
    here = tmp_path / "kustomization.yaml"
    base, component = (
        os.path.relpath(DEPLOY / name, tmp_path) for name in ("base", "components/webhook")
    )
    here.write_text(json.dumps({"resources": [base], "components": [component]}))
    found = list(
        yaml.safe_load_all(
            cluster("kustomize", "--load-restrictor=LoadRestrictionsNone", str(tmp_path))
        )
    )
    container = one(found, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["args"][-1] == "--hooks-address=0.0.0.0:9292"
    service = one(found, "Service", "playbill-hooks")
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][-1]["name"] == "hooks"


def test_the_namespaced_overlay_has_nothing_of_the_cluster(kubectl: Kubectl) -> None:
    manifests = rendered(kubectl, "overlays/namespaced")
    assert {each["kind"] for each in manifests} & CLUSTER_WIDE == set()
    assert {each["metadata"]["namespace"] for each in manifests} == {"models"}
    for binding in (each for each in manifests if each["kind"] == "RoleBinding"):
        assert binding["roleRef"]["kind"] == "Role"
        assert binding["subjects"][0]["namespace"] == "models"
    (container,) = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["args"][-1] == "--namespace=$(POD_NAMESPACE)"


def test_the_namespaced_overlay_grants_the_same_rights_in_one_place(kubectl: Kubectl) -> None:
    everywhere = one(rendered(kubectl, "base"), "ClusterRole")
    here = one(rendered(kubectl, "overlays/namespaced"), "Role")
    assert here["rules"] == everywhere["rules"]


@pytest.fixture(scope="module")
def operator(cluster: Kubectl, namespace: str) -> Kubectl:
    """kubectl as the operator's account, with the rights of the namespaced overlay."""
    cluster("label", "namespace", namespace, RESTRICTED)
    for manifest in rendered(cluster, "overlays/namespaced"):
        manifest["metadata"]["namespace"] = namespace
        for subject in manifest.get("subjects", ()):
            subject["namespace"] = namespace
        if manifest["kind"] != "Deployment":
            cluster("apply", "-f", "-", manifest=manifest)
    account = cluster.as_user(f"system:serviceaccount:{namespace}:playbill")
    eventually(lambda: can(account, namespace, "create", "leases.coordination.k8s.io"))
    eventually(lambda: can(account, namespace, "get", "secrets"))
    return account


def can(account: Kubectl, namespace: str, verb: str, resource: str) -> bool:
    return account.answer("auth", "can-i", verb, resource, "-n", namespace).code == 0


WORKLOAD = {"get", "list", "watch", "create", "patch", "delete"}
GRANTED = {
    "registeredmodels.playbill.dev": {"get", "list", "watch", "create", "delete"},
    "modelversions.playbill.dev": {"get", "list", "watch", "create", "delete"},
    "stageassignments.playbill.dev": {"get", "list", "watch", "patch", "create", "delete"},
    "modelrepositories.playbill.dev": {"get", "list", "watch"},
    "promotionpolicies.playbill.dev": {"get", "list", "watch"},
    "registeredmodels/status.playbill.dev": {"patch"},
    "modelversions/status.playbill.dev": {"patch"},
    "stageassignments/status.playbill.dev": {"patch"},
    "modelrepositories/status.playbill.dev": {"patch"},
    "promotionpolicies/status.playbill.dev": {"patch"},
    "deployments.apps": WORKLOAD,
    "controllerrevisions.apps": {"get", "list", "create", "patch", "delete"},
    "jobs.batch": {"get", "list", "create", "delete"},
    "services.": WORKLOAD,
    "pods.": {"list"},
    "secrets.": {"get"},
    "serviceaccounts.": {"impersonate"},
    "namespaces.": {"get"},
    "events.events.k8s.io": {"create"},
    "stages.playbill.dev": {"promote"},
    "leases.coordination.k8s.io": {"get", "create", "update"},
}


FOR_EVERYBODY = {
    "authorization.k8s.io",
    "authentication.k8s.io",
    "admissionregistration.k8s.io",
}
"""Every account may ask who it is and what it may, and look at our policies about actors."""


def rights_of(account: Kubectl, namespace: str) -> dict[str, set[str]]:
    """`plural.group` to verbs, but for what everybody may."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    rights: dict[str, set[str]] = {}
    for rule in account.json("create", "--validate=ignore", "-f", "-", manifest=review)["status"][
        "resourceRules"
    ]:
        for resource, group in itertools.product(rule["resources"], rule["apiGroups"]):
            if group not in FOR_EVERYBODY:
                rights.setdefault(f"{resource}.{group}", set()).update(rule["verbs"])
    return rights


def test_the_operator_may_do_this_and_no_more(operator: Kubectl, namespace: str) -> None:
    assert rights_of(operator, namespace) == GRANTED


def test_the_operator_may_look_at_its_own_namespace_only(operator: Kubectl, namespace: str) -> None:
    assert operator("get", "namespace", namespace, "-o", "name").strip()
    assert "cannot get resource" in operator.refusal("get", "namespace", "default")
    assert "cannot list resource" in operator.refusal("get", "namespaces")


async def test_the_operator_may_act_as_the_rollout_account_of_a_namespace_and_as_nobody_else(
    cluster: Kubectl, operator: Kubectl, namespace: str, tmp_path: Path
) -> None:
    grant(cluster, namespace, "configmaps")
    cluster("create", "configmap", "settings", "-n", namespace)
    settings = Resource("", "v1", "configmaps", "ConfigMap")
    async with await Kube.connect(kubeconfig_of(cluster, namespace, tmp_path)) as kube:
        with pytest.raises(Stalled, match="no right to get configmaps"):
            await kube.get(settings, namespace, "settings")
        account = kube.as_account(namespace, "playbill-rollout")
        assert await account.get(settings, namespace, "settings")
        for other in ((namespace, "default"), ("kube-system", "playbill-rollout")):
            with pytest.raises(Stalled, match="no right to impersonate serviceaccounts"):
                await kube.as_account(*other).get(settings, namespace, "settings")


def kubeconfig_of(cluster: Kubectl, namespace: str, directory: Path) -> Path:
    """A kubeconfig with a token of the operator's account, as a pod of it would have."""
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    token = cluster("create", "token", "playbill", "-n", namespace).strip()
    config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
    path = directory / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


def test_nothing_is_granted_by_a_wildcard(kubectl: Kubectl) -> None:
    roles = [each for each in rendered(kubectl, "base") if each["kind"] in {"ClusterRole", "Role"}]
    rules = itertools.chain.from_iterable(role["rules"] for role in roles)
    assert not any("*" in itertools.chain(*rule.values()) for rule in rules)


def pod_of(kubectl: Kubectl) -> dict[str, Any]:
    template = one(rendered(kubectl, "base"), "Deployment")["spec"]["template"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "operator", "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
    }


def test_the_pod_meets_the_restricted_pod_security_standard(
    cluster: Kubectl, operator: Kubectl, namespace: str
) -> None:
    created = cluster.json(
        "create", "-n", namespace, "--dry-run=server", "-f", "-", manifest=pod_of(cluster)
    )
    assert created["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_standard_is_enforced_where_this_was_asked(
    cluster: Kubectl, operator: Kubectl, namespace: str
) -> None:
    pod = pod_of(cluster)
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    words = cluster.refusal("create", "-n", namespace, "--dry-run=server", "-f", "-", manifest=pod)
    assert 'violates PodSecurity "restricted' in words

"""Real users of the cluster: by client certificate, by an account's token, by impersonation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.local import cluster as local
from deploy.local import pki
from deploy.local.layout import default_state
from tests.cluster.kubectl import Kubectl, eventually

RBAC = "rbac.authorization.k8s.io"

ASSIGNMENTS = {
    "apiGroups": ["playbill.dev"],
    "resources": ["stageassignments"],
    "verbs": ["get", "list", "create", "update", "patch", "delete", "deletecollection"],
}
DEPLOYMENTS = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"]}
SERVICES = {"apiGroups": [""], "resources": ["services"], "verbs": ["create"]}
JOBS = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}
MANIFESTS = {
    "apiGroups": ["playbill.dev"],
    "resources": ["stageassignments"],
    "verbs": ["use-manifests"],
}


def promote(*stages: str) -> dict[str, Any]:
    """The rule that grants these stages; all of them without any."""
    rule: dict[str, Any] = {
        "apiGroups": ["playbill.dev"],
        "resources": ["stages"],
        "verbs": ["promote"],
    }
    return rule | ({"resourceNames": list(stages)} if stages else {})


def read_secret(name: str) -> dict[str, Any]:
    return {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get"]}


def grant(
    cluster: Kubectl, namespace: str, subject: str, *rules: dict[str, Any], account: bool = False
) -> None:
    """A Role of the user's name with these rules, bound to them, or to an account of the
    namespace."""
    role = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role",
        "metadata": {"name": subject},
        "rules": list(rules),
    }
    whom = f"--serviceaccount={namespace}:{subject}" if account else f"--user={subject}"
    cluster("create", "-n", namespace, "-f", "-", manifest=role)
    cluster("create", "-n", namespace, "rolebinding", subject, f"--role={subject}", whom)


def bind(cluster: Kubectl, namespace: str, user: str, role: str) -> None:
    """A ClusterRole, in this namespace alone."""
    cluster(
        "create", "-n", namespace, "rolebinding", f"{user}-{role}", f"--clusterrole={role}",
        f"--user={user}",
    )  # fmt: skip


def may(user: Kubectl, namespace: str, verb: str, resource: str) -> bool:
    return user.answer("auth", "can-i", verb, resource, "-n", namespace).code == 0


def await_right(user: Kubectl, namespace: str, verb: str, resource: str) -> None:
    """A new right takes the API server a moment."""
    eventually(lambda: may(user, namespace, verb, resource))


def await_promotion(user: Kubectl, namespace: str, stage: str) -> None:
    """The same for a stage; `kubectl auth can-i` knows only resources that there are."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {
                "namespace": namespace,
                "group": "playbill.dev",
                "resource": "stages",
                "name": stage,
                "verb": "promote",
            }
        },
    }

    def allowed() -> bool:
        found = user.json("create", "--validate=ignore", "-f", "-", manifest=review)
        return bool(found["status"]["allowed"])

    eventually(allowed)


def with_certificate(cluster: Kubectl, name: str, directory: Path) -> Kubectl:
    """kubectl as somebody with a client certificate; where that takes the cluster's own
    authority, which only the local one shows us."""
    if local.foreign_kubeconfig(default_state()):
        pytest.skip("KUBECONFIG is set: these tests cannot sign certificates for its cluster")
    kubeconfig = directory / f"{name}.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(pki.person(default_state(), name))
    return replace(cluster, kubeconfig=kubeconfig)


def with_token(cluster: Kubectl, namespace: str, account: str, directory: Path) -> Kubectl:
    """kubectl as a ServiceAccount, by a token that is bound to it."""
    token = cluster("create", "token", account, "-n", namespace, "--duration=2h").strip()
    config = json.loads(cluster("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    kubeconfig = directory / f"{namespace}-{account}.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(config))
    return replace(cluster, kubeconfig=kubeconfig)


def policy_is_typed(cluster: Kubectl, name: str) -> bool:
    """Whether the API server finds no fault with the types in a policy's expressions, once its
    controller has looked."""

    def status() -> dict[str, Any]:
        policy = cluster.json("get", "validatingadmissionpolicy", name)
        if policy.get("status", {}).get("observedGeneration") != policy["metadata"]["generation"]:
            return {}
        found: dict[str, Any] = policy["status"]
        return found

    eventually(lambda: bool(status()))
    return bool(status()["typeChecking"] == {})


def temporary_namespace(cluster: Kubectl, name: str) -> Iterator[str]:
    """A namespace that goes in the end, whatever lies in it."""
    cluster("create", "namespace", name)
    yield name
    cluster("delete", "namespace", name, "--wait=false")

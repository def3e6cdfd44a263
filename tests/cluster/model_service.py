"""A kind of somebody else's, as KServe's InferenceService is: spec, status, conditions.

Its lists are of every sort that server-side apply knows, and some fields have defaults.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.cluster.kubectl import Kubectl

NAMED = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
}
SPEC = {
    "type": "object",
    "properties": {
        "uri": {"type": "string"},
        "replicas": {"type": "integer"},
        "protocol": {"type": "string", "default": "v2"},
        "memory": {"x-kubernetes-int-or-string": True},
        "args": {"type": "array", "items": {"type": "string"}},
        "steps": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "run": {"type": "string"},
                    "retries": {"type": "integer", "default": 3},
                },
            },
        },
        "env": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": NAMED,
        },
        # As old KServe has it: a list of its own that belongs to whoever wrote it last.
        "containers": {"type": "array", "items": NAMED},
        "zones": {
            "type": "array",
            "x-kubernetes-list-type": "set",
            "items": {"type": "string"},
        },
        "selector": {
            "type": "object",
            "x-kubernetes-map-type": "atomic",
            "additionalProperties": {"type": "string"},
        },
        "runtime": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
STATUS = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


@dataclass(frozen=True, slots=True)
class ModelServices:
    """The kind ModelService of one API group."""

    kubectl: Kubectl
    group: str

    @property
    def resource(self) -> str:
        return f"modelservices.{self.group}"

    @property
    def api_version(self) -> str:
        return f"{self.group}/v1"

    def install(self, *, scope: str = "Namespaced") -> None:
        """Have the cluster know the kind, and wait until it is served."""
        self.kubectl("apply", "--server-side", "-f", "-", manifest=self.definition(scope))
        self.kubectl("wait", "--for=condition=Established", f"crd/{self.resource}")

    def uninstall(self) -> None:
        self.kubectl("delete", "crd", self.resource, "--ignore-not-found")

    def manifest(self, name: str = "digits", **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": self.api_version,
            "kind": "ModelService",
            "metadata": {"name": name},
            "spec": spec,
        }

    def say(self, namespace: str, name: str, **status: Any) -> None:
        """Write a status, as the kind's controller does."""
        self.kubectl(
            "patch", "-n", namespace, self.resource, name, "--subresource=status", "--type=merge",
            "--field-manager=model-service-controller", "-p", json.dumps({"status": status}),
        )  # fmt: skip

    def ready(self, namespace: str, name: str, status: str = "True", **condition: Any) -> None:
        """Say that it is ready, or why not, of the spec as it is now."""
        found = self.kubectl.json("get", "-n", namespace, self.resource, name)
        given = {"type": "Ready", "status": status, **condition}
        seen = found["metadata"]["generation"]
        self.say(namespace, name, conditions=[given], observedGeneration=seen)

    def definition(self, scope: str = "Namespaced") -> dict[str, Any]:
        schema = {"type": "object", "properties": {"spec": SPEC, "status": STATUS}}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.resource},
            "spec": {
                "group": self.group,
                "scope": scope,
                "names": {
                    "kind": "ModelService",
                    "plural": "modelservices",
                    "singular": "modelservice",
                },
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": schema},
                        "subresources": {"status": {}},
                    }
                ],
            },
        }


@contextmanager
def model_services(kubectl: Kubectl, *, installed: bool = True) -> Iterator[ModelServices]:
    """The kind in a group that nobody else uses; it goes at the end."""
    found = ModelServices(kubectl, f"serving-{secrets.token_hex(4)}.example.com")
    try:
        if installed:
            found.install()
        yield found
    finally:
        found.uninstall()


def grant(
    kubectl: Kubectl,
    namespace: str,
    *resources: str,
    verbs: str = "get,create,patch,delete",
    role: str = "playbill-rollout",
) -> None:
    """What an administrator does so that manifests of these kinds can be applied."""
    account = "playbill-rollout"
    if kubectl.answer("get", "serviceaccount", account, "-n", namespace).code != 0:
        kubectl("create", "serviceaccount", account, "-n", namespace)
    for resource in resources:
        name = f"{role}-{resource}"
        kubectl(
            "create", "role", name, "-n", namespace, f"--verb={verbs}", f"--resource={resource}",
        )  # fmt: skip
        kubectl(
            "create", "rolebinding", name, "-n", namespace, f"--role={name}",
            f"--serviceaccount={namespace}:{account}",
        )  # fmt: skip

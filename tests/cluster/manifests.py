"""The smallest objects that the API server accepts; tests change what they are about."""

from typing import Any

API_VERSION = "playbill.dev/v1alpha1"


def manifest(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def registered_model(name: str = "digits", **spec: Any) -> dict[str, Any]:
    repository = {"url": "https://git.example.com/digits.git"}
    return manifest("RegisteredModel", name, {"repository": repository, **spec})


def model_version(name: str = "digits-v1", **spec: Any) -> dict[str, Any]:
    return manifest("ModelVersion", name, {"model": "digits", **spec})


def stage_assignment(name: str = "digits-prod", **spec: Any) -> dict[str, Any]:
    return manifest("StageAssignment", name, {"model": "digits", "stage": "prod", **spec})


def rollout(*, replicas: int = 1, ports: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "server", "image": "server:${version}"}
    if ports is not None:
        container["ports"] = ports
    return {"replicas": replicas, "template": {"spec": {"containers": [container]}}}

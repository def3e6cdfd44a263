"""Our resources as the API server would hand them over."""

from __future__ import annotations

from typing import Any

from playbill.api.model_version import ModelVersion
from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import StageAssignment

URL = "https://git.example.com/models.git"


def metadata(name: str, **more: Any) -> dict[str, Any]:
    """uid and name are the same unless the test says otherwise."""
    facts = {
        "name": name,
        "namespace": "ns",
        "uid": f"uid-{name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return facts | more


def raw_model(name: str = "digits", *, meta: Any = None, status: Any = None, **spec: Any) -> Any:
    spec = {"repository": {"url": URL}} | spec
    return {"metadata": metadata(name, **(meta or {})), "spec": spec, "status": status or {}}


def raw_version(name: str = "v1", *, meta: Any = None, status: Any = None, **spec: Any) -> Any:
    spec = {"model": "digits"} | spec
    return {"metadata": metadata(name, **(meta or {})), "spec": spec, "status": status or {}}


def raw_stage(
    name: str = "digits-prod", *, meta: Any = None, status: Any = None, **spec: Any
) -> Any:
    spec = {"model": "digits", "stage": "prod"} | spec
    return {"metadata": metadata(name, **(meta or {})), "spec": spec, "status": status or {}}


def model(name: str = "digits", **more: Any) -> RegisteredModel:
    return RegisteredModel.model_validate(raw_model(name, **more))


def version(name: str = "v1", **more: Any) -> ModelVersion:
    return ModelVersion.model_validate(raw_version(name, **more))


def stage(name: str = "digits-prod", **more: Any) -> StageAssignment:
    return StageAssignment.model_validate(raw_stage(name, **more))


def condition(type_: str, status: str = "True", **more: Any) -> dict[str, Any]:
    facts = {
        "type": type_,
        "status": status,
        "reason": "Because",
        "message": "of this",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    return facts | more

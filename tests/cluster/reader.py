"""Objects as the API server has them, read over a connection that is kept.

What a test waits for is asked ten times a second, and a kubectl for each time takes a whole core
from what is waited for: its start, a handshake of TLS, and the look for what `stage` means.
"""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from kubernetes.client.api_client import ApiClient
from kubernetes.config import new_client_from_config

from playbill.api.base import API_VERSION

Object = dict[str, Any]

_OURS = f"apis/{API_VERSION}"
PLACES = {
    "rmodel": (_OURS, "registeredmodels"),
    "mver": (_OURS, "modelversions"),
    "stage": (_OURS, "stageassignments"),
    "mrepo": (_OURS, "modelrepositories"),
    "policy": (_OURS, "promotionpolicies"),
    "configmap": ("api/v1", "configmaps"),
    "events": ("api/v1", "events"),
    "pods": ("api/v1", "pods"),
    "secret": ("api/v1", "secrets"),
    "service": ("api/v1", "services"),
    "serviceaccount": ("api/v1", "serviceaccounts"),
    "deployment": ("apis/apps/v1", "deployments"),
    "jobs": ("apis/batch/v1", "jobs"),
    "endpointslices": ("apis/discovery.k8s.io/v1", "endpointslices"),
}
"""What tests wait for, by the names that kubectl takes for them."""


class Reader:
    """Reads as the user of a kubeconfig, and gives what `kubectl get -o json` would."""

    def __init__(self, kubeconfig: Path) -> None:
        self._api: ApiClient = new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object; None when there is none."""
        found = self._ask(_path(kind, namespace, name))
        return _shown(found) if found is not None else None

    def list(self, kind: str, namespace: str, selector: str = "") -> list[Object]:
        """All objects of a kind, or those whose labels are selected."""
        query = urlencode({"labelSelector": selector})
        found = self._ask(f"{_path(kind, namespace)}?{query}")
        assert found is not None, f"nobody serves {kind}"
        shared = {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List")}
        return [shared | _shown(item) for item in found["items"]]

    def _ask(self, path: str) -> Object | None:
        request = self._api.param_serialize("GET", path, auth_settings=["BearerToken"])
        response = self._api.call_api(*request)
        body = response.read()  # type: ignore[no-untyped-call]
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        assert response.status == HTTPStatus.OK, f"GET {path}: {response.status} {body!r}"
        answer: Object = json.loads(body)
        return answer


@cache
def reader(kubeconfig: Path) -> Reader:
    """The one of this process, for its connections."""
    return Reader(kubeconfig)


def _path(kind: str, namespace: str, name: str = "") -> str:
    api, plural = PLACES[kind]
    return f"/{api}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def _shown(found: Object) -> Object:
    found["metadata"].pop("managedFields", None)
    return found

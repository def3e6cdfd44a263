"""Simulated nodes, for scale: pods on them are Ready at once and run nothing."""

from typing import Any

from deploy.local.api import Api
from deploy.local.binaries import KWOK, program, stages
from deploy.local.layout import State
from deploy.local.processes import Daemon

MARK = "kwok.x-k8s.io/node"
LABEL = "type=kwok"


def daemon(state: State) -> Daemon:
    """The process that plays the kubelet for all of them."""
    access = state.pki / "admin.kubeconfig"
    argv = [
        program(KWOK, "kwok"),
        f"--kubeconfig={access}",
        f"--manage-nodes-with-annotation-selector={MARK}=fake",
        *(f"--config={path}" for path in stages()),
    ]
    return Daemon("kwok", tuple(argv), inputs=(access,))


def set_nodes(api: Api, count: int, *, tainted: bool) -> None:
    """Have exactly so many; tainted, so that only pods which ask for it land there."""
    wanted = {f"kwok-{number}" for number in range(count)}
    for name in sorted(existing(api) - wanted):
        api.delete(f"/api/v1/nodes/{name}")
    for name in sorted(wanted):
        api.apply(f"/api/v1/nodes/{name}", _node(name, tainted=tainted))


def existing(api: Api) -> set[str]:
    """The names of the simulated nodes that there are."""
    return {node["metadata"]["name"] for node in _list(api)}


def all_ready(api: Api) -> bool:
    """Whether every one of them is Ready."""
    return all(is_ready(node) for node in _list(api))


def is_ready(node: dict[str, Any]) -> bool:
    """Whether a node object says that it is Ready."""
    conditions = node.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _list(api: Api) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get(f"/api/v1/nodes?labelSelector={LABEL}")["items"]
    return items


def _node(name: str, *, tainted: bool) -> dict[str, Any]:
    taint = {"key": MARK, "value": "fake", "effect": "NoSchedule"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {MARK: "fake"},
            "labels": {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "spec": {"taints": [taint] if tainted else []},
    }

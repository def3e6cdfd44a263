"""Which ports a Service offers for a pod: those that its containers name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from playbill.api.errors import Stalled


def service_ports(pod_spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The ServicePorts of a pod's named container ports, in their order; [] when none is named.

    Raises Stalled(PortsAmbiguous) where core/v1 allows in a pod what it forbids in
    a Service: a name twice, or a number and protocol twice. A port that is
    written twice with the same name is one port.
    """
    ports: list[dict[str, Any]] = []
    for port in _named_ports(pod_spec):
        if port in ports:
            continue
        for other in ports:
            _refuse_clash(port, other)
        ports.append(port)
    return ports


def _named_ports(pod_spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for container in pod_spec.get("containers", ()):
        ports = container.get("ports")
        for port in ports if isinstance(ports, list) else ():
            # What is no port at all is for the API server to refuse, with its own words.
            if isinstance(port, dict) and port.get("name") and port.get("containerPort"):
                yield {
                    "name": port["name"],
                    "port": port["containerPort"],
                    "targetPort": port["name"],
                    "protocol": port.get("protocol", "TCP"),
                }


def _refuse_clash(port: dict[str, Any], other: dict[str, Any]) -> None:
    if port["name"] == other["name"]:
        raise Stalled(
            "PortsAmbiguous",
            f"two container ports are named {port['name']} ({other['port']} and {port['port']}), "
            "and the Service could lead to one of them only: give one another name, or none",
        )
    if (port["port"], port["protocol"]) == (other["port"], other["protocol"]):
        raise Stalled(
            "PortsAmbiguous",
            f"the ports {other['name']} and {port['name']} have the same number "
            f"{port['port']}/{port['protocol']}, which a Service cannot offer twice: "
            "take one name away",
        )

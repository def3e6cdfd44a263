"""What others own in a workload stays theirs: no request is spent on it, let alone a write.

Each story is told to a real API server by the program that it is about, or in the
very form that it writes: subresource, manager, kind of patch.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.cluster.kube.stage import NAME, POD, Stage
from tests.cluster.kubectl import Kubectl

from playbill.kube.client import Kube
from playbill.kube.resources import DEPLOYMENTS
from playbill.kube.workload import bring_in_step
from playbill.rollout.drift import in_step

pytestmark = pytest.mark.usefixtures("cluster")

Requests = Counter[tuple[str, str, str]]
Deed = Callable[[Kubectl, str], object]
DEPLOYMENT = f"deployment/{NAME}"


def as_autoscaler(kubectl: Kubectl, namespace: str, replicas: int) -> None:
    """As the HorizontalPodAutoscaler's controller does: by the subresource scale."""
    kubectl(
        "patch", "-n", namespace, DEPLOYMENT, "--subresource=scale", "--type=merge",
        "--field-manager=kube-controller-manager",
        "-p", json.dumps({"spec": {"replicas": replicas}}),
    )  # fmt: skip


def inject(kubectl: Kubectl, namespace: str) -> None:
    """As injectors of sidecars do that work on templates: containers, volumes, mounts, notes."""
    template = {
        "metadata": {
            "annotations": {"sidecar.example.com/injected": "true"},
            "labels": {"mesh": "on"},
        },
        "spec": {
            "initContainers": [{"name": "mesh-init", "image": "mesh:1"}],
            "containers": [
                {"name": "mesh", "image": "mesh:1", "env": [{"name": "A", "value": "b"}]},
                {
                    "name": "server",
                    "env": [{"name": "MESH", "value": "on"}],
                    "volumeMounts": [{"name": "certs", "mountPath": "/certs"}],
                },
            ],
            "volumes": [{"name": "certs", "emptyDir": {}}],
            "imagePullSecrets": [{"name": "mesh"}],
        },
    }
    kubectl(
        "patch", "-n", namespace, DEPLOYMENT, "--type=strategic",
        "--field-manager=injector", "-p", json.dumps({"spec": {"template": template}}),
    )  # fmt: skip


def apply_beside(kubectl: Kubectl, namespace: str) -> None:
    """As a second owner does who applies fields of their own."""
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "annotations": {"owner": "platform"}},
        "spec": {"minReadySeconds": 3, "revisionHistoryLimit": 2},
    }
    kubectl(
        "apply", "-n", namespace, "--server-side", "--field-manager=platform", "-f", "-",
        manifest=body,
    )  # fmt: skip


DEEDS: dict[str, Deed] = {
    "an autoscaler scales": lambda kubectl, ns: as_autoscaler(kubectl, ns, 5),
    "kubectl scale": lambda kubectl, ns: kubectl("scale", "-n", ns, DEPLOYMENT, "--replicas=4"),
    "kubectl rollout restart": lambda kubectl, ns: kubectl(
        "rollout", "restart", "-n", ns, DEPLOYMENT
    ),
    "a sidecar is injected": inject,
    "a second owner applies": apply_beside,
    "kubectl set resources": lambda kubectl, ns: kubectl(
        "set", "resources", "-n", ns, DEPLOYMENT, "--limits=memory=64Mi"
    ),
    "kubectl rollout pause": lambda kubectl, ns: kubectl("rollout", "pause", "-n", ns, DEPLOYMENT),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
async def test_what_others_write_survives_a_resync_without_a_request_and_a_promotion(
    kube: Kube, kubectl: Kubectl, namespace: str, requests: Requests, deed: Deed
) -> None:
    stage = await Stage.create(kube, namespace)
    await stage.bring_in_step()
    before = await stage.live()

    deed(kubectl, namespace)
    changed = await stage.live()
    assert changed["metadata"]["generation"] > before["metadata"]["generation"]
    rendered = stage.rendered().deployment
    requests.clear()
    assert await bring_in_step(kube, DEPLOYMENTS, rendered, changed) == (changed, False)
    assert not requests

    assert await stage.bring_in_step("v1.1.0")
    after = await stage.live()
    assert without_ours(after) == without_ours(changed)


def without_ours(live: dict[str, Any]) -> dict[str, Any]:
    """The spec and the annotations without what names the version or the run of a controller."""
    annotations = {
        key: value
        for key, value in live["metadata"].get("annotations", {}).items()
        if not key.startswith(("playbill.dev/", "deployment.kubernetes.io/"))
    }
    return {
        "annotations": annotations,
        "spec": json.loads(json.dumps(live["spec"]).replace("v1.1.0", "v1.0.0"))
        | {"template": None},
        "template": [
            json.dumps(each, sort_keys=True).replace("v1.1.0", "v1.0.0")
            for part in ("containers", "initContainers", "volumes", "imagePullSecrets")
            for each in live["spec"]["template"]["spec"].get(part, [])
        ],
    }


async def test_what_an_autoscaler_of_the_cluster_set_is_never_written_by_us(
    kube: Kube, kubectl: Kubectl, namespace: str
) -> None:
    stage = await Stage.create(kube, namespace)
    await stage.bring_in_step()
    as_autoscaler(kubectl, namespace, 5)
    await stage.bring_in_step("v1.1.0")

    as_autoscaler(kubectl, namespace, 2)
    await stage.bring_in_step("v1.2.0")

    assert (await stage.live())["spec"]["replicas"] == 2


def container(name: str = "server", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": f"{name}:${{version}}", **fields}


TEMPLATES: dict[str, dict[str, Any]] = {
    "probes of every sort": {
        "containers": [
            container(
                ports=[
                    {"name": "http", "containerPort": 8080},
                    {"name": "rpc", "containerPort": 9},
                ],
                startupProbe={
                    "httpGet": {"path": "/v2/health/ready", "port": "http"},
                    "failureThreshold": 60,
                    "periodSeconds": 2,
                },
                readinessProbe={
                    "httpGet": {
                        "path": "/v2/models/${model}/ready",
                        "port": 8080,
                        "httpHeaders": [{"name": "Accept", "value": "*/*"}],
                    }
                },
                livenessProbe={"grpc": {"port": 9, "service": ""}, "timeoutSeconds": 5},
                lifecycle={"preStop": {"exec": {"command": ["sleep", "5"]}}},
            ),
            container("exporter", livenessProbe={"exec": {"command": ["true"]}}),
            container("proxy", readinessProbe={"tcpSocket": {"port": 15021}}),
        ],
        "terminationGracePeriodSeconds": 60,
    },
    "volumes of every sort": {
        "containers": [
            container(
                volumeMounts=[
                    {"name": "model", "mountPath": "/model", "readOnly": True},
                    {"name": "cache", "mountPath": "/cache", "subPath": "${version}"},
                    {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - in the pod
                    {"name": "settings", "mountPath": "/etc/settings"},
                    {"name": "token", "mountPath": "/var/token"},
                ]
            )
        ],
        "volumes": [
            {"name": "model", "emptyDir": {"sizeLimit": "2Gi"}},
            {"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1024Mi"}},
            {"name": "settings", "configMap": {"name": "settings", "optional": True}},
            {
                "name": "token",
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"audience": "store", "path": "token"}},
                        {
                            "downwardAPI": {
                                "items": [
                                    {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
                                ]
                            }
                        },
                    ]
                },
            },
            {
                "name": "scratch",
                "ephemeral": {
                    "volumeClaimTemplate": {
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "resources": {"requests": {"storage": "1024Mi"}},
                        }
                    }
                },
            },
            {"name": "disk", "hostPath": {"path": "/data"}},
            {"name": "share", "nfs": {"server": "nfs.example.com", "path": "/"}},
            {"name": "secret", "secret": {"secretName": "s", "items": [{"key": "a", "path": "b"}]}},
        ],
    },
    "init containers and native sidecars": {
        "initContainers": [
            container("download", args=["${model}", "/model"], resources={"limits": {"cpu": 1}}),
            container("logs", restartPolicy="Always", startupProbe={"tcpSocket": {"port": 1}}),
        ],
        "containers": [container()],
        "restartPolicy": "Always",
    },
    "a GPU server of several containers": {
        "containers": [
            container(
                resources={
                    "requests": {"cpu": "0.5", "memory": "1e9", "ephemeral-storage": "1Gi"},
                    "limits": {"nvidia.com/gpu": "1", "memory": "1.5Gi"},
                },
                env=[
                    {"name": "EMPTY", "value": ""},
                    {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    {
                        "name": "KEY",
                        "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}},
                    },
                    {"name": "BOTH", "value": "$(IP):8080"},
                ],
                envFrom=[{"configMapRef": {"name": "c"}, "prefix": "A_"}],
                securityContext={
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "runAsNonRoot": True,
                    "capabilities": {"drop": ["ALL"]},
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                imagePullPolicy="Always",
                stdin=False,
                terminationMessagePolicy="FallbackToLogsOnError",
            ),
            container("metrics", ports=[{"name": "metrics", "containerPort": 9090}]),
        ],
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": {"app": "digits"}},
                        },
                    }
                ]
            }
        },
        "tolerations": [
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
            {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
        ],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"},
            {"maxSkew": 2, "topologyKey": "host", "whenUnsatisfiable": "ScheduleAnyway"},
        ],
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "server",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["store.example.com"]}],
        "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
        "securityContext": {"runAsUser": 1000, "fsGroup": 1000, "sysctls": []},
        "readinessGates": [{"conditionType": "example.com/ready"}],
        "shareProcessNamespace": False,
        "preemptionPolicy": "PreemptLowerPriority",
    },
    "the plainest": POD,
}


@pytest.mark.parametrize("pod", TEMPLATES.values(), ids=TEMPLATES)
async def test_a_realistic_template_is_in_step_once_the_server_has_it(
    kube: Kube, namespace: str, requests: Requests, pod: dict[str, Any]
) -> None:
    stage = await Stage.create(kube, namespace, replicas=0)
    stage.change(template={"spec": pod})
    rendered = stage.rendered().deployment

    tried = await kube.apply(DEPLOYMENTS, rendered, manager="playbill", dry_run=True)
    assert in_step(rendered, tried)

    live, written = await bring_in_step(kube, DEPLOYMENTS, rendered, None)
    assert written
    requests.clear()
    assert await bring_in_step(kube, DEPLOYMENTS, rendered, live) == (live, False)
    assert not requests

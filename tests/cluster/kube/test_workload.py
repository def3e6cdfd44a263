"""Nothing is written when nothing changed; what we own is put back, what we do not is left."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.cluster.kube.stage import NAME, POD, Stage
from tests.cluster.kubectl import Kubectl, eventually

from playbill.api.errors import Stalled
from playbill.kube.answers import Conflict
from playbill.kube.client import Kube
from playbill.kube.resources import DEPLOYMENTS, PODS, SERVICES, STAGE_ASSIGNMENTS
from playbill.kube.workload import HANDOVER_MANAGER, bring_in_step
from playbill.rollout.drift import in_step
from playbill.rollout.explain import diagnose
from playbill.rollout.judge import Failed, Progressing, RolledOut, judge
from playbill.rollout.ownership import refuse_foreign

pytestmark = pytest.mark.usefixtures("cluster")

Requests = Counter[tuple[str, str, str]]


async def test_a_workload_that_is_in_step_costs_no_request(
    kube: Kube, namespace: str, requests: Requests
) -> None:
    stage = await Stage.create(kube, namespace)
    workload = stage.rendered()
    assert workload.service is not None
    for resource, body in ((DEPLOYMENTS, workload.deployment), (SERVICES, workload.service)):
        after, written = await bring_in_step(kube, resource, body, None)
        assert written
        requests.clear()
        assert await bring_in_step(kube, resource, body, after) == (after, False)
        assert not requests


WHAT_THE_SERVER_REWRITES: list[dict[str, Any]] = [
    {"containers": [{"name": "a", "image": "a", "resources": {"limits": {"cpu": 0.5}}}]},
    {
        "containers": [
            {
                "name": "a",
                "image": "a",
                "resources": {
                    "limits": {"cpu": "0.1", "memory": "1024Mi", "example.com/gpu": 1},
                    "requests": {"cpu": "1e-2", "memory": "0.5Gi"},
                },
            }
        ]
    },
    {
        "hostNetwork": False,
        "nodeSelector": {},
        "securityContext": {},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "containers": [
            {
                "name": "a",
                "image": "a",
                "command": [],
                "env": [
                    {"name": "EMPTY", "value": ""},
                    {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                    {
                        "name": "CPUS",
                        "valueFrom": {
                            "resourceFieldRef": {"resource": "limits.cpu", "divisor": "1000m"}
                        },
                    },
                ],
                "envFrom": [{"secretRef": {"name": "s", "optional": False}}],
                "ports": [
                    {"containerPort": 53, "protocol": "UDP"},
                    {"name": "http", "containerPort": 80},
                    {"containerPort": 53},
                ],
                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "timeoutSeconds": 2},
                "livenessProbe": {"tcpSocket": {"port": 80}, "initialDelaySeconds": 0},
                "securityContext": {"privileged": False, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [
                    {"name": "b", "mountPath": "/b", "readOnly": False},
                    {"name": "a", "mountPath": "/a"},
                ],
                "tty": False,
            }
        ],
        "volumes": [
            {"name": "b", "emptyDir": {"sizeLimit": "1000Mi"}},
            {
                "name": "a",
                "projected": {
                    "sources": [
                        {"configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}},
                        {"serviceAccountToken": {"path": "token"}},
                    ]
                },
            },
            {"name": "c", "secret": {"secretName": "s", "defaultMode": 256}},
        ],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"a": "b"}},
            }
        ],
        "imagePullSecrets": [{"name": "pull"}],
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 0,
    },
]


@pytest.mark.parametrize("pod", WHAT_THE_SERVER_REWRITES)
async def test_what_the_server_fills_in_and_rewrites_is_no_drift(
    kube: Kube, namespace: str, pod: dict[str, Any]
) -> None:
    stage = await Stage.create(kube, namespace, replicas=0)
    stage.change(template={"spec": pod})

    assert await stage.bring_in_step()

    assert in_step(stage.rendered().deployment, await stage.live())


async def test_a_hand_edit_of_what_we_render_is_put_back(
    kube: Kube, kubectl: Kubectl, namespace: str
) -> None:
    stage = await Stage.create(kube, namespace, replicas=0)
    await stage.bring_in_step()

    kubectl("set", "image", "-n", namespace, f"deployment/{NAME}", "server=server:by-hand")
    assert await stage.image() == "server:by-hand"

    assert await stage.bring_in_step()
    assert await stage.image() == "server:v1.0.0"
    assert not await stage.bring_in_step()


@pytest.mark.parametrize(
    "edit",
    [
        ["set", "env", f"deployment/{NAME}", "COLOR=blue"],
        ["label", "deployment", NAME, "app.kubernetes.io/managed-by-"],
        ["annotate", "deployment", NAME, "playbill.dev/version=v9.9.9", "--overwrite"],
        ["scale", "deployment", NAME, "--replicas=2"],
    ],
)
async def test_every_kind_of_hand_edit_is_seen(
    kube: Kube, kubectl: Kubectl, namespace: str, edit: list[str]
) -> None:
    stage = await Stage.create(kube, namespace, replicas=0)
    await stage.bring_in_step()

    kubectl(*edit, "-n", namespace)

    assert await stage.bring_in_step()
    assert in_step(stage.rendered().deployment, await stage.live())


async def test_what_others_add_is_theirs(kube: Kube, kubectl: Kubectl, namespace: str) -> None:
    stage = await Stage.create(kube, namespace, replicas=0)
    await stage.bring_in_step()

    kubectl("annotate", "deployment", NAME, "-n", namespace, "team=vision")
    kubectl("set", "env", f"deployment/{NAME}", "-n", namespace, "INJECTED=1")

    assert not await stage.bring_in_step()
    assert await stage.bring_in_step("v1.1.0")
    live = await stage.live()
    assert live["metadata"]["annotations"]["team"] == "vision"
    names = [env["name"] for env in live["spec"]["template"]["spec"]["containers"][0]["env"]]
    assert "INJECTED" in names


async def test_what_is_taken_out_of_the_template_goes(kube: Kube, namespace: str) -> None:
    stage = await Stage.create(kube, namespace, replicas=0)
    await stage.bring_in_step()
    container = {**POD["containers"][0], "env": [{"name": "MODEL", "value": "${model}"}]}
    del container["args"]
    stage.change(template={"spec": {**POD, "containers": [container]}})

    assert await stage.bring_in_step()

    live = (await stage.live())["spec"]["template"]["spec"]["containers"][0]
    assert live["env"] == [{"name": "MODEL", "value": "digits"}]
    assert "args" not in live


async def test_replicas_that_are_left_out_stay_as_the_autoscaler_set_them(
    kube: Kube, kubectl: Kubectl, namespace: str
) -> None:
    stage = await Stage.create(kube, namespace)
    await stage.bring_in_step()
    kubectl("scale", "deployment", NAME, "-n", namespace, "--replicas=4")

    assert not await stage.bring_in_step()
    assert await stage.bring_in_step("v1.1.0")

    assert (await stage.live())["spec"]["replicas"] == 4


async def test_replicas_are_handed_over_before_we_let_go_of_them(
    kube: Kube, kubectl: Kubectl, namespace: str
) -> None:
    stage = await Stage.create(kube, namespace, replicas=3)
    await stage.bring_in_step()
    stage.change(replicas=None)

    assert await stage.bring_in_step()
    live = await stage.live()
    assert live["spec"]["replicas"] == 3
    assert HANDOVER_MANAGER in {entry["manager"] for entry in live["metadata"]["managedFields"]}

    kubectl("scale", "deployment", NAME, "-n", namespace, "--replicas=5")
    assert await stage.bring_in_step("v1.1.0")
    assert (await stage.live())["spec"]["replicas"] == 5


async def test_replicas_can_be_taken_back_and_handed_over_again(kube: Kube, namespace: str) -> None:
    stage = await Stage.create(kube, namespace, replicas=3)
    seen = []
    for replicas in (3, None, 2, None):
        stage.change(replicas=replicas)
        await stage.bring_in_step()
        seen.append((await stage.live())["spec"]["replicas"])

    assert seen == [3, 3, 2, 2]


async def test_a_leader_who_slept_through_a_change_gets_a_conflict(
    kube: Kube, namespace: str
) -> None:
    stage = await Stage.create(kube, namespace, replicas=0)
    await stage.bring_in_step()
    seen = await stage.live()
    await stage.bring_in_step("v1.1.0")

    with pytest.raises(Conflict):
        await bring_in_step(kube, DEPLOYMENTS, stage.rendered("v1.0.1").deployment, seen)

    assert await stage.image() == "server:v1.1.0"


async def test_an_object_that_somebody_else_made_is_left_as_it_is(
    kube: Kube, kubectl: Kubectl, namespace: str
) -> None:
    stage = await Stage.create(kube, namespace)
    workload = stage.rendered()
    assert workload.service is not None
    kubectl("create", "deployment", NAME, "-n", namespace, "--image=theirs", "--replicas=0")
    kubectl("create", "service", "clusterip", NAME, "-n", namespace, "--tcp=80:80")

    for resource, body in ((DEPLOYMENTS, workload.deployment), (SERVICES, workload.service)):
        before = await kube.get(resource, namespace, NAME)
        with pytest.raises(Conflict):  # it was not there when we looked
            await bring_in_step(kube, resource, body, None)
        live = await kube.get(resource, namespace, NAME)
        with pytest.raises(Stalled, match="another name"):  # and now it is
            refuse_foreign(live, stage.assignment)
        assert before is not None
        assert live is not None
        assert live["spec"] == before["spec"]


async def test_our_own_workload_is_recognised(kube: Kube, namespace: str) -> None:
    stage = await Stage.create(kube, namespace, replicas=0)
    await stage.bring_in_step()

    refuse_foreign(await stage.live(), stage.assignment)


async def test_the_workload_goes_with_its_assignment(
    kube: Kube, kubectl: Kubectl, namespace: str
) -> None:
    stage = await Stage.create(kube, namespace, replicas=0)
    await stage.bring_in_step()

    await kube.delete(STAGE_ASSIGNMENTS, namespace, NAME)

    kubectl("wait", "--for=delete", f"deployment/{NAME}", "-n", namespace, "--timeout=30s")


async def test_a_rollout_that_cannot_be_scheduled_fails_and_says_why(
    kube: Kube, kubectl: Kubectl, namespace: str
) -> None:
    stage = await Stage.create(kube, namespace, replicas=1, progressDeadlineSeconds=1)
    await stage.bring_in_step()
    first = judge(await stage.live(), deadline_seconds=1)
    assert isinstance(first, Progressing)

    def given_up() -> bool:
        live = kubectl.json("get", "deployment", NAME, "-n", namespace)
        return isinstance(judge(live, deadline_seconds=1), Failed)

    eventually(given_up)

    verdict = judge(await stage.live(), deadline_seconds=1)
    pods, _ = await kube.list(PODS, namespace, label_selector=f"playbill.dev/assignment={NAME}")
    assert verdict == Failed(
        "ProgressDeadlineExceeded", "no progress within 1 s: 0 of 1 pod ready", "0/1"
    )
    found = diagnose(pods)
    assert found is not None
    assert "cannot be scheduled" in found.sentence


async def test_a_workload_of_no_pods_is_rolled_out_at_once(
    kube: Kube, kubectl: Kubectl, namespace: str
) -> None:
    stage = await Stage.create(kube, namespace, replicas=0)
    await stage.bring_in_step()

    def rolled_out() -> bool:
        live = kubectl.json("get", "deployment", NAME, "-n", namespace)
        return judge(live, deadline_seconds=1) == RolledOut("scaled to no pods", "0/0")

    eventually(rolled_out)


async def test_a_quota_that_stops_the_pods_is_told_without_looking_at_pods(
    kube: Kube, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "quota", "none", "-n", namespace, "--hard=pods=0")
    eventually(lambda: "hard" in kubectl.json("get", "quota", "none", "-n", namespace)["status"])
    stage = await Stage.create(kube, namespace, replicas=1)
    await stage.bring_in_step()

    def told() -> bool:
        live = kubectl.json("get", "deployment", NAME, "-n", namespace)
        return "exceeded quota" in judge(live, deadline_seconds=600).message

    eventually(told)

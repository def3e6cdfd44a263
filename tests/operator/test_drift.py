"""Edits of what is ours are put back and told; what others own stays, and costs no write."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.cluster.kubectl import eventually
from tests.cluster.manifests import rollout
from tests.operator.house import House
from tests.operator.test_manifests import drift_events
from tests.operator.world import Object

V1, V2 = "v1.0.0", "v2.0.0"
HTTP = [{"name": "http", "containerPort": 8080}]


class Served:
    """A stage with a Deployment of no pods, and a Service."""

    def __init__(self, house: House, name: str, **given: Any) -> None:
        self.house, self.world = house, house.world(name)
        self.name = f"{name}-prod"
        self.world.model()
        self.world.version(f"{name}-v1", version=V1, revision="main~2")
        self.world.version(f"{name}-v2", version=V2, revision="main~1")
        spec = {**rollout(replicas=0, ports=HTTP), **given}
        self.world.stage(self.name, version=V1, rollout=spec)
        self.world.await_ready("stage", self.name)

    def deployment(self) -> Object:
        return self.world.get("deployment", self.name)

    def image(self) -> str:
        """Of the container that is ours."""
        found: str = self.containers()["server"]["image"]
        return found

    def containers(self) -> dict[str, Object]:
        template = self.deployment()["spec"]["template"]["spec"]
        return {each["name"]: each for each in template["containers"]}

    def kubectl(self, *arguments: str) -> None:
        self.world.kubectl(*arguments, "-n", self.world.namespace)

    def patch(self, body: Object, *options: str) -> None:
        self.kubectl("patch", f"deployment/{self.name}", "-p", json.dumps(body), *options)

    def writes(self) -> float:
        """How often the operator has asked the API server to write a workload."""
        return sum(
            self.world.operator.metric("playbill_kube_requests_total", verb=verb, resource=resource)
            for verb in ("apply", "patch", "create")
            for resource in ("deployments.apps", "services")
        )

    def looked_at(self, note: str) -> None:
        """Have the operator look at it now, and wait until it has."""
        self.world.patch("stage", self.name, {"message": note})
        self.world.await_ready("stage", self.name)


def test_an_edit_of_the_deployment_is_put_back_and_the_hand_is_named(house: House) -> None:
    served = Served(house, "handmade")
    served.kubectl("set", "image", f"deployment/{served.name}", "server=mine")

    eventually(lambda: served.image() == "server:v1.0.0")
    eventually(lambda: len(drift_events(house, served.name)) == 1)
    (said,) = drift_events(house, served.name)
    assert said.startswith(
        f"Deployment {served.name}: kubectl-set changed "
        "spec.template.spec.containers[server].image at 20"
    )


def test_an_edit_of_the_service_is_put_back_and_told(house: House) -> None:
    served = Served(house, "redirected")
    body = json.dumps({"spec": {"selector": {"playbill.dev/assignment": "elsewhere"}}})
    served.kubectl("patch", "service", served.name, "--type=merge", "-p", body)

    def selector() -> Object:
        found: Object = served.world.get("service", served.name)["spec"]["selector"]
        return found

    eventually(lambda: selector() == {"playbill.dev/assignment": served.name})
    eventually(lambda: len(drift_events(house, served.name)) == 1)
    (said,) = drift_events(house, served.name)
    assert said.startswith(f"Service {served.name}: kubectl-patch changed spec.selector")


def test_what_was_taken_out_comes_back_and_is_told(house: House) -> None:
    served = Served(house, "stripped")
    served.kubectl("label", "deployment", served.name, "app.kubernetes.io/managed-by-")

    eventually(lambda: "app.kubernetes.io/managed-by" in served.deployment()["metadata"]["labels"])
    eventually(lambda: len(drift_events(house, served.name)) == 1)
    (said,) = drift_events(house, served.name)
    assert "somebody took out metadata.labels[app.kubernetes.io/managed-by]" in said


def test_promotions_and_changes_of_the_template_are_no_drift(house: House) -> None:
    served = Served(house, "honest")
    served.world.patch("stage", served.name, {"version": V2})
    served.world.await_ready("stage", served.name)
    eventually(lambda: served.image() == "server:v2.0.0")
    served.world.patch("stage", served.name, {"rollout": rollout(replicas=0)})
    eventually(lambda: "ports" not in served.containers()["server"])
    served.looked_at("look")

    assert drift_events(house, served.name) == []


INJECTED = {
    "spec": {
        "template": {
            "metadata": {"annotations": {"sidecar.example.com/injected": "true"}},
            "spec": {
                "containers": [{"name": "mesh", "image": "mesh:1"}],
                "volumes": [{"name": "certs", "emptyDir": {}}],
            },
        }
    }
}
SCALED = {"spec": {"replicas": 3}}


@pytest.mark.parametrize(
    ("name", "deed", "fits"),
    [
        (
            "injected",
            lambda served: served.patch(INJECTED, "--type=strategic", "--field-manager=injector"),
            lambda served: "mesh" in served.containers(),
        ),
        (
            "autoscaled",
            lambda served: served.patch(
                SCALED, "--type=merge", "--subresource=scale",
                "--field-manager=kube-controller-manager",
            ),
            lambda served: served.deployment()["spec"]["replicas"] == 3,
        ),
        (
            "scaled",
            lambda served: served.kubectl("scale", f"deployment/{served.name}", "--replicas=2"),
            lambda served: served.deployment()["spec"]["replicas"] == 2,
        ),
    ],
)  # fmt: skip
def test_what_others_own_survives_a_resync_without_a_write_and_a_promotion(
    house: House, name: str, deed: Callable[[Served], None], fits: Callable[[Served], bool]
) -> None:
    # Pods that cannot start keep a rollout from being Ready; here none is to be started.
    nowhere = {"nodeSelector": {"kubernetes.io/hostname": "no-such-node"}}
    template = rollout(ports=HTTP)["template"]
    template["spec"] |= nowhere
    served = Served(house, name, template=template)
    served.world.patch("stage", served.name, {"rollout": {"replicas": None}})
    settled(served)
    before = served.writes()

    deed(served)
    assert fits(served)
    served.world.patch("stage", served.name, {"message": "look"})
    eventually(lambda: seen(served))

    assert served.writes() == before
    assert fits(served)
    served.world.patch("stage", served.name, {"version": V2})
    eventually(lambda: served.image() == "server:v2.0.0")
    assert fits(served)
    assert drift_events(house, served.name) == []


def settled(served: Served) -> None:
    """Our replicas are handed over, and the operator has seen that."""
    eventually(lambda: "playbill-handover" in managers(served))
    served.looked_at("settled")


def seen(served: Served) -> bool:
    """Whether the operator has spoken of the newest generation of the assignment."""
    return served.world.condition("stage", served.name) != {}


def managers(served: Served) -> set[str]:
    """Who owns fields of the Deployment."""
    found = served.world.kubectl.json(
        "get", "deployment", served.name, "-n", served.world.namespace, "--show-managed-fields"
    )
    return {each["manager"] for each in found["metadata"]["managedFields"]}

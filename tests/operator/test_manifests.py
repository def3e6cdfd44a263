"""Stages whose workload is objects of any kind, with the rights of the namespace's own account."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.model_service import ModelServices, grant, model_services
from tests.operator.house import House
from tests.operator.world import Object, World

V1, V2 = "v1.0.0", "v2.0.0"
PORT = {"containerPort": 80}


@pytest.fixture(scope="module")
def kind(cluster: Kubectl, shared_house: House) -> Iterator[ModelServices]:
    """A kind that the account of the house's namespace may apply, and ConfigMaps beside it."""
    with model_services(cluster) as found:
        grant(cluster, shared_house.namespace, "configmaps", found.resource)
        yield found


def settings(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"version": "${version}"},
    }


class Stage:
    """The stage prod of a model with two versions; its objects bear the model's name."""

    def __init__(self, world: World, kind: ModelServices) -> None:
        self.world, self.kind = world, kind
        self.name = f"{world.name}-prod"
        world.model()
        world.version(f"{world.name}-v1", version=V1, revision="main~2")
        world.version(f"{world.name}-v2", version=V2, revision="main~1")

    def service(self, uri: str = "models/${version}", **spec: Any) -> Object:
        return self.kind.manifest(self.world.name, uri=uri, **spec)

    def assign(self, *manifests: Object, **rollout: Any) -> None:
        given = list(manifests) or [self.service()]
        self.world.stage(self.name, version=V1, rollout={"manifests": given, **rollout})

    def change(self, *manifests: Object) -> None:
        self.world.patch("stage", self.name, {"rollout": {"manifests": list(manifests)}})

    def promote(self, version: str) -> None:
        self.world.patch("stage", self.name, {"version": version})

    def touch(self, note: str) -> None:
        """Have it looked at now."""
        self.world.patch("stage", self.name, {"message": note})

    def spec(self) -> Object:
        """The service's spec as it is; empty while there is none."""
        answer = self.world.kubectl.answer(
            "get", "-n", self.world.namespace, self.kind.resource, self.world.name, "-o", "json"
        )
        found: Object = json.loads(answer.out)["spec"] if answer.code == 0 else {}
        return found

    def has(self, manifest: Object) -> bool:
        """Whether an object is there."""
        return self.world.exists(manifest["kind"].lower(), manifest["metadata"]["name"])

    def comes_to(self, **spec: Any) -> None:
        eventually(lambda: spec.items() <= self.spec().items())

    def report(self, status: str = "True", **condition: Any) -> None:
        """What the service's controller says of it."""
        self.kind.ready(self.world.namespace, self.world.name, status, **condition)

    def served(self, *manifests: Object) -> None:
        """Assign v1, and have it healthy."""
        self.assign(*manifests)
        self.comes_to(uri="models/v1.0.0")
        self.report()
        self.world.await_ready("stage", self.name)

    def writes(self) -> float:
        """How often the operator has asked to write such a service, or removed one."""
        return sum(
            self.world.operator.metric(
                "playbill_kube_requests_total", verb=verb, resource=self.kind.resource
            )
            for verb in ("apply", "delete")
        )


def test_a_promotion_changes_the_objects_and_is_ready_when_they_are(
    house: House, kind: ModelServices
) -> None:
    stage = Stage(house.world("promoted"), kind)
    stage.assign(settings("promoted"), stage.service())

    stage.comes_to(uri="models/v1.0.0", protocol="v2")
    stage.world.await_reason("stage", stage.name, "Progressing")
    stage.report("False", reason="PredictorNotReady", message="no pods yet")
    stage.world.await_said(
        "stage", stage.name, "Progressing", "1 of 2 objects healthy", "no pods yet"
    )
    stage.report()
    workload = stage.world.await_ready("stage", stage.name)["workload"]
    assert workload["version"] == V1
    assert [(each["kind"], each["name"]) for each in workload["objects"]] == [
        ("ConfigMap", "promoted"),
        ("ModelService", "promoted"),
    ]

    stage.promote(V2)
    stage.comes_to(uri="models/v2.0.0")
    stage.world.await_reason("stage", stage.name, "Progressing")
    stage.report()
    assert stage.world.await_ready("stage", stage.name)["workload"]["version"] == V2
    assert stage.world.get("configmap", "promoted")["data"] == {"version": V2}


def test_a_right_that_the_account_lacks_is_told_and_waited_for(
    house: House, kind: ModelServices
) -> None:
    stage = Stage(house.world("forbidden"), kind)
    claim = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "forbidden"},
    }
    stage.assign(claim)

    said = stage.world.await_reason("stage", stage.name, "Forbidden")["message"]
    assert f"the account playbill-rollout of namespace {house.namespace}" in said
    assert not stage.world.exists("serviceaccount", "forbidden")

    commands = [part for part in said.split("`") if part.startswith("kubectl create role")]
    for command in commands:
        house.kubectl(*command.split()[1:])
    stage.world.await_ready("stage", stage.name)
    assert stage.world.exists("serviceaccount", "forbidden")


def test_a_kind_that_comes_later_is_waited_for(
    house: House, kind: ModelServices, cluster: Kubectl
) -> None:
    with model_services(cluster, installed=False) as later:
        stage = Stage(house.world("early"), later)
        stage.assign()
        stage.world.await_said("stage", stage.name, "Progressing", "no kind ModelService")

        later.install()
        grant(cluster, house.namespace, later.resource)
        stage.comes_to(uri="models/v1.0.0")
        stage.report()
        stage.world.await_ready("stage", stage.name)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"namespace": "kube-system"}, "manifests stay in that of their StageAssignment"),
        ({"ownerReferences": []}, "metadata.ownerReferences"),
        ({"labels": {"playbill.dev/assignment": "control-prod"}}, "take it out"),
    ],
)
def test_what_is_not_for_a_manifest_to_say_is_refused(
    house: House, kind: ModelServices, metadata: Object, words: str
) -> None:
    stage = Stage(house.world(f"refused-{next(iter(metadata)).lower()}"), kind)
    manifest = stage.service()
    manifest["metadata"] |= metadata
    stage.assign(manifest)

    stage.world.await_said("stage", stage.name, "ManifestNotAllowed", words)
    assert stage.spec() == {}


def test_an_object_of_somebody_else_is_left_alone(house: House, kind: ModelServices) -> None:
    stage = Stage(house.world("foreign"), kind)
    stage.world.apply(kind.manifest("foreign", uri="theirs"))
    stage.assign()

    stage.world.await_said("stage", stage.name, "NotOwned", "playbill did not make")
    assert stage.spec()["uri"] == "theirs"

    stage.world.delete(kind.resource, "foreign")
    stage.comes_to(uri="models/v1.0.0")


def test_what_leaves_the_list_is_removed_once_the_rest_is_healthy(
    house: House, kind: ModelServices
) -> None:
    stage = Stage(house.world("pruned"), kind)
    stage.served(settings("pruned"), stage.service())

    stage.change(stage.service("other/${version}"))
    stage.comes_to(uri="other/v1.0.0")
    stage.world.await_reason("stage", stage.name, "Progressing")
    assert stage.world.exists("configmap", "pruned"), "it may be all that serves"
    stage.report()

    workload = stage.world.await_ready("stage", stage.name)["workload"]
    assert [each["kind"] for each in workload["objects"]] == ["ModelService"]
    eventually(lambda: not stage.world.exists("configmap", "pruned"))


def test_nothing_is_written_while_nothing_changes(house: House, kind: ModelServices) -> None:
    stage = Stage(house.world("steady"), kind)
    stage.served()
    version = stage.world.get(kind.resource, "steady")["metadata"]["resourceVersion"]
    before = stage.writes()

    for note in ("look", "look again"):
        stage.touch(note)
        stage.world.await_ready("stage", stage.name)

    assert stage.writes() == before
    found = stage.world.get(kind.resource, "steady")["metadata"]["resourceVersion"]
    assert found == version


def test_an_edit_by_hand_is_put_back_and_the_hand_is_named(
    house: House, kind: ModelServices
) -> None:
    stage = Stage(house.world("edited"), kind)
    stage.served()
    stage.world.patch(kind.resource, "edited", {"uri": "mine", "replicas": 5})

    stage.touch("look")
    stage.comes_to(uri="models/v1.0.0", replicas=5)

    eventually(lambda: len(drift_events(house, stage.name)) == 1)
    (said,) = drift_events(house, stage.name)
    assert said.startswith("ModelService edited: kubectl-patch changed spec.uri at ")
    assert said.endswith("; put back")


def test_a_version_that_fails_is_taken_back(house: House, kind: ModelServices) -> None:
    stage = Stage(house.world("failing"), kind)
    stage.served()
    stage.promote(V2)
    stage.comes_to(uri="models/v2.0.0")
    stalled = {"type": "Stalled", "status": "True", "reason": "BadModel", "message": "no bytes"}
    generation = stage.world.get(kind.resource, "failing")["metadata"]["generation"]
    kind.say(house.namespace, "failing", conditions=[stalled], observedGeneration=generation)

    stage.comes_to(uri="models/v1.0.0")
    stage.report()
    stage.world.await_said("stage", stage.name, "RolledBack", "no bytes")


def test_no_progress_within_the_deadline_is_a_failure_and_hold_waits(
    house: House, kind: ModelServices
) -> None:
    stage = Stage(house.world("late"), kind)
    stage.assign(progressDeadlineSeconds=2, onFailure="Hold")
    stage.comes_to(uri="models/v1.0.0")
    stage.report("False", reason="PredictorNotReady")
    stage.world.await_said(
        "stage", stage.name, "ProgressDeadlineExceeded", "no progress within 2 s"
    )
    assert stage.spec()["uri"] == "models/v1.0.0"


def test_the_objects_go_with_the_rollout_and_with_the_assignment(
    house: House, kind: ModelServices
) -> None:
    for number, end in enumerate(("rollout", "assignment")):
        stage = Stage(house.world(f"ended-{number}"), kind)
        stage.served()
        if end == "rollout":
            stage.world.patch("stage", stage.name, {"rollout": None})
        else:
            stage.world.delete("stage", stage.name)
        eventually(lambda stage=stage: stage.spec() == {})  # type: ignore[misc]


def test_from_a_template_to_manifests_and_back_the_former_goes_when_the_latter_is_healthy(
    house: House, kind: ModelServices
) -> None:
    stage = Stage(house.world("moved"), kind)
    container = {"name": "server", "image": "server:${version}"}
    template = {"replicas": 0, "template": {"spec": {"containers": [container]}}}
    stage.world.stage(stage.name, version=V1, rollout=template)
    stage.world.await_ready("stage", stage.name)

    manifests = {"manifests": [stage.service()], "template": None, "replicas": None}
    stage.world.patch("stage", stage.name, {"rollout": manifests})
    stage.comes_to(uri="models/v1.0.0")
    assert stage.world.exists("deployment", stage.name)
    stage.report()
    stage.world.await_ready("stage", stage.name)
    eventually(lambda: not stage.world.exists("deployment", stage.name))

    stage.world.patch("stage", stage.name, {"rollout": {"manifests": None, **template}})
    eventually(lambda: stage.world.exists("deployment", stage.name))
    stage.world.await_ready("stage", stage.name)
    eventually(lambda: stage.spec() == {})


def test_objects_that_bear_the_assignments_name_stay(
    house: House, kind: ModelServices, cluster: Kubectl
) -> None:
    grant(cluster, house.namespace, "services")
    stage = Stage(house.world("namesake"), kind)
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": stage.name},
        "spec": {"ports": ports, "selector": {"version": "${version}"}},
    }

    def uid() -> str:
        return str(stage.world.get("service", stage.name)["metadata"]["uid"])

    stage.assign(service)
    eventually(lambda: stage.world.exists("service", stage.name))
    made = uid()
    stage.world.await_ready("stage", stage.name)
    stage.touch("look")
    stage.world.await_ready("stage", stage.name)
    assert uid() == made

    container = {"name": "server", "image": "server:1", "ports": [{"name": "http"} | PORT]}
    template = {"replicas": 0, "template": {"spec": {"containers": [container]}}}
    stage.world.patch("stage", stage.name, {"rollout": {"manifests": None, **template}})
    eventually(lambda: stage.world.exists("deployment", stage.name))
    workload = stage.world.await_ready("stage", stage.name)["workload"]
    assert workload["objects"] == []
    assert uid() == made, "the template's Service is the one that served before"


def test_a_missing_right_to_remove_is_told_and_takes_nothing_back(
    house: House, kind: ModelServices, cluster: Kubectl
) -> None:
    resource = "networkpolicies.networking.k8s.io"
    grant(cluster, house.namespace, resource, verbs="get,create,patch")
    stage = Stage(house.world("unremoved"), kind)
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "unremoved"},
        "spec": {"podSelector": {"matchLabels": {"app": "none"}}},
    }
    stage.served(policy, stage.service())

    stage.change(stage.service("other/${version}"))
    stage.comes_to(uri="other/v1.0.0")
    stage.report()
    stage.world.await_said("stage", stage.name, "Forbidden", "no right to delete")
    assert stage.spec()["uri"] == "other/v1.0.0"

    grant(cluster, house.namespace, resource, verbs="delete", role="also")
    stage.world.await_ready("stage", stage.name)
    eventually(lambda: not stage.world.exists(resource, "unremoved"))


@pytest.mark.parametrize("emptied", [False, True], ids=["no rollout", "an empty stage"])
def test_what_the_account_may_not_take_away_is_told_of(
    house: House, kind: ModelServices, cluster: Kubectl, emptied: bool
) -> None:
    name = f"stays-{'empty' if emptied else 'unasked'}"
    kinds = {True: ("LimitRange", "limitranges"), False: ("ResourceQuota", "resourcequotas")}
    object_kind, resource = kinds[emptied]
    grant(cluster, house.namespace, resource, verbs="get,create,patch")
    stage = Stage(house.world(name), kind)
    made = {"apiVersion": "v1", "kind": object_kind, "metadata": {"name": name}}
    stage.served(made, stage.service())

    if emptied:
        stage.world.patch("stage", stage.name, {"version": None})
        stage.world.remote.tag("digits#prod!#2", "main~2")
        stage.world.look()
    else:
        stage.world.patch("stage", stage.name, {"rollout": None})
    said = ("no right to delete", "; v1.0.0", "is served still")
    stage.world.await_said("stage", stage.name, "Forbidden", *said)
    assert stage.world.exists(resource, name)

    grant(cluster, house.namespace, resource, verbs="delete", role=f"also-{name}")
    stage.world.await_ready("stage", stage.name)
    eventually(lambda: not stage.world.exists(resource, name))
    assert "workload" not in stage.world.status("stage", stage.name)


def test_more_objects_than_a_status_can_name_are_refused_and_taken_back(
    house: House, kind: ModelServices
) -> None:
    """Of rollouts that were superseded before they were healthy nothing is removed yet."""
    stage = Stage(house.world("many"), kind)
    stage.served(stage.service(), settings("many"))
    for letter in "abc":
        unready = [settings(f"many-{letter}-{number}") for number in range(24)]
        stage.change(stage.service(f"{letter}/${{version}}"), *unready)
        if letter != "c":
            stage.comes_to(uri=f"{letter}/v1.0.0")
            eventually(lambda last=unready[-1]: stage.has(last))  # type: ignore[misc]

    stage.comes_to(uri="models/v1.0.0")
    stage.report()
    stage.world.await_said("stage", stage.name, "RolledBack", "TooManyObjects")
    eventually(lambda: not stage.has(settings("many-a-0")))
    assert stage.has(settings("many"))


def drift_events(house: House, name: str) -> list[str]:
    """What Events of the assignment say of edits that were put back."""
    found = house.kubectl.json("get", "events.events.k8s.io", "-n", house.namespace)["items"]
    return [
        each["note"]
        for each in found
        if (each["regarding"]["name"], each["reason"]) == (name, "DriftCorrected")
    ]

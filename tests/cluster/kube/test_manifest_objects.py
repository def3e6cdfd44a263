"""Objects of any kind, applied with the rights of the namespace's account and no others."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.model_service import ModelServices, grant, model_services

from playbill.api.errors import Stalled, Waiting
from playbill.api.stage_assignment import StageAssignment, WorkloadObject
from playbill.controllers.rollouts.manifest_objects import InStep, ManifestObjects
from playbill.kube.answers import Conflict
from playbill.kube.client import Kube, Object
from playbill.kube.resources import STAGE_ASSIGNMENTS
from playbill.rollout.facts import Facts
from playbill.rollout.judge import Failed, Progressing, RolledOut
from playbill.rollout.judge_objects import judge_objects
from playbill.rollout.manifests import ObjectKey, render_manifests

pytestmark = pytest.mark.usefixtures("cluster")

NAME = "digits-prod"
Requests = Counter[tuple[str, str, str]]


@pytest.fixture(scope="module")
def kind(cluster: Kubectl) -> Iterator[ModelServices]:
    with model_services(cluster) as found:
        yield found


class Stage:
    """A StageAssignment in the cluster and the objects that it should have."""

    def __init__(self, kube: Kube, assignment: StageAssignment) -> None:
        self.objects = ManifestObjects(kube)
        self.assignment = assignment

    @classmethod
    async def create(
        cls, kube: Kube, namespace: str, *manifests: Object, name: str = NAME
    ) -> Stage:
        body = {
            "metadata": {"namespace": namespace, "name": name},
            "spec": {
                "model": "digits",
                "stage": "prod",
                "version": "v1.0.0",
                "rollout": {"manifests": list(manifests)},
            },
        }
        created = await kube.create(STAGE_ASSIGNMENTS, body, manager="person")
        return cls(kube, StageAssignment.model_validate(created))

    def change(self, *manifests: Object) -> None:
        whole = self.assignment.model_dump(by_alias=True)
        whole["spec"]["rollout"] = {"manifests": list(manifests)}
        self.assignment = StageAssignment.model_validate(whole)

    def rendered(self, version: str = "v1.0.0") -> tuple[Object, ...]:
        facts = Facts(model="digits", version=version, commit="c" * 40, stage="prod", uri="s3://m")
        return render_manifests(self.assignment, facts)

    async def bring_in_step(self, version: str = "v1.0.0") -> InStep:
        return await self.objects.bring_in_step(self.assignment, self.rendered(version))


def config_map(name: str = "settings", **data: str) -> Object:
    given = data or {"version": "${version}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": given}


def place(manifest: Object) -> WorkloadObject:
    return WorkloadObject(
        api_version=manifest["apiVersion"],
        kind=manifest["kind"],
        name=manifest["metadata"]["name"],
    )


async def test_objects_are_made_in_order_and_then_cost_a_look_each_and_no_write(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices, requests: Requests
) -> None:
    grant(cluster, namespace, "configmaps", kind.resource)
    stage = await Stage.create(kube, namespace, config_map(), kind.manifest(uri="${uri}/x"))

    first = await stage.bring_in_step()
    assert first.written
    assert [each["kind"] for each in first.objects] == ["ConfigMap", "ModelService"]
    assert first.objects[1]["spec"]["uri"] == "s3://m/x"

    requests.clear()
    again = await stage.bring_in_step()
    assert (again.written, again.put_back) == (False, ())
    assert requests == {("get", "configmaps", "200"): 1, ("get", kind.resource, "200"): 1}


async def test_what_the_account_may_not_do_is_told_with_the_commands_that_grant_it(
    kube: Kube, cluster: Kubectl, namespace: str
) -> None:
    """They are run as they are told: no account and no role is there before."""
    stage = await Stage.create(kube, namespace, config_map())

    with pytest.raises(Stalled) as refused:
        await stage.bring_in_step()

    assert refused.value.reason == "Forbidden"
    said = refused.value.message
    assert f"the account playbill-rollout of namespace {namespace}" in said
    commands = [part for part in said.split("`") if part.startswith("kubectl ")]
    assert len(commands) == 3
    for command in commands:
        cluster(*command.split()[1:])

    async def applied() -> bool:
        try:
            return (await stage.bring_in_step()).written
        except Stalled:
            return False

    deadline = time.monotonic() + 10  # authorizers learn of roles in their own time
    while not await applied():
        assert time.monotonic() < deadline


async def test_the_operators_own_rights_do_not_help(
    kube: Kube, cluster: Kubectl, namespace: str
) -> None:
    """The test's client may do everything; the account may write ConfigMaps."""
    grant(cluster, namespace, "configmaps")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "loot"}}
    stage = await Stage.create(kube, namespace, config_map(), secret)

    with pytest.raises(Stalled, match="no right to get secrets"):
        await stage.bring_in_step()

    missing = cluster.answer("get", "-n", namespace, "configmap", "settings")
    assert missing.code != 0, "nothing is half done"


async def test_nobody_gains_rights_by_roles_in_manifests(
    kube: Kube, cluster: Kubectl, namespace: str
) -> None:
    grant(cluster, namespace, "rolebindings.rbac.authorization.k8s.io")
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "more"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "cluster-admin",
        },
        "subjects": [
            {"kind": "ServiceAccount", "name": "playbill-rollout", "namespace": namespace}
        ],
    }
    stage = await Stage.create(kube, namespace, binding)

    with pytest.raises(Stalled, match="attempting to grant RBAC permissions"):
        await stage.bring_in_step()


async def test_an_object_of_somebody_else_is_left_alone(
    kube: Kube, cluster: Kubectl, namespace: str
) -> None:
    grant(cluster, namespace, "configmaps")
    cluster("create", "configmap", "theirs", "-n", namespace, "--from-literal=a=1")
    stage = await Stage.create(kube, namespace, config_map("ours"), config_map("theirs"))

    with pytest.raises(Stalled, match="ConfigMap theirs that playbill did not make"):
        await stage.bring_in_step()

    assert cluster.answer("get", "-n", namespace, "configmap", "ours").code != 0
    assert cluster.json("get", "-n", namespace, "configmap", "theirs")["data"] == {"a": "1"}


async def test_an_object_of_another_assignment_is_left_alone(
    kube: Kube, cluster: Kubectl, namespace: str
) -> None:
    grant(cluster, namespace, "configmaps")
    first = await Stage.create(kube, namespace, config_map(), name="a")
    second = await Stage.create(kube, namespace, config_map(by="b"), name="b")
    await first.bring_in_step()

    with pytest.raises(Stalled, match="did not make"):
        await second.bring_in_step()
    assert await second.objects.remove(second.assignment, [place(config_map())]) == ()
    assert not (await first.bring_in_step()).written


async def test_a_kind_that_is_not_there_yet_is_waited_for(
    kube: Kube, cluster: Kubectl, namespace: str
) -> None:
    with model_services(cluster, installed=False) as later:
        grant(cluster, namespace)
        stage = await Stage.create(kube, namespace, later.manifest(uri="x"))
        with pytest.raises(Waiting, match="no kind ModelService"):
            await stage.bring_in_step()

        later.install()
        grant(cluster, namespace, later.resource)
        assert (await stage.bring_in_step()).written

        later.uninstall()
        with pytest.raises(Waiting, match="no kind ModelService"):
            await stage.bring_in_step()
        assert await stage.objects.remove(stage.assignment, [place(later.manifest())]) == ()


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}},
            "of the whole cluster",
        ),
        (
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": "mine"},
            },
            "of the whole cluster",
        ),
        (
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "LocalSubjectAccessReview",
                "metadata": {"name": "mine"},
            },
            "nothing that can be applied",
        ),
    ],
)
async def test_what_has_no_place_in_a_namespace_is_refused(
    kube: Kube, namespace: str, manifest: Object, words: str
) -> None:
    stage = await Stage.create(kube, namespace, manifest)

    with pytest.raises(Stalled, match=words) as refused:
        await stage.bring_in_step()

    assert refused.value.reason == "ManifestNotAllowed"


@pytest.mark.parametrize("field", ["namespace", "ownerReferences"])
async def test_a_rendering_that_somebody_has_changed_is_not_applied(
    kube: Kube, cluster: Kubectl, namespace: str, field: str
) -> None:
    grant(cluster, namespace, "configmaps")
    stage = await Stage.create(kube, namespace, config_map())
    (hostile,) = stage.rendered()
    hostile["metadata"][field] = "kube-system" if field == "namespace" else []

    with pytest.raises(Stalled, match="was not rendered for this StageAssignment"):
        await stage.objects.bring_in_step(stage.assignment, [hostile])


async def test_what_leaves_the_list_is_pruned_and_nothing_else(
    kube: Kube, cluster: Kubectl, namespace: str
) -> None:
    grant(cluster, namespace, "configmaps")
    cluster("create", "configmap", "theirs", "-n", namespace)
    stage = await Stage.create(kube, namespace, config_map("a"), config_map("b"))
    await stage.bring_in_step()
    stage.change(config_map("b"))
    rendered = stage.rendered()
    before = [place(config_map(name)) for name in ("a", "b", "theirs", "never-there")]

    pruned = await stage.objects.prune(stage.assignment, before, rendered)

    assert pruned == (ObjectKey("", "ConfigMap", "a"),)
    left = cluster("get", "configmap", "-n", namespace, "-o", "name").split()
    assert {"configmap/b", "configmap/theirs"} <= set(left)
    assert "configmap/a" not in left
    assert await stage.objects.prune(stage.assignment, before, rendered) == ()


async def test_the_same_object_by_another_version_of_its_api_is_not_pruned(
    kube: Kube, cluster: Kubectl, namespace: str
) -> None:
    grant(cluster, namespace, "horizontalpodautoscalers.autoscaling")
    scaler: Object = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "digits"},
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "digits"},
        },
    }
    stage = await Stage.create(kube, namespace, scaler)
    await stage.bring_in_step()
    before = [place(scaler)]
    stage.change({**scaler, "apiVersion": "autoscaling/v1"})

    assert (await stage.bring_in_step()).written
    assert await stage.objects.prune(stage.assignment, before, stage.rendered()) == ()
    assert not (await stage.bring_in_step()).written


async def test_all_goes_when_the_rollout_does(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices
) -> None:
    grant(cluster, namespace, "configmaps", kind.resource)
    manifests = (config_map(), kind.manifest(uri="x"))
    stage = await Stage.create(kube, namespace, *manifests)
    await stage.bring_in_step()

    places = [place(each) for each in manifests]
    assert len(await stage.objects.observe(stage.assignment, places)) == 2
    assert len(await stage.objects.remove(stage.assignment, places)) == 2
    assert await stage.objects.observe(stage.assignment, places) == ()


async def test_the_objects_go_with_their_assignment(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices
) -> None:
    grant(cluster, namespace, kind.resource)
    stage = await Stage.create(kube, namespace, kind.manifest(uri="x"))
    await stage.bring_in_step()

    await kube.delete(STAGE_ASSIGNMENTS, namespace, NAME)

    cluster("wait", "--for=delete", f"{kind.resource}/digits", "-n", namespace, "--timeout=30s")


async def test_health_is_what_the_objects_own_controller_says_of_the_newest_spec(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices
) -> None:
    grant(cluster, namespace, kind.resource)
    stage = await Stage.create(kube, namespace, kind.manifest(uri="${uri}/${version}"))

    async def verdict(version: str = "v1.0.0", *, later: float = 0) -> Any:
        objects = (await stage.bring_in_step(version)).objects
        return judge_objects(objects, deadline_seconds=60, now=time.time() + later)

    assert isinstance(await verdict(), Progressing)
    kind.ready(namespace, "digits", "False", reason="PredictorNotReady", message="no pods yet")
    waiting = await verdict()
    assert isinstance(waiting, Progressing)
    assert "PredictorNotReady: no pods yet" in waiting.message
    late = await verdict(later=61)
    assert isinstance(late, Failed)
    assert late.reason == "ProgressDeadlineExceeded"
    kind.ready(namespace, "digits")
    assert isinstance(await verdict(), RolledOut)

    assert isinstance(await verdict("v2.0.0"), Progressing), "the word is of the former spec"
    stalled = {"type": "Stalled", "status": "True", "reason": "BadModel", "message": "no bytes"}
    kind.say(namespace, "digits", conditions=[stalled], observedGeneration=2)
    assert await verdict("v2.0.0") == Failed(
        "BadModel", "ModelService digits: BadModel: no bytes", ""
    )


async def test_the_deadline_outlives_a_restart(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices
) -> None:
    grant(cluster, namespace, kind.resource)
    stage = await Stage.create(kube, namespace, kind.manifest(uri="x"))
    await stage.bring_in_step()
    kind.ready(namespace, "digits", "False", reason="Waiting")

    restarted = Stage(kube, stage.assignment)
    found = await restarted.bring_in_step()

    assert not found.written
    verdict = judge_objects(found.objects, deadline_seconds=60, now=time.time() + 70)
    assert isinstance(verdict, Failed)


EVERYTHING: dict[str, Any] = {
    "uri": "${uri}/${version}",
    "memory": "1000Mi",
    "args": ["--a", "--b"],
    "steps": [{"run": "one"}, {"run": "two", "retries": 1}],
    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}],
    "containers": [{"name": "server", "value": "x"}],
    "zones": ["a", "b"],
    "selector": {"disk": "ssd"},
    "runtime": {"deep": {"list": [{"x": 1}], "none": {}, "empty": []}},
}


async def test_every_sort_of_list_and_default_is_in_step_after_it_was_applied(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices
) -> None:
    grant(cluster, namespace, kind.resource)
    stage = await Stage.create(kube, namespace, kind.manifest(**EVERYTHING))
    assert (await stage.bring_in_step()).written

    assert not (await stage.bring_in_step()).written


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        ({"uri": "s3://mine"}, "spec.uri"),
        ({"memory": 5}, "spec.memory"),
        ({"args": ["--a", "--b", "--c"]}, "spec.args"),
        ({"steps": [{"run": "one", "retries": 9}, {"run": "two"}]}, "spec.steps"),
        ({"containers": [{"name": "server", "value": "x"}, {"name": "more"}]}, "spec.containers"),
        ({"env": [{"name": "A", "value": "2"}, {"name": "B", "value": ""}]}, "spec.env[A].value"),
        ({"selector": {"disk": "hdd"}}, "spec.selector"),
        ({"runtime": {"deep": {"list": [{"x": 2}]}}}, "spec.runtime.deep.list"),
    ],
)
async def test_an_edit_of_any_sort_is_put_back_and_told(
    kube: Kube,
    cluster: Kubectl,
    namespace: str,
    kind: ModelServices,
    edit: Object,
    path: str,
) -> None:
    grant(cluster, namespace, kind.resource)
    stage = await Stage.create(kube, namespace, kind.manifest(**EVERYTHING))
    before = (await stage.bring_in_step()).objects[0]

    patch(cluster, namespace, kind, {"spec": edit}, manager="kubectl-edit")
    found = await stage.bring_in_step()

    assert found.written
    assert found.objects[0]["spec"] == before["spec"]
    (said,) = found.put_back
    assert said.startswith(f"ModelService digits: kubectl-edit changed {path}")
    assert said.endswith("; put back")
    assert (await stage.bring_in_step()) == InStep(objects=found.objects, written=False)


async def test_what_somebody_takes_out_is_put_back_and_told(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices
) -> None:
    grant(cluster, namespace, kind.resource)
    stage = await Stage.create(kube, namespace, kind.manifest(**EVERYTHING))
    await stage.bring_in_step()

    patch(cluster, namespace, kind, {"metadata": {"labels": None}, "spec": {"zones": ["a"]}})
    found = await stage.bring_in_step()

    (said,) = found.put_back
    assert "took out" in said
    assert "metadata.labels" in said
    assert "spec.zones[b]" in said
    assert found.objects[0]["spec"]["zones"] == ["a", "b"]


async def test_what_others_add_survives_and_costs_no_write(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices
) -> None:
    grant(cluster, namespace, kind.resource)
    stage = await Stage.create(kube, namespace, kind.manifest(**EVERYTHING))
    await stage.bring_in_step()
    theirs = {
        "metadata": {"annotations": {"team": "vision"}, "labels": {"cost": "42"}},
        "spec": {
            "replicas": 7,
            "env": [*EVERYTHING["env"], {"name": "INJECTED", "value": "1"}],
            "zones": ["a", "b", "c"],
            "runtime": {"more": True},
        },
    }
    patch(cluster, namespace, kind, theirs, manager="injector")

    assert not (await stage.bring_in_step()).written
    after = (await stage.bring_in_step("v2.0.0")).objects[0]

    assert after["spec"]["uri"] == "s3://m/v2.0.0"
    assert after["spec"]["replicas"] == 7
    assert [each["name"] for each in after["spec"]["env"]] == ["A", "B", "INJECTED"]
    assert after["spec"]["zones"] == ["a", "b", "c"]
    assert after["spec"]["runtime"]["more"] is True
    assert after["metadata"]["annotations"]["team"] == "vision"


async def test_what_is_taken_out_of_a_manifest_goes(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices
) -> None:
    grant(cluster, namespace, kind.resource)
    stage = await Stage.create(kube, namespace, kind.manifest(uri="x", replicas=2, args=["a"]))
    await stage.bring_in_step()
    stage.change(kind.manifest(uri="x"))

    found = await stage.bring_in_step()

    assert found.put_back == (), "our own change is no drift"
    assert found.objects[0]["spec"] == {"uri": "x", "protocol": "v2"}


async def test_a_leader_who_slept_does_not_undo_what_another_has_applied(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices
) -> None:
    grant(cluster, namespace, kind.resource)
    asleep = await Stage.create(kube, namespace, kind.manifest(uri="${version}"))
    await asleep.bring_in_step()
    awake = Stage(kube, asleep.assignment)
    await awake.bring_in_step("v2.0.0")

    with pytest.raises(Conflict):
        await asleep.bring_in_step()

    found = await kube.get(await resource_of(asleep, kind), namespace, "digits")
    assert found is not None
    assert found["spec"]["uri"] == "v2.0.0"


async def test_an_object_that_is_deleted_by_hand_comes_back(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices
) -> None:
    grant(cluster, namespace, kind.resource)
    stage = await Stage.create(kube, namespace, kind.manifest(uri="x"))
    first = (await stage.bring_in_step()).objects[0]
    cluster("delete", kind.resource, "digits", "-n", namespace)

    again = await stage.bring_in_step()

    assert again.written
    assert again.objects[0]["metadata"]["uid"] != first["metadata"]["uid"]


async def test_an_object_that_is_going_is_left_to_go(
    kube: Kube, cluster: Kubectl, namespace: str, kind: ModelServices
) -> None:
    grant(cluster, namespace, kind.resource)
    stage = await Stage.create(kube, namespace, kind.manifest(uri="${version}"))
    await stage.bring_in_step()
    patch(cluster, namespace, kind, {"metadata": {"finalizers": ["example.com/slow"]}})
    cluster("delete", kind.resource, "digits", "-n", namespace, "--wait=false")

    going = await stage.bring_in_step("v2.0.0")
    assert not going.written
    verdict = judge_objects(going.objects, deadline_seconds=60, now=time.time())
    assert verdict == Progressing("ModelService digits: it is being deleted", "")

    patch(cluster, namespace, kind, {"metadata": {"finalizers": None}})
    eventually(lambda: cluster.answer("get", "-n", namespace, kind.resource, "digits").code != 0)
    assert (await stage.bring_in_step("v2.0.0")).written


async def test_a_secret_in_plain_text_is_in_step_once_it_is_stored_and_kept_so(
    kube: Kube, cluster: Kubectl, namespace: str
) -> None:
    grant(cluster, namespace, "secrets")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "settings"},
        "stringData": {"uri": "${uri}"},
    }
    stage = await Stage.create(kube, namespace, secret)
    first = await stage.bring_in_step()
    assert first.objects[0]["data"] == {"uri": "czM6Ly9t"}
    assert not (await stage.bring_in_step()).written

    edit = json.dumps({"stringData": {"uri": "s3://mine"}})
    cluster("patch", "-n", namespace, "secret", "settings", "--type=merge", "-p", edit)
    (said,) = (await stage.bring_in_step()).put_back
    assert "kubectl-patch changed data.uri" in said


def patch(
    kubectl: Kubectl,
    namespace: str,
    kind: ModelServices,
    body: Object,
    *,
    manager: str = "kubectl-patch",
) -> None:
    kubectl(
        "patch", "-n", namespace, kind.resource, "digits", "--type=merge",
        f"--field-manager={manager}", "-p", json.dumps(body),
    )  # fmt: skip


async def resource_of(stage: Stage, kind: ModelServices) -> Any:
    return await stage.objects._discovery.resource(kind.api_version, "ModelService")

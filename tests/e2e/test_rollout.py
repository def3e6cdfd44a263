"""What is recorded is what is served: Deployment, Service and pods follow the stage."""

import time
from typing import Any

from tests.cluster.kubectl import eventually
from tests.e2e.serving import OFTEN, V1, V2, Served, states
from tests.operator.person import Person

INTERVALS = 3
INTERVAL_SECONDS = 2.0


def test_a_version_is_recorded_then_rolled_out_and_then_ready(served: Served) -> None:
    served.register()
    served.assign(suspend=True, replicas=2)
    with served.watched() as path:
        served.change(suspend=False)
        status = served.ready()
        eventually(lambda: states(path)[-1].get("Ready") == "True")
    workload = {"kind": "Deployment", "name": served.name, "version": V1, "pods": "2/2"}
    assert status["workload"].items() >= workload.items()
    assert served.conditions().keys() == {"Recorded", "RolledOut", "Ready"}
    served.answers(V1)

    went = states(path)
    recorded, rolled_out, ready = (
        next(n for n, state in enumerate(went) if state.get(condition) == "True")
        for condition in ("Recorded", "RolledOut", "Ready")
    )
    assert recorded < rolled_out <= ready, went
    assert went[recorded]["Ready"] == "Unknown", went


def test_all_tokens_are_replaced_and_nothing_else(served: Served) -> None:
    world, digest = served.world, f"sha256:{'ab' * 32}"
    artifact = {"uri": "s3://models/${version}", "digest": digest}
    world.model(served.model, artifact="digits", repository=OFTEN)
    world.version("digits-v1", model=served.model, version=V1, revision="main~2", artifact=artifact)
    arguments = ("${model}", "${version}", "${commit}", "${digest}", "${stage}", "${path}",
                 "${uri}", "${HOME}", "$(HOME)", "${version")  # fmt: skip
    served.assign(template=served.template(*arguments))
    commit = served.ready()["current"]["commit"]
    expected = ["digits", V1, commit, digest, "prod", "model.bin", "s3://models/${version}",
                "${HOME}", "$(HOME)", "${version"]  # fmt: skip
    assert served.container()["args"] == expected
    served.answers(" ".join(expected))


def test_promoting_changes_the_pods_and_promoting_back_does_so_too(served: Served) -> None:
    served.register()
    served.assign()
    served.ready()
    served.answers(V1)
    for version in (V2, V1):
        served.change(version=version)
        status = served.ready(version)
        assert status["workload"]["version"] == version
        assert served.container()["args"] == [version]
        served.answers(version)


def test_the_workload_belongs_to_the_assignment(served: Served) -> None:
    served.register()
    served.assign()
    served.ready()
    uid = served.world.get("stage", served.name)["metadata"]["uid"]
    for kind in ("deployment", "service"):
        meta = served.world.get(kind, served.name)["metadata"]
        (owner,) = meta["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("StageAssignment", uid, True)
        assert meta["labels"]["playbill.dev/assignment"] == served.name
    annotations = served.deployment()["metadata"]["annotations"]
    assert annotations["playbill.dev/version"] == V1
    selector = served.deployment()["spec"]["selector"]["matchLabels"]
    assert selector == {"playbill.dev/assignment": served.name}


def test_nothing_is_written_while_nothing_changes(served: Served) -> None:
    served.register()
    served.assign(template=stored_in_another_form(served))
    served.ready()
    eventually(lambda: served.conditions()["Ready"]["message"].endswith("1 of 1 pod ready"))
    asked = writes(served)
    assert asked >= 2
    seen = ("annotate", "-n", served.world.namespace, f"deployment/{served.name}", "others=note")
    served.world.kubectl(*seen)  # has it looked at once more
    # An annotation is a new generation: not Ready until the Deployment controller has observed it.
    before = served.settled()
    time.sleep(INTERVALS * INTERVAL_SECONDS)
    assert served.written() == before
    assert writes(served) == asked


def stored_in_another_form(served: Served) -> dict[str, Any]:
    """A template of which the API server keeps little as it is sent."""
    template = served.template(
        env=[{"name": "EMPTY", "value": ""}, {"name": "SET", "value": "x"}],
        ports=[{"name": "http", "containerPort": 8080}, {"name": "admin", "containerPort": 8081}],
        resources={"requests": {"cpu": "0.001", "memory": 1 << 20}, "limits": {"memory": "0.25Gi"}},
        securityContext={"capabilities": {"drop": ["ALL"], "add": []}},
        volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
        envFrom=[],
    )
    optional = {"name": "not-there", "optional": True}
    template["spec"] |= {
        "volumes": [
            {"name": "scratch", "emptyDir": {}},
            {"name": "small", "emptyDir": {"sizeLimit": "1024Ki"}},
            {"name": "settings", "configMap": optional},
        ],
        "securityContext": {},
        "tolerations": [],
        "nodeSelector": {},
        "hostNetwork": False,
    }
    return template


def writes(served: Served) -> float:
    """How often the operator has asked the API server to write a workload."""
    metric, operator = "playbill_kube_requests_total", served.world.operator
    return sum(
        operator.metric(metric, verb=verb, resource=resource)
        for verb in ("apply", "patch", "create")
        for resource in ("deployments.apps", "services")
    )


def test_an_edit_by_hand_is_put_back(served: Served) -> None:
    served.register()
    served.assign()
    served.ready()
    edit = '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"mine"}]'
    kubectl, namespace = served.world.kubectl, served.world.namespace
    kubectl("patch", "-n", namespace, "deployment", served.name, "--type=json", "-p", edit)
    eventually(lambda: served.container()["image"] == served.image)
    kubectl("label", "-n", namespace, "deployment", served.name, "playbill.dev/assignment-")
    eventually(lambda: "playbill.dev/assignment" in served.deployment()["metadata"]["labels"])
    served.ready()
    eventually(lambda: len(served.pods()) == 1)


def test_a_workload_that_is_deleted_by_hand_comes_back(served: Served) -> None:
    served.register()
    served.assign()
    served.ready()
    for kind in ("deployment", "service"):
        uid = served.world.get(kind, served.name)["metadata"]["uid"]
        served.world.delete(kind, served.name)
        eventually(lambda kind=kind: served.exists(kind))  # type: ignore[misc]
        assert served.world.get(kind, served.name)["metadata"]["uid"] != uid
    served.ready()
    served.answers(V1)


def test_the_number_of_pods_is_an_autoscalers_when_it_is_left_out(served: Served) -> None:
    served.register()
    served.assign(replicas=2)
    served.ready()
    served.change(rollout={"replicas": None})
    eventually(lambda: "replicas" not in served.world.get("stage", served.name)["spec"]["rollout"])
    served.ready()
    assert served.deployment()["spec"]["replicas"] == 2  # nobody has asked for another number

    scale = ("scale", "-n", served.world.namespace, "deployment", served.name, "--replicas=3")
    served.world.kubectl(*scale)
    eventually(lambda: served.world.status("stage", served.name)["workload"]["pods"] == "3/3")
    served.change(version=V2)
    served.ready(V2)
    assert served.deployment()["spec"]["replicas"] == 3


def test_a_port_without_a_name_takes_the_service_away(served: Served) -> None:
    served.register()
    served.assign()
    served.ready()
    ports = [{"containerPort": 8080}]
    served.change(rollout={"template": served.template(ports=ports)})
    eventually(lambda: not served.exists("service"))
    served.ready()
    assert served.exists("deployment")


def test_taking_the_rollout_out_takes_the_workload_away_and_keeps_the_stage(
    served: Served,
) -> None:
    served.register()
    served.assign()
    served.ready()
    served.change(rollout=None)
    served.gone()
    status = served.ready()
    assert "workload" not in status
    assert served.conditions().keys() == {"Recorded", "Ready"}


def test_deleting_the_assignment_takes_the_workload_away_and_empties_the_stage(
    served: Served,
) -> None:
    served.register()
    served.assign()
    served.ready()
    served.world.delete("stage", served.name)
    served.gone()
    shown = served.world.gto_json("show")[served.model]
    assert shown["stage"].get("prod") is None
    assert f"{served.model}#prod!#2" in served.world.tags()


def test_what_a_person_assigns_is_rolled_out_and_what_they_unassign_is_not(
    served: Served,
) -> None:
    served.register()
    served.assign(version=None)
    served.stalled("Empty")
    served.world.await_ready("mver", f"{served.model}-v2")
    assert not served.exists("deployment")

    ada = Person.of(served.world)
    ada.gto("assign", served.model, "--version", V2, "--stage", "prod")
    served.answers(V2)
    assert served.ready(V2)["current"]["by"] == "Ada <ada@example.com>"

    ada.gto("deprecate", served.model, V2, "prod")
    served.gone()
    served.stalled("Empty")


def test_a_tag_that_vanished_takes_no_workload_away(served: Served) -> None:
    served.register()
    served.assign(version=None)
    served.world.await_ready("mver", f"{served.model}-v2")
    Person.of(served.world).gto("assign", served.model, "--version", V2, "--stage", "prod")
    served.answers(V2)

    served.world.remote.git("tag", "-d", f"{served.model}#prod#1")
    eventually(lambda: "current" not in served.world.status("stage", served.name))
    generation = served.deployment()["metadata"]["generation"]
    served.change(message="touched, so that it is looked at again")
    served.world.await_ready("stage", served.name)
    assert served.conditions()["Recorded"]["reason"] == "Empty"
    assert served.deployment()["metadata"]["generation"] == generation
    assert served.answer() == V2

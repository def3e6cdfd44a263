"""What an assignment with a rollout has in the cluster."""

import copy
from typing import Any

import pytest

from playbill.api.errors import Stalled
from playbill.api.stage_assignment import StageAssignment
from playbill.rollout.drift import in_step
from playbill.rollout.facts import Facts
from playbill.rollout.render import (
    ASSIGNMENT_LABEL,
    HASH_ANNOTATION,
    TEMPLATE_ANNOTATION,
    Rendering,
    render,
)

FACTS = Facts(
    model="digits",
    version="v1.2.0+cpu",
    commit="c" * 40,
    stage="prod",
    digest="md5:" + "a" * 32,
    path="models/model.pkl",
)


def assignment(
    pod: dict[str, Any] | None = None,
    *,
    metadata: dict[str, Any] | None = None,
    **rollout: Any,
) -> StageAssignment:
    spec = pod or {"containers": [{"name": "server", "image": "server:1"}]}
    template = {"spec": spec} if metadata is None else {"metadata": metadata, "spec": spec}
    return StageAssignment.model_validate(
        {
            "metadata": {
                "name": "digits-prod",
                "namespace": "ml",
                "uid": "uid-1",
                "annotations": {"argocd.argoproj.io/tracking-id": "x"},
                "labels": {"app.kubernetes.io/instance": "app"},
            },
            "spec": {
                "model": "digits",
                "stage": "prod",
                "version": "v1.2.0+cpu",
                "rollout": {"template": template, **rollout},
            },
        }
    )


def rendered(*args: Any, **kwargs: Any) -> Rendering:
    return render(assignment(*args, **kwargs), FACTS)


def test_the_deployment_bears_the_assignments_name_and_belongs_to_it() -> None:
    metadata = rendered().deployment["metadata"]

    assert (metadata["name"], metadata["namespace"]) == ("digits-prod", "ml")
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "playbill.dev/v1alpha1",
            "kind": "StageAssignment",
            "name": "digits-prod",
            "uid": "uid-1",
            "controller": True,
        }
    ]


def test_pods_are_selected_by_our_label_alone_and_keep_the_users() -> None:
    spec = rendered(metadata={"labels": {"app": "digits"}}).deployment["spec"]

    assert spec["selector"] == {"matchLabels": {ASSIGNMENT_LABEL: "digits-prod"}}
    assert spec["template"]["metadata"]["labels"] == {
        "app": "digits",
        ASSIGNMENT_LABEL: "digits-prod",
    }


def test_the_version_is_an_annotation_of_the_deployment_and_of_its_pods() -> None:
    deployment = rendered(metadata={"annotations": {"mine": "kept"}}).deployment
    expected = {
        "playbill.dev/model": "digits",
        "playbill.dev/version": "v1.2.0+cpu",
        "playbill.dev/stage": "prod",
        "playbill.dev/commit": "c" * 40,
        "playbill.dev/digest": "md5:" + "a" * 32,
    }
    pods = deployment["spec"]["template"]["metadata"]["annotations"]

    assert deployment["metadata"]["annotations"].items() >= expected.items()
    assert pods.items() >= {"mine": "kept", **expected}.items()
    assert pods.keys() - expected.keys() == {"mine", TEMPLATE_ANNOTATION}


def test_nothing_of_the_assignments_own_metadata_is_copied() -> None:
    written = repr(rendered())

    assert "argocd" not in written
    assert "app.kubernetes.io/instance" not in written


def test_a_promotion_leaves_no_gap() -> None:
    strategy = rendered().deployment["spec"]["strategy"]

    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}}


def test_replicas_left_out_are_left_to_the_autoscaler() -> None:
    assert "replicas" not in rendered().deployment["spec"]
    assert rendered(replicas=0).deployment["spec"]["replicas"] == 0
    assert rendered(replicas=3).deployment["spec"]["replicas"] == 3


def test_the_deadline_reaches_the_deployment() -> None:
    spec = rendered(progressDeadlineSeconds=42).deployment["spec"]

    assert spec["progressDeadlineSeconds"] == 42


def test_tokens_are_replaced_in_the_pods_spec_and_metadata() -> None:
    pod = {
        "containers": [
            {"name": "s", "image": "s:${stage}", "args": ["${path}", "${HOME}", "$(POD)"]}
        ]
    }
    template = rendered(pod, metadata={"annotations": {"d": "${digest}"}}).deployment["spec"][
        "template"
    ]

    assert template["spec"]["containers"][0]["image"] == "s:prod"
    assert template["spec"]["containers"][0]["args"] == ["models/model.pkl", "${HOME}", "$(POD)"]
    assert template["metadata"]["annotations"]["d"] == "md5:" + "a" * 32


def test_a_token_that_the_version_lacks_stalls() -> None:
    with pytest.raises(Stalled, match="uri"):
        rendered({"containers": [{"name": "s", "image": "s", "args": ["${uri}"]}]})


def test_fields_that_we_do_not_know_are_passed_on_and_nulls_are_not() -> None:
    pod = {
        "containers": [{"name": "s", "image": "s", "command": None}],
        "initContainers": [{"name": "i", "image": "i"}],
        "runtimeClassName": "gpu",
        "volumes": [{"name": "v", "emptyDir": {}}],
    }

    assert rendered(pod).deployment["spec"]["template"]["spec"] == {
        "containers": [{"name": "s", "image": "s"}],
        "initContainers": [{"name": "i", "image": "i"}],
        "runtimeClassName": "gpu",
        "volumes": [{"name": "v", "emptyDir": {}}],
    }


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {ASSIGNMENT_LABEL: "another"}},
        {"annotations": {"playbill.dev/version": "v9.9.9"}},
        {"annotations": {"playbill.dev/stage": "${version}"}},
    ],
)
def test_what_selects_and_describes_the_pods_is_not_for_the_template(
    metadata: dict[str, Any],
) -> None:
    with pytest.raises(Stalled) as trouble:
        rendered(metadata=metadata)

    assert trouble.value.reason == "MetadataReserved"


def test_saying_what_we_say_anyway_is_allowed() -> None:
    rendered(metadata={"labels": {ASSIGNMENT_LABEL: "digits-prod"}})


def test_an_assignment_without_a_rollout_renders_nothing() -> None:
    bare = StageAssignment.model_validate(
        {"metadata": {"name": "a", "namespace": "n"}, "spec": {"model": "m", "stage": "s"}}
    )

    with pytest.raises(Stalled, match=r"spec\.rollout"):
        render(bare, FACTS)


def test_the_same_input_gives_the_same_object() -> None:
    assert rendered(metadata={"labels": {"b": "1", "a": "2"}}) == rendered(
        metadata={"labels": {"a": "2", "b": "1"}}
    )


def test_the_hash_changes_with_anything_that_is_rendered() -> None:
    def seal(workload: Rendering) -> str:
        return str(workload.deployment["metadata"]["annotations"][HASH_ANNOTATION])

    one = seal(rendered())
    others = {
        seal(rendered(replicas=1)),
        seal(rendered(metadata={"labels": {"a": "b"}})),
        seal(rendered({"containers": [{"name": "server", "image": "server:2"}]})),
    }

    assert len({one} | others) == 4
    assert seal(rendered()) == one


def test_rendering_leaves_the_assignment_as_it_was() -> None:
    given = assignment(metadata={"labels": {"a": "b"}})
    before = copy.deepcopy(given)

    workload = render(given, FACTS)

    assert given == before
    assert in_step(workload.deployment, workload.deployment)


def ports(*containers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "containers": [
            {"name": f"c{number}", "image": "i", "ports": list(given)}
            for number, given in enumerate(containers)
        ]
    }


def test_a_service_comes_with_named_ports() -> None:
    pod = ports(
        [{"name": "http", "containerPort": 8080}, {"containerPort": 9}],
        [{"name": "dns", "containerPort": 53, "protocol": "UDP"}],
    )
    service = rendered(pod).service

    assert service is not None
    assert service["metadata"]["name"] == "digits-prod"
    assert service["spec"] == {
        "type": "ClusterIP",
        "selector": {ASSIGNMENT_LABEL: "digits-prod"},
        "ports": [
            {"name": "http", "port": 8080, "targetPort": "http", "protocol": "TCP"},
            {"name": "dns", "port": 53, "targetPort": "dns", "protocol": "UDP"},
        ],
    }


def test_without_named_ports_there_is_no_service() -> None:
    assert rendered(ports([{"containerPort": 8080}])).service is None


def test_a_service_does_not_change_when_only_the_version_does() -> None:
    pod = ports([{"name": "http", "containerPort": 8080}])
    newer = Facts(model="digits", version="v2.0.0", commit="d" * 40, stage="prod")

    assert render(assignment(pod), newer).service == rendered(pod).service


def test_one_number_may_be_offered_under_two_protocols() -> None:
    pod = ports(
        [
            {"name": "tcp", "containerPort": 53, "protocol": "TCP"},
            {"name": "udp", "containerPort": 53, "protocol": "UDP"},
        ]
    )
    service = rendered(pod).service

    assert service is not None
    assert len(service["spec"]["ports"]) == 2


@pytest.mark.parametrize(
    "pod",
    [
        ports([{"name": "http", "containerPort": 1}], [{"name": "http", "containerPort": 2}]),
        ports([{"name": "a", "containerPort": 1}, {"name": "b", "containerPort": 1}]),
    ],
)
def test_ports_that_a_service_cannot_offer_are_refused(pod: dict[str, Any]) -> None:
    with pytest.raises(Stalled) as trouble:
        rendered(pod)

    assert trouble.value.reason == "PortsAmbiguous"


def test_a_port_that_is_written_twice_is_one_port() -> None:
    http = {"name": "http", "containerPort": 8080}
    service = rendered(ports([http], [http])).service

    assert service is not None
    assert len(service["spec"]["ports"]) == 1


@pytest.mark.parametrize("ports", [8080, "http", {"containerPort": 8080}, [8080], True])
def test_ports_of_an_ill_form_are_left_for_the_api_server_to_refuse(ports: object) -> None:
    found = rendered({"containers": [{"name": "server", "image": "server:1", "ports": ports}]})

    (container,) = found.deployment["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == ports
    assert found.service is None

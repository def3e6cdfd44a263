"""What an assignment's manifests come to, and which are refused before anybody is asked."""

from typing import Any

import pytest

from playbill.api.errors import Stalled
from playbill.api.stage_assignment import StageAssignment
from playbill.rollout.facts import Facts
from playbill.rollout.manifests import ObjectKey, render_manifests
from playbill.rollout.objects import Manifest, seal_of

FACTS = Facts(
    model="digits",
    version="v1.2.0",
    commit="c" * 40,
    stage="prod",
    path="models/model.pkl",
    uri="s3://models/digits",
)


def service(name: str = "digits", **fields: Any) -> dict[str, Any]:
    """An InferenceService, as KServe has it."""
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, **fields.pop("metadata", {})},
        "spec": {"predictor": {"model": {"storageUri": "${uri}/${version}"}}},
        **fields,
    }


def assignment(*manifests: dict[str, Any]) -> StageAssignment:
    return StageAssignment.model_validate(
        {
            "metadata": {"name": "digits-prod", "namespace": "ml", "uid": "uid-1"},
            "spec": {
                "model": "digits",
                "stage": "prod",
                "version": "v1.2.0",
                "rollout": {"manifests": list(manifests)},
            },
        }
    )


def rendered(*manifests: dict[str, Any], facts: Facts = FACTS) -> tuple[Manifest, ...]:
    return render_manifests(assignment(*manifests), facts)


def test_tokens_are_replaced_in_values_and_keys_stay_as_they_are() -> None:
    (found,) = rendered(
        service(spec={"args": ["--${model}", {"${model}": "${version}"}], "count": 3, "on": True})
    )

    assert found["spec"] == {"args": ["--digits", {"${model}": "v1.2.0"}], "count": 3, "on": True}


def test_objects_bear_who_they_belong_to_and_what_they_serve() -> None:
    labels, annotations = {"team": "vision"}, {"note": "for ${stage}"}
    (found,) = rendered(service(metadata={"labels": labels, "annotations": annotations}))

    metadata = found["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("digits", "ml")
    assert metadata["labels"] == {
        "team": "vision",
        "app.kubernetes.io/managed-by": "playbill",
        "playbill.dev/assignment": "digits-prod",
    }
    assert metadata["annotations"] == {
        "note": "for prod",
        "playbill.dev/model": "digits",
        "playbill.dev/version": "v1.2.0",
        "playbill.dev/stage": "prod",
        "playbill.dev/commit": "c" * 40,
        "playbill.dev/applied-hash": seal_of(found),
    }
    (owner,) = metadata["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("uid-1", True)
    assert "blockOwnerDeletion" not in owner


def test_they_keep_their_order_and_nulls_are_left_out() -> None:
    first = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": None}
    found = rendered(first, service())

    assert [each["kind"] for each in found] == ["ConfigMap", "InferenceService"]
    assert "data" not in found[0]


def test_the_seal_changes_with_the_version_and_not_by_itself() -> None:
    seals = {seal_of(*rendered(service())) for _ in range(2)}
    other = Facts(model="digits", version="v1.3.0", commit="d" * 40, stage="prod", uri="s3://m")

    assert len(seals) == 1
    assert seal_of(*rendered(service(), facts=other)) not in seals


def test_a_name_may_bear_a_token_and_is_another_object_then() -> None:
    (found,) = rendered(service("digits-${version}"))

    assert ObjectKey.of(found) == ObjectKey(
        "serving.kserve.io", "InferenceService", "digits-v1.2.0"
    )


def test_the_own_namespace_may_be_written_out() -> None:
    (found,) = rendered(service(metadata={"namespace": "ml"}))

    assert found["metadata"]["namespace"] == "ml"


def test_a_secret_is_rendered_as_it_is_kept() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "a"},
        "data": {"old": "eA=="},
        "stringData": {"stage": "${stage}"},
    }
    (found,) = rendered(secret)

    assert found["data"] == {"old": "eA==", "stage": "cHJvZA=="}
    assert "stringData" not in found


def meta(**fields: Any) -> dict[str, Any]:
    return service(metadata=fields)


@pytest.mark.parametrize(
    ("manifest", "reason", "words"),
    [
        (meta(namespace="kube-system"), "ManifestNotAllowed", "is for namespace kube-system"),
        (meta(namespace="${stage}"), "ManifestNotAllowed", "is for namespace prod"),
        (meta(ownerReferences=[]), "ManifestNotAllowed", "metadata.ownerReferences"),
        (meta(finalizers=["x.example/y"]), "ManifestNotAllowed", "metadata.finalizers"),
        (meta(generateName="digits-"), "ManifestNotAllowed", "metadata.generateName"),
        (meta(uid="1"), "ManifestNotAllowed", "metadata.uid"),
        (meta(resourceVersion="1"), "ManifestNotAllowed", "metadata.resourceVersion"),
        (meta(managedFields=[]), "ManifestNotAllowed", "metadata.managedFields"),
        (meta(labels={"playbill.dev/assignment": "x"}), "ManifestNotAllowed", "take it out"),
        (meta(annotations={"playbill.dev/version": "v9"}), "ManifestNotAllowed", "take it out"),
        (
            meta(labels={"app.kubernetes.io/managed-by": "Helm"}),
            "ManifestNotAllowed",
            "metadata.labels app.kubernetes.io/managed-by",
        ),
        (meta(labels={"replicas": 3}), "InvalidManifest", "quotes"),
        (meta(labels=["a"]), "InvalidManifest", "map of strings"),
        (service("../../pods"), "InvalidManifest", "no name that an object can have"),
        (service(".."), "InvalidManifest", "no name that an object can have"),
        (service(status={}), "ManifestNotAllowed", "status"),
        (service(kind="${model}"), "InvalidManifest", "token in kind"),
        (service(apiVersion="${model}/v1"), "InvalidManifest", "token in apiVersion"),
        (service(apiVersion="../api/v1"), "InvalidManifest", "apiVersion"),
        (service(apiVersion="a/b/v1"), "InvalidManifest", "apiVersion"),
        (service(apiVersion="v1", kind="List", items=[]), "InvalidManifest", "list"),
        (service(apiVersion="v1", kind="ConfigMapList", items=[]), "InvalidManifest", "list"),
        (
            service(apiVersion="playbill.dev/v1alpha1", kind="StageAssignment"),
            "ManifestNotAllowed",
            "playbill's own resources",
        ),
        (service(spec={"digest": "${digest}"}), "TokenUnavailable", "digest"),
    ],
)
def test_what_is_not_for_a_manifest_to_say_is_refused(
    manifest: dict[str, Any], reason: str, words: str
) -> None:
    with pytest.raises(Stalled, match=words) as refused:
        rendered(manifest)

    assert refused.value.reason == reason


@pytest.mark.parametrize("other", [service(), service(apiVersion="serving.kserve.io/v1")])
def test_two_manifests_of_one_object_are_refused(other: dict[str, Any]) -> None:
    with pytest.raises(Stalled, match="two of InferenceService digits"):
        rendered(service(), other)


def test_what_a_token_brings_is_looked_at_as_if_it_were_written() -> None:
    hostile = Facts(model="digits", version="v1", commit="c" * 40, stage="prod", path="../secrets")

    with pytest.raises(Stalled, match="no name"):
        rendered(service("${path}", spec={}), facts=hostile)


def test_objects_of_one_name_and_different_kinds_or_groups_are_different() -> None:
    other = service(apiVersion="example.com/v1")

    assert len(rendered(service(), other, service(kind="Other"))) == 3


def test_an_assignment_without_manifests_has_none() -> None:
    bare = assignment(service())
    bare = bare.model_copy(update={"spec": bare.spec.model_copy(update={"rollout": None})})

    with pytest.raises(Stalled, match="has no spec"):
        render_manifests(bare, FACTS)


@pytest.mark.parametrize("data", [5, "a: b", ["a"]])
def test_data_of_an_ill_form_is_left_for_the_api_server_to_refuse(data: object) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}}
    (found,) = rendered({**secret, "data": data, "stringData": {"user": "ada"}})

    assert (found["data"], found["stringData"]) == (data, {"user": "ada"})

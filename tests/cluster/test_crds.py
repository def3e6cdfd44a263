"""The kinds as kubectl shows them: established, explained, short-named, selectable, defaulted."""

from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl
from tests.cluster.manifests import (
    manifest,
    model_version,
    registered_model,
    rollout,
    stage_assignment,
)

from playbill.api.base import Resource
from playbill.api.crd import RESOURCES, definition

pytestmark = pytest.mark.usefixtures("cluster")

each_kind = pytest.mark.parametrize("info", [kind.INFO for kind in RESOURCES], ids=lambda i: i.kind)


@pytest.fixture(scope="module", autouse=True)
def objects(cluster: Kubectl, namespace: str) -> None:
    """One of each, and a second ModelVersion of another model."""
    for each in (
        registered_model(),
        model_version(version="1.0.0"),
        model_version("other-v1", model="other", version="1.0.0"),
        stage_assignment(version="1.0.0"),
        manifest("ModelRepository", "zoo", {"url": "https://git.example.com/zoo.git"}),
        manifest("PromotionPolicy", "prod-gates", {"stages": ["prod"]}),
    ):
        cluster("create", "-n", namespace, "-f", "-", manifest=each)


@each_kind
def test_a_kind_is_established_and_structural(kubectl: Kubectl, info: Any) -> None:
    crd = kubectl.json("get", "crd", info.path)
    conditions = {each["type"]: each["status"] for each in crd["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions


@pytest.mark.parametrize("kind", RESOURCES, ids=lambda kind: kind.__name__)
def test_nothing_of_the_schema_was_dropped(kubectl: Kubectl, kind: type[Resource]) -> None:
    """The API server takes away in silence what it does not know."""
    served = kubectl.json("get", "crd", kind.INFO.path)["spec"]["versions"][0]
    wanted = definition(kind)["spec"]["versions"][0]
    assert served["schema"] == wanted["schema"]
    assert served.get("selectableFields") == wanted.get("selectableFields")


@each_kind
def test_short_name_and_category_list_it(kubectl: Kubectl, namespace: str, info: Any) -> None:
    (short,) = info.short_names
    kind = f"{info.singular}.playbill.dev"
    assert kind in kubectl("get", short, "-n", namespace, "-o", "name")
    assert kind in kubectl("get", "playbill", "-n", namespace, "-o", "name")


@each_kind
@pytest.mark.parametrize("wide", [False, True])
def test_a_table_has_its_columns(kubectl: Kubectl, namespace: str, info: Any, wide: bool) -> None:
    output = ["-o", "wide"] if wide else []
    header = kubectl("get", info.plural, "-n", namespace, *output).splitlines()[0]
    shown = [column.name.upper() for column in info.columns if wide or not column.priority]
    assert [*header.replace("ON STAGE", "ON_STAGE").split()] == [
        "NAME",
        *(name.replace(" ", "_") for name in shown),
    ]


@pytest.mark.parametrize(
    ("kind", "selector", "names"),
    [
        ("mver", "spec.model=other", ["other-v1"]),
        ("mver", "spec.model=digits", ["digits-v1"]),
        ("mver", "spec.version=1.0.0", ["digits-v1", "other-v1"]),
        ("stage", "spec.model=digits,spec.stage=prod", ["digits-prod"]),
        ("stage", "spec.version=2.0.0", []),
        ("rmodel", "spec.repository.url=https://git.example.com/digits.git", ["digits"]),
        ("rmodel", "spec.artifact=other", []),
    ],
)
def test_a_field_selector_finds_its_objects(
    kubectl: Kubectl, namespace: str, kind: str, selector: str, names: list[str]
) -> None:
    found = kubectl.json("get", kind, "-n", namespace, "--field-selector", selector)
    assert sorted(item["metadata"]["name"] for item in found["items"]) == names


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("rmodel", "A model: what it is, and the git repository that holds its history."),
        ("rmodel.spec.repository.secretRef", "A Secret with username and password, bearerToken"),
        ("rmodel.spec.repository.secretRef.name", "The object's name, in this namespace."),
        ("mver.spec.revision", "40 hex digits, a branch, a tag, or one of these with ~n"),
        ("mver.status.artifact.digest", "md5: by DVC"),
        ("stage.spec.version", "change this line to promote"),
        ("stage.spec.rollout.template.spec.containers", "The containers that serve the model."),
        ("stage.status.conditions.message", "Why, for people, and what to do about it."),
    ],
)
def test_explain_speaks_in_sentences(kubectl: Kubectl, path: str, sentence: str) -> None:
    assert sentence in " ".join(kubectl("explain", path).split())


def test_defaults_are_filled_in(kubectl: Kubectl, namespace: str) -> None:
    model = kubectl.json("get", "rmodel", "digits", "-n", namespace)["spec"]
    assert model["repository"]["interval"] == "1m"
    assert model["repository"]["maxTagsPerPush"] == 3
    assert (model["deprecated"], model["suspend"]) == (False, False)
    version = kubectl.json("get", "mver", "digits-v1", "-n", namespace)["spec"]
    assert (version["bump"], version["deregistered"]) == ("Patch", False)
    stage = kubectl.json("get", "stage", "digits-prod", "-n", namespace)["spec"]
    assert stage["deletionPolicy"] == "Record"
    assert "rollout" not in stage


def test_a_default_inside_of_a_rollout_is_filled_in(kubectl: Kubectl, namespace: str) -> None:
    manifest = stage_assignment("with-rollout", rollout=rollout())
    created = kubectl.json(
        "create", "-n", namespace, "--dry-run=server", "-f", "-", manifest=manifest
    )
    assert created["spec"]["rollout"]["progressDeadlineSeconds"] == 600


@each_kind
def test_an_object_that_nobody_has_looked_at_says_so(
    kubectl: Kubectl, namespace: str, info: Any
) -> None:
    """kstatus (Flux, Argo CD, kubectl wait) takes a generation that lags as in progress."""
    for item in kubectl.json("get", info.plural, "-n", namespace)["items"]:
        assert item["status"] == {"observedGeneration": -1}


def test_nobody_writes_a_status_beside_the_spec(kubectl: Kubectl, namespace: str) -> None:
    manifest = {**model_version("sneaky"), "status": {"tag": "digits@v9.9.9"}}
    created = kubectl.json(
        "create", "-n", namespace, "--dry-run=server", "-f", "-", manifest=manifest
    )
    assert created["status"] == {"observedGeneration": -1}


def test_a_pod_template_keeps_what_we_do_not_list(kubectl: Kubectl, namespace: str) -> None:
    pod = {
        "hostNetwork": False,
        "containers": [{"name": "server", "lifecycle": {"stopSignal": "SIGTERM"}}],
        "affinity": {"nodeAffinity": {}},
    }
    manifest = stage_assignment("open", rollout={"template": {"spec": pod}})
    created = kubectl.json(
        "create", "-n", namespace, "--dry-run=server", "-f", "-", manifest=manifest
    )
    assert created["spec"]["rollout"]["template"]["spec"] == pod


def test_two_appliers_share_the_containers_of_a_template(kubectl: Kubectl, namespace: str) -> None:
    def with_container(name: str) -> dict[str, Any]:
        pod = {"containers": [{"name": name, "image": f"{name}:1"}]}
        return stage_assignment("shared", rollout={"template": {"spec": pod}})

    for name in ("server", "sidecar"):
        kubectl(
            "apply",
            "-n",
            namespace,
            "--server-side",
            f"--field-manager={name}",
            "-f",
            "-",
            manifest=with_container(name),
        )
    shared = kubectl.json("get", "stage", "shared", "-n", namespace)
    containers = shared["spec"]["rollout"]["template"]["spec"]["containers"]
    assert [each["name"] for each in containers] == ["server", "sidecar"]


def test_a_later_api_may_add_fields_that_an_older_one_prunes(
    kubectl: Kubectl, namespace: str
) -> None:
    """Strict clients are told; a controller that sends it anyway loses only that field."""
    manifest = model_version("newer", fromTheFuture=True)
    words = kubectl.refusal(
        "create", "-n", namespace, "--dry-run=server", "-f", "-", manifest=manifest
    )
    assert 'unknown field "spec.fromTheFuture"' in words
    created = kubectl.json(
        "create",
        "-n",
        namespace,
        "--dry-run=server",
        "--validate=ignore",
        "-f",
        "-",
        manifest=manifest,
    )
    assert "fromTheFuture" not in created["spec"]

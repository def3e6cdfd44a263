"""Who may promote: whoever holds the verb `promote` on the stage, on create, change and delete.

Pia and Dora are people with client certificates, the pipeline is an account with a token; all of
them may write assignments. What they are refused, they are by the API server's own words.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.kubectl import Answer, Kubectl, eventually
from tests.cluster.manifests import API_VERSION, registered_model, stage_assignment
from tests.cluster.people import (
    ASSIGNMENTS,
    RBAC,
    await_promotion,
    await_right,
    bind,
    grant,
    policy_is_typed,
    promote,
    with_certificate,
    with_token,
)

REFUSED = "may not promote to stage prod"
SLASHED = "eu/prod"
"""A stage as GTO allows it, whose name no object could have."""


@pytest.fixture(scope="module")
def people(
    cluster: Kubectl, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Kubectl]:
    """Pia may promote to dev, Dora to prod as well, the pipeline to dev; Eve and Ann hold
    Kubernetes' own roles."""
    place = tmp_path_factory.mktemp("people")
    cluster("create", "serviceaccount", "pipeline", "-n", namespace)
    grant(cluster, namespace, "pipeline", ASSIGNMENTS, promote("dev"), account=True)
    grant(cluster, namespace, "pia", ASSIGNMENTS, promote("dev"))
    grant(cluster, namespace, "dora", ASSIGNMENTS, promote("dev", "prod", SLASHED))
    bind(cluster, namespace, "eve", "edit")
    bind(cluster, namespace, "ann", "admin")
    bind(cluster, namespace, "pat", "edit")
    bind(cluster, namespace, "pat", "playbill-promoter")
    found = {
        "pia": with_certificate(cluster, "pia", place),
        "dora": with_certificate(cluster, "dora", place),
        "pipeline": with_token(cluster, namespace, "pipeline", place),
        **{name: cluster.as_user(name) for name in ("eve", "ann", "pat")},
    }
    for user in found.values():
        await_right(user, namespace, "create", "stageassignments.playbill.dev")
    for name, stage in (("pia", "dev"), ("dora", "prod"), ("pipeline", "dev"), ("pat", "prod")):
        await_promotion(found[name], namespace, stage)
    eventually(lambda: REFUSED in create(found["pia"], namespace, stage_assignment("probe")).err)
    return found


def create(user: Kubectl, namespace: str, manifest: dict[str, Any]) -> Answer:
    return user.answer("create", "-n", namespace, "--dry-run=server", "-f", "-", manifest=manifest)


def patch(user: Kubectl, namespace: str, name: str, change: dict[str, Any]) -> Answer:
    return user.answer(
        "patch", "-n", namespace, "stage", name, "--type=merge", "--dry-run=server",
        "-p", json.dumps(change),
    )  # fmt: skip


@pytest.fixture(scope="module")
def assignments(cluster: Kubectl, namespace: str, people: dict[str, Kubectl]) -> None:
    """One assignment for dev and one for prod, as the operator holds them."""
    for stage in ("dev", "prod"):
        manifest = stage_assignment(f"digits-{stage}", stage=stage, version="1.0.0")
        manifest["metadata"]["finalizers"] = ["playbill.dev/stage"]
        cluster("create", "-n", namespace, "-f", "-", manifest=manifest)


@pytest.fixture(scope="module", autouse=True)
def unheld(cluster: Kubectl, namespace: str) -> Iterator[None]:
    """Nobody else takes the finalizers off."""
    yield
    names = cluster("get", "stage", "-n", namespace, "-o", "name").split()
    for name in names:
        cluster("patch", "-n", namespace, name, "--type=merge",
                "-p", '{"metadata":{"finalizers":null}}')  # fmt: skip


WHO = [
    ("pia", "dev", True),
    ("pia", "prod", False),
    ("dora", "dev", True),
    ("dora", "prod", True),
    ("pipeline", "dev", True),
    ("pipeline", "prod", False),
    ("eve", "dev", False),
    ("ann", "dev", False),
    ("pat", "prod", True),
]


@pytest.mark.parametrize(("who", "stage", "allowed"), WHO)
def test_creating_changing_and_deleting_an_assignment_all_take_the_right_to_its_stage(
    namespace: str, people: dict[str, Kubectl], assignments: None, who: str, stage: str,
    allowed: bool,
) -> None:  # fmt: skip
    user, name = people[who], f"digits-{stage}"
    another = stage_assignment("another", stage=stage, version="2.0.0")
    answers = [
        create(user, namespace, another),
        patch(user, namespace, name, {"spec": {"version": "2.0.0"}}),
        user.answer("delete", "-n", namespace, "stage", name, "--dry-run=server"),
    ]
    assert [answer.code == 0 for answer in answers] == [allowed] * 3, answers
    if not allowed:
        words = f"may not promote to stage {stage} in namespace {namespace}"
        assert all(words in answer.err for answer in answers)


def test_the_refusal_names_the_user_and_what_to_ask_for(
    namespace: str, people: dict[str, Kubectl]
) -> None:
    said = create(people["pia"], namespace, stage_assignment()).err
    assert f"user pia may not promote to stage prod in namespace {namespace}" in said
    assert "ask whoever runs the cluster for the verb promote on stages.playbill.dev/prod" in said
    said = create(people["pipeline"], namespace, stage_assignment()).err
    assert f"user system:serviceaccount:{namespace}:pipeline may not promote" in said


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"follow": {"range": "^1.0"}},
        {"suspend": True},
        {"deletionPolicy": "Retain"},
    ],
    ids=["the ledger decides", "follow", "suspended", "retained"],
)
def test_no_way_to_say_it_takes_less(
    namespace: str, people: dict[str, Kubectl], spec: dict[str, Any]
) -> None:
    manifest = stage_assignment("another", **spec)
    assert REFUSED in create(people["pia"], namespace, manifest).err
    assert create(people["dora"], namespace, manifest).code == 0


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"suspend": True}},
        {"spec": {"version": None}},
        {"spec": {"deletionPolicy": "Retain"}},
        {"spec": {"message": "Only words"}},
        {"metadata": {"annotations": {"playbill.dev/requested-at": "now"}}},
        {"metadata": {"labels": {"playbill.dev/adopted": "true"}}},
        {"metadata": {"finalizers": None}},
        {"metadata": {"finalizers": ["example.com/another"]}},
        {
            "metadata": {
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "gone"}
                ]
            }
        },
    ],
    ids=json.dumps,
)
def test_nothing_that_comes_to_a_promotion_or_a_deletion_takes_less(
    namespace: str, people: dict[str, Kubectl], assignments: None, change: dict[str, Any]
) -> None:
    assert REFUSED in patch(people["pia"], namespace, "digits-prod", change).err
    assert patch(people["dora"], namespace, "digits-prod", change).code == 0


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"version": "1.0.0"}},
        {"metadata": {"labels": {"team": "vision"}}},
        {"metadata": {"annotations": {"example.com/note": "x"}}},
        {"metadata": {"finalizers": ["playbill.dev/stage", "example.com/another"]}},
    ],
    ids=json.dumps,
)
def test_what_promotes_nothing_takes_no_right(
    namespace: str, people: dict[str, Kubectl], assignments: None, change: dict[str, Any]
) -> None:
    answer = patch(people["pia"], namespace, "digits-prod", change)
    assert answer.code == 0, answer.err


def test_deleting_all_of_them_stops_at_the_first_that_one_may_not(
    cluster: Kubectl, namespace: str, people: dict[str, Kubectl], assignments: None
) -> None:
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/stageassignments"
    refusal = people["pia"].refusal("delete", "--raw", path)
    assert REFUSED in refusal
    found = cluster.json("get", "-n", namespace, "stage", "digits-prod")
    assert "deletionTimestamp" not in found["metadata"]


def test_a_stage_with_a_slash_in_its_name_is_granted_like_any_other(
    namespace: str, people: dict[str, Kubectl]
) -> None:
    manifest = stage_assignment("digits-eu", stage=SLASHED)
    assert create(people["dora"], namespace, manifest).code == 0
    refused = create(people["pia"], namespace, manifest)
    assert f"promote on stages.playbill.dev/{SLASHED}" in refused.err


def test_the_right_counts_where_it_was_given(cluster: Kubectl, people: dict[str, Kubectl]) -> None:
    elsewhere = f"test-{secrets.token_hex(4)}"
    cluster("create", "namespace", elsewhere)
    try:
        grant(cluster, elsewhere, "dora", ASSIGNMENTS)
        dora = people["dora"]
        await_right(dora, elsewhere, "create", "stageassignments.playbill.dev")
        assert REFUSED in create(dora, elsewhere, stage_assignment()).err
    finally:
        cluster("delete", "namespace", elsewhere, "--wait=false")


def test_an_administrator_of_the_namespace_cannot_give_what_they_do_not_have(
    namespace: str, people: dict[str, Kubectl]
) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "more"},
        "rules": [promote("dev")],
    }
    ann = people["ann"]
    said = ann.refusal("create", "-n", namespace, "-f", "-", "--dry-run=server", manifest=role)
    assert "attempting to grant RBAC permissions not currently held" in said


@pytest.fixture
def janitor(cluster: Kubectl, tmp_path: Path) -> Iterator[Kubectl]:
    """Jane may write assignments anywhere, and promote nowhere. Roles of a namespace go early
    when it goes, so hers is of the cluster."""
    name = f"test-{secrets.token_hex(4)}"
    role = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [ASSIGNMENTS],
    }
    cluster("create", "-f", "-", manifest=role)
    cluster("create", "clusterrolebinding", name, f"--clusterrole={name}", "--user=jane")
    jane = with_certificate(cluster, "jane", tmp_path)
    await_right(jane, "default", "patch", "stageassignments.playbill.dev")
    yield jane
    cluster("delete", "clusterrolebinding,clusterrole", name)


def test_a_namespace_that_is_deleted_takes_its_assignments_along(
    cluster: Kubectl, janitor: Kubectl
) -> None:
    """The namespace controller holds no right to promote, nor does whoever clears up there."""
    going = f"test-{secrets.token_hex(4)}"
    cluster("create", "namespace", going)
    held = stage_assignment("held", version="1.0.0")
    held["metadata"]["finalizers"] = ["playbill.dev/stage"]
    for manifest in (held, stage_assignment("free", version="1.0.0")):
        cluster("create", "-n", going, "-f", "-", manifest=manifest)
    released = {"metadata": {"finalizers": None}}
    assert REFUSED in patch(janitor, going, "held", released).err
    cluster("delete", "namespace", going, "--wait=false")
    eventually(lambda: _names(cluster, going) == ["held"])
    assert REFUSED in patch(janitor, going, "held", {"spec": {"version": "2.0.0"}}).err
    janitor("patch", "-n", going, "stage", "held", "--type=merge", "-p", json.dumps(released))
    cluster("wait", "--for=delete", f"namespace/{going}", "--timeout=60s")


def _names(cluster: Kubectl, namespace: str) -> list[str]:
    found = cluster.json("get", "stage", "-n", namespace)["items"]
    return [item["metadata"]["name"] for item in found]


def test_what_belongs_to_a_model_goes_with_it(cluster: Kubectl, namespace: str) -> None:
    """As adopted assignments do: it is the garbage collector that deletes them."""
    cluster("create", "-n", namespace, "-f", "-", manifest=registered_model("faces"))
    uid = cluster.json("get", "-n", namespace, "rmodel", "faces")["metadata"]["uid"]
    manifest = stage_assignment("faces-prod", model="faces")
    manifest["metadata"]["ownerReferences"] = [
        {"apiVersion": API_VERSION, "kind": "RegisteredModel", "name": "faces", "uid": uid}
    ]
    cluster("create", "-n", namespace, "-f", "-", manifest=manifest)
    cluster("delete", "-n", namespace, "rmodel", "faces")
    cluster("wait", "-n", namespace, "--for=delete", "stage/faces-prod", "--timeout=60s")


def test_a_gitops_account_takes_the_right_like_a_person(
    cluster: Kubectl, namespace: str, people: dict[str, Kubectl]
) -> None:
    """It applies server-side, over and over; what it applies again asks for nothing."""
    pipeline = people["pipeline"]
    manifest = stage_assignment("applied", stage="dev", version="1.0.0")

    def apply(who: Kubectl, manager: str) -> Answer:
        return who.answer(
            "apply", "--server-side", "-n", namespace, f"--field-manager={manager}",
            "--force-conflicts", "-f", "-", manifest=manifest,
        )  # fmt: skip

    assert apply(pipeline, "pipeline").code == 0
    manifest = stage_assignment("applied", stage="dev", version="1.1.0")
    assert apply(pipeline, "pipeline").code == 0
    assert apply(people["eve"], "eve").code == 0
    manifest = stage_assignment("applied", stage="dev", version="1.2.0")
    assert "may not promote to stage dev" in apply(people["eve"], "eve").err


def test_the_expressions_of_the_policy_are_of_the_right_types(cluster: Kubectl) -> None:
    assert policy_is_typed(cluster, "playbill-promotion-rights")

"""Whose Secrets the operator uses: only what whoever names them may read themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.cluster.kubectl import Answer, Kubectl, eventually
from tests.cluster.manifests import API_VERSION, manifest, registered_model
from tests.cluster.people import await_right, bind, grant, policy_is_typed, read_secret

MODELS = {
    "apiGroups": ["playbill.dev"],
    "resources": ["registeredmodels", "modelrepositories"],
    "verbs": ["get", "create", "update", "patch", "delete"],
}
WRITER = "will"  # models and repositories, and no Secret
READER = "rita"  # and the Secret `team`
EDITOR = "eve"  # Kubernetes' own role `edit`, which reads every Secret

URL = "https://git.example.com/digits.git"
Spec = dict[str, Any]

TEAM: Spec = {"secretRef": {"name": "team"}}
THEIRS: Spec = {"secretRef": {"name": "platform"}}
SIGNED: Spec = {"signing": {"secretRef": {"name": "team"}}}
HOOKED: Spec = {"webhook": {"secretRef": {"name": "team"}}}


def refusal(user: str, name: str = "team") -> str:
    return f"Secret {name}, which user {user} may not read: ask for the right to get that Secret"


@pytest.fixture(scope="module", autouse=True)
def rights(cluster: Kubectl, namespace: str) -> None:
    grant(cluster, namespace, WRITER, MODELS)
    grant(cluster, namespace, READER, MODELS, read_secret("team"))
    bind(cluster, namespace, EDITOR, "edit")
    for user in map(cluster.as_user, (WRITER, READER, EDITOR)):
        await_right(user, namespace, "create", "modelrepositories.playbill.dev")
    await_right(cluster.as_user(READER), namespace, "get", "secrets/team")
    await_right(cluster.as_user(EDITOR), namespace, "get", "secrets/team")
    probe = model("probe", **TEAM)
    eventually(lambda: refusal(WRITER) in create(cluster.as_user(WRITER), namespace, probe).err)


def model(name: str = "digits", **repository: Any) -> dict[str, Any]:
    return registered_model(name, repository={"url": URL, **repository})


def home(name: str = "home", **spec: Any) -> dict[str, Any]:
    return manifest("ModelRepository", name, {"url": URL, **spec})


def create(user: Kubectl, namespace: str, manifest: dict[str, Any]) -> Answer:
    return user.answer("create", "-n", namespace, "--dry-run=server", "-f", "-", manifest=manifest)


@pytest.mark.parametrize("made", [model, home])
@pytest.mark.parametrize(
    ("user", "names", "words"),
    [
        (WRITER, {}, ""),
        (WRITER, TEAM, refusal(WRITER)),
        (WRITER, SIGNED, refusal(WRITER)),
        (READER, {**TEAM, **SIGNED}, ""),
        (READER, THEIRS, refusal(READER, "platform")),
        (READER, {**TEAM, "signing": THEIRS}, refusal(READER, "platform")),
        (EDITOR, THEIRS, ""),
    ],
)
def test_naming_a_secret_takes_the_right_to_read_it(
    cluster: Kubectl, namespace: str, made: Any, user: str, names: dict[str, Any], words: str
) -> None:
    answer = create(cluster.as_user(user), namespace, made(**names))
    assert words in answer.err
    assert (answer.code == 0) == (not words), answer.err


@pytest.mark.parametrize(("user", "words"), [(WRITER, refusal(WRITER)), (READER, "")])
def test_so_does_the_token_of_a_webhook(
    cluster: Kubectl, namespace: str, user: str, words: str
) -> None:
    answer = create(cluster.as_user(user), namespace, home(**HOOKED))
    assert words in answer.err
    assert (answer.code == 0) == (not words), answer.err


def test_the_refusal_says_what_the_secret_is_for_and_where(
    cluster: Kubectl, namespace: str
) -> None:
    will = cluster.as_user(WRITER)
    said = create(will, namespace, model(**TEAM)).err
    assert "the credentials for this url are in Secret team" in said
    assert f"in namespace {namespace}, or have somebody who may read it make this change" in said
    assert "tags for this url are signed with Secret team" in (
        create(will, namespace, model(**SIGNED)).err
    )


@pytest.fixture(scope="module", params=["rmodel", "mrepo"])
def standing(request: pytest.FixtureRequest, cluster: Kubectl, namespace: str, rights: None) -> str:
    """A model or repository with credentials and a key, as its owner made it."""
    made = model("standing", **TEAM, **SIGNED) if request.param == "rmodel" else None
    manifest = made or home("standing", **TEAM, **SIGNED, **HOOKED)
    cluster.as_user(READER)("create", "-n", namespace, "-f", "-", manifest=manifest)
    return f"{request.param}/standing"


CHANGES = [
    ({"url": "https://evil.example.com/digits.git"}, False),
    ({"url": "https://evil.example.com/digits.git", "secretRef": None}, False),
    ({"url": "https://evil.example.com/digits.git", "signing": None}, False),
    ({"url": "https://evil.example.com/digits.git", "signing": None, "secretRef": None}, True),
    ({"secretRef": {"name": "platform"}}, False),
    ({"signing": {"secretRef": {"name": "platform"}}}, False),
    ({"secretRef": None}, True),
    ({"signing": None}, True),
    ({"interval": "5m"}, True),
    ({"branch": "release"}, True),
]


@pytest.mark.parametrize(("change", "allowed"), CHANGES, ids=json.dumps)
def test_a_change_takes_it_where_it_lets_a_secret_be_used_in_another_way(
    cluster: Kubectl, namespace: str, standing: str, change: dict[str, Any], allowed: bool
) -> None:
    spec = {"repository": change} if standing.startswith("rmodel") else change
    will = cluster.as_user(WRITER)
    answer = will.answer(
        "patch", standing, "-n", namespace, "--type=merge", "--dry-run=server",
        "-p", json.dumps({"spec": spec}),
    )  # fmt: skip
    assert (answer.code == 0) == allowed, answer.err
    assert ("may not read" in answer.err) == (not allowed)


def test_credentials_cannot_be_taken_along_by_naming_the_repository_anew(
    cluster: Kubectl, namespace: str, standing: str
) -> None:
    """From repositoryRef to a repository of one's own with the same Secret."""
    referring = registered_model("referring", repository=None, repositoryRef={"name": "home"})
    del referring["spec"]["repository"]
    cluster("apply", "-n", namespace, "-f", "-", manifest=referring)
    own = {"repositoryRef": None, "repository": {"url": URL, **TEAM}}
    answer = cluster.as_user(WRITER).answer(
        "patch", "rmodel", "referring", "-n", namespace, "--type=merge", "--dry-run=server",
        "-p", json.dumps({"spec": own}),
    )  # fmt: skip
    assert refusal(WRITER) in answer.err


def test_a_model_that_only_names_its_repository_takes_no_secret(
    cluster: Kubectl, namespace: str
) -> None:
    """As those that the operator makes of what dvc.yaml lists."""
    spec = {"repositoryRef": {"name": "home"}, "artifact": "digits"}
    found = manifest("RegisteredModel", "discovered", spec)
    assert found["apiVersion"] == API_VERSION
    assert create(cluster.as_user(WRITER), namespace, found).code == 0


def test_the_expressions_of_the_policy_are_of_the_right_types(cluster: Kubectl) -> None:
    assert policy_is_typed(cluster, "playbill-secret-rights")

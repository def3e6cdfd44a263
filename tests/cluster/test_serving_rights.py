"""What a stage serves is not changed behind its assignment by whoever may not promote there."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from tests.cluster.kubectl import Answer, Kubectl, eventually
from tests.cluster.manifests import manifest, model_version, registered_model
from tests.cluster.people import await_promotion, await_right, bind, grant, policy_is_typed, promote

EDITOR = "eve"  # Kubernetes' own role `edit`
DEVELOPER = "dave"  # edit, and to promote to dev
OWNER = "olga"  # edit, and to promote to dev and prod
PROMOTER = "pat"  # edit, and to promote to any stage

ARTIFACT = {"uri": "s3://models/digits", "digest": "md5:" + 32 * "0"}
URL = "https://git.example.com/digits.git"
EVIL = {"repository": {"url": "https://evil.example.com/digits.git"}}

BEHIND_PROD = "this changes what stage prod may serve, and user {} may not promote there: ask"
BEHIND_BOTH = BEHIND_PROD.replace("prod", "dev and prod")
BEHIND_ALL = BEHIND_PROD.replace("stage prod", "any stage")


@pytest.fixture(scope="module", autouse=True)
def rights(cluster: Kubectl, namespace: str) -> None:
    for user in (EDITOR, DEVELOPER, OWNER, PROMOTER):
        bind(cluster, namespace, user, "edit")
        await_right(cluster.as_user(user), namespace, "create", "registeredmodels.playbill.dev")
    grant(cluster, namespace, DEVELOPER, promote("dev"))
    grant(cluster, namespace, OWNER, promote("dev", "prod"))
    bind(cluster, namespace, PROMOTER, "playbill-promoter")
    await_promotion(cluster.as_user(DEVELOPER), namespace, "dev")
    await_promotion(cluster.as_user(OWNER), namespace, "prod")
    await_promotion(cluster.as_user(PROMOTER), namespace, "prod")


def made(
    cluster: Kubectl, namespace: str, kind: str, given: dict[str, Any], status: dict[str, Any]
) -> str:
    """An object with a status as the operator writes it; gives `kind/name`."""
    name = f"made-{secrets.token_hex(4)}"
    body = {**given, "metadata": {"name": name}}
    cluster("create", "-n", namespace, "-f", "-", manifest=body)
    cluster(
        "patch", "-n", namespace, kind, name, "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": status}),
    )  # fmt: skip
    return f"{kind}/{name}"


def model(cluster: Kubectl, namespace: str, *stages: str, **spec: Any) -> str:
    held = [
        {"name": stage, "version": "v1.0.0", "since": "2026-01-01T00:00:00Z"} for stage in stages
    ]
    return made(cluster, namespace, "rmodel", registered_model(**spec), {"stages": held})


def version(cluster: Kubectl, namespace: str, *stages: str, **spec: Any) -> str:
    return made(cluster, namespace, "mver", model_version(**spec), {"stages": list(stages)})


def patch(user: Kubectl, namespace: str, name: str, spec: dict[str, Any]) -> Answer:
    return user.answer(
        "patch", "-n", namespace, name, "--type=merge", "--dry-run=server",
        "-p", json.dumps({"spec": spec}),
    )  # fmt: skip


def delete(user: Kubectl, namespace: str, name: str) -> Answer:
    return user.answer("delete", "-n", namespace, name, "--dry-run=server")


MOVES = [EVIL, {"repository": None, "repositoryRef": {"name": "evil"}}, {"deprecated": True}]


@pytest.mark.parametrize("change", [*MOVES, None], ids=str)
@pytest.mark.parametrize(
    ("user", "allowed"), [(EDITOR, False), (DEVELOPER, False), (OWNER, True), (PROMOTER, True)]
)
def test_a_model_is_not_moved_withdrawn_or_deleted_under_its_stages(
    cluster: Kubectl, namespace: str, user: str, allowed: bool, change: dict[str, Any] | None
) -> None:
    name, who = model(cluster, namespace, "dev", "prod"), cluster.as_user(user)

    def attempt() -> Answer:
        return patch(who, namespace, name, change) if change else delete(who, namespace, name)

    if allowed:
        assert attempt().code == 0, attempt().err
        return
    eventually(lambda: BEHIND_BOTH.format(user) in attempt().err)
    assert f"the verb promote on stages.playbill.dev in namespace {namespace}" in attempt().err


@pytest.mark.parametrize(("user", "allowed"), [(EDITOR, False), (OWNER, False), (PROMOTER, True)])
def test_a_model_on_many_stages_is_moved_by_who_may_promote_anywhere(
    cluster: Kubectl, namespace: str, user: str, allowed: bool
) -> None:
    """The API server lets a policy ask for two rights at a time, and no more."""
    stages = ("dev", "prod", *(f"canary-{number}" for number in range(40)))
    for held in (stages[:3], stages):
        name = model(cluster, namespace, *held)
        answer = patch(cluster.as_user(user), namespace, name, {"deprecated": True})
        assert (answer.code == 0) == allowed, answer.err
        assert allowed or BEHIND_ALL.format(user) in answer.err


@pytest.mark.parametrize(
    "change",
    [{"description": "x"}, {"suspend": True}, {"repository": {"url": URL, "interval": "9m"}}],
    ids=str,
)
def test_what_else_a_model_says_is_for_editors(
    cluster: Kubectl, namespace: str, change: dict[str, Any]
) -> None:
    name = model(cluster, namespace, "prod")
    assert patch(cluster.as_user(EDITOR), namespace, name, change).code == 0


@pytest.mark.parametrize("change", [*MOVES, None], ids=str)
def test_a_model_on_no_stage_is_for_editors(
    cluster: Kubectl, namespace: str, change: dict[str, Any] | None
) -> None:
    name, eve = model(cluster, namespace), cluster.as_user(EDITOR)
    answer = patch(eve, namespace, name, change) if change else delete(eve, namespace, name)
    assert answer.code == 0, answer.err


@pytest.mark.parametrize(("user", "allowed"), [(EDITOR, False), (OWNER, False), (PROMOTER, True)])
def test_a_model_returns_from_deprecation_by_who_may_promote_anywhere(
    cluster: Kubectl, namespace: str, user: str, allowed: bool
) -> None:
    name = model(cluster, namespace, deprecated=True)
    answer = patch(cluster.as_user(user), namespace, name, {"deprecated": False})
    assert (answer.code == 0) == allowed
    assert allowed or BEHIND_ALL.format(user) in answer.err


ELSEWHERE = {"artifact": {"uri": "s3://evil/digits"}}


@pytest.mark.parametrize(
    ("given", "change"),
    [
        ({"artifact": ARTIFACT}, ELSEWHERE),
        ({"artifact": ARTIFACT}, {"artifact": {"digest": "md5:" + 32 * "f"}}),
        ({"artifact": ARTIFACT}, {"artifact": None}),
        ({"artifact": ARTIFACT}, None),
        ({}, ELSEWHERE),
    ],
)
@pytest.mark.parametrize(("user", "allowed"), [(EDITOR, False), (DEVELOPER, False), (OWNER, True)])
def test_a_version_gets_no_other_bytes_under_its_stages(
    cluster: Kubectl, namespace: str, user: str, allowed: bool, given: Any, change: Any
) -> None:
    name, who = version(cluster, namespace, "prod", **given), cluster.as_user(user)
    answer = patch(who, namespace, name, change) if change else delete(who, namespace, name)
    assert (answer.code == 0) == allowed, answer.err
    assert allowed or BEHIND_PROD.format(user) in answer.err


def test_what_else_a_version_says_is_for_editors(cluster: Kubectl, namespace: str) -> None:
    eve = cluster.as_user(EDITOR)
    held = version(cluster, namespace, "prod", artifact=ARTIFACT)
    assert patch(eve, namespace, held, {"message": "x", "metrics": {"f1": "0.9"}}).code == 0
    assert delete(eve, namespace, version(cluster, namespace, "prod")).code == 0
    free = version(cluster, namespace, artifact=ARTIFACT)
    assert patch(eve, namespace, free, ELSEWHERE).code == 0
    assert delete(eve, namespace, free).code == 0


@pytest.mark.parametrize(("user", "allowed"), [(OWNER, False), (PROMOTER, True)])
def test_a_repository_of_models_is_moved_by_who_may_promote_anywhere(
    cluster: Kubectl, namespace: str, user: str, allowed: bool
) -> None:
    home = manifest("ModelRepository", "x", {"url": URL})
    name, who = made(cluster, namespace, "mrepo", home, {"models": 1}), cluster.as_user(user)
    answers = [
        patch(who, namespace, name, {"url": "https://evil.example.com/x.git"}),
        delete(who, namespace, name),
    ]
    assert [answer.code == 0 for answer in answers] == [allowed] * 2, answers
    assert allowed or all(BEHIND_ALL.format(user) in answer.err for answer in answers)
    assert patch(who, namespace, name, {"interval": "9m"}).code == 0
    empty = made(cluster, namespace, "mrepo", home, {"models": 0})
    assert delete(who, namespace, empty).code == 0


def hand_over(user: Kubectl, namespace: str, name: str) -> Answer:
    """Give it an owner, with which the garbage collector would delete it."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "bait", "uid": "1"}
    change = {"metadata": {"ownerReferences": [owner]}}
    return user.answer(
        "patch", "-n", namespace, name, "--type=merge", "--dry-run=server", "-p", json.dumps(change)
    )


@pytest.mark.parametrize(("user", "allowed"), [(EDITOR, False), (OWNER, False), (PROMOTER, True)])
def test_nothing_that_a_stage_serves_is_deleted_by_way_of_an_owner(
    cluster: Kubectl, namespace: str, user: str, allowed: bool
) -> None:
    who, stages = cluster.as_user(user), ("dev", "prod", "canary")
    home = manifest("ModelRepository", "x", {"url": URL})
    for name in (
        model(cluster, namespace, *stages),
        version(cluster, namespace, *stages, artifact=ARTIFACT),
        made(cluster, namespace, "mrepo", home, {"models": 1}),
    ):
        answer = hand_over(who, namespace, name)
        assert (answer.code == 0) == allowed, answer.err
        assert allowed or BEHIND_ALL.format(user) in answer.err
    for free in (model(cluster, namespace), version(cluster, namespace, "prod")):
        assert hand_over(who, namespace, free).code == 0


def test_the_expressions_of_the_policy_are_of_the_right_types(cluster: Kubectl) -> None:
    assert policy_is_typed(cluster, "playbill-serving-rights")

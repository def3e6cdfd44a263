"""Each answer of the API server is one of three fates."""

from typing import Any

import pytest

from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.kube.answers import Conflict, Missing, trouble

RBAC = (
    'deployments.apps is forbidden: User "system:serviceaccount:a:b" cannot create resource '
    '"deployments" in API group "apps" in the namespace "ml"'
)


def answered(code: int, message: str = "words", **more: Any) -> Trouble:
    status = {"kind": "Status", "message": message, **more}
    return trouble(code=code, status=status, doing="apply deployments.apps ml/a")


@pytest.mark.parametrize(
    ("code", "message", "fate", "reason"),
    [
        (400, "words", Stalled, "Invalid"),
        (401, "words", Retry, "Unauthorized"),
        (403, RBAC, Stalled, "Forbidden"),
        (403, "exceeded quota: gpu", Stalled, "Refused"),
        (404, "words", Missing, "NotFound"),
        (409, "words", Conflict, "Conflict"),
        (410, "words", Retry, "Expired"),
        (413, "words", Stalled, "Invalid"),
        (422, "words", Stalled, "Invalid"),
        (429, "words", Retry, "ApiUnavailable"),
        (500, "etcdserver: leader changed", Retry, "ApiUnavailable"),
        (500, "failed to create typed patch object (…)", Stalled, "Invalid"),
        (503, "words", Retry, "ApiUnavailable"),
        (504, "words", Retry, "ApiUnavailable"),
    ],
)
def test_an_answer_is_one_fate(code: int, message: str, fate: type[Trouble], reason: str) -> None:
    found = answered(code, message)

    assert (type(found), found.reason) == (fate, reason)


def test_the_right_that_is_missing_is_the_servers_and_not_our_guess() -> None:
    assert "to create deployments.apps in namespace ml" in answered(403, RBAC).message


def test_a_right_in_the_core_group_and_in_the_whole_cluster_is_named_as_well() -> None:
    found = answered(403, 'nodes is forbidden: User "a" cannot list resource "nodes" at the …')

    assert "to list nodes in the cluster" in found.message


def test_a_conflict_keeps_the_servers_reason() -> None:
    assert answered(409, reason="AlreadyExists").reason == "AlreadyExists"


def test_a_namespace_that_is_going_is_waited_for() -> None:
    causes = [{"reason": "NamespaceTerminating"}]

    assert isinstance(answered(403, details={"causes": causes}), Waiting)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), (None, None), ("soon", None), ("-1", None)]
)
def test_the_servers_own_wish_when_to_come_back_is_kept(
    header: str | None, seconds: float | None
) -> None:
    found = trouble(code=429, status=None, doing="list", retry_after=header)

    assert isinstance(found, Retry)
    assert found.after == seconds


def test_an_answer_that_is_no_status_is_a_resource_that_is_not_served_or_a_fault() -> None:
    assert trouble(code=404, status=None, doing="list").reason == "ApiNotServed"
    assert "HTTP 502" in trouble(code=502, status=None, doing="list").message


def test_a_long_answer_is_cut() -> None:
    assert len(answered(422, "x" * 100_000).message) < 1200


def test_a_right_that_the_rollout_account_lacks_is_told_with_commands_that_grant_it() -> None:
    said = (
        'inferenceservices.serving.kserve.io "digits" is forbidden: '
        'User "system:serviceaccount:ml:playbill-rollout" cannot patch resource '
        '"inferenceservices" in API group "serving.kserve.io" in the namespace "ml"'
    )
    found = trouble(code=403, status={"message": said}, doing="apply it")

    assert isinstance(found, Stalled)
    assert found.reason == "Forbidden"
    assert "no right to patch inferenceservices.serving.kserve.io" in found.message
    for command in (
        "`kubectl create serviceaccount playbill-rollout -n ml`",
        "`kubectl create role playbill-rollout-inferenceservices.serving.kserve.io -n ml ",
        "--verb=get,create,patch,delete --resource=inferenceservices.serving.kserve.io`",
        "--serviceaccount=ml:playbill-rollout`",
    ):
        assert command in found.message


def test_a_right_that_the_operator_itself_lacks_is_told_as_its_own() -> None:
    said = (
        'secrets is forbidden: User "system:serviceaccount:playbill-system:playbill" cannot '
        'impersonate resource "serviceaccounts" in API group "" in the namespace "ml"'
    )
    found = trouble(code=403, status={"message": said}, doing="get it")

    assert "the operator's account has no right to impersonate serviceaccounts" in found.message

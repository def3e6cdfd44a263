"""What a rollback goes back to: nobody writes it but who may write an assignment's status."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cluster.kubectl import Answer, Kubectl, eventually
from tests.cluster.manifests import API_VERSION
from tests.cluster.people import await_right, grant, policy_is_typed

REVISIONS = {
    "apiGroups": ["apps"],
    "resources": ["controllerrevisions"],
    "verbs": ["get", "create", "update", "patch"],
}
STATUSES = {
    "apiGroups": ["playbill.dev"],
    "resources": ["stageassignments/status"],
    "verbs": ["patch"],
}
WRITER = "will"  # any ControllerRevision, as far as RBAC goes
OPERATOR = "olga"  # and the status of assignments
REFUSAL = f"user {WRITER} may not write them: change spec.rollout instead"
OURS = (API_VERSION, "StageAssignment")


@pytest.fixture(scope="module", autouse=True)
def rights(cluster: Kubectl, namespace: str) -> None:
    grant(cluster, namespace, WRITER, REVISIONS)
    grant(cluster, namespace, OPERATOR, REVISIONS, STATUSES)
    writer, operator = cluster.as_user(WRITER), cluster.as_user(OPERATOR)
    for user in (writer, operator):
        await_right(user, namespace, "create", "controllerrevisions.apps")
    eventually(lambda: REFUSAL in put(writer, namespace, revision(OURS)).err)
    eventually(lambda: put(operator, namespace, revision(OURS)).code == 0)


def revision(*owners: tuple[str, str], name: str = "forged") -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": name,
            "ownerReferences": [
                {"apiVersion": version, "kind": kind, "name": "digits-prod", "uid": "0"}
                for version, kind in owners
            ],
        },
        "revision": 1,
        "data": {"objects": []},
    }


def put(user: Kubectl, namespace: str, manifest: dict[str, Any], verb: str = "create") -> Answer:
    return user.answer(verb, "-n", namespace, "--dry-run=server", "-f", "-", manifest=manifest)


def test_an_assignments_revisions_take_the_right_to_its_status(
    cluster: Kubectl, namespace: str
) -> None:
    both = (("apps/v1", "StatefulSet"), OURS)
    for owners in ((OURS,), both, (("playbill.dev/v2", "StageAssignment"),)):
        assert REFUSAL in put(cluster.as_user(WRITER), namespace, revision(*owners)).err
        assert put(cluster.as_user(OPERATOR), namespace, revision(*owners)).code == 0


def test_revisions_of_others_are_not_looked_at(cluster: Kubectl, namespace: str) -> None:
    for owners in ((), (("apps/v1", "DaemonSet"),), (("example.com/v1", "StageAssignment"),)):
        assert put(cluster.as_user(WRITER), namespace, revision(*owners)).code == 0


def test_a_revision_cannot_be_given_to_an_assignment_later(
    cluster: Kubectl, namespace: str
) -> None:
    plain = revision(name="plain")
    cluster("create", "-n", namespace, "-f", "-", manifest=plain)
    given = revision(OURS, name="plain")
    assert REFUSAL in put(cluster.as_user(WRITER), namespace, given, "replace").err
    assert put(cluster.as_user(OPERATOR), namespace, given, "replace").code == 0


def test_the_policy_is_sound_to_the_api_server(cluster: Kubectl) -> None:
    assert policy_is_typed(cluster, "playbill-revision-rights")

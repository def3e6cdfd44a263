"""Who may write a rollout: those who could make its Deployment and Service themselves.

Real users by impersonation, with real Roles; the API server's own words.
"""

import json
from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.manifests import rollout, stage_assignment
from tests.cluster.people import (
    ASSIGNMENTS,
    DEPLOYMENTS,
    JOBS,
    MANIFESTS,
    SERVICES,
    await_promotion,
    await_right,
    bind,
    grant,
    policy_is_typed,
    promote,
)

PROMOTER = "pia"  # assignments only, as all of them
DEPLOYER = "dan"  # and Deployments
OWNER = "olga"  # and Services
TESTER = "tess"  # Deployments and Jobs
CURATOR = "kurt"  # manifests, and nothing of its own
EDITOR = "eve"  # Kubernetes' own role `edit`
VIEWER = "vic"  # Kubernetes' own role `view`

NAMED = [{"name": "http", "containerPort": 8080}]
NAMELESS = [{"containerPort": 8080}]

NO_DEPLOYMENT = "may not create one: ask for the right to create deployments.apps there"
NO_SERVICE = "may not create one: ask for the right to create services there"
NO_JOB = "may not create Jobs: ask for the right to create jobs.batch there"
NO_MANIFESTS = "ask for the verb use-manifests on stageassignments.playbill.dev there"

CHECKED = {**rollout(), "verify": {"http": {"path": "/healthz"}}}
PROVEN = {**rollout(), "verify": {"job": {"template": rollout()["template"]}}}
LISTED = {"manifests": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}}]}
LISTED_AND_PROVEN = {**LISTED, "verify": PROVEN["verify"]}
FETCHED = {**rollout(), "fetch": {"secretRef": {"name": "store"}}}


@pytest.fixture(scope="module", autouse=True)
def rights(cluster: Kubectl, namespace: str) -> None:
    """Everyone has their rights, and the policy is enforced: both take a moment."""
    everyone = promote()
    grant(cluster, namespace, PROMOTER, ASSIGNMENTS, everyone)
    grant(cluster, namespace, DEPLOYER, ASSIGNMENTS, everyone, DEPLOYMENTS)
    grant(cluster, namespace, OWNER, ASSIGNMENTS, everyone, DEPLOYMENTS, SERVICES)
    grant(cluster, namespace, TESTER, ASSIGNMENTS, everyone, DEPLOYMENTS, JOBS)
    grant(cluster, namespace, CURATOR, ASSIGNMENTS, everyone, MANIFESTS)
    bind(cluster, namespace, EDITOR, "edit")
    bind(cluster, namespace, EDITOR, "playbill-promoter")
    bind(cluster, namespace, VIEWER, "view")
    names = (PROMOTER, DEPLOYER, OWNER, TESTER, CURATOR, EDITOR)
    assignments = "stageassignments.playbill.dev"
    for user in map(cluster.as_user, names):
        await_right(user, namespace, "create", assignments)
        await_promotion(user, namespace, "prod")
    await_right(cluster.as_user(VIEWER), namespace, "list", assignments)
    await_right(cluster.as_user(OWNER), namespace, "create", "services")
    await_right(cluster.as_user(TESTER), namespace, "create", "jobs.batch")
    await_right(cluster.as_user(CURATOR), namespace, "use-manifests", assignments)
    unlawful = stage_assignment("probe", rollout=rollout())
    eventually(
        lambda: NO_DEPLOYMENT in create(cluster.as_user(PROMOTER), namespace, unlawful).err,
    )


def create(user: Kubectl, namespace: str, manifest: dict[str, Any]) -> Any:
    return user.answer("create", "-n", namespace, "--dry-run=server", "-f", "-", manifest=manifest)


@pytest.mark.parametrize(
    ("user", "spec", "words"),
    [
        (PROMOTER, {}, ""),
        (PROMOTER, {"rollout": rollout()}, NO_DEPLOYMENT),
        (DEPLOYER, {"rollout": rollout()}, ""),
        (DEPLOYER, {"rollout": rollout(ports=NAMELESS)}, ""),
        (DEPLOYER, {"rollout": rollout(ports=NAMED)}, NO_SERVICE),
        (DEPLOYER, {"rollout": rollout(ports=[*NAMELESS, *NAMED])}, NO_SERVICE),
        (OWNER, {"rollout": rollout(ports=NAMED)}, ""),
        (EDITOR, {"rollout": rollout(ports=NAMED)}, ""),
        (DEPLOYER, {"rollout": FETCHED}, ""),
        (PROMOTER, {"rollout": FETCHED}, NO_DEPLOYMENT),
        (DEPLOYER, {"rollout": CHECKED}, NO_JOB),
        (DEPLOYER, {"rollout": PROVEN}, NO_JOB),
        (TESTER, {"rollout": CHECKED}, ""),
        (TESTER, {"rollout": PROVEN}, ""),
        (OWNER, {"rollout": LISTED}, NO_MANIFESTS),
        (EDITOR, {"rollout": LISTED}, NO_MANIFESTS),
        (CURATOR, {"rollout": LISTED}, ""),
        (CURATOR, {"rollout": LISTED_AND_PROVEN}, NO_JOB),
        (CURATOR, {"rollout": rollout()}, NO_DEPLOYMENT),
    ],
)
def test_creating_a_rollout_takes_the_right_to_make_what_it_makes(
    cluster: Kubectl, namespace: str, user: str, spec: dict[str, Any], words: str
) -> None:
    answer = create(cluster.as_user(user), namespace, stage_assignment(**spec))
    assert words in answer.err
    assert (answer.code == 0) == (not words)


def test_the_refusal_names_the_user_and_the_namespace(cluster: Kubectl, namespace: str) -> None:
    manifest = stage_assignment(rollout=rollout())
    words = create(cluster.as_user(PROMOTER), namespace, manifest).err
    assert f"spec.rollout makes a Deployment, and user {PROMOTER} in namespace {namespace}" in words


@pytest.fixture(scope="module")
def running(cluster: Kubectl, namespace: str, rights: None) -> str:
    """An assignment with a rollout and a Service, as its owner made it."""
    manifest = stage_assignment("running", version="1.0.0", rollout=rollout(ports=NAMED))
    cluster.as_user(OWNER)("create", "-n", namespace, "-f", "-", manifest=manifest)
    return "stage/running"


@pytest.fixture(scope="module")
def plain(cluster: Kubectl, namespace: str, rights: None) -> str:
    """An assignment without a rollout."""
    manifest = stage_assignment("plain", version="1.0.0")
    cluster("create", "-n", namespace, "-f", "-", manifest=manifest)
    return "stage/plain"


def patch(user: Kubectl, namespace: str, name: str, change: dict[str, Any]) -> Any:
    body = json.dumps(change)
    return user.answer(
        "patch", name, "-n", namespace, "--type=merge", "--dry-run=server", "-p", body
    )


@pytest.mark.parametrize(
    ("user", "change", "words"),
    [
        (PROMOTER, {"spec": {"version": "2.0.0"}}, ""),
        (PROMOTER, {"spec": {"suspend": True}}, ""),
        (PROMOTER, {"metadata": {"annotations": {"playbill.dev/requested-at": "now"}}}, ""),
        (PROMOTER, {"spec": {"rollout": {"replicas": 1}}}, ""),
        (PROMOTER, {"spec": {"rollout": {"replicas": 9}}}, NO_DEPLOYMENT),
        (PROMOTER, {"spec": {"rollout": {"template": {"metadata": {}}}}}, NO_DEPLOYMENT),
        (PROMOTER, {"spec": {"rollout": None}}, NO_DEPLOYMENT),
        (DEPLOYER, {"spec": {"rollout": {"replicas": 9}}}, NO_SERVICE),
        (DEPLOYER, {"spec": {"rollout": None}}, ""),
        (OWNER, {"spec": {"rollout": {"replicas": 9}}}, ""),
    ],
)
def test_only_a_change_of_the_rollout_takes_that_right(
    cluster: Kubectl, namespace: str, running: str, user: str, change: dict[str, Any], words: str
) -> None:
    answer = patch(cluster.as_user(user), namespace, running, change)
    assert words in answer.err
    assert (answer.code == 0) == (not words)


@pytest.fixture(scope="module")
def listed(cluster: Kubectl, namespace: str, rights: None) -> str:
    """An assignment whose rollout is a list of manifests."""
    manifest = stage_assignment("listed", version="1.0.0", rollout=LISTED)
    cluster("create", "-n", namespace, "-f", "-", manifest=manifest)
    return "stage/listed"


MADE_OF_PODS = {"spec": {"rollout": {"manifests": None, "template": rollout()["template"]}}}


@pytest.mark.parametrize(
    ("user", "change", "words"),
    [
        (OWNER, {"spec": {"version": "2.0.0"}}, ""),
        (OWNER, {"spec": {"rollout": {"progressDeadlineSeconds": 5}}}, NO_MANIFESTS),
        (OWNER, {"spec": {"rollout": None}}, NO_MANIFESTS),
        (OWNER, MADE_OF_PODS, NO_MANIFESTS),
        (CURATOR, {"spec": {"rollout": {"progressDeadlineSeconds": 5}}}, ""),
        (CURATOR, {"spec": {"rollout": None}}, ""),
        (CURATOR, MADE_OF_PODS, NO_DEPLOYMENT),
    ],
)
def test_what_is_taken_away_counts_like_what_comes(
    cluster: Kubectl, namespace: str, listed: str, user: str, change: dict[str, Any], words: str
) -> None:
    answer = patch(cluster.as_user(user), namespace, listed, change)
    assert words in answer.err
    assert (answer.code == 0) == (not words)


@pytest.mark.parametrize(("user", "words"), [(PROMOTER, NO_DEPLOYMENT), (DEPLOYER, "")])
def test_adding_a_rollout_later_is_asked_like_creating_one(
    cluster: Kubectl, namespace: str, plain: str, user: str, words: str
) -> None:
    answer = patch(cluster.as_user(user), namespace, plain, {"spec": {"rollout": rollout()}})
    assert words in answer.err
    assert (answer.code == 0) == (not words)


def test_whoever_may_delete_an_assignment_may_delete_one_that_rolls_out(
    cluster: Kubectl, namespace: str, running: str
) -> None:
    cluster.as_user(PROMOTER)("delete", running, "-n", namespace, "--dry-run=server")


def test_rights_count_in_the_namespace_of_the_assignment_only(
    cluster: Kubectl, namespace: str
) -> None:
    """Olga may deploy in her namespace, and here only promote."""
    elsewhere = f"{namespace}-elsewhere"
    cluster("create", "namespace", elsewhere)
    try:
        grant(cluster, elsewhere, OWNER, ASSIGNMENTS, promote())
        olga = cluster.as_user(OWNER)
        await_right(olga, elsewhere, "create", "stageassignments.playbill.dev")
        await_promotion(olga, elsewhere, "prod")
        words = create(olga, elsewhere, stage_assignment(rollout=rollout())).err
        assert NO_DEPLOYMENT in words
    finally:
        cluster("delete", "namespace", elsewhere, "--wait=false")


def test_viewers_see_and_change_nothing(cluster: Kubectl, namespace: str, plain: str) -> None:
    vic = cluster.as_user(VIEWER)
    assert "plain" in vic("get", "stage", "-n", namespace)
    assert "cannot create resource" in create(vic, namespace, stage_assignment()).err
    assert "cannot patch resource" in patch(vic, namespace, plain, {"spec": {"suspend": True}}).err


def test_editors_write_no_status(cluster: Kubectl, namespace: str, plain: str) -> None:
    manifest = {**stage_assignment("plain"), "status": {"note": "x"}}
    words = cluster.as_user(EDITOR).refusal(
        "apply", "-n", namespace, "--server-side", "--subresource=status", "-f", "-",
        manifest=manifest,
    )  # fmt: skip
    assert 'cannot patch resource "stageassignments/status"' in words


def test_the_expressions_of_the_policy_are_of_the_right_types(cluster: Kubectl) -> None:
    """The API server checks them against the CRD."""
    assert policy_is_typed(cluster, "playbill-rollout-rights")

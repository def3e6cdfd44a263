"""Who asked: the API server writes it on each object, and nobody else can."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.fixtures import ROOT
from tests.cluster.kubectl import Answer, Kubectl, eventually
from tests.cluster.manifests import (
    model_version,
    registered_model,
    stage_assignment,
)
from tests.cluster.people import (
    await_promotion,
    await_right,
    bind,
    policy_is_typed,
    with_certificate,
    with_token,
)

pytestmark = pytest.mark.usefixtures("actors")

REQUESTED_BY = "playbill.dev/requested-by"
KINDS = [
    ("rmodel", registered_model(), {"description": "another"}),
    ("mver", model_version(), {"message": "another"}),
    ("stage", stage_assignment(), {"version": "2.0.0"}),
]


@pytest.fixture(scope="module")
def people(
    cluster: Kubectl, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Kubectl]:
    """Ada and Mallory hold certificates, the pipeline a token; all may do the same here."""
    place = tmp_path_factory.mktemp("people")
    cluster("create", "serviceaccount", "pipeline", "-n", namespace)
    found = {name: with_certificate(cluster, name, place) for name in ("ada", "mallory")}
    found["pipeline"] = with_token(cluster, namespace, "pipeline", place)
    account = f"system:serviceaccount:{namespace}:pipeline"
    for name, user in (("ada", "ada"), ("mallory", "mallory"), ("pipeline", account)):
        for role in ("edit", "playbill-promoter"):
            cluster(
                "create", "-n", namespace, "rolebinding", f"{name}-{role}",
                f"--clusterrole={role}", f"--user={user}",
            )  # fmt: skip
        await_right(found[name], namespace, "create", "stageassignments.playbill.dev")
        await_promotion(found[name], namespace, "prod")
    probe = stage_assignment("probe")
    eventually(lambda: _said(_create(found["ada"], namespace, probe, dry=True)) == "ada")
    return found


def _create(user: Kubectl, namespace: str, manifest: dict[str, Any], *, dry: bool = False) -> Any:
    more = ["--dry-run=server"] if dry else []
    return user.json("create", "-n", namespace, *more, "-f", "-", manifest=manifest)


def _said(found: dict[str, Any]) -> str | None:
    return found["metadata"].get("annotations", {}).get(REQUESTED_BY)  # type: ignore[no-any-return]


@pytest.fixture(params=KINDS, ids=lambda kind: kind[0])
def made(
    request: pytest.FixtureRequest, cluster: Kubectl, namespace: str, people: dict[str, Kubectl]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ada's object of one kind, and a change of its spec."""
    kind, manifest, change = request.param
    name = f"made-{secrets.token_hex(4)}"
    manifest = {**manifest, "metadata": {"name": name}}
    found = _create(people["ada"], namespace, manifest)
    assert _said(found) == "ada"
    yield f"{kind}/{name}", change
    cluster("delete", "-n", namespace, f"{kind}/{name}")


def asked(cluster: Kubectl, namespace: str, name: str) -> str | None:
    return _said(cluster.json("get", "-n", namespace, name))


def patch(user: Kubectl, namespace: str, name: str, change: dict[str, Any]) -> Answer:
    return user.answer("patch", "-n", namespace, name, "--type=merge", "-p", json.dumps(change))


def test_whoever_changes_the_spec_asks(
    cluster: Kubectl, namespace: str, people: dict[str, Kubectl], made: tuple[str, dict[str, Any]]
) -> None:
    name, change = made
    assert patch(people["pipeline"], namespace, name, {"spec": change}).code == 0
    account = f"system:serviceaccount:{namespace}:pipeline"
    assert asked(cluster, namespace, name) == account


def test_another_name_in_the_manifest_is_overwritten(
    cluster: Kubectl, namespace: str, people: dict[str, Kubectl], made: tuple[str, dict[str, Any]]
) -> None:
    name, change = made
    forged = {"metadata": {"annotations": {REQUESTED_BY: "ada"}}}
    mallory = people["mallory"]
    assert patch(mallory, namespace, name, {"spec": change, **forged}).code == 0
    assert asked(cluster, namespace, name) == "mallory"
    kind = next(manifest for short, manifest, _ in KINDS if name.startswith(short))
    another = {**kind, "metadata": {"name": f"{name.partition('/')[2]}-2", **forged["metadata"]}}
    assert _said(_create(mallory, namespace, another, dry=True)) == "mallory"


@pytest.mark.parametrize("value", ["mallory", "", None])
def test_by_hand_it_neither_changes_nor_goes(
    cluster: Kubectl, namespace: str, people: dict[str, Kubectl],
    made: tuple[str, dict[str, Any]], value: str | None,
) -> None:  # fmt: skip
    name, _ = made
    patch(people["mallory"], namespace, name, {"metadata": {"annotations": {REQUESTED_BY: value}}})
    assert asked(cluster, namespace, name) == "ada"


def test_a_status_brings_no_annotation_along(
    cluster: Kubectl, namespace: str, made: tuple[str, dict[str, Any]]
) -> None:
    name, _ = made
    forged = {"metadata": {"annotations": {REQUESTED_BY: "mallory"}}, "status": {"note": "x"}}
    cluster(
        "patch", "-n", namespace, name, "--subresource=status", "--type=merge",
        "-p", json.dumps(forged),
    )  # fmt: skip
    assert asked(cluster, namespace, name) == "ada"


def test_replacing_the_object_without_it_keeps_it(
    cluster: Kubectl, namespace: str, people: dict[str, Kubectl], made: tuple[str, dict[str, Any]]
) -> None:
    name, _ = made
    found = cluster.json("get", "-n", namespace, name)
    found["metadata"]["annotations"] = {}
    people["mallory"]("replace", "-n", namespace, "-f", "-", manifest=found)
    assert asked(cluster, namespace, name) == "ada"


def test_applying_the_same_once_more_keeps_the_first(
    cluster: Kubectl, namespace: str, people: dict[str, Kubectl], made: tuple[str, dict[str, Any]]
) -> None:
    name, _ = made
    found = cluster.json("get", "-n", namespace, name)
    same = {key: found[key] for key in ("apiVersion", "kind", "spec")}
    same["metadata"] = {"name": found["metadata"]["name"], "labels": {"synced": "true"}}
    people["pipeline"](
        "apply", "-n", namespace, "--server-side", "--force-conflicts", "-f", "-", manifest=same
    )
    assert asked(cluster, namespace, name) == "ada"


def test_who_asks_for_another_try_asks(
    cluster: Kubectl, namespace: str, people: dict[str, Kubectl], made: tuple[str, dict[str, Any]]
) -> None:
    name, _ = made
    again = {"metadata": {"annotations": {"playbill.dev/requested-at": "now"}}}
    assert patch(people["mallory"], namespace, name, again).code == 0
    assert asked(cluster, namespace, name) == "mallory"


def test_an_impersonated_user_is_who_asks(
    cluster: Kubectl, namespace: str, people: dict[str, Kubectl]
) -> None:
    """As a GitOps controller has its changes made under the account of a team."""
    bind(cluster, namespace, "team-vision", "edit")
    bind(cluster, namespace, "team-vision", "playbill-promoter")
    team = cluster.as_user("team-vision")
    await_right(team, namespace, "create", "stageassignments.playbill.dev")
    await_promotion(team, namespace, "prod")
    found = _create(team, namespace, stage_assignment("theirs"), dry=True)
    assert _said(found) == "team-vision"


@pytest.fixture
def unstamped(cluster: Kubectl, namespace: str) -> Iterator[None]:
    """A cluster as it is before Kubernetes 1.36: nothing is stamped, and lies are refused."""
    cluster("delete", "mutatingadmissionpolicybinding", "playbill-actor")
    try:
        probe = stage_assignment("probe")
        eventually(lambda: _said(_create(cluster, namespace, probe, dry=True)) is None)
        yield
    finally:
        stamp(cluster, namespace)


def stamp(cluster: Kubectl, namespace: str) -> None:
    cluster("apply", "--server-side", "--force-conflicts", "-k", str(ROOT / "deploy/actor"))
    probe = stage_assignment("probe")
    eventually(lambda: _said(_create(cluster, namespace, probe, dry=True)) is not None)


def test_without_the_stamp_only_lies_are_refused(
    cluster: Kubectl, namespace: str, people: dict[str, Kubectl], unstamped: None
) -> None:
    ada = people["ada"]
    manifest = stage_assignment("unstamped", version="1.0.0")
    assert _said(_create(ada, namespace, manifest)) is None
    lie = {"metadata": {"annotations": {REQUESTED_BY: "root"}}}
    for change in (lie, {**lie, "spec": {"version": "2.0.0"}}):
        refused = patch(ada, namespace, "stage/unstamped", change)
        assert "requested-by says root, and this is a request of user ada" in refused.err
    truth = {"metadata": {"annotations": {REQUESTED_BY: "ada"}}, "spec": {"version": "2.0.0"}}
    assert patch(ada, namespace, "stage/unstamped", truth).code == 0
    refused = patch(people["mallory"], namespace, "stage/unstamped", {"spec": {"version": "3.0.0"}})
    assert "says ada, and this is a request of user mallory: leave it out" in refused.err
    honest = {"metadata": {"annotations": {REQUESTED_BY: None}}, "spec": {"version": "3.0.0"}}
    assert patch(people["mallory"], namespace, "stage/unstamped", honest).code == 0


def test_an_object_from_before_names_nobody_until_somebody_asks(
    cluster: Kubectl, namespace: str, people: dict[str, Kubectl], unstamped: None
) -> None:
    _create(people["ada"], namespace, stage_assignment("older", version="1.0.0"))
    stamp(cluster, namespace)
    mallory = people["mallory"]
    label = {"metadata": {"labels": {"team": "vision"}}}
    assert patch(mallory, namespace, "stage/older", label).code == 0
    assert asked(cluster, namespace, "stage/older") is None
    refused = patch(
        mallory, namespace, "stage/older", {"metadata": {"annotations": {REQUESTED_BY: "ada"}}}
    )
    assert "requested-by says ada, and this is a request of user mallory" in refused.err
    assert patch(mallory, namespace, "stage/older", {"spec": {"version": "2.0.0"}}).code == 0
    assert asked(cluster, namespace, "stage/older") == "mallory"


def test_every_account_may_look_whether_actors_are_stamped(
    namespace: str, people: dict[str, Kubectl]
) -> None:
    for kind in ("mutatingadmissionpolicy", "validatingadmissionpolicybinding"):
        people["pipeline"]("get", kind, "playbill-actor")
        assert "cannot list" in people["pipeline"].refusal("get", kind)


def test_the_expressions_of_the_policy_are_of_the_right_types(cluster: Kubectl) -> None:
    assert policy_is_typed(cluster, "playbill-actor")

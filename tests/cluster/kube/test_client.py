"""What the API server answers, and what that means to us."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from tests.cluster.kubectl import Kubectl

from playbill.api.errors import Retry, Stalled, Waiting
from playbill.kube.answers import Conflict, Missing
from playbill.kube.client import Kube
from playbill.kube.login import connection_info
from playbill.kube.resources import (
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SECRETS,
    STAGE_ASSIGNMENTS,
    Resource,
)

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")

Requests = Counter[tuple[str, str, str]]


def config_map(namespace: str, name: str = "a", **data: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}, "data": data}


def stage(namespace: str) -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": "digits-prod"},
        "spec": {"model": "digits", "stage": "prod", "version": "v1.0.0"},
    }


def condition(kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": "True",
        "reason": "Because",
        "message": "words",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


async def test_what_is_not_there_is_none(kube: Kube, namespace: str) -> None:
    assert await kube.get(SECRETS, namespace, "absent") is None
    await kube.delete(SECRETS, namespace, "absent")


@pytest.mark.usefixtures("cluster")
async def test_a_condition_that_is_not_applied_any_more_goes_away(
    kube: Kube, namespace: str
) -> None:
    await kube.create(STAGE_ASSIGNMENTS, stage(namespace), manager="person")

    def status(*kinds: str) -> dict[str, Any]:
        meta = {"namespace": namespace, "name": "digits-prod"}
        return {"metadata": meta, "status": {"conditions": [condition(kind) for kind in kinds]}}

    for kinds in (("Ready", "Stalled"), ("Ready",)):
        after = await kube.apply(
            STAGE_ASSIGNMENTS, status(*kinds), manager="playbill", subresource="status"
        )
        assert [found["type"] for found in after["status"]["conditions"]] == list(kinds)
    assert after["spec"]["version"] == "v1.0.0"


@pytest.mark.usefixtures("cluster")
async def test_one_writer_of_status_does_not_remove_what_another_wrote(
    kube: Kube, namespace: str
) -> None:
    created = await kube.create(STAGE_ASSIGNMENTS, stage(namespace), manager="person")
    pending = {"generation": 1, "tags": [{"name": "digits#prod#1", "object": "bytes"}]}
    await kube.merge_patch(
        STAGE_ASSIGNMENTS,
        namespace,
        "digits-prod",
        {
            "metadata": {"resourceVersion": created["metadata"]["resourceVersion"]},
            "status": {"pending": pending},
        },
        manager="playbill-repository",
        subresource="status",
    )
    after = await kube.apply(
        STAGE_ASSIGNMENTS,
        {
            "metadata": {"namespace": namespace, "name": "digits-prod"},
            "status": {"conditions": [condition("Ready")]},
        },
        manager="playbill",
        subresource="status",
    )

    assert after["status"]["pending"] == pending


async def test_a_write_by_what_was_seen_before_another_write_is_a_conflict(
    kube: Kube, namespace: str
) -> None:
    seen = await kube.create(CONFIG_MAPS, config_map(namespace, color="red"), manager="one")
    await kube.apply(CONFIG_MAPS, config_map(namespace, color="blue"), manager="two")
    late = config_map(namespace, color="green")
    late["metadata"]["resourceVersion"] = seen["metadata"]["resourceVersion"]

    with pytest.raises(Conflict):
        await kube.apply(CONFIG_MAPS, late, manager="one")
    with pytest.raises(Conflict):
        await kube.merge_patch(CONFIG_MAPS, namespace, "a", late, manager="one")
    with pytest.raises(Conflict):
        await kube.replace(CONFIG_MAPS, late, manager="one")
    with pytest.raises(Conflict):
        await kube.delete(
            CONFIG_MAPS, namespace, "a", resource_version=seen["metadata"]["resourceVersion"]
        )
    found = await kube.get(CONFIG_MAPS, namespace, "a")
    assert found is not None
    assert found["data"] == {"color": "blue"}


async def test_without_force_what_another_manager_set_stays(kube: Kube, namespace: str) -> None:
    await kube.apply(CONFIG_MAPS, config_map(namespace, color="red"), manager="one")

    with pytest.raises(Conflict):
        await kube.apply(
            CONFIG_MAPS, config_map(namespace, color="blue"), manager="two", force=False
        )


async def test_a_name_that_is_taken_is_a_conflict(kube: Kube, namespace: str) -> None:
    await kube.create(CONFIG_MAPS, config_map(namespace), manager="test")

    with pytest.raises(Conflict) as trouble:
        await kube.create(CONFIG_MAPS, config_map(namespace), manager="test")

    assert trouble.value.reason == "AlreadyExists"


async def test_another_object_of_the_same_name_is_not_deleted(kube: Kube, namespace: str) -> None:
    await kube.create(CONFIG_MAPS, config_map(namespace), manager="test")

    with pytest.raises(Conflict):
        await kube.delete(CONFIG_MAPS, namespace, "a", uid="00000000-0000-0000-0000-000000000000")

    assert await kube.get(CONFIG_MAPS, namespace, "a") is not None


async def test_a_dry_run_checks_and_writes_nothing(kube: Kube, namespace: str) -> None:
    await kube.apply(CONFIG_MAPS, config_map(namespace), manager="test", dry_run=True)

    assert await kube.get(CONFIG_MAPS, namespace, "a") is None


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        ({"containers": [{"name": "a", "image": "a"}], "unheard": 1}, "unheard"),
        ({"containers": [{"name": "a", "image": "a", "tty": "words"}]}, "tty"),
        ({"containers": [{"name": "a", "image": "a"}], "restartPolicy": "Never"}, "restartPolicy"),
        ({"containers": [{"name": "a", "image": "a"}, {"name": "a"}]}, "containers"),
        (
            {"containers": [{"name": "a", "resources": {"limits": {"cpu": "many"}}}]},
            "quantities",
        ),
    ],
)
async def test_a_template_that_kubernetes_would_refuse_is_for_the_user_to_mend(
    kube: Kube, namespace: str, pod: dict[str, Any], words: str
) -> None:
    body = {
        "metadata": {"namespace": namespace, "name": "a"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod},
        },
    }

    with pytest.raises(Stalled, match=words) as trouble:
        await kube.apply(DEPLOYMENTS, body, manager="test", dry_run=True)

    assert trouble.value.reason == "Invalid"


async def test_writing_to_what_is_not_there_waits_for_it(kube: Kube, namespace: str) -> None:
    with pytest.raises(Missing):
        await kube.merge_patch(CONFIG_MAPS, namespace, "absent", {}, manager="test")
    with pytest.raises(Missing):
        await kube.apply(CONFIG_MAPS, config_map("no-such-namespace"), manager="test")


async def test_a_namespace_on_its_way_out_is_waited_for(kube: Kube, namespace: str) -> None:
    kept = config_map(namespace, "kept")
    kept["metadata"]["finalizers"] = ["test.playbill.dev/hold"]
    await kube.create(CONFIG_MAPS, kept, manager="test")
    await kube.delete(NAMESPACES, None, namespace)

    try:
        with pytest.raises(Waiting) as trouble:
            await kube.create(CONFIG_MAPS, config_map(namespace, "late"), manager="test")
        assert trouble.value.reason == "NamespaceTerminating"
    finally:
        let_go = {"metadata": {"finalizers": None}}
        await kube.merge_patch(CONFIG_MAPS, namespace, "kept", let_go, manager="test")


async def test_a_resource_that_is_not_served_says_what_is_missing(kube: Kube) -> None:
    unheard = Resource("unheard.example.com", "v1", "things", "Thing")

    for asking in (kube.list(unheard), kube.get(unheard, "default", "a")):
        with pytest.raises(Stalled, match="CRDs") as trouble:
            await asking
        assert trouble.value.reason == "ApiNotServed"


async def test_a_pod_that_pod_security_refuses_is_for_the_user_to_mend(
    kube: Kube, kubectl: Kubectl, namespace: str
) -> None:
    enforce = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    await kube.merge_patch(NAMESPACES, None, namespace, enforce, manager="test")
    kubectl("wait", "--for=create", "serviceaccount/default", "-n", namespace)
    pod = {
        "metadata": {"namespace": namespace, "name": "a"},
        "spec": {"hostNetwork": True, "containers": [{"name": "a", "image": "a"}]},
    }

    with pytest.raises(Stalled, match="PodSecurity") as trouble:
        await kube.create(PODS, pod, manager="test")

    assert trouble.value.reason == "Refused"


async def test_a_list_comes_in_pages_and_leaves_out_what_a_cache_does_not_need(
    kube: Kube, namespace: str, requests: Requests
) -> None:
    for number in range(7):
        await kube.create(CONFIG_MAPS, config_map(namespace, f"listed-{number}"), manager="test")

    items, version = await kube.list(CONFIG_MAPS, namespace, chunk=3)

    names = {item["metadata"]["name"] for item in items}
    assert {f"listed-{number}" for number in range(7)} <= names
    assert {(item["apiVersion"], item["kind"]) for item in items} == {("v1", "ConfigMap")}
    assert not any("managedFields" in item["metadata"] for item in items)
    assert int(version) > 0
    assert requests["list", "configmaps", "200"] >= 3


async def test_a_list_can_be_asked_for_by_label_and_by_field(kube: Kube, namespace: str) -> None:
    labelled = config_map(namespace, "labelled")
    labelled["metadata"]["labels"] = {"color": "red"}
    await kube.create(CONFIG_MAPS, labelled, manager="test")
    await kube.create(CONFIG_MAPS, config_map(namespace, "plain"), manager="test")

    by_label, _ = await kube.list(CONFIG_MAPS, namespace, label_selector="color=red")
    by_field, _ = await kube.list(CONFIG_MAPS, namespace, field_selector="metadata.name=plain")

    assert [item["metadata"]["name"] for item in by_label] == ["labelled"]
    assert [item["metadata"]["name"] for item in by_field] == ["plain"]


async def test_every_request_is_counted_with_its_outcome(
    kube: Kube, namespace: str, requests: Requests
) -> None:
    await kube.create(CONFIG_MAPS, config_map(namespace), manager="test")
    await kube.get(CONFIG_MAPS, namespace, "a")
    await kube.get(CONFIG_MAPS, namespace, "absent")
    await kube.apply(CONFIG_MAPS, config_map(namespace, color="red"), manager="test")
    await kube.delete(CONFIG_MAPS, namespace, "a")

    assert requests == {
        ("create", "configmaps", "201"): 1,
        ("get", "configmaps", "200"): 1,
        ("get", "configmaps", "404"): 1,
        ("apply", "configmaps", "200"): 1,
        ("delete", "configmaps", "200"): 1,
    }


async def test_more_requests_than_connections_are_all_answered(
    kubeconfig: Path, namespace: str
) -> None:
    async with await Kube.connect(kubeconfig, connections=2) as narrow:
        names = [f"many-{number}" for number in range(50)]
        await asyncio.gather(
            *(narrow.create(CONFIG_MAPS, config_map(namespace, n), manager="t") for n in names)
        )
        found, _ = await narrow.list(CONFIG_MAPS, namespace)

    assert set(names) <= {item["metadata"]["name"] for item in found}


@pytest.fixture
def as_account(
    kubeconfig: Path, namespace: str, kubectl: Kubectl, tmp_path: Path
) -> tuple[Path, Path]:
    """A kubeconfig of an account without any rights, and the file its token is read from."""
    kubectl("create", "serviceaccount", "stranger", "-n", namespace)
    token = tmp_path / "token"
    token.write_text(kubectl("create", "token", "stranger", "-n", namespace))
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"] = [{"name": "stranger", "user": {"tokenFile": str(token)}}]
    for context in config["contexts"]:
        context["context"]["user"] = "stranger"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path, token


async def test_a_missing_right_is_named_and_the_token_is_not(
    as_account: tuple[Path, Path], namespace: str
) -> None:
    path, token = as_account
    deployment = {"metadata": {"namespace": namespace, "name": "a"}}

    async with await Kube.connect(path) as stranger:
        with pytest.raises(Stalled) as trouble:
            await stranger.apply(DEPLOYMENTS, deployment, manager="test")
        with pytest.raises(Stalled, match=r"list deployments\.apps in the cluster"):
            await stranger.list(DEPLOYMENTS)

    assert trouble.value.reason == "Forbidden"
    assert f"patch deployments.apps in namespace {namespace}" in trouble.value.message
    assert token.read_text().strip() not in trouble.value.message


async def test_a_token_that_was_renewed_is_read_again(
    as_account: tuple[Path, Path], namespace: str
) -> None:
    path, token = as_account
    good = token.read_text()
    token.write_text("expired")

    async with await Kube.connect(path) as stranger:
        with pytest.raises(Retry) as trouble:
            await stranger.get(SECRETS, namespace, "a")
        assert trouble.value.reason == "Unauthorized"
        token.write_text(good)
        with pytest.raises(Stalled, match="no right to get secrets"):
            await stranger.get(SECRETS, namespace, "a")


@pytest.fixture
def of_nobody(kubeconfig: Path, tmp_path: Path, unused_tcp_port: int) -> Path:
    """A kubeconfig that leads to a port where nobody listens."""
    config = yaml.safe_load(kubeconfig.read_text())
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = f"https://127.0.0.1:{unused_tcp_port}"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


async def test_an_api_server_that_is_away_is_tried_again(of_nobody: Path) -> None:
    seen: list[tuple[str, str, str]] = []

    async with await Kube.connect(of_nobody, observer=lambda *asked: seen.append(asked)) as away:
        with pytest.raises(Retry) as trouble:
            await away.get(SECRETS, "default", "a")

    assert trouble.value.reason == "ApiUnavailable"
    assert seen == [("get", "secrets", "none")]


async def test_a_kubeconfig_that_is_none_says_so(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("not: a kubeconfig")

    with pytest.raises(Stalled) as trouble:
        await Kube.connect(path)

    assert trouble.value.reason == "NoCluster"


async def test_kopf_logs_in_with_the_same_credentials(kube: Kube) -> None:
    info = await connection_info(kube)

    async with (
        aiohttp.ClientSession(headers=info.as_http_headers()) as session,
        session.get(f"{info.server}/version", ssl=info.as_ssl_context()) as answer,
    ):
        assert answer.status == 200
        assert "gitVersion" in json.loads(await answer.text())

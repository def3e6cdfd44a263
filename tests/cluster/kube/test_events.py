"""Events are hints: seen in `kubectl describe`, said once, and never in anyone's way."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl

from playbill.kube.client import Kube
from playbill.kube.events import CONTROLLER, Recorder, Reference
from playbill.kube.resources import EVENTS, REGISTERED_MODELS

Requests = Counter[tuple[str, str, str]]


def about(created: dict[str, Any]) -> Reference:
    meta = created["metadata"]
    return Reference(
        api_version=created["apiVersion"],
        kind=created["kind"],
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
    )


@pytest.fixture
async def model(cluster: Kubectl, kube: Kube, namespace: str) -> Reference:
    body = {
        "metadata": {"namespace": namespace, "name": "digits"},
        "spec": {"repository": {"url": "https://git.example.com/digits.git"}},
    }
    return about(await kube.create(REGISTERED_MODELS, body, manager="person"))


async def test_an_event_is_seen_in_kubectl_describe(
    kube: Kube, kubectl: Kubectl, model: Reference
) -> None:
    async with Recorder(kube, instance="pod-1") as recorder:
        recorder.emit(model, "Warning", "CommitTaken", "another version is on that commit")

    described = kubectl("describe", "rmodel", "digits", "-n", model.namespace)
    (line,) = [line for line in described.splitlines() if "CommitTaken" in line]
    assert line.split()[0] == "Warning"
    assert CONTROLLER in line
    assert "another version is on that commit" in line


async def test_what_is_said_twice_is_sent_once_within_the_window(
    kube: Kube, model: Reference
) -> None:
    times = iter([0, 59, 61, 61])
    async with Recorder(kube, instance="pod-1", window=60, clock=lambda: next(times)) as recorder:
        for _ in range(3):
            recorder.emit(model, "Normal", "Ready", "all is well")
        recorder.emit(model, "Normal", "Ready", "all is well again")

    items, _ = await kube.list(EVENTS, model.namespace)
    assert sorted(item["note"] for item in items) == [
        "all is well",
        "all is well",
        "all is well again",
    ]


async def test_a_long_message_of_any_letters_is_cut_and_not_lost(
    kube: Kube, model: Reference
) -> None:
    """The API server counts bytes."""
    async with Recorder(kube, instance="pod-1") as recorder:
        recorder.emit(model, "Warning", "GateFailed", "x" + 1023 * "ж")

    (item,), _ = await kube.list(EVENTS, model.namespace)
    assert item["note"] == "x" + 511 * "ж"


async def test_the_way_back_is_news_again(kube: Kube, model: Reference) -> None:
    async with Recorder(kube, instance="pod-1") as recorder:
        for version in ("v1", "v2", "v1"):
            recorder.emit(model, "Normal", "RolledOut", f"{version} holds prod")

    items, _ = await kube.list(EVENTS, model.namespace)
    assert sorted(item["note"] for item in items) == [
        "v1 holds prod",
        "v1 holds prod",
        "v2 holds prod",
    ]


async def test_a_flood_is_cut_off_and_nobody_waits(
    kube: Kube, model: Reference, requests: Requests
) -> None:
    async with Recorder(kube, instance="pod-1", limit=5) as recorder:
        for number in range(100):
            recorder.emit(model, "Normal", "Ready", f"message {number}")

    assert requests["create", "events.events.k8s.io", "201"] == 5


async def test_an_event_that_cannot_be_sent_is_lost_and_the_next_one_is_not(
    kube: Kube, model: Reference
) -> None:
    nowhere = Reference(
        api_version=model.api_version,
        kind=model.kind,
        namespace="no-such-namespace",
        name="digits",
        uid="1",
    )
    async with Recorder(kube, instance="pod-1") as recorder:
        recorder.emit(nowhere, "Normal", "Ready", "into the void")
        recorder.emit(model, "Normal", "Ready", "all is well")

    items, _ = await kube.list(EVENTS, model.namespace)
    assert [item["note"] for item in items] == ["all is well"]


async def test_the_longest_names_and_messages_fit(kube: Kube, namespace: str) -> None:
    long = Reference(
        api_version="playbill.dev/v1alpha1",
        kind="RegisteredModel",
        namespace=namespace,
        name="a" * 253,
        uid="1",
    )
    async with Recorder(kube, instance="i" * 300) as recorder:
        recorder.emit(long, "Normal", "R" * 300, "m" * 5000)

    items, _ = await kube.list(EVENTS, namespace)
    assert [len(item["note"]) for item in items] == [1024]

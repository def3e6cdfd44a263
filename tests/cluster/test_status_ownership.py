"""Two writers of one status: what server-side apply and merge patch do to each other.

The operator applies the status as `playbill` and leaves `pending` out; the repository
pass writes `pending` alone, by merge patch, as `playbill-ledger`. These are facts of the
API server that the operator is built on.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.cluster.kubectl import Answer, Kubectl
from tests.cluster.manifests import API_VERSION, model_version

PENDING = {"generation": 1, "tags": [{"name": "digits@v1.0.0", "object": "object 0123\n"}]}
OTHER_PENDING = {"generation": 2, "tags": [{"name": "digits@v1.0.1", "object": "object 4567\n"}]}


@dataclass(frozen=True)
class Version:
    """A ModelVersion, and the operator's two ways to write its status."""

    kubectl: Kubectl
    namespace: str
    name: str = "digits-v1"

    def get(self) -> dict[str, Any]:
        return self.kubectl.json(
            "get", "mver", self.name, "-n", self.namespace, "--show-managed-fields"
        )

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.get()["status"]
        return status

    @property
    def resource_version(self) -> str:
        return str(self.get()["metadata"]["resourceVersion"])

    def try_apply(self, status: dict[str, Any], *, resource_version: str = "") -> Answer:
        lock = {"resourceVersion": resource_version} if resource_version else {}
        body = {
            "apiVersion": API_VERSION,
            "kind": "ModelVersion",
            "metadata": {"name": self.name, "namespace": self.namespace, **lock},
            "status": status,
        }
        return self.kubectl.answer(
            "apply", "--server-side", "--subresource=status", "--field-manager=playbill",
            "--force-conflicts", "--validate=ignore", "-f", "-", manifest=body,
        )  # fmt: skip

    def apply(self, status: dict[str, Any], *, resource_version: str = "") -> None:
        answer = self.try_apply(status, resource_version=resource_version)
        assert answer.code == 0, answer.err

    def try_reserve(self, pending: Any, *, resource_version: str = "") -> Answer:
        lock = {"metadata": {"resourceVersion": resource_version}} if resource_version else {}
        return self.kubectl.answer(
            "patch", "mver", self.name, "-n", self.namespace, "--subresource=status",
            "--type=merge", "--field-manager=playbill-ledger",
            "-p", json.dumps({"status": {"pending": pending}, **lock}),
        )  # fmt: skip

    def reserve(self, pending: Any) -> None:
        answer = self.try_reserve(pending, resource_version=self.resource_version)
        assert answer.code == 0, answer.err

    def owner_of(self, field: str) -> list[str]:
        return [
            entry["manager"]
            for entry in self.get()["metadata"]["managedFields"]
            if f"f:{field}" in entry["fieldsV1"].get("f:status", {})
        ]


@pytest.fixture
def version(cluster: Kubectl, namespace: str) -> Iterator[Version]:
    cluster("create", "-n", namespace, "-f", "-", manifest=model_version())
    yield Version(cluster, namespace)
    cluster("delete", "mver", "digits-v1", "-n", namespace)


def test_an_apply_without_pending_leaves_a_reservation_alone(version: Version) -> None:
    version.apply({"note": "one"})
    version.reserve(PENDING)
    version.apply({"note": "two"})
    assert version.status == {"note": "two", "pending": PENDING, "observedGeneration": -1}
    assert version.owner_of("pending") == ["playbill-ledger"]


def test_an_apply_cannot_clear_it_with_null(version: Version) -> None:
    version.reserve(PENDING)
    answer = version.try_apply({"note": "one", "pending": None})
    assert "pending in body must be of type object" in answer.err
    assert version.status["pending"] == PENDING


def test_an_apply_clears_it_with_an_empty_map_in_the_same_call(version: Version) -> None:
    version.reserve(PENDING)
    version.apply({"note": "one", "pending": {}})
    assert version.status == {"note": "one", "pending": {}, "observedGeneration": -1}
    assert version.owner_of("pending") == ["playbill"]


def test_the_next_apply_without_pending_takes_the_empty_map_away(version: Version) -> None:
    version.reserve(PENDING)
    version.apply({"note": "one", "pending": {}})
    version.apply({"note": "two"})
    assert "pending" not in version.status


@pytest.mark.parametrize("between", [[], [{"note": "between"}]])
def test_a_reservation_after_it_was_cleared_stands(
    version: Version, between: list[dict[str, Any]]
) -> None:
    """The merge patch takes the field over, so that later applies do not undo it."""
    version.reserve(PENDING)
    version.apply({"note": "one", "pending": {}})
    for status in between:
        version.apply(status)
    version.reserve(OTHER_PENDING)
    assert version.owner_of("pending") == ["playbill-ledger"]
    version.apply({"note": "two"})
    assert version.status["pending"] == OTHER_PENDING


def test_a_reservation_replaces_another_as_a_whole_only_when_told_to(version: Version) -> None:
    """A merge patch merges maps, whatever their x-kubernetes-map-type: every key is written."""
    version.reserve(PENDING)
    version.reserve({"generation": 2})
    assert version.status["pending"] == {**PENDING, "generation": 2}
    version.reserve(OTHER_PENDING)
    assert version.status["pending"] == OTHER_PENDING


def test_an_apply_under_a_stale_resource_version_is_a_conflict(version: Version) -> None:
    seen = version.resource_version
    version.reserve(PENDING)
    answer = version.try_apply({"note": "one", "pending": {}}, resource_version=seen)
    assert "the object has been modified" in answer.err
    assert version.status["pending"] == PENDING


def test_an_apply_under_the_current_resource_version_lands(version: Version) -> None:
    version.reserve(PENDING)
    version.apply({"note": "one", "pending": {}}, resource_version=version.resource_version)
    assert version.status["pending"] == {}


def test_a_reservation_under_a_stale_resource_version_is_a_conflict(version: Version) -> None:
    seen = version.resource_version
    version.apply({"note": "one"})
    answer = version.try_reserve(PENDING, resource_version=seen)
    assert "the object has been modified" in answer.err
    assert "pending" not in version.status


def test_applying_the_same_status_again_writes_nothing(version: Version) -> None:
    version.apply({"note": "one", "pending": {}})
    seen = version.resource_version
    version.apply({"note": "one", "pending": {}})
    version.apply({"note": "one", "pending": {}}, resource_version=seen)
    assert version.resource_version == seen


def test_a_status_does_not_move_the_generation(version: Version) -> None:
    version.apply({"note": "one"})
    version.reserve(PENDING)
    assert version.get()["metadata"]["generation"] == 1


def test_what_an_apply_no_longer_says_is_taken_away(version: Version) -> None:
    version.apply({"note": "one", "tag": "digits@v1.0.0", "stages": ["dev", "prod"]})
    version.apply({"tag": "digits@v1.0.0"})
    assert version.status == {"tag": "digits@v1.0.0", "observedGeneration": -1}

"""What the operator knows of the cluster, when news and answers cross."""

from typing import Any

from playbill.controllers.keys import ObjectKey
from playbill.controllers.store import Store

KEY = ObjectKey("StageAssignment", "ns", "digits-prod")


def stage(uid: str = "a", version: int = 1, created: str = "2026-01-01T00:00:00Z") -> Any:
    meta = {"name": KEY.name, "namespace": KEY.namespace, "uid": uid}
    meta |= {"resourceVersion": str(version), "creationTimestamp": created}
    return {"metadata": meta, "spec": {"model": "digits", "stage": "prod"}}


def test_an_answer_that_comes_after_the_news_of_the_end_brings_nothing_back() -> None:
    store = Store()
    store.put(KEY.kind, stage())
    store.drop(KEY, "a")
    store.put(KEY.kind, stage(version=2))
    assert store.get(KEY) is None
    assert store.claimants("ns", "digits", "#prod") == []


def test_another_object_of_the_name_is_taken_in_and_survives_late_news_of_the_first() -> None:
    store = Store()
    store.put(KEY.kind, stage())
    store.put(KEY.kind, stage("b", version=3))
    assert store.drop(KEY, "a") is None
    store.put(KEY.kind, stage(version=2))
    found = store.get(KEY)
    assert found is not None
    assert found.metadata.uid == "b"


def test_an_older_state_does_not_replace_a_newer_one() -> None:
    store = Store()
    store.put(KEY.kind, stage(version=10))
    store.put(KEY.kind, stage(version=9))
    found = store.get(KEY)
    assert found is not None
    assert found.metadata.resource_version == "10"

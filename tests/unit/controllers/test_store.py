"""What the operator knows of the cluster, when news and answers cross."""

from typing import Any

from playbill.controllers.inventory.keys import ObjectKey
from playbill.controllers.inventory.store import Store

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


def deployment(uid: str = "d", version: int = 1, **metadata: Any) -> Any:
    meta = {"name": KEY.name, "namespace": KEY.namespace, "uid": uid}
    return {"kind": "Deployment", "metadata": meta | {"resourceVersion": str(version)} | metadata}


def held(store: Store) -> Any:
    return store.workload("Deployment", KEY.namespace, KEY.name)


def test_a_workload_s_older_state_does_not_replace_a_newer_one_but_a_new_object_does() -> None:
    store = Store()
    store.put_workload(deployment(version=9))
    store.put_workload(deployment(version=8))
    assert held(store)["metadata"]["resourceVersion"] == "9"
    store.put_workload(deployment("recreated", version=10))
    store.drop_workload(deployment(version=11))
    assert held(store)["metadata"]["uid"] == "recreated"
    store.drop_workload(deployment("recreated", version=12))
    assert held(store) is None


def test_managed_fields_are_not_kept_and_whoever_told_keeps_theirs() -> None:
    store, raw = Store(), deployment(managedFields=[{"manager": "x"}])
    store.put_workload(raw)
    assert "managedFields" not in held(store)["metadata"]
    assert raw["metadata"]["managedFields"]


def test_what_belongs_to_a_model_is_found_by_the_model_s_name() -> None:
    store = Store()
    store.put(KEY.kind, stage())
    other = stage("b")
    other["metadata"]["name"] = "letters-prod"
    other["spec"]["model"] = "letters"
    store.put(KEY.kind, other)
    assert [a.metadata.name for a in store.assignments("ns", "digits")] == ["digits-prod"]
    assert store.assignments("elsewhere", "digits") == []
    assert store.count("StageAssignment") == 2
    store.drop(KEY, "a")
    assert store.of_model("ns", "digits") == []


def test_what_pydantic_notes_of_like_parts_is_kept_once_and_copies_have_their_own() -> None:
    store = Store()
    _, one = store.put(KEY.kind, stage())
    _, other = store.put(KEY.kind, stage("b", version=2, created="2026-01-02T00:00:00Z"))
    assert one.metadata.model_fields_set is other.metadata.model_fields_set
    changed = one.metadata.model_copy(update={"labels": {"a": "b"}})
    assert "labels" in changed.model_fields_set
    assert "labels" not in other.metadata.model_fields_set

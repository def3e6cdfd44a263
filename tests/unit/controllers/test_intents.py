"""From resources to what they ask of the ledger, and whose a claim is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controllers.objects import condition, model, stage, version
from tests.unit.ledger.book import commit, tag

from playbill.api.errors import Stalled
from playbill.controllers.inventory.intents import (
    intent_of,
    owner_of,
    refuse_claimed,
    reservation_of,
    spec_hash,
)
from playbill.controllers.inventory.store import Asking
from playbill.controllers.repository.desk import pending
from playbill.ledger.aliases import Base, make_alias
from playbill.ledger.intents import ModelIntent, Reservation, StageIntent, VersionIntent
from playbill.ledger.tagobject import TagObject


def test_a_version_asks_for_what_its_spec_says() -> None:
    resource = version(version="1.0.0", bump="Minor", revision="main~1", message="hi")
    found = intent_of(resource, artifact="a:m", commit=commit(3), users=["m-prod"])
    assert isinstance(found, VersionIntent)
    assert (found.artifact, found.version, found.bump) == ("a:m", "1.0.0", "Minor")
    assert (found.revision, found.commit, found.message) == ("main~1", commit(3), "hi")
    assert (found.users, found.recorded, found.status_version) == (("m-prod",), None, None)
    assert found.asker.resource == "ModelVersion/ns/v1"
    assert found.asker.request == "uid-v1/1"


def test_a_registered_version_is_pinned_to_its_commit_whatever_its_branch_does() -> None:
    status = {"tag": "m@v1.0.0", "version": "v1.0.0", "commit": commit(1)}
    found = intent_of(version(status=status), artifact="m", commit=commit(9))
    assert isinstance(found, VersionIntent)
    assert found.commit == commit(1)
    assert (found.recorded, found.status_version) == ("m@v1.0.0", "v1.0.0")


def test_a_model_asks_for_its_deprecation_alone() -> None:
    found = intent_of(model(deprecated=True), artifact="ignored")
    assert isinstance(found, ModelIntent)
    assert found.deprecated
    assert found.pending is None


CURRENT = {"version": "v1.0.0", "commit": commit(1), "tag": "m#prod#1", "since": "2026-01-01"}


@pytest.mark.parametrize(
    ("spec", "observed", "recorded"),
    [
        ("v1.0.0", 1, "m#prod#1"),
        ("1.0.0", 1, "m#prod#1"),
        ("v2.0.0", 1, None),
        ("v1.0.0", 0, None),
        (None, 1, None),
    ],
)
def test_a_stage_is_on_record_when_its_present_generation_was_answered(
    spec: str | None, observed: int, recorded: str | None
) -> None:
    answer = condition("Recorded", observedGeneration=observed)
    status = {"current": CURRENT, "observedGeneration": 0, "conditions": [answer]}
    found = intent_of(stage(version=spec, status=status), artifact="m")
    assert isinstance(found, StageIntent)
    assert found.recorded == recorded


@pytest.mark.parametrize(
    ("conditions", "was_recorded"),
    [
        ([], False),
        ([condition("Ready")], False),
        ([condition("Recorded", "False")], False),
        ([condition("Recorded")], True),
        ([condition("Recorded", observedGeneration=0)], True),
    ],
)
def test_a_stage_knows_whether_it_was_ever_on_record(
    conditions: list[dict[str, Any]], was_recorded: bool
) -> None:
    found = intent_of(stage(status={"conditions": conditions}), artifact="m")
    assert isinstance(found, StageIntent)
    assert found.was_recorded == was_recorded


def test_an_object_that_is_being_deleted_leaves() -> None:
    found = intent_of(stage(meta={"deletionTimestamp": "2026-01-02T00:00:00Z"}), artifact="m")
    assert isinstance(found, StageIntent)
    assert found.leaving


def test_the_hash_of_a_spec_changes_with_the_spec_and_with_nothing_else() -> None:
    first = spec_hash(version(version="1.0.0"))
    assert len(first) == 16
    assert spec_hash(version("other", version="1.0.0", status={"tag": "x"})) == first
    assert spec_hash(version(version="1.0.1")) != first


# Reservations: what was written into status.pending is read back, and nothing else is.

REGISTRATION = tag("m@v1.0.0", 1)
ODD = TagObject("m@v1.0.0", commit(1), "Ärzte", "a@b", 5, "Größe: 3 → 4\n\n\u2028 Really. \t\n")


@pytest.mark.parametrize("wanted", [REGISTRATION, ODD])
def test_what_was_reserved_is_read_back_byte_by_byte(wanted: TagObject) -> None:
    resource = version(status={"pending": pending(4, [wanted])})
    found = reservation_of(resource, "m")
    assert found is not None
    assert found.generation == 4
    assert [t.oid for t in found.tags] == [wanted.oid]


@pytest.mark.parametrize("emptied", [None, {}, {"generation": 3, "tags": []}])
def test_an_emptied_reservation_is_none(emptied: Any) -> None:
    assert reservation_of(version(status={"pending": emptied}), "m") is None


@pytest.mark.parametrize(
    ("resource", "name", "due"),
    [
        (version, "m@v1.0.0", True),
        (version, "m@v1.0.0!", True),
        (version, "m#prod#1", False),
        (version, "other@v1.0.0", False),
        (version, "release-7", False),
        (stage, "m#prod#1", True),
        (stage, "m#prod!#1", True),
        (stage, "m#dev#1", False),
        (stage, "m@v1.0.0", False),
        (model, "m@deprecated#2", True),
        (model, "m#deprecated!#2", True),
        (model, "m#prod#2", False),
        (model, "m@v1.0.0", False),
    ],
)
def test_a_reservation_that_the_object_has_no_business_with_counts_as_lost(
    resource: Any, name: str, due: bool
) -> None:
    found = resource(status={"pending": pending(1, [tag(name)])})
    assert (reservation_of(found, "m") is not None) == due


def test_one_forged_tag_voids_the_whole_reservation() -> None:
    both = pending(1, [tag("m@v1.0.0"), tag("other@v1.0.0")])
    assert reservation_of(version(status={"pending": both}), "m") is None


def test_an_alias_that_was_reserved_is_read_back_with_its_tag() -> None:
    base = Base(commit(1), "a" * 40, 77)
    alias = make_alias(base, artifact="m", version="v1.0.0", uri=None, digest=None)
    on_it = replace(tag("m@v1.0.0"), target=alias.oid)
    held = pending(1, [on_it], [alias])
    assert reservation_of(version(status={"pending": held}), "m") == Reservation(
        generation=1, tags=(on_it,), aliases=(alias,)
    )
    held["tags"][0]["commit"] = held["tags"][0]["commit"].replace("a" * 40, "b" * 40)
    assert reservation_of(version(status={"pending": held}), "m") is None


def test_a_version_on_an_alias_is_asked_for_anew_by_its_source() -> None:
    status = {
        "tag": "m@v1.0.0", "version": "v1.0.0", "registeredAt": "2026-01-01T00:00:00Z",
        "commit": commit(9), "sourceCommit": commit(1),
    }  # fmt: skip
    found = intent_of(version(status=status, revision=commit(9)), artifact="m", since=2_000_000_000)
    assert isinstance(found, VersionIntent)
    assert (found.revision, found.commit, found.was_alias) == (commit(1), None, True)


def test_bytes_elsewhere_and_the_models_leave_reach_the_intent() -> None:
    artifact = {"uri": "s3://b/k", "digest": f"md5:{'0' * 32}"}
    found = intent_of(version(artifact=artifact), artifact="m", may_alias=True)
    assert isinstance(found, VersionIntent)
    assert (found.uri, found.digest, found.may_alias) == (*artifact.values(), True)


def test_bytes_that_are_no_tag_count_as_lost() -> None:
    forged = {"generation": 1, "tags": [{"name": "m@v1.0.0", "object": "tree 123\n"}]}
    assert reservation_of(version(status={"pending": forged}), "m") is None


# Claims.

OLD, YOUNG = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"


def claimant(name: str, created: str, *, established: bool = False) -> Asking:
    status = {"current": CURRENT} if established else {}
    return stage(name, meta={"creationTimestamp": created}, status=status)


@pytest.mark.parametrize(
    ("claimants", "owner"),
    [
        ([], None),
        ([claimant("b", OLD), claimant("a", YOUNG)], "b"),
        ([claimant("b", OLD), claimant("a", OLD)], "a"),
        ([claimant("b", OLD, established=True), claimant("a", OLD)], "b"),
        ([claimant("b", YOUNG, established=True), claimant("a", OLD)], "a"),
    ],
)
def test_the_oldest_owns_and_within_a_second_whoever_has_it(
    claimants: list[Asking], owner: str | None
) -> None:
    for order in (claimants, claimants[::-1]):
        found = owner_of(order)
        assert (found.metadata.name if found else None) == owner


def test_a_younger_claimant_is_told_who_owns_it_and_what_to_do() -> None:
    old = stage("old", meta={"creationTimestamp": OLD})
    young = stage("young", meta={"creationTimestamp": YOUNG})
    refuse_claimed(old, [old, young])
    with pytest.raises(Stalled) as refusal:
        refuse_claimed(young, [old, young])
    assert refusal.value.reason == "ClaimedElsewhere"
    for words in ("stage prod", "StageAssignment ns/old", "delete one of the two"):
        assert words in refusal.value.message


ASKED = {"playbill.dev/requested-by": "ada", "playbill.dev/change": "https://forge/pull/7"}


@pytest.mark.parametrize("kind", [model, version, stage])
def test_who_asked_stands_in_annotations(kind: Any) -> None:
    asker = intent_of(kind(meta={"annotations": ASKED}), artifact="m").asker
    assert (asker.requested_by, asker.change) == ("ada", "https://forge/pull/7")


def test_a_deletion_is_not_told_of_whoever_changed_the_spec_last() -> None:
    gone = stage(meta={"annotations": ASKED, "deletionTimestamp": "2026-01-02T00:00:00Z"})
    asker = intent_of(gone, artifact="m").asker
    assert (asker.requested_by, asker.change) == ("", "")

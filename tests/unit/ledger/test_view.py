"""The ledger as a plan sees it: what is in git, and what it has decided since."""

from __future__ import annotations

import pytest
from tests.unit.ledger.book import asker, commit, tag, view

from playbill.ledger.view import asked_for_by, is_ours

BOOK = (
    tag("m@v1.0.0", 1, 10),
    tag("m@v2.0.0", 2, 20),
    tag("m@v2.0.0!", 2, 21),
    tag("m#prod#4", 1, 30),
)


def test_an_unknown_artifact_is_empty() -> None:
    artifact = view(*BOOK).artifact("other")
    assert (artifact.state, artifact.events, artifact.counter) == (None, (), 0)
    assert artifact.highest() is None
    assert artifact.winner("prod") is None
    assert artifact.version_on(commit(1)) is None


def test_a_ledger_begins_with_the_oldest_tag_of_any_artifact() -> None:
    assert view().first_second is None
    assert view(tag("release-7")).first_second is None
    assert view(tag("m@v1.0.0", 1, 20), tag("n@v1.0.0", 2, 10)).first_second == 10


def test_only_a_registered_version_has_a_commit_to_assign() -> None:
    artifact = view(*BOOK).artifact("m")
    assert artifact.commit_of("v1.0.0") == commit(1)
    assert artifact.commit_of("v2.0.0") is None
    assert artifact.version("v2.0.0") is not None


def test_a_planned_registration_takes_its_number_and_commit_but_no_stage_yet() -> None:
    now = view(*BOOK)
    now.reckon("m", [tag("m@v3.0.0", 3, 40)])
    artifact = now.artifact("m")
    assert artifact.highest() == "v3.0.0"
    assert artifact.version_on(commit(3)) == "v3.0.0"
    assert artifact.version_on(commit(3), besides="v3.0.0") is None
    assert artifact.commit_of("v3.0.0") is None


def test_what_may_still_land_takes_its_number_but_not_its_commit() -> None:
    artifact = view(*BOOK).artifact("m")
    artifact.expect([tag("m@v3.0.0", 3, 40), tag("m#prod#9", 1, 50)])
    assert artifact.highest() == "v3.0.0"
    assert artifact.version_on(commit(3)) is None
    assert (artifact.counter, artifact.stage_seconds("prod")) == (9, 50)
    assert artifact.last_seconds == 50


def test_seconds_are_told_apart_by_stage_and_by_version() -> None:
    now = view(*BOOK)
    now.reckon("m", [tag("m#dev#5", 1, 60), tag("m@v1.0.0!", 1, 70)])
    artifact = now.artifact("m")
    assert artifact.stage_seconds("dev") == 60
    assert artifact.stage_seconds("prod") == 30
    assert artifact.version_seconds("v1.0.0") == 70
    assert artifact.version_seconds("v2.0.0") == 21
    assert artifact.last_seconds == 70


def test_a_counter_whose_tag_is_gone_is_remembered() -> None:
    assert view(*BOOK, counters={"m": 9}).artifact("m").counter == 9
    assert view(*BOOK, counters={"m": 2}).artifact("m").counter == 4


def test_a_tag_of_no_artifact_is_no_use_and_no_harm() -> None:
    artifact = view(*BOOK).artifact("m")
    artifact.expect([tag("release-7", 1, 99)])
    assert artifact.last_seconds == 30


@pytest.mark.parametrize(
    ("there", "wanted", "obstacle"),
    [
        ("m@v1.0.0", "m@v1.0.0", "m@v1.0.0"),
        ("m@v1.0.0", "m@v1.0.1", None),
        ("a/b@v1.0.0", "a", "a/b@v1.0.0"),
        ("m#prod/eu#1", "m#prod", "m#prod/eu#1"),
        ("m#prod", "m#prod/eu#1", "m#prod"),
    ],
)
@pytest.mark.parametrize("planned", [False, True])
def test_what_keeps_a_name_from_being_written(
    there: str, wanted: str, obstacle: str | None, planned: bool
) -> None:
    found = view() if planned else view(tag(there))
    if planned:
        found.reckon("m", [tag(there)])
    assert found.obstacle(wanted) == obstacle


def test_a_planned_tag_is_not_in_git() -> None:
    now = view()
    now.reckon("m", [tag("m@v1.0.0")])
    assert now.oid("m@v1.0.0") is None


def test_whose_a_tag_is_says_its_cluster_and_who_asked_its_uid() -> None:
    me = asker(name="mine", generation=7)
    events = view(tag("m@v1.0.0", 1, 10, by=me), tag("m@v2.0.0", 2, 20)).artifact("m").events
    ours, theirs = events
    assert (is_ours(ours, "here"), is_ours(ours, "elsewhere")) == (True, False)
    assert (asked_for_by(ours, "uid-mine"), asked_for_by(ours, "uid")) == (True, False)
    assert not is_ours(theirs, "here")
    assert not asked_for_by(theirs, "uid-mine")

"""A rollout that failed: recorded by one more assignment, and not asked for again unasked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.ledger.book import NOW, asker, commit, only, tag, trailers, view, written

from playbill.api.errors import Stalled
from playbill.ledger import message
from playbill.ledger.decisions import Repeat, Settled, Write
from playbill.ledger.intents import Follow, Reservation, Rollback, StageIntent
from playbill.ledger.plan import decide
from playbill.ledger.rollbacks import RolledBack, Told, told_by, words
from playbill.ledger.tagobject import TagObject

ME = asker("StageAssignment", "m-prod", spec_hash="bad", generation=2)
BOOK = (
    tag("m@v1.0.0", 1, 1),
    tag("m@v2.0.0", 2, 2),
    tag("m#prod#1", 1, 10, by=ME),
    tag("m#prod#2", 2, 20, by=ME),
)
DEPRECATED = tag("m@deprecated", 2, 30)
BACK = Rollback(
    version="v2.0.0",
    tag="m#prod#2",
    to="v1.0.0",
    commit=commit(1),
    reason="CrashLoop",
    message="exit code 7",
)


def intent(**more: Any) -> StageIntent:
    facts: dict[str, Any] = {"asker": ME, "artifact": "m", "stage": "prod", "version": "v2.0.0"}
    return StageIntent(**(facts | more))


def decided(wanted: StageIntent, *more: TagObject) -> Any:
    return decide(wanted, view(*BOOK, *more), NOW)


def taken_back(**asked: Any) -> TagObject:
    """The tag that records the rollback, as it was written for another state of the wish."""
    return only(decided(intent(asker=replace(ME, **asked), rollback=BACK)))


def test_the_version_that_serves_again_is_assigned_with_the_reason() -> None:
    found = only(decided(intent(rollback=BACK)))
    assert (found.name, found.target) == ("m#prod#3", commit(1))
    assert found.message.startswith("Assigning stage prod to artifact m version v1.0.0")
    assert trailers(found)[message.REASON] == "rollback from v2.0.0 (CrashLoop): exit code 7"
    assert trailers(found)[message.SPEC] == "bad"


def test_a_template_that_failed_is_recorded_too_though_the_version_stays() -> None:
    back = replace(BACK, to="v2.0.0", commit=commit(2))
    assert only(decided(intent(rollback=back))).target == commit(2)


def test_once_it_is_recorded_the_same_spec_stays_rolled_back() -> None:
    record = taken_back()
    for status in (BACK, None):  # also when the status was lost
        found = decided(intent(rollback=status), record)
        assert isinstance(found, RolledBack)
        assert found.record is not None
        assert found.record.tag == "m#prod#3"
        assert "v2.0.0 failed and was taken back, v1.0.0 serves (CrashLoop: exit code 7)" in str(
            found
        )


def test_the_record_tells_which_tag_it_takes_back_so_that_a_lost_status_doubles_nothing() -> None:
    record = taken_back()
    found = decided(intent(), record)
    assert found.failed == "m#prod#2"
    rebuilt = replace(BACK, tag=found.failed)
    assert isinstance(decided(intent(rollback=rebuilt), record), RolledBack)


@pytest.mark.parametrize(
    ("now", "but", "expected"),
    [
        ("v1.0.0", "", "v2.0.0 failed and was taken back, v1.0.0 serves (CrashLoop: exit code 7)"),
        ("v2.0.0", "", "a new rollout of v2.0.0 failed and was taken back, it serves as before ("),
        ("v1.0.0", "no disk", "was taken back, but v1.0.0 fails as well: no disk (CrashLoop: exit"),
        ("v2.0.0", "no disk", ", but what served before fails as well: no disk (CrashLoop: exit"),
    ],
)  # fmt: skip
def test_what_happened_is_told_with_what_serves_now(now: str, but: str, expected: str) -> None:
    assert expected in words(Told("v2.0.0", "CrashLoop", "exit code 7"), now, but=but)


def test_a_restored_cluster_has_another_uid_and_the_same_wish() -> None:
    restored = replace(ME, uid="restored", generation=1)
    assert isinstance(decided(intent(asker=restored), taken_back()), RolledBack)


@pytest.mark.parametrize(
    "changed",
    [
        {"spec_hash": "good"},  # the spec, or the annotation that asks for another try
        {"generation": 4},  # the spec was another one between
    ],
)
def test_a_new_wish_is_tried(changed: dict[str, Any]) -> None:
    found = decided(intent(asker=replace(ME, **changed)), taken_back())
    assert isinstance(found, Write)


def test_what_was_assigned_after_the_rollback_counts() -> None:
    later = tag("m#prod#4", 2, NOW + 1)
    assert isinstance(decided(intent(version=None), taken_back(), later), Settled)


def test_another_s_rollback_binds_nobody() -> None:
    record = taken_back(name="other")
    assert isinstance(decided(intent(), record), Write)


def test_where_the_ledger_decides_the_rollback_stands_until_somebody_assigns() -> None:
    wanted = intent(version=None)
    record = only(decided(replace(wanted, rollback=BACK)))
    assert isinstance(decided(wanted, record), RolledBack)


def test_who_follows_takes_the_next_version_and_not_the_one_that_failed() -> None:
    wanted = intent(version=None, follow=Follow())
    record = only(decided(replace(wanted, rollback=BACK)))
    assert isinstance(decided(wanted, record), RolledBack)
    found = only(decided(wanted, record, tag("m@v3.0.0", 3, 30)))
    assert found.target == commit(3)


def test_a_foreign_tag_while_it_fails_does_not_bring_the_failed_version_back() -> None:
    found = decided(intent(rollback=BACK), tag("m#prod#3", 1, 30))
    assert isinstance(found, RolledBack)
    assert found.record is None


def test_a_reserved_rollback_is_pushed_again_as_it_is() -> None:
    record = taken_back()
    pending = Reservation(generation=2, tags=(record,))
    assert decided(intent(rollback=BACK, pending=pending)) == Repeat((record,))


def test_what_is_reserved_after_a_rollback_is_pushed_again_as_it_is() -> None:
    told = (taken_back(), tag("m@v3.0.0", 3, 31))
    wanted = intent(asker=replace(ME, generation=3), version="v3.0.0", rollback=BACK)
    promotion = only(decided(wanted, *told))
    pending = Reservation(generation=3, tags=(promotion,))
    assert decided(replace(wanted, pending=pending), *told) == Repeat((promotion,))


def test_a_model_that_was_deprecated_meanwhile_stays_so() -> None:
    found = decided(intent(rollback=BACK), DEPRECATED)
    assert written(found) == ["m#prod#3", "m@deprecated#4"]
    assert view(*BOOK, DEPRECATED, *found.tags).artifact("m").deprecated
    pending = Reservation(generation=2, tags=found.tags)
    again = decided(intent(rollback=BACK, pending=pending), DEPRECATED)
    assert again == Repeat(found.tags)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ([tag("m@v1.0.0!", 1, 30)], "VersionDeregistered"),
        ([tag("m@v1.0.0!", 1, 30), tag("m@v3.0.0", 1, 31)], "VersionDeregistered"),
    ],
)
def test_what_cannot_be_recorded_is_said(more: list[TagObject], reason: str) -> None:
    found = decided(intent(rollback=BACK), *more)
    assert isinstance(found, Stalled)
    assert found.reason == reason


def test_only_rollbacks_tell_of_one() -> None:
    event = view(*BOOK).artifact("m").stage_events("prod")[-1]
    assert told_by(event) is None
    written = view(*BOOK, taken_back()).artifact("m").stage_events("prod")[-1]
    found = told_by(written)
    assert found is not None
    assert (found.version, found.reason, found.message) == ("v2.0.0", "CrashLoop", "exit code 7")


def test_a_version_that_never_held_the_stage_is_nothing_to_go_back_to() -> None:
    forged = replace(BACK, to="v3.0.0", commit=commit(3))
    found = decided(intent(rollback=forged), tag("m@v3.0.0", 3, 3))
    assert isinstance(found, Stalled)
    assert found.reason == "NeverHeld"

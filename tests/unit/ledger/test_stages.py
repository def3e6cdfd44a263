"""What a StageAssignment comes to: assigned, contested, vanished, waiting, leaving."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.ledger.book import NOW, asker, commit, only, tag, trailers, view, written

from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.api.times import timestamp
from playbill.ledger import message
from playbill.ledger.decisions import Repeat, Settled, Write
from playbill.ledger.intents import Asker, Reservation, StageIntent
from playbill.ledger.plan import decide, make_plan
from playbill.ledger.stages import MOST_AT_ONCE
from playbill.ledger.tagobject import LATEST_SECOND, TagObject

ME = asker("StageAssignment", "m-prod")
OTHER = asker("StageAssignment", "other-prod")
BOOK = (tag("m@v1.0.0", 1, 1), tag("m@v2.0.0", 2, 2))


def intent(**more: Any) -> StageIntent:
    facts: dict[str, Any] = {"asker": ME, "artifact": "m", "stage": "prod", "version": "v1.0.0"}
    return StageIntent(**(facts | more))


def decided(wanted: StageIntent, *tags: TagObject, now: int = NOW) -> Any:
    return decide(wanted, view(*BOOK, *tags), now)


def test_a_stage_is_assigned_on_the_commit_of_the_version_and_reserved_first() -> None:
    found = decided(intent(version="2.0.0", message="go"))
    one = only(found)
    assert isinstance(found, Write)
    assert found.reserve
    assert (one.name, one.target, one.seconds) == ("m#prod#1", commit(2), NOW)
    assert "Assigning stage prod to artifact m version v2.0.0\n\ngo\n" in one.message


def test_who_holds_the_stage_already_is_settled_whoever_assigned_it() -> None:
    found = decided(intent(), tag("m#prod#1", 1, 10))
    assert isinstance(found, Settled)
    assert found.event is not None
    assert found.event.tag == "m#prod#1"


def test_without_a_version_the_ledger_decides() -> None:
    assert decided(intent(version=None)) == Settled(None)
    found = decided(intent(version=None), tag("m#prod#1", 1, 10), tag("m#prod#2", 2, 11))
    assert isinstance(found, Settled)
    assert found.event is not None
    assert found.event.tag == "m#prod#2"


@pytest.mark.parametrize(
    ("tags", "counters", "name"),
    [
        ([], {}, "m#prod#1"),
        ([tag("m#dev#7", 1, 10)], {}, "m#prod#8"),
        ([tag("m#dev!#9", 1, 10)], {}, "m#prod#10"),
        ([tag("m#dev#7", 1, 10)], {"m": 12}, "m#prod#13"),
        ([tag("m#dev#7", 1, 10)], {"m": 3, "other": 90}, "m#prod#8"),
    ],
)
def test_the_counter_exceeds_all_that_were_ever_used(
    tags: list[TagObject], counters: dict[str, int], name: str
) -> None:
    assert written(decide(intent(), view(*BOOK, *tags, counters=counters), NOW)) == [name]


@pytest.mark.parametrize(("last", "second"), [(NOW - 9, NOW), (NOW, NOW + 1), (NOW + 4, NOW + 5)])
def test_seconds_grow_strictly_within_a_stage(last: int, second: int) -> None:
    assert only(decided(intent(), tag("m#prod#1", 2, last))).seconds == second


def test_another_stage_s_seconds_do_not_matter() -> None:
    assert only(decided(intent(), tag("m#dev#1", 2, NOW + 500))).seconds == NOW


def test_one_s_own_clock_that_went_back_is_waited_for() -> None:
    found = decided(intent(), tag("m#prod#1", 2, NOW + 60, by=OTHER))
    assert isinstance(found, Retry)
    assert found.after == 56.0


def test_a_foreign_tag_from_the_future_is_the_users_to_remove() -> None:
    found = decided(intent(), tag("m#prod#1", 2, NOW + 60))
    assert isinstance(found, Stalled)
    assert found.reason == "ClockSkew"
    assert "m#prod#1 of Ada" in found.message


@pytest.mark.parametrize("by", [OTHER, None], ids=["ours", "foreign"])
def test_until_a_tag_s_time_has_come_the_same_is_said_and_then_it_goes_on(by: Asker | None) -> None:
    skewed = tag("m#prod#1", 2, NOW + 60, by=by)
    first, later = (decided(intent(), skewed, now=now) for now in (NOW, NOW + 50))
    assert isinstance(first, Trouble)
    assert timestamp(NOW + 60) in first.message
    assert first.message == later.message
    assert (first.after, later.after) == (56.0, 6.0)
    assert isinstance(decided(intent(), skewed, now=NOW + 56), Write)


def test_a_time_far_off_is_not_waited_for_at_once() -> None:
    found = decided(intent(), tag("m#prod#1", 2, LATEST_SECOND - 1))
    assert isinstance(found, Stalled)
    assert "9999-12-31T23:59:58Z" in found.message
    assert found.after == 3600.0


@pytest.mark.parametrize(
    ("artifact", "hint"), [("m", "the latest is v2.0.0"), ("new", "it has no versions yet")]
)
def test_a_version_that_is_not_there_yet_is_waited_for(artifact: str, hint: str) -> None:
    found = decided(intent(artifact=artifact, version="v9.0.0"))
    assert isinstance(found, Waiting)
    assert found.reason == "DependencyNotFound"
    assert hint in found.message
    assert "create a ModelVersion for it, or name another version" in found.message


def test_a_deregistered_version_holds_no_stage() -> None:
    found = decided(intent(), tag("m@v1.0.0!", 1, 9))
    assert isinstance(found, Stalled)
    assert found.reason == "VersionDeregistered"
    assert "name another version" in found.message


def test_a_deprecated_model_takes_no_promotion() -> None:
    found = decided(intent(), tag("m@deprecated", 2, 50))
    assert isinstance(found, Stalled)
    assert found.reason == "ModelDeprecated"


def test_a_commit_with_two_versions_gets_no_stage_tag() -> None:
    found = decided(intent(), tag("m@v1.5.0", 1, 9))
    assert isinstance(found, Stalled)
    assert found.reason == "CommitAmbiguous"
    assert "assign a version that has a commit of its own" in found.message


def test_a_record_that_vanished_is_not_written_again_by_itself() -> None:
    found = decided(intent(recorded="m#prod#1"))
    assert isinstance(found, Stalled)
    assert found.reason == "TagVanished"
    assert "push that tag again, or change the spec" in found.message
    assert "The workload stays as it is" in found.message


def test_a_plain_tag_against_the_spec_is_answered_and_the_answer_says_so() -> None:
    found = decided(intent(), tag("m#prod#1", 1, 10, by=ME), tag("m#prod#2", 2, 11))
    one = only(found)
    assert (one.name, one.target) == ("m#prod#3", commit(1))
    assert trailers(one)[message.REASON] == "answers m#prod#2"


def test_the_first_record_answers_nobody() -> None:
    found = decided(intent(), tag("m#prod#1", 2, 11))
    assert message.REASON not in trailers(only(found))


ANSWERED = [tag("m#prod#1", 1, 10, by=ME), tag("m#prod#2", 2, 11), tag("m#prod#3", 1, 12, by=ME)]


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        pytest.param(
            [*ANSWERED, tag("m#prod#4", 2, 13, tagger="Bob")],
            "Bob wrote m#prod#4 against this assignment, again after it was answered",
            id="the second plain tag",
        ),
        pytest.param(
            [*ANSWERED, tag("m#prod!#4", 1, 13, tagger="Bob")],
            "Bob wrote m#prod!#4",
            id="the second, an unassignment",
        ),
        pytest.param(
            [ANSWERED[0], tag("m#prod#2", 2, 11, by=OTHER, cluster="elsewhere")],
            "m#prod#2 against this assignment from another cluster",
            id="another cluster, the first time",
        ),
    ],
)
def test_what_goes_on_is_contested(tags: list[TagObject], words: str) -> None:
    found = decided(intent(), *tags)
    assert isinstance(found, Stalled)
    assert found.reason == "Contested"
    assert words in found.message
    assert "change spec.version, or leave it out to let the ledger decide" in found.message


def test_a_new_generation_may_answer_again() -> None:
    again = asker("StageAssignment", "m-prod", generation=2)
    found = decided(intent(asker=again), *ANSWERED, tag("m#prod#4", 2, 13))
    assert written(found) == ["m#prod#5"]


def test_an_answer_that_lost_the_second_to_what_it_answers_is_no_contest() -> None:
    """Within a second GTO has the version win that was registered first."""
    mine = [tag("m#prod#1", 2, 10, by=ME), tag("m#prod#3", 2, 12, by=ME)]
    found = decided(intent(version="v2.0.0"), *mine, tag("m#prod#2", 1, 12))
    assert written(found) == ["m#prod#4"]


def test_another_cluster_s_tag_before_ours_is_no_contest() -> None:
    found = decided(intent(), tag("m#prod#1", 2, 10, by=OTHER, cluster="elsewhere"))
    assert written(found) == ["m#prod#2"]


def leaving(**more: Any) -> StageIntent:
    left = asker("StageAssignment", "m-prod", generation=2)
    return intent(**{"asker": left, "leaving": True, "was_recorded": True} | more)


def test_leaving_takes_the_stage_from_all_that_hold_it_the_winner_last() -> None:
    found = decided(leaving(), tag("m#prod#1", 2, 10), tag("m#prod#2", 1, 11, by=ME))
    assert written(found) == ["m#prod!#3", "m#prod!#4"]
    assert isinstance(found, Write)
    assert [t.target for t in found.tags] == [commit(2), commit(1)]
    assert {t.seconds for t in found.tags} == {NOW}
    assert "artifact 'm' version 'v2.0.0'" in found.tags[0].message


def test_leaving_is_done_when_nobody_holds_the_stage() -> None:
    assert decided(leaving()) == Settled(None)
    found = decided(leaving(), tag("m#prod#1", 1, 10, by=ME), tag("m#prod!#2", 1, 11))
    assert isinstance(found, Settled)
    assert found.event is not None
    assert found.event.tag == "m#prod!#2"


@pytest.mark.parametrize(
    ("was_recorded", "by", "leaves"),
    [(True, None, True), (False, ME, True), (False, OTHER, False), (False, None, False)],
)
def test_only_who_ever_held_the_stage_empties_it(was_recorded: bool, by: Any, leaves: bool) -> None:
    found = decided(leaving(was_recorded=was_recorded), tag("m#prod#1", 1, 10, by=by))
    assert isinstance(found, Write) == leaves


def crowd(count: int) -> list[TagObject]:
    numbers = range(10, 10 + count)
    return [
        t
        for n in numbers
        for t in (tag(f"m@v3.0.{n}", n, 3), tag(f"m#prod#{n}", n, 100 + n, by=ME))
    ]


def test_leaving_empties_at_most_so_many_at_once_the_oldest_first() -> None:
    holders = crowd(MOST_AT_ONCE + 5)
    first = decided(leaving(), *holders)
    assert isinstance(first, Write)
    assert [t.target for t in first.tags] == [commit(n) for n in range(10, 10 + MOST_AT_ONCE)]
    rest = decided(leaving(), *holders, *first.tags)
    assert isinstance(rest, Write)
    assert [t.target for t in rest.tags] == [commit(n) for n in range(30, 35)]
    assert isinstance(decided(leaving(), *holders, *first.tags, *rest.tags), Settled)


def test_an_assignment_that_may_still_land_is_taken_back_by_a_later_tag() -> None:
    flying = tag("m#prod#5", 2, NOW + 3, by=ME)
    left = leaving(was_recorded=False, pending=Reservation(generation=1, tags=(flying,)))
    plan = make_plan([left], view(*BOOK), NOW)
    one = only(plan.decisions[left.asker.uid])
    assert (one.name, one.target, one.seconds) == ("m#prod!#6", commit(2), NOW + 4)


def test_one_in_flight_is_taken_back_even_before_a_crowd() -> None:
    """Its reservation is about to be overwritten, so there is no later turn for it."""
    flying = tag("m#prod#90", 2, 200, by=ME)
    left = leaving(pending=Reservation(generation=1, tags=(flying,)))
    found = decided(left, *crowd(MOST_AT_ONCE + 5))
    assert isinstance(found, Write)
    assert len(found.tags) == MOST_AT_ONCE
    assert commit(2) in {t.target for t in found.tags}


def test_one_that_landed_is_not_in_flight() -> None:
    landed = tag("m#prod#1", 2, 10, by=ME)
    left = leaving(pending=Reservation(generation=1, tags=(landed,)))
    assert isinstance(decided(left, landed, tag("m#prod!#2", 2, 11, by=ME)), Settled)


def test_an_unassignment_in_flight_needs_no_answer() -> None:
    flying = tag("m#prod!#5", 2, 50, by=ME)
    left = leaving(pending=Reservation(generation=1, tags=(flying,)))
    assert decided(left) == Settled(None)


def test_a_departure_of_which_one_name_is_taken_is_planned_anew() -> None:
    holders = [tag("m#prod#1", 2, 10), tag("m#prod#2", 1, 11, by=ME)]
    reserved = (tag("m#prod!#3", 2, 50, by=ME), tag("m#prod!#4", 1, 50, by=ME))
    left = leaving(pending=Reservation(generation=2, tags=reserved))
    assert decided(left, *holders) == Repeat(reserved)
    assert decided(left, *holders, reserved[0]) == Repeat(reserved[1:])
    plan = make_plan([left], view(*BOOK, *holders, tag("m#prod!#3", 1, 40)), NOW)
    assert written(plan.decisions[left.asker.uid]) == ["m#prod!#5"]


def test_a_stage_with_a_bad_name_is_refused() -> None:
    found = decided(replace(intent(), stage="a b"))
    assert isinstance(found, Stalled)


def test_a_stage_that_git_cannot_hold_beside_another_is_refused() -> None:
    found = decided(intent(stage="prod/eu"), tag("m#prod", 1, 1))
    assert isinstance(found, Stalled)
    assert found.reason == "TagCollision"
    assert "choose another name or stage" in found.message


ASSIGNED = only(decide(intent(), view(*BOOK), 10))
MOVED = (tag("m@v1.0.0", 9, 5), tag("m@v2.0.0", 2, 2), ASSIGNED)


@pytest.mark.parametrize("generation", [1, 2])
def test_a_version_whose_tag_was_moved_by_force_gets_no_other_bytes_on_stage(
    generation: int,
) -> None:
    by = asker("StageAssignment", "m-prod", generation=generation)
    found = decide(intent(asker=by), view(*MOVED), NOW)
    assert isinstance(found, Stalled)
    assert found.reason == "VersionMoved"
    for words in (commit(1)[:12], commit(9)[:12], "m#prod#1", "push the old tag again"):
        assert words in found.message


def test_a_version_that_was_moved_is_no_hindrance_to_another() -> None:
    assert written(decide(intent(version="v2.0.0"), view(*MOVED), NOW)) == ["m#prod#2"]


def test_an_assignment_that_never_knew_the_old_commit_takes_the_version_where_it_is() -> None:
    assert only(decide(intent(asker=OTHER), view(*MOVED), NOW)).target == commit(9)

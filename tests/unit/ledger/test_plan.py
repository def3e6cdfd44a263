"""One plan for a repository: in fair order, each seeing what the ones before it will write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.book import NOW, asker, commit, only, records, tag, view

from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.ledger.decisions import Repeat, Settled, Write
from playbill.ledger.fold import fold
from playbill.ledger.intents import (
    AnyIntent,
    Follow,
    ModelIntent,
    Reservation,
    StageIntent,
    VersionIntent,
)
from playbill.ledger.plan import Plan, decide, make_plan, round_robin
from playbill.ledger.tagobject import TagObject


def version(name: str, on: int = 1, *, generation: int = 1, **more: Any) -> VersionIntent:
    created = more.pop("created", "")
    by = asker(name=name, generation=generation, created=created)
    facts: dict[str, Any] = {"asker": by, "artifact": "m", "commit": commit(on)}
    return VersionIntent(**(facts | more))


def stage(name: str, wanted: str | None = "v1.0.0", **more: Any) -> StageIntent:
    facts: dict[str, Any] = {
        "asker": asker("StageAssignment", name),
        "artifact": "m",
        "stage": name,
    }
    return StageIntent(**(facts | {"version": wanted} | more))


def model(artifact: str = "m") -> ModelIntent:
    by = asker("RegisteredModel", artifact)
    return ModelIntent(asker=by, artifact=artifact, deprecated=True)


def planned(intents: Sequence[AnyIntent], *tags: TagObject) -> Plan:
    return make_plan(intents, view(*tags), NOW)


def names(plan: Plan) -> list[str]:
    return [t.name for step in plan.steps for t in step.tags]


def test_nothing_to_write_makes_no_steps_and_still_decides() -> None:
    settled, waiting = version("a", version="v1.0.0"), stage("prod", "v9.0.0")
    plan = planned([settled, waiting], tag("m@v1.0.0"))
    assert plan.steps == ()
    assert isinstance(plan.decisions["uid-a"], Settled)
    assert isinstance(plan.decisions["uid-prod"], Waiting)


def test_a_version_that_is_being_promoted_is_not_withdrawn_beside_it() -> None:
    tags = (tag("m@v1.0.0", 1), tag("m@v2.0.0", 2))
    withdrawn = version("b", 2, version="v2.0.0", deregistered=True, recorded="m@v2.0.0")
    follower = stage("prod", None, follow=Follow())
    plan = planned([withdrawn, follower], *tags)
    assert names(plan) == ["m#prod#1"]
    found = plan.decisions[withdrawn.asker.uid]
    assert isinstance(found, Waiting)
    assert "is about to be put on a stage" in found.message
    # nor while it is not known whether the push landed
    pending = Reservation(generation=1, tags=plan.steps[0].tags)
    assert names(planned([withdrawn, replace(follower, pending=pending)], *tags)) == ["m#prod#1"]


def test_numbers_are_allotted_by_age() -> None:
    young = version("a", 1, created="2026-01-02T00:00:00Z")
    old = version("b", 2, created="2026-01-01T00:00:00Z")
    plan = planned([young, old])
    assert only(plan.decisions["uid-b"]).name == "m@v0.0.1"
    assert only(plan.decisions["uid-a"]).name == "m@v0.0.2"


def test_a_number_that_is_given_goes_before_those_that_are_allotted() -> None:
    oldest = version("a", 1, created="2026-01-01T00:00:00Z")
    explicit = version("b", 2, version="v0.0.1", created="2026-01-02T00:00:00Z")
    assert names(planned([oldest, explicit])) == ["m@v0.0.1", "m@v0.0.2"]


def test_two_versions_of_one_plan_do_not_share_a_commit() -> None:
    plan = planned([version("a", 1, version="v1.0.0"), version("b", 1, version="v2.0.0")])
    assert names(plan) == ["m@v1.0.0"]
    refused = plan.decisions["uid-b"]
    assert isinstance(refused, Stalled)
    assert refused.reason == "CommitTaken"


def test_counters_are_used_up_in_order() -> None:
    plan = planned([stage("dev"), stage("prod")], tag("m@v1.0.0"), tag("m#dev#4", 9, 10))
    assert names(plan) == ["m#dev#5", "m#prod#6"]


def test_promotions_go_before_registrations_and_deprecations_come_last() -> None:
    plan = planned(
        [model(), version("a", 2, version="v2.0.0"), stage("prod")], tag("m@v1.0.0", 1, NOW)
    )
    assert names(plan) == ["m#prod#1", "m@v2.0.0", "m@deprecated"]


def test_a_deprecation_is_later_than_what_the_same_plan_writes() -> None:
    plan = planned([model(), stage("prod")], tag("m@v1.0.0"), tag("m#prod#1", 9, NOW + 1))
    seconds = {t.name: t.seconds for step in plan.steps for t in step.tags}
    assert seconds == {"m#prod#2": NOW + 2, "m@deprecated": NOW + 3}


def test_a_stage_waits_until_its_version_is_in_git() -> None:
    """Alone it would name a bare commit, if the registration had to be taken back."""
    plan = planned([version("a", version="v1.0.0"), stage("prod")])
    assert names(plan) == ["m@v1.0.0"]
    assert isinstance(plan.decisions["uid-prod"], Waiting)


def test_artifacts_take_turns() -> None:
    crowd = [version(f"a{i}", i, artifact="big", version=f"v1.{i}.0") for i in range(1, 4)]
    single = version("z", 9, artifact="small", version="v1.0.0")
    assert names(planned([*crowd, single])) == [
        "big@v1.1.0",
        "small@v1.0.0",
        "big@v1.2.0",
        "big@v1.3.0",
    ]


def test_round_robin_takes_one_of_each_in_turn() -> None:
    assert round_robin(["abc", "d", "", "ef"]) == list("adebfc")
    assert round_robin([]) == []


# Reservations: what status.pending still means.

ME = asker(name="mine")
RESERVED = tag("m@v0.0.1", 1, NOW - 1, by=ME)


def reserved(*, generation: int = 1, tags: tuple[TagObject, ...] = (RESERVED,), **more: Any) -> Any:
    facts: dict[str, Any] = {"pending": Reservation(generation=1, tags=tags)}
    return version("mine", generation=generation, **(facts | more))


def test_a_reservation_that_git_does_not_hold_is_pushed_again_byte_by_byte() -> None:
    plan = planned([reserved()])
    assert plan.decisions["uid-mine"] == Repeat((RESERVED,))
    assert names(plan) == ["m@v0.0.1"]


def test_a_reservation_that_landed_is_settled() -> None:
    assert isinstance(planned([reserved()], RESERVED).decisions["uid-mine"], Settled)


def test_a_reservation_is_void_when_its_name_holds_other_bytes() -> None:
    plan = planned([reserved()], tag("m@v0.0.1", 2, 50))
    assert only(plan.decisions["uid-mine"]).name == "m@v0.0.2"


@pytest.mark.parametrize(
    ("change", "stands"),
    [
        pytest.param({}, True, id="only the generation has moved on"),
        pytest.param({"revision": "main"}, True, id="a revision that means the same commit"),
        pytest.param({"message": "new words"}, True, id="another message"),
        pytest.param({"revision": "dev", "commit": commit(5)}, False, id="another commit"),
        pytest.param({"version": "v7.0.0"}, False, id="a number of its own"),
    ],
)
def test_an_allotted_number_survives_a_change_of_the_spec_that_asks_for_the_same(
    change: dict[str, Any], stands: bool
) -> None:
    decision = planned([reserved(generation=2, **change)]).decisions["uid-mine"]
    assert isinstance(decision, Repeat if stands else Write)


def test_what_is_to_be_deregistered_is_not_registered_any_more() -> None:
    refused = planned([reserved(generation=2, deregistered=True)]).decisions["uid-mine"]
    assert isinstance(refused, Stalled)
    assert refused.reason == "NotRegistered"


def test_a_number_that_may_still_land_is_given_to_nobody_else() -> None:
    void = reserved(generation=2, version="v7.0.0", commit=commit(5))
    plan = planned([void, version("other", 2)])
    assert set(names(plan)) == {"m@v7.0.0", "m@v7.0.1"}
    late = fold(records([RESERVED, *(t for s in plan.steps for t in s.tags)]))
    assert not late.problems


def test_of_two_that_wait_the_reserved_number_stays_with_its_owner() -> None:
    plan = planned([version("earlier", 2, created="2020-01-01T00:00:00Z"), reserved()])
    assert plan.decisions["uid-mine"] == Repeat((RESERVED,))
    assert only(plan.decisions["uid-earlier"]).name == "m@v0.0.2"


def test_a_reservation_on_a_commit_that_another_version_took_is_not_pushed() -> None:
    refused = planned([reserved()], tag("m@v5.0.0", 1, 50)).decisions["uid-mine"]
    assert isinstance(refused, Stalled)
    assert refused.reason == "CommitTaken"


def pending_stage(*, generation: int = 1, wanted: str = "v1.0.0") -> StageIntent:
    by = asker("StageAssignment", "prod", generation=generation)
    flying = tag("m#prod#3", 1, NOW - 1, by=by)
    return replace(
        stage("prod", wanted), asker=by, pending=Reservation(generation=1, tags=(flying,))
    )


def test_a_promotion_that_was_reserved_is_repeated() -> None:
    plan = planned([pending_stage()], tag("m@v1.0.0"))
    assert isinstance(plan.decisions["uid-prod"], Repeat)


@pytest.mark.parametrize(
    ("intent", "book"),
    [
        pytest.param(
            pending_stage(generation=2, wanted="v2.0.0"),
            [tag("m@v1.0.0", 1, 1), tag("m@v2.0.0", 2, 2)],
            id="the spec names another version",
        ),
        pytest.param(
            pending_stage(),
            [tag("m@v1.0.0", 1, 1), tag("m@v1.0.0!", 1, 2), tag("m@v1.0.0#1", 2, 3)],
            id="its version is on another commit now",
        ),
    ],
)
def test_a_promotion_that_is_void_makes_way_for_a_later_one(
    intent: StageIntent, book: list[TagObject]
) -> None:
    """The void one may still land: the new tag has a higher counter and a later second."""
    found = only(planned([intent], *book).decisions["uid-prod"])
    assert (found.name, found.target) == ("m#prod#4", commit(2))
    assert found.seconds >= NOW


def test_a_promotion_whose_version_is_gone_from_git_is_not_pushed() -> None:
    assert isinstance(planned([pending_stage()]).decisions["uid-prod"], Waiting)


def test_deciding_alone_is_deciding_as_the_plan_does() -> None:
    intents: list[AnyIntent] = [version("a", 2), stage("prod")]
    tags = [tag("m@v1.0.0")]
    plan = planned(intents, *tags)
    assert {i.asker.uid: decide(i, view(*tags), NOW) for i in intents} == plan.decisions


def stumble(*_: Any) -> Any:
    raise AttributeError("words of a library")


@pytest.mark.parametrize(
    ("decides", "broken", "wish"),
    [
        ("decide_stage", stage("prod"), "v1.0.0 for stage prod of m"),
        ("decide_stage", stage("prod", None), "on stage prod of m"),
        ("decide_stage", stage("prod", leaving=True), "leaving stage prod of m"),
        ("decide_stage", stage("prod", None, follow=Follow(range="^1")), "following '^1' on stage"),
        ("decide_stage", stage("prod", read_only=True), "v1.0.0 for stage prod of m"),
        ("decide_version", version("a", version="v2.0.0"), "version v2.0.0 of m"),
        ("decide_version", version("a"), "the next version of m"),
        ("decide_model", model(), "the deprecation of m"),
    ],
)
def test_an_error_that_nobody_foresaw_is_trouble_of_one_intent_alone(
    decides: str,
    broken: AnyIntent,
    wish: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(f"playbill.ledger.plan.{decides}", stumble)
    other = model("other") if decides != "decide_model" else version("other", 2)
    plan = planned([broken, other], tag("m@v1.0.0"), tag("other@v1.0.0", 9))
    found = plan.decisions[broken.asker.uid]
    assert isinstance(found, Retry)
    assert found.reason == "InternalError"
    assert wish in found.message
    assert "words of a library" not in found.message
    assert isinstance(plan.decisions["uid-other"], Write)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert broken.asker.resource in record.message


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["m", "n"]),
        st.one_of(st.none(), st.sampled_from(["v0.0.1", "v0.0.2", "v1.0.0"])),
        st.integers(1, 6),
    ),
    max_size=8,
)


@given(requests=REQUESTS, book=st.sets(st.sampled_from(["m@v0.0.2", "m@v1.0.0", "n@v0.0.1"])))
def test_whatever_is_asked_a_plan_writes_nothing_that_is_in_trouble(
    requests: list[tuple[str, str | None, int]], book: set[str]
) -> None:
    """Neither a name twice, nor two versions on one commit: folding it all finds no problem."""
    tags = [tag(name, 100 + i) for i, name in enumerate(sorted(book))]
    intents = [
        version(f"r{i}", on, artifact=artifact, version=number)
        for i, (artifact, number, on) in enumerate(requests)
    ]
    plan = planned(intents, *tags)
    troubles = [d for d in plan.decisions.values() if isinstance(d, Trouble)]
    assert "InternalError" not in {trouble.reason for trouble in troubles}
    new = names(plan)
    assert len(set(new)) == len(new)
    assert not set(new) & book
    assert not fold(records([*tags, *(t for s in plan.steps for t in s.tags)])).problems

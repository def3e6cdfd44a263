"""What a ModelVersion comes to: registered, refused, recognised, deregistered, withdrawn."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.ledger.book import NOW, asker, commit, only, tag, trailers, view, written

from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.api.times import timestamp
from playbill.ledger import message
from playbill.ledger.decisions import Settled, Withdraw, Write
from playbill.ledger.intents import VersionIntent
from playbill.ledger.plan import decide
from playbill.ledger.tagobject import TagObject

ME = asker(name="mine")
OTHER = asker(name="other")


def intent(**more: Any) -> VersionIntent:
    facts: dict[str, Any] = {"asker": ME, "artifact": "m", "version": "v1.0.0", "commit": commit(1)}
    return VersionIntent(**(facts | more))


def decided(wanted: VersionIntent, *tags: TagObject, now: int = NOW) -> Any:
    return decide(wanted, view(*tags), now)


def test_a_version_that_git_does_not_know_is_written_on_its_commit() -> None:
    found = decided(intent(message="the first"))
    one = only(found)
    assert (one.name, one.target, one.seconds) == ("m@v1.0.0", commit(1), NOW)
    assert "Registering artifact m version v1.0.0\n\nthe first\n" in one.message
    assert trailers(one) == {
        message.CLUSTER: "here",
        message.RESOURCE: "ModelVersion/ns/mine",
        message.REQUEST: "uid-mine/1",
    }


def test_a_number_that_the_spec_gives_needs_no_reservation_and_an_allotted_one_does() -> None:
    given, allotted = decided(intent()), decided(intent(version=None))
    assert isinstance(given, Write)
    assert isinstance(allotted, Write)
    assert (given.reserve, allotted.reserve) == (False, True)


@pytest.mark.parametrize(
    ("bump", "number"), [("Patch", "v1.2.1"), ("Minor", "v1.3.0"), ("Major", "v2.0.0")]
)
def test_the_number_that_is_left_out_is_the_next_by_bump(bump: str, number: str) -> None:
    found = decided(intent(version=None, bump=bump), tag("m@v1.2.0", 7))
    assert written(found) == [f"m@{number}"]


def test_the_first_number_is_gtos() -> None:
    assert written(decided(intent(version=None))) == ["m@v0.0.1"]


def test_an_allotted_number_exceeds_deregistered_ones() -> None:
    found = decided(intent(version=None), tag("m@v3.0.0", 7, 10), tag("m@v3.0.0!", 7, 11))
    assert written(found) == ["m@v3.0.1"]


@pytest.mark.parametrize("by", [None, ME, OTHER])
def test_a_version_that_is_there_is_settled_whoever_wrote_it(by: Any) -> None:
    found = decided(intent(), tag("m@v1.0.0", 1, by=by))
    assert isinstance(found, Settled)
    assert found.event is not None
    assert found.event.tag == "m@v1.0.0"


def test_the_v_may_be_left_out() -> None:
    assert isinstance(decided(intent(version="1.0.0"), tag("m@v1.0.0")), Settled)


def test_a_version_that_is_no_semver_is_refused_with_an_example() -> None:
    found = decided(intent(version="one"))
    assert isinstance(found, Stalled)
    assert found.reason == "InvalidVersion"
    assert "v1.2.3" in found.message


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param([tag("m@v0.9.0", 1)], id="registered"),
        pytest.param([tag("m@v0.9.0", 1, 10), tag("m@v0.9.0!", 1, 11)], id="deregistered"),
    ],
)
@pytest.mark.parametrize("version", ["v1.0.0", None])
def test_a_commit_with_another_version_is_refused(
    tags: list[TagObject], version: str | None
) -> None:
    """GTO cannot read such a commit, be the other version deregistered or not."""
    found = decided(intent(version=version), *tags)
    assert isinstance(found, Stalled)
    assert found.reason == "CommitTaken"
    assert "make a new commit for this version, or use v0.9.0" in found.message


def test_another_artifact_on_the_commit_is_no_hindrance() -> None:
    assert written(decided(intent(), tag("other@v9.0.0", 1))) == ["m@v1.0.0"]


@pytest.mark.parametrize(
    ("revision", "by"),
    [
        pytest.param(commit(1), None, id="somebody else's, by commit"),
        pytest.param("main", None, id="somebody else's, by branch"),
        pytest.param(commit(1), ME, id="its own, but the spec names another commit"),
    ],
)
def test_a_version_on_another_commit_is_taken(revision: str, by: Any) -> None:
    found = decided(intent(revision=revision), tag("m@v1.0.0", 2, by=by))
    assert isinstance(found, Stalled)
    assert found.reason == "VersionTaken"
    assert f"choose another version, or set revision to {commit(2)}" in found.message


def test_a_branch_that_has_moved_on_does_not_move_a_version_of_ones_own() -> None:
    found = decided(intent(revision="main", commit=commit(5)), tag("m@v1.0.0", 2, by=ME))
    assert isinstance(found, Settled)


def test_a_version_without_a_revision_is_the_one_that_exists() -> None:
    assert isinstance(decided(intent(), tag("m@v1.0.0", 2)), Settled)


@pytest.mark.parametrize(
    ("commit_", "fate", "reason"),
    [
        (None, Waiting, "RevisionNotResolved"),
        (Stalled("RevisionNotFound", "no such branch"), Stalled, "RevisionNotFound"),
    ],
)
def test_without_a_commit_nothing_is_written(
    commit_: Any, fate: type[Trouble], reason: str
) -> None:
    found = decided(intent(commit=commit_))
    assert type(found) is fate
    assert found.reason == reason


def test_an_allotted_number_is_recognised_by_the_request_of_any_generation() -> None:
    again = intent(asker=asker(name="mine", generation=4), version=None, commit=commit(9))
    found = decided(again, tag("m@v1.0.0", 1, by=ME), tag("m@v1.1.0", 2))
    assert isinstance(found, Settled)
    assert found.event is not None
    assert found.event.tag == "m@v1.0.0"


def test_an_allotted_number_is_recognised_by_the_status() -> None:
    found = decided(intent(version=None, status_version="v1.0.0"), tag("m@v1.0.0", 1))
    assert isinstance(found, Settled)


@pytest.mark.parametrize(
    ("revision", "commit_", "recognised"),
    [
        pytest.param(commit(1), commit(1), True, id="the same target"),
        pytest.param("main~3", commit(1), True, id="the same target by another name"),
        pytest.param(None, commit(9), True, id="the tip of then"),
        pytest.param(commit(9), commit(9), False, id="another target"),
    ],
)
def test_a_restored_cluster_recognises_its_resource_by_the_same_target(
    revision: str | None, commit_: str, recognised: bool
) -> None:
    restored = asker(name="mine", uid="new uid")
    found = decided(
        intent(asker=restored, version=None, revision=revision, commit=commit_),
        tag("m@v1.0.0", 1, by=ME),
    )
    if recognised:
        assert isinstance(found, Settled)
    else:
        assert written(found) == ["m@v1.0.1"]


def test_the_same_resource_of_another_cluster_is_somebody_else() -> None:
    restored = asker(name="mine", uid="new uid")
    found = decided(
        intent(asker=restored, version=None, commit=commit(9)),
        tag("m@v1.0.0", 1, by=ME, cluster="elsewhere"),
    )
    assert written(found) == ["m@v1.0.1"]


def test_a_tag_that_vanished_is_not_written_again_by_itself() -> None:
    found = decided(intent(recorded="m@v1.0.0"), tag("m@v0.1.0", 7))
    assert isinstance(found, Stalled)
    assert found.reason == "TagVanished"
    assert "push that tag again, or delete this object" in found.message


def test_a_number_that_was_allotted_in_another_ledger_is_kept_in_this_one() -> None:
    assert written(decided(intent(version=None, status_version="v3.0.0"))) == ["m@v3.0.0"]


def test_a_deprecated_model_takes_no_new_version() -> None:
    found = decided(intent(), tag("m@v0.1.0", 7, 10), tag("m@deprecated", 7, 11))
    assert isinstance(found, Stalled)
    assert found.reason == "ModelDeprecated"
    assert "set deprecated to false" in found.message


def test_a_deregistered_version_is_not_registered_again() -> None:
    found = decided(intent(), tag("m@v1.0.0", 1, 10), tag("m@v1.0.0!", 1, 11))
    assert isinstance(found, Stalled)
    assert found.reason == "Deregistered"
    assert "set deregistered to true, or register another version" in found.message


def test_a_version_is_deregistered_on_its_own_commit_later_than_its_registration() -> None:
    found = decided(intent(deregistered=True), tag("m@v1.0.0", 3, NOW + 2))
    one = only(found)
    assert (one.name, one.target, one.seconds) == ("m@v1.0.0!", commit(3), NOW + 3)


def test_a_deregistered_version_is_what_was_asked() -> None:
    found = decided(
        intent(deregistered=True), tag("m@v1.0.0", 1, 10), tag("m@v1.0.0!", 1, 11, by=OTHER)
    )
    assert isinstance(found, Settled)
    assert found.event is not None
    assert found.event.tag == "m@v1.0.0!"


def test_a_version_is_withdrawn_from_a_deprecated_model_without_reviving_it() -> None:
    tags = [tag("m@v1.0.0", 1, 1), tag("m@deprecated", 1, 10)]
    found = decided(intent(deregistered=True), *tags)
    assert written(found) == ["m@v1.0.0!", "m@deprecated#2"]
    assert found.reserve
    assert view(*tags, *found.tags).artifact("m").deprecated


def test_what_was_never_registered_cannot_be_deregistered() -> None:
    found = decided(intent(deregistered=True))
    assert isinstance(found, Stalled)
    assert found.reason == "NotRegistered"
    assert "set deregistered to false, or delete this object" in found.message


def test_deregistering_waits_while_a_stage_or_an_assignment_uses_the_version() -> None:
    stages = [tag("m#dev#1", 1, 10), tag("m#prod#2", 1, 11)]
    used = intent(deregistered=True, users=("m-live",), runners=("there/m-prod",))
    found = decided(used, tag("m@v1.0.0", 1, 1), *stages)
    assert isinstance(found, Waiting)
    assert found.reason == "InUse"
    for words in (
        "the stage dev",
        "the stage prod",
        "StageAssignment m-live names it",
        "the workload of StageAssignment there/m-prod needs it",
    ):
        assert words in found.message
    assert "Put another version there, or remove the assignment" in found.message


def test_a_stage_that_another_version_has_taken_since_holds_nobody_up() -> None:
    tags = [tag("m@v1.0.0", 1, 1), tag("m@v2.0.0", 2, 2)]
    tags += [tag("m#prod#1", 1, 10), tag("m#prod#2", 2, 11)]
    assert written(decided(intent(deregistered=True), *tags)) == ["m@v1.0.0!"]


@pytest.mark.parametrize(("ahead", "second"), [(-500, NOW), (0, NOW + 1), (4, NOW + 5)])
def test_the_second_exceeds_that_of_the_version_s_last_tag(ahead: int, second: int) -> None:
    found = decided(intent(deregistered=True), tag("m@v1.0.0", 1, NOW + ahead))
    assert only(found).seconds == second


def test_one_s_own_clock_that_went_back_is_waited_for() -> None:
    found = decided(intent(deregistered=True), tag("m@v1.0.0", 1, NOW + 60, by=ME))
    assert isinstance(found, Retry)
    assert (found.reason, found.after) == ("ClockSkew", 56.0)


def test_a_foreign_tag_from_the_future_is_the_users_to_remove() -> None:
    found = decided(intent(deregistered=True), tag("m@v1.0.0", 1, NOW + 60, tagger="Bob"))
    assert isinstance(found, Stalled)
    assert found.reason == "ClockSkew"
    assert f"m@v1.0.0 of Bob is dated {timestamp(NOW + 60)}" in found.message
    assert "remove that tag" in found.message


def test_a_name_that_git_cannot_hold_beside_another_is_refused() -> None:
    found = decided(intent(artifact="m"), tag("m@v1.0.0/x", 7))
    assert isinstance(found, Stalled)
    assert found.reason == "TagCollision"
    assert "m@v1.0.0/x" in found.message


def test_one_s_own_unconfirmed_registration_gives_way_to_another_on_its_commit() -> None:
    mine = tag("m@v1.0.0", 1, 20, by=ME)
    found = decided(intent(), mine, tag("m@v0.9.0", 1, 10))
    assert found == Withdraw("m@v1.0.0", mine.oid)


@pytest.mark.parametrize(
    ("why", "recorded", "more"),
    [
        ("it was confirmed before", "m@v1.0.0", []),
        ("we have assigned it since", None, [tag("m#prod#1", 1, 30, by=OTHER)]),
    ],
)
def test_a_registration_in_use_is_not_withdrawn(
    why: str, recorded: str | None, more: list[TagObject]
) -> None:
    tags = [tag("m@v1.0.0", 1, 20, by=ME), tag("m@v0.9.0", 1, 10), *more]
    assert isinstance(decided(intent(recorded=recorded), *tags), Settled), why


def test_a_stage_tag_of_others_does_not_keep_a_stray_registration() -> None:
    tags = [tag("m@v1.0.0", 1, 20, by=ME), tag("m@v0.9.0", 1, 10), tag("m#prod#1", 1, 30)]
    assert isinstance(decided(intent(), *tags), Withdraw)


def test_somebody_else_s_registration_is_never_withdrawn() -> None:
    tags = [tag("m@v1.0.0", 1, 20, by=OTHER), tag("m@v0.9.0", 1, 10)]
    assert isinstance(decided(intent(), *tags), Settled)


def test_of_two_that_this_cluster_wrote_only_the_later_one_goes() -> None:
    tags = [tag("m@v1.0.0", 1, 20, by=ME), tag("m@v0.9.0", 1, 10, by=OTHER)]
    assert isinstance(decided(intent(), *tags), Withdraw)
    assert isinstance(decided(intent(asker=OTHER, version="v0.9.0"), *tags), Settled)

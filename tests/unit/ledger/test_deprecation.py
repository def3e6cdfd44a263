"""What a RegisteredModel comes to: deprecated, returned, or left as people have it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.ledger.book import NOW, asker, commit, only, records, tag, trailers, view

from playbill.api.errors import Retry, Stalled
from playbill.ledger import message
from playbill.ledger.decisions import Settled, Write
from playbill.ledger.fold import fold
from playbill.ledger.intents import ModelIntent, StageIntent
from playbill.ledger.plan import decide
from playbill.ledger.tagobject import TagObject

ME = asker("RegisteredModel", "m")
BOOK = (tag("m@v1.0.0", 1, 10), tag("m@v2.0.0", 2, 20), tag("m#prod#1", 1, 30))
DEPRECATED = tag("m@deprecated", 2, 40, by=ME)


def intent(*, deprecated: bool, generation: int = 2) -> ModelIntent:
    by = asker("RegisteredModel", "m", generation=generation)
    return ModelIntent(asker=by, artifact="m", deprecated=deprecated)


def decided(wanted: ModelIntent, *tags: TagObject, now: int = NOW) -> Any:
    return decide(wanted, view(*tags), now)


def test_a_model_is_deprecated_at_its_latest_version() -> None:
    found = decided(intent(deprecated=True), *BOOK)
    one = only(found)
    assert (one.name, one.target, one.seconds) == ("m@deprecated", commit(2), NOW)
    assert isinstance(found, Write)
    assert not found.reserve


def test_a_deprecation_is_later_than_every_event() -> None:
    found = decided(intent(deprecated=True), *BOOK, tag("m#dev#2", 1, NOW + 3))
    assert only(found).seconds == NOW + 4


def test_a_clock_that_went_back_is_waited_for() -> None:
    found = decided(intent(deprecated=True), *BOOK, tag("m#dev#2", 1, NOW + 90, by=ME))
    assert isinstance(found, Retry)
    assert found.after == 86.0


def test_a_model_without_history_has_nothing_to_deprecate() -> None:
    assert decided(intent(deprecated=True)) == Settled(None)


@pytest.mark.parametrize("deprecated", [True, False])
def test_a_person_s_deprecation_is_as_good_as_ours_and_not_undone(deprecated: bool) -> None:
    found = decided(intent(deprecated=deprecated), *BOOK, tag("m@deprecated", 2, 40))
    assert isinstance(found, Settled)
    assert found.event is not None
    assert found.event.tag == "m@deprecated"


def test_an_active_model_that_is_to_be_active_is_settled() -> None:
    assert decided(intent(deprecated=False), *BOOK) == Settled(None)


def test_a_return_revives_the_artifact_and_changes_nothing_else() -> None:
    found = decided(intent(deprecated=False), *BOOK, DEPRECATED)
    one = only(found)
    assert isinstance(found, Write)
    assert found.reserve
    assert one.name == "m#deprecated!#2"
    assert trailers(one)[message.REASON] == "returns from deprecation"
    before = fold(records([*BOOK, DEPRECATED])).artifacts["m"]
    after = fold(records([*BOOK, DEPRECATED, one])).artifacts["m"]
    assert (before.deprecated, after.deprecated) == (True, False)
    assert after.versions == before.versions
    assert {n: s.holders for n, s in after.stages.items() if s.holders} == {
        n: s.holders for n, s in before.stages.items() if s.holders
    }


def test_a_return_spares_a_stage_that_is_really_called_deprecated() -> None:
    tags = [*BOOK, tag("m#deprecated#2", 1, 35), DEPRECATED]
    assert only(decided(intent(deprecated=False), *tags)).name == "m#undeprecated!#3"


def test_a_second_deprecation_gets_a_number_and_a_reservation() -> None:
    returned = tag("m#deprecated!#2", 2, 50, by=ME)
    found = decided(intent(deprecated=True, generation=4), *BOOK, DEPRECATED, returned)
    assert isinstance(found, Write)
    assert found.reserve
    assert only(found).name == "m@deprecated#3"


def test_what_this_cluster_or_a_person_revived_is_deprecated_again() -> None:
    mine = tag("m@deprecated", 2, 40, by=asker("RegisteredModel", "m", generation=2))
    for reviver in (tag("m#dev#2", 1, 50), tag("m#dev#2", 1, 50, by=ME)):
        found = decided(intent(deprecated=True), *BOOK, mine, reviver)
        assert only(found).name == "m@deprecated#3"


def test_another_cluster_that_revives_a_deprecated_model_is_not_fought() -> None:
    mine = tag("m@deprecated", 2, 40, by=asker("RegisteredModel", "m", generation=2))
    theirs = tag("m#dev#2", 1, 50, by=ME, cluster="elsewhere")
    found = decided(intent(deprecated=True), *BOOK, mine, theirs)
    assert isinstance(found, Stalled)
    assert found.reason == "Contested"
    assert "m#dev#2, written by the cluster elsewhere" in found.message
    assert "then set deprecated anew" in found.message
    anew = decided(intent(deprecated=True, generation=3), *BOOK, mine, theirs)
    assert only(anew).name == "m@deprecated#3"


def leave(*tags: TagObject) -> Any:
    by = asker("StageAssignment", "m-prod")
    wish = StageIntent(asker=by, artifact="m", stage="prod", leaving=True, was_recorded=True)
    return decide(wish, view(*tags), NOW)


def test_a_stage_that_is_emptied_leaves_a_deprecated_model_deprecated() -> None:
    found = leave(*BOOK, tag("m@deprecated", 2, 40))
    assert isinstance(found, Write)
    assert [t.name for t in found.tags] == ["m#prod!#2", "m@deprecated#3"]
    left = fold(records([*BOOK, tag("m@deprecated", 2, 40), *found.tags])).artifacts["m"]
    assert left.deprecated
    assert left.stages["prod"].winner is None


def test_an_active_model_stays_active_when_a_stage_is_emptied() -> None:
    found = leave(*BOOK)
    assert isinstance(found, Write)
    assert [t.name for t in found.tags] == ["m#prod!#2"]


def test_a_deprecation_of_the_future_need_not_be_renewed() -> None:
    future = [*BOOK, tag("m@deprecated", 2, NOW + 90)]
    found = leave(*future)
    assert isinstance(found, Write)
    assert [t.name for t in found.tags] == ["m#prod!#2"]
    assert fold(records([*future, *found.tags])).artifacts["m"].deprecated


@pytest.mark.parametrize(("by", "returns"), [(ME, True), (None, False)])
def test_a_renewed_deprecation_is_still_that_of_whoever_asked_for_it(
    by: Any, returns: bool
) -> None:
    tags = [*BOOK, tag("m@deprecated", 2, 40, by=by)]
    renewed = leave(*tags)
    assert isinstance(renewed, Write)
    found = decided(intent(deprecated=False), *tags, *renewed.tags)
    assert isinstance(found, Write if returns else Settled)

"""A withdrawn version returns when the object that withdrew it says so, and for nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.ledger.book import NOW, asker, commit, only, tag, trailers, view, written

from playbill.api.errors import Stalled
from playbill.ledger import message
from playbill.ledger.decisions import Repeat, Settled, Write
from playbill.ledger.intents import Asker, Reservation, VersionIntent
from playbill.ledger.plan import decide
from playbill.ledger.tagobject import TagObject


def me(generation: int, **more: Any) -> Asker:
    return asker(name="mine", generation=generation, **more)


def intent(**more: Any) -> VersionIntent:
    facts: dict[str, Any] = {"asker": me(3), "artifact": "m", "version": "v1.0.0"}
    return VersionIntent(**(facts | {"commit": commit(1)} | more))


WITHDRAWN = [tag("m@v1.0.0", 1, 10, by=me(1)), tag("m@v1.0.0!", 1, 20, by=me(2))]
RETURNED = [*WITHDRAWN, tag("m#dev#3", 1, 25), tag("m@v1.0.0#4", 1, 30, by=me(3))]


def test_the_object_that_withdrew_a_version_brings_it_back_with_a_counter() -> None:
    found = decide(intent(), view(*WITHDRAWN, tag("m#dev#3", 1, 25)), NOW)
    one = only(found)
    assert (one.name, one.target, one.seconds) == ("m@v1.0.0#4", commit(1), NOW)
    assert one.message.startswith("Registering artifact m version v1.0.0\n")
    assert trailers(one)[message.REQUEST] == "uid-mine/3"
    assert isinstance(found, Write)
    assert found.reserve


@pytest.mark.parametrize(
    ("who", "withdrawn"),
    [
        pytest.param(me(3), tag("m@v1.0.0!", 1, 20), id="a person withdrew it"),
        pytest.param(me(3), tag("m@v1.0.0!", 1, 20, by=asker(name="x")), id="another object did"),
        pytest.param(me(3, uid="new"), WITHDRAWN[1], id="the object was made anew"),
        pytest.param(me(2), WITHDRAWN[1], id="a backup brought the object back as it was"),
    ],
)
def test_nobody_else_brings_it_back(who: Asker, withdrawn: TagObject) -> None:
    found = decide(intent(asker=who), view(WITHDRAWN[0], withdrawn), NOW)
    assert isinstance(found, Stalled)
    assert found.reason == "Deregistered"
    assert "only by the object that had it deregistered" in found.message


def test_a_person_who_withdraws_it_again_is_not_overruled() -> None:
    tags = [*RETURNED, tag("m@v1.0.0!#5", 1, 40)]
    found = decide(intent(asker=me(4)), view(*tags), NOW)
    assert isinstance(found, Stalled)
    assert found.reason == "Deregistered"


def test_a_version_that_returned_is_settled_by_the_tag_that_brought_it_back() -> None:
    found = decide(intent(), view(*RETURNED), NOW)
    assert isinstance(found, Settled)
    assert found.event is not None
    assert found.event.tag == "m@v1.0.0#4"


def test_a_version_that_returned_is_withdrawn_again_with_a_counter_and_a_reservation() -> None:
    found = decide(intent(asker=me(4), deregistered=True), view(*RETURNED[:2], RETURNED[3]), NOW)
    assert written(found) == ["m@v1.0.0!#5"]
    assert isinstance(found, Write)
    assert found.reserve


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        pytest.param([tag("m@deprecated", 1, 30)], "ModelDeprecated", id="deprecated"),
        pytest.param([tag("m@v2.0.0", 1, 15)], "CommitTaken", id="another version is there"),
    ],
)
def test_what_stops_a_registration_stops_a_return(more: list[TagObject], reason: str) -> None:
    found = decide(intent(recorded="m@v1.0.0"), view(*WITHDRAWN, *more), NOW)
    assert isinstance(found, Stalled)
    assert found.reason == reason


def test_a_return_that_others_removed_is_not_written_again() -> None:
    found = decide(intent(recorded="m@v1.0.0#4"), view(*WITHDRAWN), NOW)
    assert isinstance(found, Stalled)
    assert found.reason == "TagVanished"


@pytest.mark.parametrize("version", ["v1.0.0", None])
def test_a_withdrawal_that_is_no_longer_asked_is_not_pushed_again(version: str | None) -> None:
    held = view(*RETURNED[:2], RETURNED[3])
    asked = intent(asker=me(4), deregistered=True, version=version, status_version="v1.0.0")
    found = decide(asked, held, NOW)
    assert isinstance(found, Write)
    waiting = replace(asked, pending=Reservation(generation=4, tags=found.tags))
    assert decide(waiting, held, NOW) == Repeat(found.tags)
    changed_mind = replace(waiting, asker=me(5), deregistered=False)
    assert isinstance(decide(changed_mind, held, NOW), Settled)


def test_a_return_that_was_reserved_is_pushed_again_as_it_was() -> None:
    held = view(*WITHDRAWN)
    found = decide(intent(), held, NOW)
    assert isinstance(found, Write)
    waiting = intent(pending=Reservation(generation=3, tags=found.tags))
    assert decide(waiting, held, NOW + 60) == Repeat(found.tags)

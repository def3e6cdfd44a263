"""What a StageAssignment that follows comes to: the highest that fits, once, never back."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.book import NOW, asker, tag, view, written

from playbill.api.errors import Stalled, Waiting
from playbill.api.stage_assignment import RANGE
from playbill.ledger import message
from playbill.ledger.decisions import Settled
from playbill.ledger.following import Range
from playbill.ledger.intents import Follow, StageIntent, VersionIntent
from playbill.ledger.plan import decide
from playbill.ledger.tagobject import TagObject

ME = asker("StageAssignment", "m-prod", spec_hash="cafe")
VERSIONS = (
    tag("m@v1.0.0", 1, 1),
    tag("m@v1.1.0", 2, 2),
    tag("m@v1.2.0-rc.1", 3, 3),
    tag("m@v2.0.0", 4, 4),
    tag("m@v1.3.0", 5, 5),
    tag("m@v1.3.0!", 5, 6),
)


def decided(*tags: TagObject, recorded: str | None = None, of: str | None = None, **f: Any) -> Any:
    wanted = StageIntent(
        asker=ME,
        artifact="m",
        stage="prod",
        follow=Follow(**f),
        recorded=recorded,
        recorded_version=of,
    )
    return decide(wanted, view(*VERSIONS, *tags), NOW)


def own(name: str, on: int, at: int, *, uid: str = "") -> TagObject:
    """An assignment that this very object asked for, or one before it with the same wish."""
    by = replace(ME, uid=uid) if uid else ME
    made = tag(name, on, at, by=by)
    text = f"{made.message.rstrip()}\n{message.SPEC}: {by.spec_hash}"
    return replace(made, message=text)


@pytest.mark.parametrize(
    ("range_", "version", "prereleases", "fits"),
    [
        ("^1.2", "v1.2.0", False, True),
        ("^1.2", "v1.10.3", False, True),
        ("^1.2", "v2.0.0", False, False),
        ("^0.2.3", "v0.3.0", False, False),
        ("~1.4.0", "v1.4.9", False, True),
        ("~1.4.0", "v1.5.0", False, False),
        ("1.x", "v1.9.9", False, True),
        (">=1.2 <3 || 5.x", "v2.9.9", False, True),
        (">=1.2 <3 || 5.x", "v5.0.0", False, True),
        (">=1.2 <3 || 5.x", "v4.0.0", False, False),
        (">= v1.2.0", "v1.2.0", False, True),
        ("1.2 - 2.0", "v2.0.9", False, True),
        ("1.2 -  2.0", "v2.0.9", False, True),
        ("1.2 -  2.0", "v2.1.0", False, False),
        (" >=1.2   <3  ||  5.x ", "v5.0.0", False, True),
        ("*", "v0.0.1", False, True),
        ("v1.2.3", "v1.2.3+build.7", False, True),
        ("*", "v1.0.0-rc.1", False, False),
        ("^1.2", "v1.2.0-rc.1", True, True),
        ("<2.0.0", "v2.0.0-rc.1", True, False),
        ("^1.2.0-rc.1", "v1.2.0-rc.2", False, False),
    ],
)
def test_a_range_is_read_as_npm_reads_it(
    range_: str, version: str, prereleases: bool, fits: bool
) -> None:
    assert Range(range_, prereleases).allows(version) is fits


@pytest.mark.parametrize("range_", ["", ">", "one", "1.2.3.4", "^1 &&", "v"])
def test_what_is_no_range_is_refused_with_examples(range_: str) -> None:
    found = decided(range=range_)
    if range_ == "":
        assert written(found) == ["m#prod#1"]  # npm's empty range is any
        return
    assert isinstance(found, Stalled)
    assert found.reason == "InvalidRange"
    assert "such as ^1.2" in found.message


@pytest.mark.parametrize(
    ("follow", "target"),
    [
        ({}, 4),
        ({"range": "^1.0"}, 2),
        ({"range": "^1.0", "prereleases": True}, 3),
        ({"range": "~1.0.0"}, 1),
    ],
)
def test_the_highest_registered_version_that_fits_is_promoted(
    follow: dict[str, Any], target: int
) -> None:
    (found,) = decided(**follow).tags
    assert found.target == f"{target:040x}"


@pytest.mark.parametrize(
    "range_", [">=1.0 - <2.0", "1.0 - latest", "1.0 - ~2", ">1 - 2", "1.0 - 2.0 - 3.0"]
)
def test_what_is_no_version_beside_a_hyphen_is_refused_and_explained(range_: str) -> None:
    found = decided(range=range_)
    assert isinstance(found, Stalled)
    assert found.reason == "InvalidRange"
    assert "a hyphen stands between two plain versions" in found.message


PIECES = [
    "1",
    "1.2.3",
    "x",
    "*",
    "-rc.1",
    "+b",
    " - ",
    "-",
    ".",
    "v",
    "<",
    ">=",
    "~",
    "^",
    "||",
    " ",
]


@given(range_=st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join))
def test_whatever_the_cluster_admits_is_a_range_or_is_refused(range_: str) -> None:
    assert re.search(RANGE, range_)
    with suppress(Stalled):
        Range(range_, prereleases=False).allows("v1.0.0")


def test_nothing_that_fits_keeps_what_is_there() -> None:
    found = decided(tag("m#prod#1", 1, 9), range="^7")
    assert isinstance(found, Settled)
    assert found.event is not None
    assert found.event.tag == "m#prod#1"
    assert decided(range="^7") == Settled(None)


def test_what_holds_another_stage_is_followed_upwards_only() -> None:
    dev = tag("m#dev#1", 2, 9)
    assert written(decided(dev, stage="dev")) == ["m#prod#2"]
    lower = tag("m#dev#3", 1, 11)
    assert isinstance(decided(dev, tag("m#prod#2", 2, 10), lower, stage="dev"), Settled)
    assert decided(stage="dev") == Settled(None)


def test_a_version_is_promoted_once_and_a_persons_word_stands_until_a_higher_one() -> None:
    promoted, back = own("m#prod#1", 2, 10), tag("m#prod#2", 1, 11)
    found = decided(promoted, back, range="^1")
    assert isinstance(found, Settled)
    assert found.event is not None
    assert found.event.tag == "m#prod#2"
    assert written(decided(promoted, back, tag("m@v1.4.0", 6, 12), range="^1")) == ["m#prod#3"]


def test_a_restored_cluster_takes_nothing_back_either() -> None:
    promoted = own("m#prod#1", 2, 10, uid="uid-before")
    assert isinstance(decided(promoted, tag("m#prod#2", 1, 11), range="^1"), Settled)


def test_a_tag_that_vanished_is_not_written_again_but_a_higher_version_is() -> None:
    found = decided(range="^1", recorded="m#prod#1", of="v1.1.0")
    assert isinstance(found, Stalled)
    assert found.reason == "TagVanished"
    assert written(decided(recorded="m#prod#1", of="v1.1.0")) == ["m#prod#1"]


def test_what_was_adopted_never_writes() -> None:
    stage = StageIntent(asker=ME, artifact="m", stage="prod", version="v1.0.0", read_only=True)
    found = decide(stage, view(*VERSIONS), NOW)
    assert isinstance(found, Waiting)
    assert found.reason == "NotInLedger"
    version = VersionIntent(
        asker=asker(), artifact="m", version="v7.0.0", commit="7" * 40, read_only=True
    )
    assert isinstance(decide(version, view(*VERSIONS), NOW), Waiting)
    known = replace(version, version="v1.0.0", revision=f"{1:040x}")
    assert isinstance(decide(known, view(*VERSIONS), NOW), Settled)

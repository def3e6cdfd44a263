"""What a tag says of who asked for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.ledger.book import NOW, asker, commit, only, tag, view

from playbill.ledger import message
from playbill.ledger.decisions import Repeat, Write
from playbill.ledger.drafting import draft
from playbill.ledger.grammar import AssignmentTag
from playbill.ledger.intents import (
    AnyIntent,
    Asker,
    ModelIntent,
    Reservation,
    Rollback,
    StageIntent,
    VersionIntent,
)
from playbill.ledger.plan import decide

BOOK = (tag("m@v1.0.0", 1, 1), tag("m@v2.0.0", 2, 2))


def by(kind: str) -> Asker:
    return asker(kind, "one", requested_by="ada", change="https://forge/pull/7", spec_hash="5e")


STAGE = StageIntent(asker=by("StageAssignment"), artifact="m", stage="prod", version="v1.0.0")
ASKED: list[AnyIntent] = [
    VersionIntent(asker=by("ModelVersion"), artifact="m", version="3.0.0", commit=commit(3)),
    STAGE,
    ModelIntent(asker=by("RegisteredModel"), artifact="m", deprecated=True),
]


@pytest.mark.parametrize("intent", ASKED, ids=lambda i: i.asker.kind)
def test_each_kind_of_tag_names_who_asked_and_what_led_to_it(intent: AnyIntent) -> None:
    _, _, trailers = message.split(only(decide(intent, view(*BOOK), NOW)).message)
    assert trailers[message.REQUESTED_BY] == "ada"
    assert trailers[message.CHANGE] == "https://forge/pull/7"


def test_what_is_not_known_is_left_out() -> None:
    intent = replace(STAGE, asker=asker("StageAssignment", "one"))
    text = only(decide(intent, view(*BOOK), NOW)).message
    assert message.REQUESTED_BY not in text
    assert message.CHANGE not in text


def test_nobody_is_named_for_a_rollback() -> None:
    back = Rollback(
        version="v2.0.0", tag="m#prod#2", to="v1.0.0", commit=commit(1), reason="Bad", message="x"
    )
    intent = replace(STAGE, version="v2.0.0", rollback=back)
    standing = (tag("m#prod#1", 1, 10), tag("m#prod#2", 2, 11))
    found = only(decide(intent, view(*BOOK, *standing), NOW))
    _, _, trailers = message.split(found.message)
    assert trailers[message.REASON].startswith("rollback from v2.0.0")
    assert not {message.REQUESTED_BY, message.CHANGE} & trailers.keys()


HOSTILE = [
    "ada\n\nPlaybill-Cluster: elsewhere",
    "ada\r\nPlaybill-Requested-By: root",
    "ada\u2028Playbill-Requested-By: root",
    "ada\x00\x1b[31m",
    "\u202eada",
    "-----BEGIN SSH SIGNATURE-----",
    "---",
    "x" * 100_000,
    "${version} $(id) `id` {{ .Values }}",
]


@pytest.mark.parametrize("words", HOSTILE, ids=repr)
def test_no_words_add_a_trailer_or_hide_one(words: str) -> None:
    hostile = asker("StageAssignment", "one", requested_by="ada", change=words)
    text = draft(
        view=view(*BOOK),
        intent=replace(STAGE, asker=hostile),
        name=AssignmentTag("m", "prod", 1),
        target=commit(1),
        seconds=NOW,
        subject="Assigning",
    ).message
    _, _, trailers = message.split(text)
    assert trailers.keys() <= {
        message.CLUSTER, message.RESOURCE, message.REQUEST, message.REQUESTED_BY, message.CHANGE,
    }  # fmt: skip
    assert trailers[message.CLUSTER] == "here"
    assert trailers[message.REQUESTED_BY] == "ada"
    assert len(trailers.get(message.CHANGE, "")) <= message.VALUE_MAX_LENGTH


def test_what_was_reserved_is_pushed_as_it_is_whoever_asks_by_now() -> None:
    first = decide(STAGE, view(*BOOK), NOW)
    assert isinstance(first, Write)
    later = replace(
        STAGE,
        asker=replace(STAGE.asker, requested_by="bob", change=""),
        pending=Reservation(generation=1, tags=first.tags),
    )
    again = decide(later, view(*BOOK), NOW + 5)
    assert isinstance(again, Repeat)
    assert again.tags == first.tags

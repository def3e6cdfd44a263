"""Whether a ledger is the one we know: what is gone from it is lost, or was removed."""

from __future__ import annotations

import pytest
from tests.unit.controllers.objects import model, version
from tests.unit.ledger.book import commit, tag, view

from playbill.api.times import timestamp
from playbill.controllers.inventory.intents import intent_of
from playbill.controllers.inventory.ledger_span import NEVER, known_since, span_of
from playbill.ledger.intents import VersionIntent
from playbill.ledger.view import View


def known(since: int, until: int) -> dict[str, object]:
    return {"history": {"since": timestamp(since), "until": timestamp(until)}}


@pytest.mark.parametrize(
    ("status", "ledger", "since"),
    [
        pytest.param(None, view(), NEVER, id="an empty ledger holds nothing of what we knew"),
        pytest.param(known(10, 20), view(), NEVER, id="nor does one that was emptied"),
        pytest.param(None, view(tag("digits@v1.0.0", 1, 10)), 10, id="a first look"),
        pytest.param(
            known(10, 20), view(tag("digits@v2.0.0", 2, 20)), 10, id="its oldest tag was removed"
        ),
        pytest.param(
            known(10, 20), view(tag("digits@v1.0.0", 1, 30)), 30, id="another in its place"
        ),
        pytest.param(
            known(30, 40), view(tag("digits@v1.0.0", 1, 30)), 30, id="another, known by now"
        ),
        pytest.param(
            known(10, 20), view(tag("other@v1.0.0", 1, 5)), 10, id="one artifact of many is gone"
        ),
    ],
)
def test_since_when_the_ledger_is_the_one_we_know(
    status: dict[str, object] | None, ledger: View, since: int
) -> None:
    assert known_since(model("digits", status=status), ledger) == since


def test_a_span_grows_with_the_ledger_and_does_not_shrink_with_it() -> None:
    grown = span_of(model("digits", status=known(10, 20)), view(tag("digits@v1.0.0", 1, 10)))
    assert grown is not None
    assert (grown.since, grown.until) == (timestamp(10), timestamp(20))
    emptied = span_of(model("digits", status=known(10, 20)), view())
    assert emptied == grown


def test_what_another_ledger_recorded_is_asked_for_anew_at_the_same_commit() -> None:
    status = {
        "tag": "m@v1.0.0",
        "version": "v1.0.0",
        "commit": commit(1),
        "registeredAt": timestamp(10),
    }
    here = intent_of(version(status=status), artifact="m", since=10)
    gone = intent_of(version(status=status), artifact="m", since=11)
    assert isinstance(here, VersionIntent)
    assert isinstance(gone, VersionIntent)
    assert (here.recorded, here.commit) == ("m@v1.0.0", commit(1))
    assert (gone.recorded, gone.commit) == (None, None)
    assert (gone.revision, gone.status_version) == (commit(1), "v1.0.0")

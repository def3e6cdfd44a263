"""Since when the ledger is the one we know: another repository may stand in its place. Pure.

A tag that is gone from a ledger was removed by somebody, and is not written again. A ledger
of which nothing is left as old as what we knew is another one, and is written in full. The
model's status tells the two apart, also after a restart in the middle of the writing.
"""

from __future__ import annotations

from playbill.api.registered_model import LedgerSpan, RegisteredModel
from playbill.api.times import seconds_of, timestamp
from playbill.ledger.view import View

NEVER = 1 << 62
"""A second that never comes: nothing that any status tells of is in an empty ledger."""


def known_since(model: RegisteredModel, view: View) -> int:
    """The second before which nothing was recorded in this ledger."""
    first, span = view.first_second, model.status.history
    if first is None:
        return NEVER
    if span is None or first > seconds_of(span.until):
        return first
    return seconds_of(span.since)


def span_of(model: RegisteredModel, view: View) -> LedgerSpan | None:
    """What the model's status is to remember of the ledger."""
    artifact, span = view.artifact(model.artifact), model.status.history
    if artifact.state is None:
        return span
    since = known_since(model, view)
    last = artifact.state.last_seconds
    if span is not None and since == seconds_of(span.since):
        last = max(last, seconds_of(span.until))
    return LedgerSpan(since=timestamp(since), until=timestamp(last))

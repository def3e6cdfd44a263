"""Who changed what is ours, and when: the sentence of an Event, from managedFields.

A manager's entry bears the time of its last change to any of its fields, so the
time is that of the last edit by the same hand. A field that was taken out is in
nobody's entry, and nothing tells who did it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playbill.rollout.managed_fields import Field, lost_fields, their_entries
from playbill.rollout.objects import HASH_ANNOTATION, Manifest, seal_of

MOST_FIELDS = 4
"""So many fields of one hand are named, and the others counted."""


@dataclass(frozen=True, slots=True, order=True)
class Hand:
    """Who last wrote a field: `manager` as it calls itself, `at` in RFC 3339."""

    manager: str
    at: str


@dataclass(frozen=True, slots=True)
class Change:
    """Fields of ours that somebody changed; `hand` is None where they took them out."""

    hand: Hand | None
    paths: tuple[str, ...]

    def __str__(self) -> str:
        """`kubectl-edit changed spec.replicas at 2026-05-03T12:03:44Z`."""
        named = ", ".join(self.paths[:MOST_FIELDS])
        more = len(self.paths) - MOST_FIELDS
        what = f"{named} and {more} more" if more > 0 else named
        if self.hand is None:
            return f"somebody took out {what}"
        return f"{self.hand.manager} changed {what} at {self.hand.at}"


def blame(rendered: Mapping[str, Any], live: Mapping[str, Any]) -> tuple[Change, ...]:
    """What others changed of `rendered` in `live`, which bears its managedFields.

    One Change for each hand, the latest first; empty when all of it is ours still.
    """
    by_hand: dict[Hand | None, list[str]] = defaultdict(list)
    for field in lost_fields(rendered, live):
        by_hand[_hand(field, live)].append(field.path)
    latest_first = sorted(by_hand, key=lambda hand: hand.at if hand else "", reverse=True)
    return tuple(Change(hand, tuple(by_hand[hand])) for hand in latest_first)


def drift(rendered: Manifest, live: Manifest) -> tuple[Change, ...]:
    """The same as `blame`, but nothing when it is our own rendering that has changed.

    Then what was applied before differs from what is rendered now, and so its seal
    does; unless somebody else has written the seal.
    """
    ours_changed = seal_of(rendered) != seal_of(live) and not lost_fields(_seal(rendered), live)
    return () if ours_changed else blame(rendered, live)


def put_back(live: Manifest, changes: Sequence[Change]) -> str:
    """The sentence of the Event: `Deployment digits: kubectl-edit changed … at …; put back`."""
    what = f"{live['kind']} {live['metadata']['name']}"
    return f"{what}: {'; '.join(map(str, changes))}; put back"


def _seal(rendered: Manifest) -> Manifest:
    """The part of a rendering that is its seal."""
    return {"metadata": {"annotations": {HASH_ANNOTATION: seal_of(rendered)}}}


def _hand(field: Field, live: Mapping[str, Any]) -> Hand | None:
    hands = [
        Hand(entry["manager"], entry.get("time", "an unknown time"))
        for entry in their_entries(live)
        if _has(entry.get("fieldsV1") or {}, field.steps)
    ]
    return max(hands, key=lambda hand: hand.at, default=None)


def _has(fields: Mapping[str, Any], steps: Sequence[str]) -> bool:
    """Whether an entry has the field, the whole that it is part of, or a part of it."""
    for step in steps:
        if step not in fields:
            return False
        fields = fields[step]
        if not fields:
            return True
    return True

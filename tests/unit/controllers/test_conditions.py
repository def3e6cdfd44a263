"""The conditions that a status ends up with."""

from __future__ import annotations

import pytest
from tests.unit.controllers.objects import condition

from playbill.api.base import Condition
from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.api.times import timestamp
from playbill.controllers.status.conditions import Part, Phase, Summary, conditions

NOW = "2026-07-01T12:00:00Z"
THEN = "2026-01-01T00:00:00Z"


def before(*found: tuple[str, str]) -> list[Condition]:
    return [Condition.model_validate(condition(t, s)) for t, s in found]


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("Ready", {"Ready": "True"}),
        ("Working", {"Ready": "Unknown", "Reconciling": "True"}),
        ("Waiting", {"Ready": "False"}),
        ("Stalled", {"Ready": "False", "Stalled": "True"}),
    ],
)
def test_ready_is_always_there_and_the_others_only_while_true(
    phase: Phase, expected: dict[str, str]
) -> None:
    old = before(("Ready", "True"), ("Stalled", "True"), ("Reconciling", "True"))
    found = conditions(Summary(phase, "Why", "words"), old=old, generation=3, now=NOW)
    assert {c.type: c.status for c in found} == expected
    assert {(c.reason, c.message, c.observed_generation) for c in found} == {("Why", "words", 3)}


@pytest.mark.parametrize(
    ("old", "since"),
    [
        ([], NOW),
        (before(("Ready", "True")), THEN),
        (before(("Ready", "False")), NOW),
        (before(("Recorded", "True")), NOW),
    ],
)
def test_the_time_is_that_of_the_last_change_of_status_not_of_words(
    old: list[Condition], since: str
) -> None:
    (found,) = conditions(Summary("Ready", "New", "new words"), old=old, generation=9, now=NOW)
    assert (found.last_transition_time, found.observed_generation) == (since, 9)


def test_a_kind_s_own_conditions_come_with_it_and_keep_their_times() -> None:
    part = Part("Recorded", "True", "Assigned", "it is on record")
    summary = Summary("Working", "Progressing", "1 of 3")
    ready, reconciling, recorded = conditions(
        summary, [part], old=before(("Recorded", "True")), generation=2, now=NOW
    )
    assert (ready.type, reconciling.type, recorded.type) == ("Ready", "Reconciling", "Recorded")
    assert (recorded.reason, recorded.last_transition_time) == ("Assigned", THEN)


@pytest.mark.parametrize(
    ("trouble", "phase", "final"),
    [
        (Stalled("CommitTaken", "mend it"), "Stalled", True),
        (Waiting("DependencyNotFound", "wait"), "Waiting", False),
        (Retry("ApiUnavailable", "again"), "Working", False),
    ],
)
def test_each_fate_has_its_phase_and_only_an_answer_moves_the_generation(
    trouble: Trouble, phase: str, final: bool
) -> None:
    summary = Summary.of(trouble)
    assert (summary.phase, summary.reason, summary.message, summary.final) == (
        phase,
        trouble.reason,
        trouble.message,
        final,
    )


def test_times_are_written_as_kubernetes_writes_its_own() -> None:
    assert timestamp(0) == "1970-01-01T00:00:00Z"
    assert timestamp(1_767_225_599.9) == "2025-12-31T23:59:59Z"

"""What Ready says of a rollback: on the way, done, and when something is in its way."""

from __future__ import annotations

import pytest
from tests.unit.ledger.book import commit

from playbill.api.errors import Retry, Stalled, Waiting
from playbill.api.stage_assignment import RolledBack
from playbill.controllers.status.conditions import Summary
from playbill.controllers.status.stage_status import Serving, sum_up
from playbill.rollout.judge import Failed, Progressing, RolledOut, Verdict

BACK = RolledBack(
    version="v2.0.0",
    to="v1.0.0",
    commit=commit(1),
    revision="",
    tag="m#prod#2",
    reason="CrashLoop",
    message="exit code 7",
    at="2026-01-01T00:00:00Z",
    generation=1,
    spec="hash",
)
ASSIGNED = Summary("Ready", "Assigned", "v2.0.0 holds prod")
SERVES = RolledOut("1 of 1 pod ready", "1/1")
GOING = "v2.0.0 failed (CrashLoop: exit code 7): going back to v1.0.0"


def said(recorded: Summary, *, told: bool, verdict: Verdict = SERVES) -> tuple[str, str, str]:
    serving = Serving(verdict=verdict, version="v1.0.0", back=BACK, told=told)
    found = sum_up(recorded, serving)
    return found.phase, found.reason, found.message


def test_on_the_way_it_is_being_worked_at() -> None:
    assert said(ASSIGNED, told=False) == ("Working", "RollingBack", GOING)


@pytest.mark.parametrize(
    ("trouble", "phase"),
    [
        (Stalled("PushRejected", "the server takes no tags"), "Stalled"),
        (Waiting("DependencyNotFound", "no version v1.0.0"), "Waiting"),
        (Retry("GitUnreachable", "no answer"), "Working"),
    ],
)
def test_what_keeps_it_out_of_the_ledger_is_said(trouble: Stalled, phase: str) -> None:
    text = f"{GOING}, which is not on record yet: {trouble.message}"
    assert said(Summary.of(trouble), told=False) == (phase, trouble.reason, text)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (SERVES, "was taken back, v1.0.0 serves (CrashLoop: exit code 7). To try again, "),
        (Progressing("0 of 1", "0/1"), "was taken back, v1.0.0 serves (CrashLoop: "),
        (Failed("NoDisk", "no disk", "0/1"), "taken back, but v1.0.0 fails as well: no disk ("),
    ],
)
def test_once_it_is_told_a_person_has_to_act(verdict: Verdict, words: str) -> None:
    phase, reason, message = said(ASSIGNED, told=True, verdict=verdict)
    assert (phase, reason) == ("Stalled", "RolledBack")
    assert words in message


def test_trouble_with_git_afterwards_is_said_as_ever() -> None:
    away = Summary.of(Retry("GitUnreachable", "no answer"))
    assert said(away, told=True) == ("Working", "GitUnreachable", "no answer")

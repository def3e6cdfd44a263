"""The history of a stage: what the tags tell, and what was seen of the rollouts."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.ledger.book import asker, commit, tag, view

from playbill.api.stage_assignment import CurrentVersion, HistoryEntry, StageAssignmentStatus
from playbill.controllers.status.stage_history import ended, history_of, in_words, with_outcomes
from playbill.ledger.intents import Rollback, StageIntent
from playbill.ledger.plan import decide
from playbill.rollout.judge import Failed, Progressing, RolledOut, Verdict

ME = asker("StageAssignment", "m-prod", spec_hash="bad")
BOOK = (
    tag("m@v1.0.0", 1, 1),
    tag("m@v2.0.0", 2, 2),
    tag("m#prod#1", 1, 10, by=ME),
    tag("m#prod#2", 2, 20, by=ME),
)
FAILED = Failed("CrashLoop", "exit code 7", "0/1")
DONE = RolledOut("1 of 1 pod ready", "1/1")


def history(*more: Any) -> list[HistoryEntry]:
    artifact = view(*BOOK, *more).artifact("m")
    return history_of(artifact.stage_events("prod"), artifact)


def record() -> Any:
    back = Rollback(
        version="v2.0.0",
        tag="m#prod#2",
        to="v1.0.0",
        commit=commit(1),
        reason="CrashLoop",
        message="exit code 7",
    )
    wanted = StageIntent(asker=ME, artifact="m", stage="prod", version="v2.0.0", rollback=back)
    found: Any = decide(wanted, view(*BOOK), 30)
    return found.tags[0]


def test_of_a_lost_status_the_tags_tell_who_was_rolled_back_and_why() -> None:
    newest, failed, first = history(record())
    assert (failed.version, failed.outcome, failed.reason) == (
        "v2.0.0",
        "RolledBack",
        "CrashLoop: exit code 7",
    )
    assert newest.reason == "rollback from v2.0.0 (CrashLoop): exit code 7"
    assert (newest.version, newest.outcome, first.outcome) == ("v1.0.0", None, None)


def seen(
    verdict: Verdict,
    *,
    old: StageAssignmentStatus | None = None,
    back: str | None = None,
    now: float = 32.0,
) -> list[HistoryEntry]:
    before = old or StageAssignmentStatus()
    return with_outcomes(
        history(), before, tag="m#prod#2", verdict=verdict, taken_back=back, now=now
    )


def outcome(entry: HistoryEntry) -> tuple[str | None, str | None, str | None]:
    return entry.outcome, entry.duration, entry.reason


@pytest.mark.parametrize(
    ("verdict", "back", "expected"),
    [
        (DONE, None, ("Available", "12s", None)),
        (FAILED, None, ("Failed", "12s", "CrashLoop: exit code 7")),
        (FAILED, "m#prod#2", ("RolledBack", "12s", "CrashLoop: exit code 7")),
        (Progressing("0 of 1", "0/1"), None, (None, None, None)),
    ],
)
def test_the_end_of_a_rollout_is_kept_with_how_long_it_took(
    verdict: Verdict, back: str | None, expected: Any
) -> None:
    assert outcome(seen(verdict, back=back)[0]) == expected


def test_an_outcome_stays_as_it_first_was() -> None:
    old = StageAssignmentStatus(history=seen(DONE))
    assert outcome(seen(FAILED, old=old, now=500)[0]) == ("Available", "12s", None)


def test_a_failure_can_be_overcome_and_be_taken_back() -> None:
    old = StageAssignmentStatus(history=seen(FAILED), current=current("m#prod#2"))
    assert outcome(seen(DONE, old=old, now=80)[0]) == ("Available", "1m0s", None)
    assert outcome(seen(FAILED, old=old, back="m#prod#2", now=80)[0])[0] == "RolledBack"


@pytest.mark.parametrize(("verdict", "took"), [(FAILED, "12s"), (DONE, None)])
def test_what_the_ledger_says_was_taken_back_took_as_long_as_its_failure(
    verdict: Verdict, took: str | None
) -> None:
    old = StageAssignmentStatus(history=seen(verdict))
    told = with_outcomes(history(record()), old, tag=None, verdict=None, taken_back=None, now=900)
    assert outcome(told[1]) == ("RolledBack", took, "CrashLoop: exit code 7")


def current(name: str) -> CurrentVersion:
    return CurrentVersion(version="v2.0.0", commit=commit(2), tag=name, since="")


def test_what_ended_while_nobody_looked_has_no_duration() -> None:
    assert outcome(seen(DONE, now=10_000)[0]) == ("Available", None, None)


def test_only_new_outcomes_are_measured() -> None:
    before, after = history(), seen(DONE)
    assert ended(before, after) == [("Available", 12.0)]
    assert ended(after, after) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0s"), (42, "42s"), (72, "1m12s"), (7_380, "2h3m"), (-3, "0s")],
)
def test_durations_are_written_as_people_write_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words

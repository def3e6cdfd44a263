"""Whether a workload goes by a rollback or by the ledger."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.controllers.objects import stage
from tests.unit.ledger.book import asker, commit, tag, view

from playbill.api.errors import Retry, Trouble
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.intents import intent_of, spec_hash
from playbill.controllers.reconciling.judging import Judgement
from playbill.controllers.rollouts.standing import is_told, standing
from playbill.ledger.decisions import Write
from playbill.ledger.plan import decide
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import ArtifactView, View

BOOK = (
    tag("digits@v1.0.0", 1, 1),
    tag("digits@v2.0.0", 2, 2),
    tag("digits#prod#1", 1, 10),
    tag("digits#prod#2", 2, 20, by=asker("StageAssignment", "digits-prod")),
)
ROLLOUT = {"template": {"spec": {"containers": [{"name": "server", "image": "i"}]}}}


def assignment(
    *, generation: int = 1, back: bool = False, current: str = "digits#prod#2", **more: Any
) -> StageAssignment:
    """Asks for v2.0.0; `back` says that its status tells of a rollback to v1.0.0, and `current`
    which tag it takes for the newest."""
    spec = {"version": "v2.0.0", "rollout": ROLLOUT, **more}
    found = stage(meta={"generation": generation}, **spec)
    if not back:
        return found
    status = {
        "rolledBack": {
            "version": "v2.0.0",
            "to": "v1.0.0",
            "commit": commit(1),
            "revision": "digits-prod-0123",
            "tag": "digits#prod#2",
            "reason": "CrashLoop",
            "message": "exit code 7",
            "at": "2026-01-01T00:00:00Z",
            "generation": 1,
            "spec": spec_hash(found),
        },
        "current": {
            "version": "v2.0.0",
            "commit": commit(2),
            "tag": current,
            "since": "2026-01-01T00:00:00Z",
        },
    }
    return stage(meta={"generation": generation}, status=status, **spec)


def judged(of: StageAssignment, *more: TagObject) -> tuple[Judgement, ArtifactView, View]:
    ledger = view(*BOOK, *more)
    decision = decide(intent_of(of, artifact="digits"), ledger, 1_000)
    artifact = ledger.artifact("digits")
    trouble = decision if isinstance(decision, Trouble) else None
    return Judgement(trouble=trouble, artifact=artifact), artifact, ledger


def stands(of: StageAssignment, *more: TagObject) -> Any:
    judgement, artifact, _ = judged(of, *more)
    return standing(of, judgement, artifact.winner("prod"))


def record(of: StageAssignment) -> TagObject:
    """The tag that tells of the rollback."""
    decision = decide(intent_of(of, artifact="digits"), view(*BOOK), 30)
    assert isinstance(decision, Write)
    return decision.tags[0]


FAILED = assignment(back=True)


def test_it_stands_before_the_ledger_tells_of_it_and_after() -> None:
    assert stands(FAILED) == stands(FAILED, record(FAILED)) == FAILED.status.rolled_back


def test_of_a_lost_status_the_ledger_gives_back_what_failed_and_by_which_tag() -> None:
    found = stands(assignment(), record(FAILED))
    assert (found.version, found.to, found.tag) == ("v2.0.0", "v1.0.0", "digits#prod#2")
    assert (found.reason, found.message) == ("CrashLoop", "exit code 7")


def test_what_a_lost_status_was_rebuilt_to_records_no_second_rollback() -> None:
    landed = record(FAILED)
    back = stands(assignment(), landed).model_dump(by_alias=True)
    rebuilt = stage(status={"rolledBack": back}, version="v2.0.0", rollout=ROLLOUT)
    judgement, _, _ = judged(rebuilt, landed)
    assert judgement.trouble is not None
    assert judgement.trouble.reason == "RolledBack"


@pytest.mark.parametrize(
    "changed",
    [
        assignment(back=True, generation=2),
        assignment(back=False),
        assignment(back=True, rollout=None),
    ],
    ids=["another generation", "nothing failed", "nothing is rolled out"],
)
def test_it_stands_for_nothing_else(changed: StageAssignment) -> None:
    assert stands(changed) is None


def test_who_assigns_another_version_by_hand_does_not_bring_the_failed_one_back() -> None:
    by_hand = tag("digits#prod#3", 1, 30)
    assert stands(FAILED, by_hand) == FAILED.status.rolled_back


def test_where_the_ledger_decides_whoever_assigns_ends_it() -> None:
    ours = assignment(back=True, version=None)
    assert stands(ours) == ours.status.rolled_back
    assert stands(ours, tag("digits#prod#3", 1, 30)) is None


def test_while_git_is_away_it_stands_and_is_known_to_be_told_or_not() -> None:
    away = Judgement(trouble=Retry("GitUnreachable", "no answer"))
    back = FAILED.status.rolled_back
    assert back is not None
    assert standing(FAILED, away, None) == back
    assert not is_told(FAILED, away, back)
    assert is_told(assignment(back=True, current="digits#prod#3"), away, back)

"""Cutting a plan into pushes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.book import asker, tag

from playbill.ledger.batch import parts, tags_of
from playbill.ledger.decisions import Withdraw, Write
from playbill.ledger.intents import VersionIntent
from playbill.ledger.plan import Step


def steps(*wanted: str) -> list[Step]:
    """`a2` is a step of artifact `a` with two tags; the tags are numbered in order."""
    found = []
    for number, word in enumerate(wanted):
        artifact, size = word[0], int(word[1:] or 1)
        tags = tuple(tag(f"{artifact}@v{number}.{i}.0", number + 1) for i in range(size))
        intent = VersionIntent(asker=asker(name=f"{artifact}{number}"), artifact=artifact)
        found.append(Step(intent, Write(tags, reserve=False)))
    return found


def shape(found: Sequence[tuple[Step, ...]]) -> list[str]:
    """Each push as the artifacts of its tags."""
    return ["".join(t.name[0] for t in tags_of(part)) for part in found]


@pytest.mark.parametrize(
    ("wanted", "limit", "pushes"),
    [
        ([], 3, []),
        (["a"], 3, ["a"]),
        (["a", "a", "a", "a"], 3, ["aaa", "a"]),
        (["a", "a", "a", "a"], 0, ["aaaa"]),
        (["a", "a", "b", "b"], 3, ["aa", "bb"]),
        (["a", "b", "c", "d"], 3, ["abc", "d"]),
        (["a", "a", "a", "a", "a", "b"], 3, ["aaa", "baa"]),
        (["a", "b", "a"], 1, ["a", "b", "a"]),
        (["a2", "a2"], 3, ["aa", "aa"]),
    ],
)
def test_pushes_hold_at_most_so_many_tags(wanted: list[str], limit: int, pushes: list[str]) -> None:
    assert shape(parts(steps(*wanted), limit)) == pushes


def test_a_step_is_never_cut_even_above_the_limit() -> None:
    assert shape(parts(steps("a5", "b"), 3)) == ["aaaaa", "b"]


def test_a_withdrawal_has_no_tag_to_push() -> None:
    intent = VersionIntent(asker=asker(), artifact="a")
    assert parts([Step(intent, Withdraw("a@v1.0.0", "0" * 40))], 3) == []


def test_a_newcomer_does_not_wait_behind_a_crowd() -> None:
    crowd = parts(steps(*(["a"] * 30), "b"), 3)
    assert "b" in "".join(shape(crowd)[:2])


@given(
    wanted=st.lists(st.sampled_from(["a", "a2", "b", "b3", "c"]), max_size=25),
    limit=st.integers(0, 6),
)
def test_every_tag_is_pushed_once_within_the_limit_and_in_its_artifact_s_order(
    wanted: list[str], limit: int
) -> None:
    plan = steps(*wanted)
    found = parts(plan, limit)
    pushed = [t.name for part in found for t in tags_of(part)]
    for artifact in "abc":
        before = [t.name for s in plan for t in s.tags if t.name[0] == artifact]
        assert [name for name in pushed if name[0] == artifact] == before
    for part in found:
        assert not limit or len(tags_of(part)) <= limit or len(part) == 1

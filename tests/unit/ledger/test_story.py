"""Who held a stage when: at every second the same holder as the fold of the tags so far."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from playbill.ledger.events import TagRecord
from playbill.ledger.fold import fold
from playbill.ledger.story import Tenure, timelines


def record(name: str, commit: str, seconds: int) -> TagRecord:
    return TagRecord(name, f"oid of {name}", "tag", commit, "commit", "Ann", "ann@x", seconds, "x")


def story(*tags: tuple[str, str, int], stage: str = "prod") -> list[tuple[str, int, int | None]]:
    """Version, from and until of each tenure."""
    return [(t.version, t.since, t.until) for t in tenures(*tags, stage=stage)]


def tenures(*tags: tuple[str, str, int], stage: str = "prod") -> tuple[Tenure, ...]:
    return timelines(fold(record(*tag) for tag in tags).artifacts["m"])[stage]


VERSIONS = ("m@v1.0.0", "c1", 1), ("m@v2.0.0", "c2", 2)
V1, V2 = VERSIONS


def ended_by(*tags: tuple[str, str, int]) -> list[str | None]:
    return [t.ended_by.tag if t.ended_by else None for t in tenures(*tags)]


def test_a_successor_ends_a_tenure() -> None:
    tags = (*VERSIONS, ("m#prod#1", "c1", 5), ("m#prod#2", "c2", 9))
    assert story(*tags) == [("v1.0.0", 5, 9), ("v2.0.0", 9, None)]
    assert ended_by(*tags) == ["m#prod#2", None]


def test_the_version_before_comes_back_when_its_successor_leaves() -> None:
    tags = (*VERSIONS, ("m#prod#1", "c1", 5), ("m#prod#2", "c2", 9), ("m#prod!#3", "c2", 12))
    assert story(*tags) == [("v1.0.0", 5, 9), ("v2.0.0", 9, 12), ("v1.0.0", 12, None)]
    assert ended_by(*tags) == ["m#prod#2", "m#prod!#3", None]


def test_a_stage_that_is_emptied_at_once_has_no_holder_in_between() -> None:
    assigned = (*VERSIONS, ("m#prod#1", "c1", 5), ("m#prod#2", "c2", 9))
    tags = (*assigned, ("m#prod!#3", "c1", 12), ("m#prod!#4", "c2", 12))
    assert story(*tags) == [("v1.0.0", 5, 9), ("v2.0.0", 9, 12)]
    assert ended_by(*tags) == ["m#prod#2", "m#prod!#4"]


def test_the_same_version_assigned_again_begins_another_tenure() -> None:
    assert story(V1, ("m#prod#1", "c1", 5), ("m#prod#2", "c1", 9)) == [
        ("v1.0.0", 5, 9),
        ("v1.0.0", 9, None),
    ]


def test_a_deregistration_takes_a_version_off_its_stage() -> None:
    tags = (*VERSIONS, ("m#prod#1", "c2", 5), ("m@v2.0.0!", "c2", 9))
    assert story(*tags) == [("v2.0.0", 5, 9)]
    assert ended_by(*tags) == ["m@v2.0.0!"]


def test_a_commit_without_a_version_is_called_by_its_id() -> None:
    assert story(("m#prod#1", "c9", 5)) == [("c9", 5, None)]


def test_stages_do_not_mix() -> None:
    tags = (*VERSIONS, ("m#prod#1", "c1", 5), ("m#dev#2", "c2", 6))
    assert story(*tags) == [("v1.0.0", 5, None)]
    assert story(*tags, stage="dev") == [("v2.0.0", 6, None)]


NAMES = (
    "m@v1.0.0", "m@v1.0.0!", "m@v2.0.0", "m@v2.0.0!", "m@v3.0.0",
    *(f"m#{stage}{end}" for stage in ("prod", "dev") for end in ("", "!")),
)  # fmt: skip
EVENTS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(("c1", "c2", "c3")), st.integers(0, 12)),
    max_size=14,
)


@given(EVENTS)
@settings(max_examples=200)
def test_at_every_second_the_holder_is_the_one_that_the_fold_gives(
    drawn: list[tuple[str, str, int]],
) -> None:
    records = [record(f"{name}#{n}", commit, at) for n, (name, commit, at) in enumerate(drawn)]
    whole = fold(records).artifacts.get("m")
    for stage, told in (timelines(whole) if whole else {}).items():
        assert all(a.until is not None and a.until <= b.since for a, b in pairwise(told))
        for second in range(14):
            state = fold(r for r in records if (r.seconds or 0) <= second).artifacts.get("m")
            there = state.stages.get(stage) if state else None
            by_fold = there.winner.assignment.tag if there and there.winner else None
            by_story = [t.assignment.tag for t in told if t.holds_at(second)]
            assert by_story == ([by_fold] if by_fold else []), (stage, second)

from dataclasses import replace
from typing import Any

import pytest
from examples.demo.witnesses import Statement, by_stage, disagreements, registered

EXPECTED = {"prod": "v1.0.0"}
GIT = Statement(stages=EXPECTED, commits={"v1.0.0": "c1"}, tags={"prod": ("m#prod#2", "m#prod#1")})
PODS = Statement(stages=EXPECTED, commits={"v1.0.0": "c1"})
AGREED = {"git": GIT, "cluster": GIT, "pods": PODS}


def test_witnesses_who_say_the_same_disagree_in_nothing() -> None:
    assert disagreements(AGREED, EXPECTED) == []


def test_a_stage_that_one_witness_sees_elsewhere_is_named_with_that_witness() -> None:
    said = {**AGREED, "cluster": replace(GIT, stages={"prod": "v1.1.0"})}
    (problem,) = disagreements(said, EXPECTED)
    assert problem.startswith("cluster says {'prod': 'v1.1.0'}")


def test_pods_that_serve_another_commit_under_the_right_version_are_found_out() -> None:
    said = {**AGREED, "pods": replace(PODS, commits={"v1.0.0": "c2"})}
    (problem,) = disagreements(said, EXPECTED)
    assert "serves commit c2" in problem


@pytest.mark.parametrize("tags", [(), ("m#prod#1",), ("m#prod#2",), ("m#prod#1", "m#prod#2")])
def test_a_history_that_lacks_or_turns_tags_is_found_out(tags: tuple[str, ...]) -> None:
    said = {**AGREED, "cluster": replace(GIT, tags={"prod": tags})}
    (problem,) = disagreements(said, EXPECTED)
    assert problem.startswith("git tells prod as")


def test_a_status_keeps_the_newest_ten_tags_of_a_stage() -> None:
    all_tags = tuple(f"m#prod#{number}" for number in range(12, 0, -1))
    git, cluster = (replace(GIT, tags={"prod": tags}) for tags in (all_tags, all_tags[:10]))
    assert disagreements({"git": git, "cluster": cluster, "pods": PODS}, EXPECTED) == []


def test_a_deregistered_version_is_not_registered() -> None:
    history = [
        {"event": "deregistration", "version": "v1.1.0", "commit": "c2"},
        {"event": "registration", "version": "v1.1.0", "commit": "c2"},
        {"event": "registration", "version": "v1.0.0", "commit": "c1"},
    ]
    assert registered(history) == {"v1.0.0": "c1"}


def test_tags_are_told_by_stage_newest_first() -> None:
    history: list[dict[str, Any]] = [
        {"stage": "prod", "ref": "m#prod#2"},
        {"stage": None, "ref": "m@v1.0.0"},
        {"stage": "prod", "ref": "m#prod#1"},
    ]
    assert by_stage(history) == {"prod": ("m#prod#2", "m#prod#1")}

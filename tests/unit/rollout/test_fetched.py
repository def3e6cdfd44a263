"""What a pod's status tells of its fetch."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.rollout.fetched import Fetched, NotFetched, fetch_outcome, worst_outcome


def pod(said: object, code: int = 1, *, state: str = "state", **terminated: Any) -> dict[str, Any]:
    message = said if isinstance(said, str) else json.dumps(said)
    ended = {"terminated": {"exitCode": code, "message": message, **terminated}}
    return {"status": {"initContainerStatuses": [{"name": "playbill-fetch", state: ended}]}}


MISMATCH = {"reason": "DigestMismatch", "message": "expected md5:a, found md5:b"}
FETCHED = {"reason": "Fetched", "digest": "md5:a", "sha256": "b", "bytes": 7, "files": 1}


def test_what_was_fetched_is_told_with_both_digests() -> None:
    assert fetch_outcome(pod(FETCHED, 0)) == Fetched(digest="md5:a", sha256="b", size=7, files=1)


@pytest.mark.parametrize("state", ["state", "lastState"])
def test_a_wrong_digest_is_hopeless_and_shows_both_also_while_it_is_tried_again(state: str) -> None:
    assert fetch_outcome(pod(MISMATCH, 65, state=state)) == NotFetched(
        reason="DigestMismatch",
        message="the artifact was not fetched: expected md5:a, found md5:b",
        hopeless=True,
    )


@pytest.mark.parametrize(
    ("said", "hopeless"),
    [
        ({"reason": "Denied", "message": "no"}, True),
        ({"reason": "Unavailable", "message": "no"}, False),
        ({"reason": "Interrupted", "message": "no"}, False),
        ("the last lines of a log", False),
        ("[1]", False),
        ({"reason": ["x"], "message": {"y": 1}}, False),
    ],
)
def test_any_other_failure_is_one_of_fetching(said: object, hopeless: bool) -> None:
    outcome = fetch_outcome(pod(said, 77))

    assert isinstance(outcome, NotFetched)
    assert (outcome.reason, outcome.hopeless) == ("FetchFailed", hopeless)


def test_an_end_without_a_word_tells_what_the_kubelet_knows() -> None:
    outcome = fetch_outcome(pod("", 137, reason="OOMKilled"))

    assert isinstance(outcome, NotFetched)
    assert outcome.message.endswith("it ended with exit code 137 (OOMKilled)")


@pytest.mark.parametrize("status", [{}, {"initContainerStatuses": [{"name": "another"}]}])
def test_nothing_is_said_before_it_has_ended(status: dict[str, Any]) -> None:
    assert fetch_outcome({"status": status}) is None


def test_of_many_pods_the_hopeless_one_speaks() -> None:
    passing = pod({"reason": "Unavailable", "message": "no"})

    assert worst_outcome([]) is None
    assert worst_outcome([pod(FETCHED, 0), passing]) == fetch_outcome(passing)
    assert worst_outcome([passing, pod(MISMATCH)]) == fetch_outcome(pod(MISMATCH))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
keys = st.sampled_from(["reason", "message", "digest", "sha256", "bytes", "files"])


@given(st.dictionaries(keys, json_values) | st.text(), st.sampled_from([0, 1]))
def test_whatever_an_image_says_is_bounded_text(said: object, code: int) -> None:
    outcome = fetch_outcome(pod(said, code))

    words = outcome.message if isinstance(outcome, NotFetched) else str(outcome)
    assert len(words) < 2000

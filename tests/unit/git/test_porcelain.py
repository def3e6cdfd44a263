"""What git's push says of each ref; the lines are those of git 2.39 against real servers."""

from collections.abc import Mapping

import pytest

from playbill.git.errors import NotSent
from playbill.git.porcelain import (
    AlreadyThere,
    Exists,
    NotTried,
    Pushed,
    Rejected,
    Result,
    parse_push,
)

HEAD = "To https://example.com/x.git\n"


def line(flag: str, name: str, summary: str) -> str:
    return f"{flag}\trefs/playbill/push/0a/{name}:refs/tags/{name}\t{summary}\n"


def parse(*lines: str, names: list[str], stderr: str = "") -> Mapping[str, Result]:
    results = parse_push((HEAD + "".join(lines) + "Done\n").encode(), stderr, names)
    assert results is not None
    return results


@pytest.mark.parametrize(
    ("flag", "summary", "result"),
    [
        ("*", "[new tag]", Pushed()),
        ("=", "[up to date]", AlreadyThere()),
        ("!", "[rejected] (already exists)", Exists()),
        ("!", "[remote rejected] (hook declined)", Rejected("hook declined")),
        ("!", "[remote rejected] (failed to update ref)", Rejected("failed to update ref")),
    ],
)
def test_each_flag_has_its_meaning(flag: str, summary: str, result: object) -> None:
    assert parse(line(flag, "m@v1", summary), names=["m@v1"]) == {"m@v1": result}


@pytest.mark.parametrize(
    "collateral",
    ["[rejected] (atomic push failed)", "[remote rejected] (atomic push failure)",
     "[remote rejected] (atomic transaction failed)"],
)  # fmt: skip
def test_who_failed_for_anothers_sake_was_not_tried(collateral: str) -> None:
    results = parse(
        line("!", "a", "[rejected] (already exists)"), line("!", "b", collateral), names=["a", "b"]
    )
    assert results == {"a": Exists(), "b": NotTried()}


def test_where_nobody_is_named_all_are_refused_in_the_servers_words() -> None:
    failed = "[remote rejected] (atomic transaction failed)"
    results = parse(
        line("!", "a", failed), line("!", "b", failed), names=["a", "b"],
        stderr="remote: error: cannot lock ref\nerror: failed to push some refs\n",
    )  # fmt: skip
    expected = Rejected("The server refused the push as a whole. error: cannot lock ref")
    assert results == {"a": expected, "b": expected}


@pytest.mark.parametrize(
    "lines", [[], [line("!", "a", "[remote failure] (remote failed to report status)")]]
)
def test_a_ref_that_nothing_is_said_of_leaves_all_unknown(lines: list[str]) -> None:
    assert parse_push((HEAD + "".join(lines) + "Done\n").encode(), "", ["a"]) is None


def test_what_the_server_says_is_bounded() -> None:
    results = parse(
        line("!", "a", "[remote rejected] (hook declined)"), names=["a"],
        stderr="".join(f"remote: {'x' * 100}\n" for _ in range(100)),
    )  # fmt: skip
    assert isinstance(results["a"], Rejected)
    assert len(results["a"].message) < 700


@pytest.mark.parametrize(
    ("summary", "said", "reason"),
    [
        (
            "(unpacker error)",
            "fatal: unable to write loose object file: No space left on device",
            "DiskFull",
        ),
        ("(pre-receive hook declined)", "No space left on device", "DiskFull"),
        (
            "(atomic transaction failed)",
            "error: cannot update ref 'refs/tags/b': couldn't write 'b.lock'",
            "RemoteUnavailable",
        ),
        ("(internal server error)", "", "RemoteUnavailable"),
    ],
)
def test_what_a_server_cannot_store_is_no_tags_fault(summary: str, said: str, reason: str) -> None:
    refused = f"[remote rejected] {summary}"
    with pytest.raises(NotSent) as failed:
        parse(line("!", "a", refused), line("!", "b", refused), names=["a", "b"],
              stderr=f"remote: {said}\n")  # fmt: skip
    assert failed.value.reason == reason


def test_a_hook_may_speak_of_creating_without_being_taken_for_a_broken_server() -> None:
    results = parse(
        line("!", "a", "[remote rejected] (pre-receive hook declined)"), names=["a"],
        stderr="remote: GitLab: you are unable to create protected tags\n",
    )  # fmt: skip
    assert isinstance(results["a"], Rejected)

"""A version on a commit that is taken: the commit that it gets, and what it is recognised by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.ledger.book import NOW, asker, commit, only, tag, trailers, view

from playbill.api.errors import Stalled, Waiting
from playbill.ledger import message
from playbill.ledger.aliases import Alias, Base, alias_for, make_alias, parse_base
from playbill.ledger.decisions import Repeat, Settled, Write
from playbill.ledger.intents import Reservation, VersionIntent
from playbill.ledger.plan import decide, make_plan
from playbill.ledger.tagobject import LATEST_SECOND, TagObject

ME = asker(name="mine")
BASE = Base(commit(1), "a" * 40, 77)
CANDIDATE = tag("m@v1.0.0-rc.1", 1)
URI, DIGEST = "s3://bucket/key", "sha256:" + "0" * 64


def intent(**more: Any) -> VersionIntent:
    facts: dict[str, Any] = {
        "asker": ME, "artifact": "m", "version": "v1.0.0", "commit": commit(1),
        "may_alias": True, "base": BASE,
    }  # fmt: skip
    return VersionIntent(**(facts | more))


def decided(wanted: VersionIntent, *tags: TagObject) -> Any:
    return decide(wanted, view(*tags), NOW)


def planned(wanted: VersionIntent, *tags: TagObject) -> Write:
    found = decided(wanted, *tags)
    assert isinstance(found, Write), found
    return found


def reserved(found: Write, generation: int = 1) -> Reservation:
    return Reservation(generation=generation, tags=found.tags, aliases=found.aliases)


def test_a_taken_commit_gets_a_child_that_the_tag_is_on() -> None:
    found = planned(intent(), CANDIDATE)
    (alias,) = found.aliases
    one = only(found)
    assert one.target == alias.oid
    assert trailers(one)[message.SOURCE_COMMIT] == commit(1)
    assert alias.data.decode() == (
        f"tree {'a' * 40}\nparent {commit(1)}\n"
        "author Playbill <playbill@playbill.dev> 77 +0000\n"
        "committer Playbill <playbill@playbill.dev> 77 +0000\n\n"
        "m v1.0.0\n\n"
        f"The files of commit {commit(1)}, under a commit of this version's own.\n\n"
        f"Playbill-Source-Commit: {commit(1)}\n"
    )


def test_a_free_commit_needs_no_other() -> None:
    found = planned(intent())
    assert (only(found).target, found.aliases) == (commit(1), ())
    assert message.SOURCE_COMMIT not in trailers(only(found))


def test_whoever_makes_an_alias_again_makes_the_same_one() -> None:
    first, again = (planned(intent(asker=asker(name=n)), CANDIDATE) for n in ("one", "two"))
    assert first.aliases == again.aliases
    other = planned(intent(version="v2.0.0"), CANDIDATE)
    assert other.aliases != first.aliases


def test_the_number_that_an_alias_gets_is_reserved_with_its_bytes() -> None:
    found = planned(intent(version=None), CANDIDATE)
    assert found.reserve
    again = decided(intent(version=None, pending=reserved(found)), CANDIDATE)
    assert again == Repeat(found.tags, found.aliases)


def test_a_reservation_of_an_alias_stands_while_the_spec_means_its_source() -> None:
    found = planned(intent(version=None), CANDIDATE)
    later = intent(
        version=None, pending=reserved(found), asker=replace(ME, generation=2), revision="main"
    )
    assert decided(later, CANDIDATE) == Repeat(found.tags, found.aliases)
    moved = decided(replace(later, commit=commit(2)), CANDIDATE)
    assert only(moved).target == commit(2)


def test_a_reserved_number_keeps_its_name_when_its_commit_is_taken_meanwhile() -> None:
    """The push of before may still land, and two tags of one name never land both."""
    before = planned(intent(version=None))
    after = planned(intent(version=None, pending=reserved(before)), CANDIDATE)
    assert only(after).name == only(before).name == "m@v0.0.1"
    assert only(after).target == after.aliases[0].oid
    assert after.reserve


def test_two_versions_of_one_plan_and_one_commit_are_both_written() -> None:
    intents = [intent(asker=asker(name=n), version=v) for n, v in (("a", "v1.0.0"), ("b", None))]
    first, second = make_plan(intents, view(), NOW).steps
    assert {first.tags[0].target, second.tags[0].target} == {commit(1), second.aliases[0].oid}


@pytest.mark.parametrize("base", [None, Base(commit(2), "b" * 40, 1)])
def test_without_the_source_at_hand_the_pass_is_asked_for_it(base: Base | None) -> None:
    found = decided(intent(base=base), CANDIDATE)
    assert isinstance(found, Waiting)
    assert found.reason == "RevisionNotResolved"


def test_without_leave_the_commit_is_refused() -> None:
    found = decided(intent(may_alias=False), CANDIDATE)
    assert isinstance(found, Stalled)
    assert found.reason == "CommitTaken"
    assert "onCommitTaken: Alias" in found.message


def test_a_version_that_was_on_an_alias_gets_it_again_though_the_commit_is_free() -> None:
    before = planned(intent(), CANDIDATE)
    again = planned(intent(was_alias=True, may_alias=False))
    assert again.aliases == before.aliases


@pytest.mark.parametrize("by", [ME, asker(name="other")])
@pytest.mark.parametrize("pin", ["alias", "source", "branch"])
def test_an_alias_of_the_wanted_commit_is_the_wanted_version(by: Any, pin: str) -> None:
    one = only(planned(intent(asker=by), CANDIDATE))
    revision = {"alias": one.target, "source": commit(1), "branch": "main"}[pin]
    found = decided(intent(revision=revision), CANDIDATE, one)
    assert isinstance(found, Settled)


def test_an_alias_of_another_commit_is_not() -> None:
    one = only(planned(intent(asker=asker(name="other")), CANDIDATE))
    found = decided(intent(revision=commit(3), commit=commit(3)), CANDIDATE, one)
    assert isinstance(found, Stalled)
    assert found.reason == "VersionTaken"


def test_a_restored_cluster_recognises_its_alias_by_the_source() -> None:
    one = only(planned(intent(version=None, revision="main"), CANDIDATE))
    restored = replace(ME, uid="another")
    found = decided(intent(version=None, asker=restored, revision="main"), CANDIDATE, one)
    assert isinstance(found, Settled)


def test_a_version_that_returns_still_tells_its_source_and_its_bytes() -> None:
    one = only(planned(intent(uri=URI, digest=DIGEST), CANDIDATE))
    gone = tag("m@v1.0.0!", 1, 2_000, by=ME)
    gone = replace(gone, target=one.target)
    back = intent(asker=replace(ME, generation=2))
    found = decide(back, view(CANDIDATE, one, gone), 3_000)
    said = trailers(only(found))
    assert said[message.SOURCE_COMMIT] == commit(1)
    assert (said[message.ARTIFACT_URI], said[message.ARTIFACT_DIGEST]) == (URI, DIGEST)


def test_a_tag_tells_where_the_bytes_are_on_any_commit() -> None:
    for tags in ((), (CANDIDATE,)):
        said = trailers(only(decided(intent(uri=URI, digest=DIGEST), *tags)))
        assert (said[message.ARTIFACT_URI], said[message.ARTIFACT_DIGEST]) == (URI, DIGEST)


COMMIT = (
    b"tree " + b"a" * 40 + b"\nparent " + b"b" * 40 + b"\nparent " + b"c" * 40 + b"\n"
    b"author A <a@b> 5 +0200\ncommitter B <b> 77 -0330\ngpgsig x\n\ncommitter C <c> 9 +0000\n"
)


def test_a_base_is_read_from_a_commits_header() -> None:
    assert parse_base(commit(1), COMMIT) == BASE
    far = COMMIT.replace(b"77", b"9" * 15)
    assert parse_base(commit(1), far) == Base(commit(1), "a" * 40, LATEST_SECOND)


@pytest.mark.parametrize("data", [b"", b"tree x", COMMIT.replace(b"committer B", b"comm B")])
def test_what_is_no_commit_is_no_base(data: bytes) -> None:
    assert parse_base(commit(1), data) is None


def test_only_the_bytes_that_we_would_write_are_an_alias_of_a_tag() -> None:
    found = planned(intent(uri=URI, digest=DIGEST), CANDIDATE)
    (alias,), one = found.aliases, only(found)
    assert alias_for(one, alias.data) == alias
    another = make_alias(BASE, artifact="m", version="v2.0.0", uri=URI, digest=DIGEST)
    with_other_tree = Alias(alias.data.replace(b"a" * 40, b"b" * 40))
    with_other_words = Alias(alias.data + b"more")
    assert alias_for(one, another.data) is None
    assert alias_for(one, with_other_tree.data) is None
    for forged in (another, with_other_words):
        assert alias_for(replace(one, target=forged.oid), forged.data) is None
    assert alias_for(tag("m#prod#1"), alias.data) is None
    assert alias_for(one, b"") is None

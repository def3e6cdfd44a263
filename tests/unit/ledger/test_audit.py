"""Lines of the audit trail: how they read, which are due, and that none is ever due twice."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbill.ledger import message
from playbill.ledger.accounts import accounts
from playbill.ledger.audit import (
    Due,
    Identity,
    Line,
    Served,
    due_lines,
    parse_line,
    parse_note,
    told_by,
)
from playbill.ledger.events import TagRecord
from playbill.ledger.fold import fold

RESOURCE = "StageAssignment/ml/digits-prod"
OURS = {message.CLUSTER: "demo", message.RESOURCE: RESOURCE}
GIVEN = Line(
    seconds=1_777_809_607,
    stage="prod",
    outcome="available",
    artifact="vision:digits",
    version="v1.2.0",
    details={
        "tag": "vision=digits#prod#4",
        "after": "12s",
        "cluster": "demo",
        "resource": RESOURCE,
    },
)


def record(name: str, commit: str, seconds: int, **trailers: str) -> TagRecord:
    named = {key.replace("_", "-"): value for key, value in trailers.items()}
    text = message.compose("Assigning", text=None, trailers=named)
    return TagRecord(name, f"oid of {name}", "tag", commit, "commit", "Ann", "a@x", seconds, text)


def ours(name: str, commit: str, seconds: int, **more: str) -> TagRecord:
    return record(name, commit, seconds, **OURS, **more)


def due(
    *records: TagRecord, served: tuple[Served, ...] = (), told: dict[Identity, str] | None = None
) -> list[Due]:
    artifact = fold([*VERSIONS, *records]).artifacts["m"]
    return due_lines(artifact, cluster="demo", namespace="ml", served=served, told=told or {})


def words(found: list[Due]) -> list[tuple[str, str, str]]:
    """Commit, outcome and tag of each."""
    return [(d.commit, d.line.outcome, d.line.details["tag"]) for d in found]


def told_of(found: list[Due]) -> dict[Identity, str]:
    return told_by([d.line for d in found], cluster="demo", namespace="ml")


VERSIONS = record("m@v1.0.0", "c1", 1), record("m@v2.0.0", "c2", 2)
FIRST, SECOND = ours("m#prod#1", "c1", 100), ours("m#prod#2", "c2", 200)


def test_a_line_reads_as_a_sentence_and_comes_back_as_it_was() -> None:
    text = GIVEN.format()
    assert text == (
        "2026-05-03T12:00:07Z prod available vision:digits v1.2.0 · tag=vision=digits#prod#4 · "
        f"after=12s · cluster=demo · resource={RESOURCE}"
    )
    assert parse_line(text) == GIVEN


@given(st.dictionaries(st.from_regex("[a-z][a-z-]{0,8}", fullmatch=True), st.text(max_size=400)))
def test_no_value_can_end_its_part_or_its_line(details: dict[str, str]) -> None:
    line = GIVEN.with_details({**details, "tag": "m#prod#1", "cluster": "demo"})
    text = line.format()
    assert len(text.splitlines()) == 1
    parsed = parse_line(text)
    assert parsed is not None
    assert parsed.identity == line.identity
    assert parsed.details.keys() <= line.details.keys()
    assert parsed.format() == text


def test_a_long_tag_keeps_its_number() -> None:
    tag = f"{'m' * 300}#prod#17"
    line = parse_line(GIVEN.with_details({"tag": tag}).format())
    assert line is not None
    assert line.identity.tag == tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "we looked at this one by hand",
        "2026-05-03T12:00:07Z prod available digits v1.2.0",
        "2026-05-03T12:00:07Z prod vanished digits v1.2.0 · tag=a · cluster=b",
        "2026-13-03T12:00:07Z prod available digits v1.2.0 · tag=a · cluster=b",
        "2026-05-03T12:00:07Z prod available digits v1.2.0 · tag=a · cluster",
        "2026-05-03T12:00:07Z prod available digits v1.2.0 · tag=a · tag=b · cluster=c",
        "2026-05-03 12:00:07 prod available digits v1.2.0 · tag=a · cluster=b",
    ],
)
def test_what_people_write_between_our_lines_is_none_of_ours(text: str) -> None:
    assert parse_line(text) is None
    assert parse_note(f"{text}\n{GIVEN.format()}\n{text}\n".encode()) == [GIVEN]


def test_bytes_that_are_no_text_hide_no_line() -> None:
    assert parse_note(b"\xff\xfe\n" + GIVEN.format().encode()) == [GIVEN]


def test_an_assignment_is_recorded_and_in_the_end_replaced() -> None:
    assert words(due(FIRST, SECOND)) == [
        ("c1", "recorded", "m#prod#1"),
        ("c2", "recorded", "m#prod#2"),
        ("c1", "replaced", "m#prod#1"),
    ]
    replaced = due(FIRST, SECOND)[-1].line
    assert replaced.seconds == 200
    assert replaced.details["by"] == "v2.0.0"
    assert replaced.details["by-tag"] == "m#prod#2"


BACK = {message.REASON: "rollback from v2.0.0 (CrashLoop): exit code 7"}


def test_what_failed_and_was_taken_back_is_not_replaced_but_rolled_back_with_the_reason() -> None:
    found = due(FIRST, SECOND, ours("m#prod#3", "c1", 300, **BACK))
    assert words(found) == [
        ("c1", "recorded", "m#prod#1"),
        ("c2", "recorded", "m#prod#2"),
        ("c1", "replaced", "m#prod#1"),
        ("c1", "recorded", "m#prod#3"),
        ("c2", "rolled-back", "m#prod#2"),
    ]
    line = found[-1].line
    assert line.format().startswith(
        "1970-01-01T00:05:00Z prod rolled-back m v2.0.0 · tag=m#prod#2 · by=v1.0.0 · "
        "by-tag=m#prod#3 · reason=CrashLoop · message=exit code 7 · cluster=demo"
    )
    assert parse_line(line.format()) == line


def test_an_account_of_a_rollback_tells_why_it_was_taken_back() -> None:
    back = ours("m#prod#3", "c1", 300, **BACK)
    artifact = fold([*VERSIONS, FIRST, SECOND, back]).artifacts["m"]
    told = [each.to_json().get("endedBy") for each in accounts(artifact, "prod", {})]
    assert told == [
        {"tag": "m#prod#2", "how": "replaced", "version": "v2.0.0"},
        {
            "tag": "m#prod#3",
            "how": "rolled-back",
            "version": "v1.0.0",
            "reason": "CrashLoop",
            "message": "exit code 7",
        },
        None,
    ]


def test_a_rollback_of_another_version_replaces_as_any_assignment_does() -> None:
    found = due(FIRST, ours("m#prod#2", "c2", 300, **BACK))
    assert words(found)[-1] == ("c1", "replaced", "m#prod#1")


def test_who_asked_and_why_stands_in_the_line() -> None:
    trailers = {
        message.REQUESTED_BY: "ada@example.com",
        message.CHANGE: "pull/7",
        message.REASON: "answers m#prod#0",
    }
    (found,) = due(ours("m#prod#1", "c1", 100, **trailers))
    assert found.line.format().endswith(
        "v1.0.0 · tag=m#prod#1 · asked-by=ada@example.com · change=pull/7 · "
        f"reason=answers m#prod#0 · cluster=demo · resource={RESOURCE}"
    )


def test_a_deleted_assignment_leaves_a_line_that_says_so() -> None:
    left = ours("m#prod!#3", "c2", 300)
    found = due(FIRST, SECOND, left, ours("m#prod!#4", "c1", 300))
    assert words(found)[-1] == ("c2", "unassigned", "m#prod#2")
    assert found[-1].line.details["by-tag"] == "m#prod!#3"


def test_a_person_who_takes_our_version_off_is_named() -> None:
    found = due(FIRST, record("m#prod!#2", "c1", 300))
    assert found[-1].line.outcome == "unassigned"
    assert found[-1].line.details["asked-by"] == "Ann <a@x>"


@pytest.mark.parametrize(
    "trailers",
    [
        {},
        {**OURS, message.CLUSTER: "demo2"},
        {**OURS, message.RESOURCE: "StageAssignment/other/digits-prod"},
        {**OURS, message.RESOURCE: "RegisteredModel/ml/digits"},
    ],
)
def test_what_others_asked_for_is_theirs_to_tell(trailers: dict[str, str]) -> None:
    assert due(record("m#prod#1", "c1", 100, **trailers)) == []


def test_what_a_person_assigned_is_told_once_it_is_served_here_and_so_is_its_end() -> None:
    by_person = record("m#prod#1", "c1", 100)
    served = Served(stage="prod", tag="m#prod#1", resource=RESOURCE)
    begun = due(by_person, served=(served,))
    assert words(begun) == [("c1", "recorded", "m#prod#1")]
    assert begun[0].line.details["asked-by"] == "Ann <a@x>"
    later = due(by_person, record("m#prod#2", "c2", 200), told=told_of(begun))
    assert words(later) == [("c1", "replaced", "m#prod#1")]
    assert later[0].line.details["resource"] == RESOURCE


def test_an_outcome_says_how_long_it_took() -> None:
    served = Served(
        stage="prod", tag="m#prod#1", resource=RESOURCE, outcome="failed", seconds=160,
        reason="ProgressDeadlineExceeded", message="no image · at all\nanywhere",
    )  # fmt: skip
    failed = due(FIRST, served=(served,))[-1].line
    assert (failed.outcome, failed.seconds) == ("failed", 160)
    assert (
        " · after=60s · reason=ProgressDeadlineExceeded · message=no image . at all anywhere"
        in (failed.format())
    )


def test_an_outcome_is_never_before_its_tag() -> None:
    """The workload ran before: the same version was assigned again."""
    served = Served(stage="prod", tag="m#prod#1", resource=RESOURCE, outcome="available", seconds=7)
    available = due(FIRST, served=(served,))[-1].line
    assert (available.seconds, available.details["after"]) == (100, "0s")


def test_a_status_that_is_older_than_the_ledger_is_believed_still() -> None:
    served = Served(
        stage="prod", tag="m#prod#1", resource=RESOURCE, outcome="available", seconds=150
    )
    assert ("c1", "available", "m#prod#1") in words(due(FIRST, SECOND, served=(served,)))


def test_a_status_that_names_a_tag_which_is_gone_tells_nothing() -> None:
    served = Served(stage="prod", tag="m#prod#9", resource=RESOURCE, outcome="available")
    assert words(due(FIRST, served=(served,))) == [("c1", "recorded", "m#prod#1")]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("m#prod", "m#prod!", "m#dev", "m#dev!", "m@v2.0.0!")),
        st.sampled_from(("c1", "c2")),
        st.integers(3, 9),
        st.booleans(),
    ),
    max_size=12,
)
OUTCOMES = st.sampled_from((None, "available", "failed"))


@given(EVENTS, st.integers(0, 12), OUTCOMES)
@settings(max_examples=150)
def test_whenever_it_stops_and_starts_again_each_line_is_written_once(
    drawn: list[tuple[str, str, int, bool]], seen: int, outcome: str | None
) -> None:
    """A first run sees some of the tags, another sees them all and what the first has written."""
    records = [
        (ours if own else record)(f"{name}#{n}", commit, at)
        for n, (name, commit, at, own) in enumerate(drawn)
    ]
    now = fold([*VERSIONS, *records[:seen]]).artifacts["m"].stages.get("prod")
    served: tuple[Served, ...] = ()
    if now and now.winner:
        tag = now.winner.assignment.tag
        served = (Served(stage="prod", tag=tag, resource=RESOURCE, outcome=outcome, seconds=9),)  # type: ignore[arg-type]
    first = due(*records[:seen], served=served)
    second = due(*records, served=served, told=told_of(first))
    written = [d.line.identity for d in (*first, *second)]
    assert len(written) == len(set(written))
    told = told_of([*first, *second])
    assert due(*records, served=served, told=told) == []
    for each in (*first, *second):
        assert parse_line(each.line.format()) is not None
        assert re.fullmatch(r"c[12]", each.commit)

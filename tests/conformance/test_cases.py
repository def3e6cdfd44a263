"""The table of `cases.py`, held against GTO 1.10.1: what it says, and what it reads of ours."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import gto.api
import pytest
from gto.exceptions import GTOException, NotImplementedInGTO

from playbill.api.errors import Trouble
from playbill.ledger.events import TagRecord
from playbill.ledger.fold import Ledger, fold
from playbill.ledger.grammar import version_key

from .cases import CASES, ELSEWHERE, Case
from .reading import assert_gto_agrees, assert_gto_reads, history_of, meaning, show_of
from .repositories import EPOCH, MakeRepository, Tag
from .writing import AUTHOR, Desk, Model, Stage, Version, names

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "gto_cases.json").read_text())
BROKEN = {name for name, case in RECORDED.items() if "error" in case}


def tags_of(case: Case) -> list[Tag]:
    """The tags that the fold reads."""
    if case.sequence is None:
        return list(case.tags)
    return [
        Tag(name, commit, seconds, lightweight=bool(rest))
        for name, commit, seconds, *rest in RECORDED[case.sequence]["tags"]
    ]


def rows(**wanted: bool) -> pytest.MarkDecorator:
    """The rows that have a part to play, by what is asked of them."""
    chosen = [
        case
        for case in CASES
        if (case.sequence not in {None, *BROKEN}) >= wanted.get("recorded", False)
        and (not case.not_folded) >= wanted.get("folded", False)
        and bool(case.asks) >= wanted.get("written", False)
    ]
    return pytest.mark.parametrize("case", [pytest.param(c, id=c.id) for c in chosen])


def test_the_table_has_every_rule_and_every_sequence() -> None:
    assert sorted({n for c in CASES for n in c.numbers} | set(ELSEWHERE)) == list(range(1, 30))
    assert sorted(c.sequence for c in CASES if c.sequence) == sorted(RECORDED)
    for case in CASES:
        assert case.asks or case.not_written, case.id
        assert case.writes is None or case.not_folded or case.not_written or case.before or (
            not tags_of(case) or names_of(tags_of(case)) == sorted(case.writes)
        ), f"{case.id} writes other tags than GTO and does not say why"  # fmt: skip


def names_of(tags: list[Tag]) -> list[str]:
    return sorted(tag.name for tag in tags)


@rows(recorded=True)
def test_the_fold_says_what_gto_said(case: Case) -> None:
    recorded = RECORDED[str(case.sequence)]
    tags = tags_of(case)
    ledger = fold([_record(tag) for tag in tags])
    assert _short(show_of(ledger)) == recorded["show"]
    assert _short(show_of(ledger, holders=None)) == recorded["show_all_versions_per_stage"]
    assert _short(show_of(ledger, deprecated=True)) == recorded["show_with_deprecated"]
    assert _by_semver(ledger) == recorded["show_semver"]
    columns = ("event", "artifact", "version", "stage", "commit", "ref")
    ours = [[row[column] for column in columns] for row in history_of(ledger)]
    assert sorted(map(str, ours)) == sorted(map(str, recorded["history"]))
    times = {tag.name: tag.seconds for tag in tags}
    for name in ledger.artifacts:
        theirs = [times[row[5]] for row in recorded["history"] if row[1] == name]
        assert [times[row[5]] for row in ours if row[1] == name] == theirs


def _record(tag: Tag) -> TagRecord:
    return TagRecord(
        name=tag.name,
        oid="",
        kind="commit" if tag.lightweight else "tag",
        target=f"c{tag.commit}",
        target_kind="commit",
        tagger="Ann",
        email="ann@example.org",
        seconds=tag.seconds,
        message=tag.message,
    )


def _short(shown: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"latest": row["version"], "active": row["active"], "stage": row["stage"]}
        for name, row in shown.items()
    }


def _by_semver(ledger: Ledger) -> dict[str, Any]:
    """`gto show --sort semver`: of those who hold a stage, the highest."""
    shown = _short(show_of(ledger))
    for name, row in shown.items():
        for stage, state in ledger.artifacts[name].stages.items():
            if len(state.holders) > 1:
                holders = [holder.version for holder in state.holders]
                row["stage"][stage] = max(holders, key=version_key)
    return shown


@rows(folded=True)
def test_the_fold_says_what_gto_says(case: Case, make_repository: MakeRepository) -> None:
    repository = make_repository(tags_of(case))
    if case.sequence in BROKEN:
        assert case.defect == "c"
        with pytest.raises((GTOException, KeyError)):
            gto.api.show(str(repository.path))
        ledger = fold(repository.records())
        assert [problem.reason for problem in ledger.problems] in (["CommitTaken"], ["Created"])
        assert ledger.artifacts["m"].latest
        return
    assert_gto_agrees(repository)


@rows(written=True)
def test_gto_reads_what_was_meant(case: Case, make_repository: MakeRepository) -> None:
    repository = make_repository(case.before)
    desk = Desk(repository)
    decisions = {}
    for specs in case.asks:
        decisions = desk.ask(*specs)
    reasons = {name: d.reason for name, d in decisions.items() if isinstance(d, Trouble)}
    assert reasons == case.refuses
    expected = names_of(tags_of(case)) if case.writes is None else sorted(case.writes)
    assert sorted(names(desk.written)) == expected
    assert meaning(repository) == case.means
    assert_gto_reads(repository, desk.written)


def test_seconds_and_counters_only_grow(make_repository: MakeRepository) -> None:
    """All within one second of the clock, where GTO would not tell the order."""
    desk = Desk(make_repository())
    desk.ask(Version("m", "v1.0.0", 1), Version("m", "v2.0.0", 2))
    for version in ("v1.0.0", "v2.0.0", "v1.0.0", "v2.0.0"):
        desk.ask(Stage("m", "prod", version))
        assert meaning(desk.repository)["m"][1] == {"prod": version}
    stages = desk.written[2:]
    assert names(stages) == [f"m#prod#{i}" for i in range(1, 5)]
    assert [tag.seconds - desk.now for tag in stages] == [0, 1, 2, 3]


def test_gto_tells_who_wrote_when_and_in_which_words(make_repository: MakeRepository) -> None:
    """Case 24: author, address, time with its zone, and the message as it was given."""
    desk = Desk(make_repository())
    desk.ask(Version("m", "v1.0.0", 1, message="Größer\nund besser"))
    (row,) = gto.api.history(str(desk.repository.path))
    assert (row["author"], row["author_email"]) == (AUTHOR.name, AUTHOR.email)
    assert row["timestamp"].timestamp() == EPOCH + 100
    assert row["timestamp"].utcoffset() == timedelta(0)
    subject, words, trailers = row["message"].split("\n\n")
    assert subject == "Registering artifact m version v1.0.0"
    assert words == "Größer\nund besser"
    assert trailers.splitlines()[:2] == [
        "Playbill-Cluster: here",
        "Playbill-Resource: ModelVersion/ns/m v1.0.0",
    ]


def test_gto_gives_a_withdrawn_number_again_and_fails(make_repository: MakeRepository) -> None:
    """Cases 4 and 5: why our next number exceeds all that were ever given."""
    repository = make_repository(
        [Tag("m@v0.0.1", 1, 1), Tag("m@v0.0.2", 2, 2), Tag("m@v0.0.2!", 2, 3)]
    )
    with pytest.raises(GTOException, match=r"m@v0\.0\.2"):
        gto.api.register(str(repository.path), "m", repository.commits[2])


def test_the_table_of_gto_cuts_long_versions(make_repository: MakeRepository) -> None:
    """Defect (a): only the table; what programs read is whole."""
    repository = make_repository([Tag("m@v1.0.0-rc.1", 1, 1)])
    path = str(repository.path)
    assert gto.api.show(path)["m"]["version"] == "v1.0.0-rc.1"
    (row,) = gto.api.show(path, table=True, truncate_hexsha=True)[0]
    assert row["latest"] == "v1.0.0-"


def test_the_kanban_of_gto_keeps_the_oldest_stage(make_repository: MakeRepository) -> None:
    """Defect (b): `--av 1`, which has no counterpart here, says dev of a version on prod."""
    (case,) = [c for c in CASES if c.defect == "b"]
    repository = make_repository(tags_of(case)[:4])
    path = str(repository.path)
    shown = gto.api.show(path, assignments_per_version=1)["m"]["stage"]
    assert {s: v for s, v in shown.items() if v} == {"dev": "v1.0.0"}
    assert show_of(fold(repository.records()))["m"]["stage"]["prod"] == "v1.0.0"


def test_a_version_that_returned_breaks_one_table_of_gto(make_repository: MakeRepository) -> None:
    """Defect (d): see test_reregistering.py for all that still works."""
    (case,) = [c for c in CASES if c.defect == "d"]
    desk = Desk(make_repository())
    for specs in case.asks:
        desk.ask(*specs)
    with pytest.raises(NotImplementedInGTO):
        gto.api.show(str(desk.repository.path), "m", table=True)


def test_a_model_that_others_deprecated_is_not_revived_by_an_empty_stage(
    make_repository: MakeRepository,
) -> None:
    desk = Desk(make_repository())
    desk.ask(Model("m"), Version("m", "v1.0.0", 1), Stage("m", "p", "v1.0.0"))
    desk.repository.write([Tag("m@deprecated", 1, 150)])
    desk.now = EPOCH + 200
    desk.ask(Stage("m", "p", "v1.0.0", leaving=True))
    assert meaning(desk.repository) == {}

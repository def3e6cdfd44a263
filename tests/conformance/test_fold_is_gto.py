"""The fold says what GTO 1.10.1 says, of its own recorded output and of live repositories.

Where we differ on purpose the test says from which defect of GTO: (c) one bad tag breaks
every command, (f) the unassignment of a commit without a version has no effect, and (g) a
commit dated after its tags revives a deprecated artifact.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import gto.api
import pytest
from gto.exceptions import GTOException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scmrepo.exceptions import SCMError

from playbill.ledger.events import (
    Assignment,
    Deprecation,
    Deregistration,
    LedgerEvent,
    Registration,
    TagRecord,
    Unassignment,
)
from playbill.ledger.fold import ArtifactState, Ledger, fold
from playbill.ledger.grammar import AssignmentTag, UnassignmentTag, parse_tag

from .repositories import EPOCH, MakeRepository, Repository, Tag, gto_cases

Show = dict[str, dict[str, Any]]


def show_of(ledger: Ledger, *, holders: int | None = 1, deprecated: bool = False) -> Show:
    """What `gto show --json` prints; `holders` is its --versions-per-stage, None for -1."""
    used = stages_of(ledger)
    return {
        name: {
            "version": artifact.latest,
            "stage": {stage: column(artifact, stage, holders) for stage in used},
            "registered": True,
            "active": artifact.active,
        }
        for name, artifact in ledger.artifacts.items()
        if artifact.active or deprecated
    }


def stages_of(ledger: Ledger) -> list[str]:
    """What `gto stages` prints: those that anyone holds, in deprecated artifacts as well."""
    artifacts = ledger.artifacts.values()
    return sorted({s.stage for a in artifacts for s in a.stages.values() if s.winner})


def column(artifact: ArtifactState, stage: str, holders: int | None) -> str | None:
    state = artifact.stages.get(stage)
    return ", ".join(h.version for h in state.holders[:holders]) or None if state else None


def history_of(ledger: Ledger) -> list[dict[str, Any]]:
    """What `gto history --json --ascending` prints, by artifact."""
    return [
        {
            "timestamp": event.seconds,
            "artifact": name,
            "event": type(event).__name__.lower(),
            "version": version_of(artifact, event),
            "stage": getattr(event, "stage", None),
            "commit": event.commit,
            "author": event.tagger,
            "author_email": event.email,
            "message": event.subject,
            "ref": event.tag,
        }
        for name, artifact in ledger.artifacts.items()
        for event in artifact.events
    ]


def version_of(artifact: ArtifactState, event: LedgerEvent) -> str | None:
    if isinstance(event, Registration | Deregistration):
        return event.version
    if isinstance(event, Deprecation):
        return None
    bound = artifact.version_at(event.commit)
    void = [e for e in artifact.events if isinstance(e, Deregistration)]
    return (
        bound.version
        if bound
        else next((e.version for e in void if e.commit == event.commit), event.commit)
    )


def gto_history(repository: Repository) -> list[dict[str, Any]]:
    rows = gto.api.history(str(repository.path), ascending=True)
    return [
        {key: value for key, value in row.items() if key != "priority"}
        | {"timestamp": int(row["timestamp"].timestamp())}
        for row in rows
    ]


def by_artifact(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Order what GTO leaves open: artifacts among each other, and ties of time and action."""
    actions = (Deprecation, Registration, Deregistration, Assignment, Unassignment)
    priority = {action.__name__.lower(): i for i, action in enumerate(actions)}
    return sorted(
        rows, key=lambda r: (r["artifact"], r["timestamp"], priority[r["event"]], r["ref"])
    )


def assert_gto_agrees(repository: Repository) -> None:
    ledger = fold(repository.records())
    path = str(repository.path)
    assert show_of(ledger) == gto.api.show(path)
    assert show_of(ledger, holders=None) == gto.api.show(path, versions_per_stage=-1)
    assert show_of(ledger, deprecated=True) == gto.api.show(path, deprecated=True)
    assert stages_of(ledger) == gto.api.get_stages(path, used=True)
    assert history_of(ledger) == by_artifact(gto_history(repository))
    for name, artifact in ledger.artifacts.items():
        assert_versions_agree(artifact, gto.api.show(path, name, deprecated=True))


def assert_versions_agree(artifact: ArtifactState, rows: list[dict[str, Any]]) -> None:
    """Compare what `gto show NAME --json --deprecated` says of each registered version."""
    theirs = {
        (row["version"], row["commit_hexsha"]): (
            row["is_active"],
            [event["tag"] for event in row["registrations"]],
            [event["tag"] for event in row["deregistrations"]],
        )
        for row in rows
        if row["registrations"]
    }
    ours = {
        (state.version, state.commit): (
            state.active,
            [event.tag for event in state.registrations],
            [event.tag for event in state.deregistrations],
        )
        for states in artifact.by_commit.values()
        for state in states
    }
    assert ours == theirs


def tags_of(case: dict[str, Any]) -> list[Tag]:
    return [
        Tag(name, commit, seconds, lightweight=bool(rest))
        for name, commit, seconds, *rest in case["tags"]
    ]


def records_of(case: dict[str, Any]) -> list[TagRecord]:
    return [
        TagRecord(
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
        for tag in tags_of(case)
    ]


def recorded_show(ledger: Ledger, *, holders: int | None = 1, deprecated: bool = False) -> Show:
    shown = show_of(ledger, holders=holders, deprecated=deprecated)
    return {
        name: {"latest": row["version"], "active": row["active"], "stage": row["stage"]}
        for name, row in shown.items()
    }


@pytest.mark.parametrize("case", [c for c in gto_cases() if "error" not in c.values[0]])
def test_the_fold_prints_what_gto_printed(case: dict[str, Any]) -> None:
    ledger = fold(records_of(case))
    assert recorded_show(ledger) == case["show"]
    assert recorded_show(ledger, holders=None) == case["show_all_versions_per_stage"]
    assert recorded_show(ledger, deprecated=True) == case["show_with_deprecated"]
    columns = ("event", "artifact", "version", "stage", "commit", "ref")
    ours = [[row[column] for column in columns] for row in history_of(ledger)]
    assert sorted(map(str, ours)) == sorted(map(str, case["history"]))
    times = {tag.name: tag.seconds for tag in tags_of(case)}
    for name in ledger.artifacts:
        theirs = [times[row[5]] for row in case["history"] if row[1] == name]
        assert [times[row[5]] for row in ours if row[1] == name] == theirs


@pytest.mark.parametrize("case", [c for c in gto_cases() if "error" not in c.values[0]])
def test_live_gto_agrees_on_the_same_tags(
    case: dict[str, Any], make_repository: MakeRepository
) -> None:
    assert_gto_agrees(make_repository(tags_of(case)))


@pytest.mark.parametrize("case", [c for c in gto_cases() if "error" in c.values[0]])
def test_what_breaks_gto_is_reported_and_read_all_the_same(
    case: dict[str, Any], make_repository: MakeRepository
) -> None:
    """Defect (c)."""
    repository = make_repository(tags_of(case))
    with pytest.raises((GTOException, KeyError, UnboundLocalError)):
        gto.api.show(str(repository.path))
    ledger = fold(repository.records())
    assert [problem.reason for problem in ledger.problems] in (["CommitTaken"], ["Created"])
    assert ledger.artifacts["m"].latest


ARTIFACTS = ("m", "m", "m", "n", "some/dir=m")
VERSIONS = ("v0.9.0", "v1.0.0-rc.2", "v1.0.0-rc.10", "v1.0.0", "v1.0.0+b", "v1.0.0+a", "v10.0.0")
ACTIONS = ("@V", "@V", "@V", "@V!", "#S", "#S", "#S", "#S", "#S!", "@deprecated")
SECONDS = st.integers(1, 8)
COUNTER = st.sampled_from(["", "", "#1", "#2", "#3", "#7"])


@st.composite
def histories(draw: st.DrawFn) -> list[Tag]:
    """Up to 12 tags in any order, of three versions that keep to a commit of their own."""
    home = {v: i + 1 for i, v in enumerate(draw(st.permutations(VERSIONS))[:3])}
    tags: dict[str, Tag] = {}
    for _ in range(draw(st.integers(4, 12))):
        artifact = draw(st.sampled_from(ARTIFACTS))
        version = draw(st.sampled_from(list(home)))
        action = draw(st.sampled_from(ACTIONS))
        stage = draw(st.sampled_from(["dev", "prod"]))
        name = artifact + action.replace("V", version).replace("S", stage) + draw(COUNTER)
        lightweight = draw(st.integers(0, 19)) == 7
        tags[name] = Tag(name, home[version], draw(SECONDS), lightweight=lightweight)
    return without_void_unassignments(list(tags.values()))


@st.composite
def wild_histories(draw: st.DrawFn) -> list[Tag]:
    """The same, with any version on any of three commits."""
    commit = st.integers(1, 3)
    tags = [Tag(t.name, draw(commit), t.seconds, t.lightweight) for t in draw(histories())]
    return without_void_unassignments(tags)


def without_void_unassignments(tags: Sequence[Tag]) -> list[Tag]:
    """Leave defect (f) out: GTO disregards the unassignment of a commit without a version."""
    parsed = [(tag, parse_tag(tag.name)) for tag in tags]
    versions = {
        (p.artifact, tag.commit)
        for tag, p in parsed
        if p and not isinstance(p, AssignmentTag | UnassignmentTag) and "@v" in tag.name
        if not tag.lightweight
    }
    return [
        tag
        for tag, p in parsed
        if not isinstance(p, UnassignmentTag) or (p.artifact, tag.commit) in versions
    ]


LIVE = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@LIVE
@given(tags=histories())
def test_live_gto_agrees_on_any_history(tags: list[Tag], make_repository: MakeRepository) -> None:
    assert_gto_agrees(make_repository(tags))


@LIVE
@given(tags=wild_histories())
def test_whatever_breaks_gto_is_a_problem_to_us(
    tags: list[Tag], make_repository: MakeRepository
) -> None:
    """Defect (c): a stage tag on a commit with two versions."""
    repository = make_repository(tags)
    try:
        gto.api.show(str(repository.path))
    except GTOException:
        reasons = {problem.reason for problem in fold(repository.records()).problems}
        assert reasons & {"CommitTaken", "NothingToDeregister"}
    else:
        assert_gto_agrees(repository)


def test_a_commit_without_version_can_be_unassigned(make_repository: MakeRepository) -> None:
    """Defect (f): for GTO the stage stays as it was, and no command of its can empty it."""
    repository = make_repository([Tag("m#prod#1", 1, 1), Tag("m#prod!#2", 1, 2)])
    theirs = gto.api.show(str(repository.path))
    assert theirs["m"]["stage"] == {"prod": repository.commits[0]}
    assert fold(repository.records()).artifacts["m"].stages["prod"].winner is None


def test_a_commit_dated_later_revives_nothing(make_repository: MakeRepository) -> None:
    """Defect (g)."""
    tags = [Tag("m@v1.0.0", 1, 1), Tag("m@deprecated", 1, 2)]
    repository = make_repository(tags, seconds=EPOCH + 100)
    assert gto.api.show(str(repository.path))["m"]["active"]
    assert fold(repository.records()).artifacts["m"].deprecated


def test_a_version_moved_to_another_commit_stays_where_it_was_first(
    make_repository: MakeRepository,
) -> None:
    """GTO has it twice and cannot assign it by name any more."""
    tags = [Tag("m@v1.0.0", 1, 1), Tag("m@v1.0.0#1", 2, 2)]
    repository = make_repository(tags)
    with pytest.raises(GTOException):
        gto.api.assign(str(repository.path), "m", "prod", version="v1.0.0")
    ledger = fold(repository.records())
    assert ledger.artifacts["m"].versions["v1.0.0"].commit == repository.commits[0]
    assert [problem.reason for problem in ledger.problems] == ["VersionMoved"]


def test_a_taggerless_tag_breaks_gto_and_is_skipped_here(make_repository: MakeRepository) -> None:
    """Defect (c)."""
    repository = make_repository([Tag("m@v1.0.0", 1, 1)])
    body = f"object {repository.commits[1]}\ntype commit\ntag m@v2.0.0\n\nold\n".encode()
    oid = repository.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=body).decode().strip()
    repository.git("update-ref", "refs/tags/m@v2.0.0", oid)
    with pytest.raises(AttributeError):
        gto.api.show(str(repository.path))
    ledger = fold(repository.records())
    assert ledger.artifacts["m"].latest == "v1.0.0"
    assert [problem.reason for problem in ledger.problems] == ["NoTagger"]


def test_a_tag_on_a_tree_breaks_gto_and_is_skipped_here(make_repository: MakeRepository) -> None:
    """Defect (c)."""
    repository = make_repository([Tag("m@v1.0.0", 1, 1)])
    repository.git("tag", "-a", "-m", "bad", "m@v2.0.0", "main^{tree}")
    with pytest.raises((SCMError, AttributeError)):
        gto.api.show(str(repository.path))
    ledger = fold(repository.records())
    assert ledger.artifacts["m"].latest == "v1.0.0"
    assert [problem.reason for problem in ledger.problems] == ["NotACommit"]


def test_a_tag_on_a_tag_names_no_commit_and_is_skipped(make_repository: MakeRepository) -> None:
    """GTO gives the inner tag's id for the commit's, so nothing binds to the real one."""
    repository = make_repository([Tag("m@v1.0.0", 1, 1), Tag("m#prod#1", 1, 3)])
    repository.git("tag", "-a", "-m", "nested", "m@v2.0.0", "m@v1.0.0")
    inner = repository.git("rev-parse", "m@v1.0.0").decode().strip()
    (theirs,) = gto.api.show(str(repository.path), "m@v2.0.0")
    assert theirs["commit_hexsha"] == inner
    ledger = fold(repository.records())
    assert ledger.artifacts["m"].latest == "v1.0.0"
    assert [problem.reason for problem in ledger.problems] == ["NestedTag"]


def test_unrelated_and_near_miss_names_are_no_business_of_ours(
    make_repository: MakeRepository,
) -> None:
    names = ["v1.0.0", "release-1", "m@1.0.0", "m@v1", "m#prod#-1", "m#prod@v1.2.3", "m"]
    repository = make_repository([Tag(name, 1, 1) for name in names])
    assert gto.api.show(str(repository.path)) == {}
    ledger = fold(repository.records())
    assert (ledger.artifacts, ledger.problems) == ({}, ())
    assert set(ledger.refs) == set(names)

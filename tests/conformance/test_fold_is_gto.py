"""Whatever the history of a repository is, the fold says of it what GTO 1.10.1 says.

Where we differ on purpose the test says from which defect of GTO (`cases.py` lists them).
"""

from collections.abc import Sequence

import gto.api
import pytest
from gto.exceptions import GTOException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scmrepo.exceptions import SCMError

from playbill.ledger.fold import fold
from playbill.ledger.grammar import AssignmentTag, UnassignmentTag, parse_tag

from .reading import assert_gto_agrees
from .repositories import EPOCH, MakeRepository, Tag

ARTIFACTS = ("m", "m", "m", "m", "n", "a/m", "some/dir=m", "a.b=a/m")
VERSIONS = (
    *("v0.9.0", "v1.0.0-rc.2", "v1.0.0-rc.10", "v1.0.0-rc.10+b", "v1.0.0-a.b"),
    *("v1.0.0", "v1.0.0+b", "v1.0.0+a", "v10.0.0"),
)
STAGES = ("dev", "prod", "prod", "eu/prod")
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
        stage = draw(st.sampled_from(STAGES))
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
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@LIVE
@given(tags=histories())
def test_live_gto_agrees_on_any_history(tags: list[Tag], make_repository: MakeRepository) -> None:
    assert_gto_agrees(make_repository(tags), singly=1)


@settings(LIVE, max_examples=25)
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
        assert_gto_agrees(repository, singly=1)


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

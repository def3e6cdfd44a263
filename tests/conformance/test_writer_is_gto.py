"""Whatever is asked of us in whatever order, GTO reads what was meant, and nothing breaks it.

The oracle knows the resources alone: who is to be on which stage, which versions there are.
"""

from dataclasses import replace
from typing import Any

import gto.api
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playbill.api.errors import Trouble
from playbill.ledger.decisions import Decision, Settled
from playbill.ledger.fold import fold
from playbill.ledger.grammar import Bump, version_key

from .reading import assert_gto_agrees, assert_gto_reads, meaning
from .repositories import EPOCH, MakeRepository, Tag
from .writing import Desk, Held, Model, Spec, Stage, Version

ARTIFACTS = ("m", "m", "m", "dir/a.b:m", "m/x")
NUMBERS = ("v1.0.0-rc.1", "1.0.0-rc.2+gpu", "v1.0.0", "v2.0.0", "0.9.0")
STAGES = ("dev", "prod", "prod/eu")
BUMPS: st.SearchStrategy[Bump] = st.sampled_from(("Patch", "Minor", "Major"))
COMMITS = st.integers(1, 4)


@st.composite
def wishes(draw: st.DrawFn) -> Spec:
    """A resource as somebody may write it, whether or not it makes sense."""
    artifact, kind = draw(st.sampled_from(ARTIFACTS)), draw(st.integers(0, 9))
    if kind < 4:
        number = draw(st.sampled_from((*NUMBERS, None)))
        bump = draw(BUMPS)
        withdrawn = draw(st.integers(0, 4)) == 0
        return Version(artifact, number, draw(COMMITS), bump=bump, deregistered=withdrawn)
    if kind < 9:
        version = draw(st.sampled_from((*NUMBERS, "v0.0.1", "v0.0.2")))
        return Stage(artifact, draw(st.sampled_from(STAGES)), version, leaving=kind == 8)
    return Model(artifact, deprecated=draw(st.booleans()))


def without_voids(tags: list[Tag]) -> list[Tag]:
    """Leave out what undoes nothing: GTO makes odd rows of it, which are nobody's meaning."""
    there = {tag.name for tag in tags}
    void = {"m@v2.0.0!": "m@v2.0.0", "m#dev!#7": "m@v1.0.0"}
    return [tag for tag in tags if void.get(tag.name, tag.name) in there]


STORIES = st.lists(st.lists(wishes(), min_size=1, max_size=4), min_size=2, max_size=7)
PEOPLE = st.lists(
    st.sampled_from(
        [
            Tag("m@v1.0.0", 1, 1),
            Tag("m@v3.0.0", 2, 2),
            Tag("m#prod#4", 1, 3),
            Tag("m#prod", 2, 4),
            Tag("dir/a.b=m@v0.9.0", 3, 5),
            Tag("m@v2.0.0", 3, 6),
            Tag("m@v2.0.0!", 3, 7),
            Tag("m@deprecated", 1, 8),
            Tag("m#dev!#7", 1, 9),
            Tag("m@v9.0.0", 4, 9, lightweight=True),
        ]
    ),
    max_size=4,
    unique=True,
).map(without_voids)

LIVE = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@LIVE
@given(story=STORIES, before=PEOPLE)
def test_gto_reads_what_was_meant_by_any_story(
    story: list[list[Spec]], before: list[Tag], make_repository: MakeRepository
) -> None:
    desk = Desk(make_repository(before))
    decisions: dict[str, Decision] = {}
    for wanted in story:
        decisions = desk.ask(*wanted)
        desk.now += 3
    assert_gto_reads(desk.repository, desk.written, tables=not returned(desk))
    assert_gto_agrees(desk.repository, singly=1)
    means = {name: row[1] for name, row in meaning(desk.repository).items()}
    for held in desk.objects.values():
        if isinstance(decisions[held.spec.name], Settled):
            assert_meant(held, means, desk)


def assert_meant(held: Held, means: dict[str, Any], desk: Desk) -> None:
    """One settled resource, by what GTO says."""
    path = str(desk.repository.path)
    match held.spec:
        case Stage(artifact, stage, version) if version is not None:
            shown = gto.api.show(path, deprecated=True)[artifact]["stage"]
            assert shown[stage] == f"v{version.removeprefix('v')}"
        case Version(artifact, number, deregistered=deregistered):
            number = f"v{number.removeprefix('v')}" if number else held.allotted
            rows = gto.api.show(path, artifact, deprecated=True)
            (row,) = [row for row in rows if row["version"] == number]
            assert row["is_active"] is not deregistered
        case Model(artifact, deprecated=True):
            assert artifact not in means


def returned(desk: Desk) -> bool:
    """Defect (d): once a version has returned, one table of GTO's does not work."""
    return any("@v" in tag.name and "#" in tag.name for tag in desk.written)


ALLOTTED = st.lists(st.tuples(BUMPS, st.booleans()), min_size=1, max_size=4)


@settings(LIVE, max_examples=12)
@given(bumps=ALLOTTED)
def test_numbers_that_are_allotted_grow_whatever_is_withdrawn(
    bumps: list[Any], make_repository: MakeRepository
) -> None:
    desk = Desk(make_repository())
    for on, (bump, withdrawn) in enumerate(bumps, 1):
        version = Version("m", None, on, bump=bump)
        desk.ask(version)
        if withdrawn:
            desk.ask(replace(version, deregistered=True))
    allotted = [held.allotted or "" for held in desk.objects.values()]
    assert sorted(set(allotted), key=version_key) == allotted
    kept = [number for number, (_, gone) in zip(allotted, bumps, strict=True) if not gone]
    ((latest, stages),) = meaning(desk.repository).values()
    assert (latest, stages) == (kept[-1] if kept else None, {})


def test_what_is_refused_writes_nothing(make_repository: MakeRepository) -> None:
    """A guard of the stories above: they are not all refusals, nor all settled."""
    desk = Desk(make_repository([Tag("m@v1.0.0", 1, 1)]), now=EPOCH + 10)
    decisions = desk.ask(Version("m", "v2.0.0", 1), Version("m", "v3.0.0", 2), Model("m"))
    assert isinstance(decisions["m v2.0.0"], Trouble)
    assert isinstance(decisions["m v3.0.0"], Settled)
    assert set(fold(desk.repository.records()).artifacts["m"].versions) == {"v1.0.0", "v3.0.0"}

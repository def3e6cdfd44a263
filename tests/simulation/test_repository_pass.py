"""Thousands of seeded worlds in which everything fails: no tag is lost, and none doubled."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import replace

import pytest
from tests.simulation.world import (
    ARTIFACT,
    CLUSTER,
    Chances,
    Crash,
    Operator,
    World,
    asker,
    commit,
    foreign_write,
)

from playbill.api.errors import Stalled, Waiting
from playbill.ledger.decisions import Settled
from playbill.ledger.grammar import AssignmentTag, RegistrationTag, parse_tag
from playbill.ledger.intents import AnyIntent, StageIntent, VersionIntent
from playbill.ledger.message import REQUEST, split
from playbill.ledger.plan import decide
from playbill.ledger.view import Author, View

RUNS = int(os.environ.get("PLAYBILL_SIMULATION_RUNS", "600"))


def populate(world: World) -> None:
    """Versions with and without a number, and stages that want some of them."""
    for i in range(4):
        world.apply(
            VersionIntent(
                asker=asker("ModelVersion", f"v{i}", f"version-{i}"),
                artifact=ARTIFACT,
                version=f"v1.{i}.0" if i % 2 else None,
                commit=commit(i),
            )
        )
    world.commits |= {commit(i) for i in range(20)}
    if world.chances.aliases:
        populate_taken_commits(world)
    for stage in ("dev", "prod"):
        world.apply(
            StageIntent(
                asker=asker("StageAssignment", stage, f"stage-{stage}"),
                artifact=ARTIFACT,
                stage=stage,
                version="v1.1.0",
            )
        )


def populate_taken_commits(world: World) -> None:
    """A release of each candidate's commit, with a number and without, where that is allowed."""
    for held in list(world.objects.values()):
        candidate = held.intent
        assert isinstance(candidate, VersionIntent)
        held.intent = replace(candidate, may_alias=True)
        name = f"release-of-{candidate.asker.name}"
        number = candidate.version and candidate.version.replace("v1", "v2")
        for suffix, version in (("", number), ("-again", None)):
            who = asker("ModelVersion", name + suffix, name + suffix)
            world.apply(replace(candidate, asker=who, version=version, may_alias=True))


async def users(world: World) -> None:
    """People who promote, promote back, and delete assignments."""
    for _ in range(60):
        await world.tick()
        if world.rng.random() < world.chances.edits * 4:
            promote(world, f"stage-{world.rng.choice(('dev', 'prod'))}")
        if world.rng.random() < world.chances.deletes * 2:
            remove(world, "stage-dev")
        if world.rng.random() < world.chances.foreign:
            foreign_write(world)
    world.settled = True


def promote(world: World, uid: str) -> None:
    held = world.objects[uid]
    intent = held.intent
    if held.gone or not isinstance(intent, StageIntent) or intent.leaving:
        return
    generation = replace(intent.asker, generation=intent.asker.generation + 1)
    version = world.rng.choice(("v1.1.0", "v1.3.0"))
    if version != intent.version:
        world.apply(replace(intent, asker=generation, version=version, recorded=None))


def remove(world: World, uid: str) -> None:
    intent = world.objects[uid].intent
    if isinstance(intent, StageIntent) and not intent.leaving:
        generation = replace(intent.asker, generation=intent.asker.generation + 1)
        world.apply(replace(intent, asker=generation, leaving=True, recorded=None))


async def operate(world: World, *, reserving: bool) -> None:
    """An operator that is started again whenever it has died."""
    while not world.settled:
        operator = Operator(world, reserving=reserving)
        try:
            while not world.settled:
                await operator.run_once()
        except Crash:
            continue


def run(seed: int, chances: Chances, *, leaders: int = 1, reserving: bool = True) -> World:
    world = World(seed, chances)

    async def story() -> None:
        populate(world)
        crews = [operate(world, reserving=reserving) for _ in range(leaders)]
        await asyncio.gather(users(world), *crews)
        world.calm = True
        await world.tick()
        for _ in range(8):
            world.time += 1
            await Operator(world, reserving=reserving).run_once()

    asyncio.run(story())
    return world


def faults(world: World) -> list[str]:
    """Everything that must not be, in words; empty for a sound end."""
    return [*doubled(world), *lost(world), *unreadable(world)]


def doubled(world: World) -> list[str]:
    registered: Counter[str] = Counter()
    assigned: Counter[str] = Counter()
    for tag in world.tags.values():
        request = split(tag.message)[2].get(REQUEST, "")
        match parse_tag(tag.name):
            case RegistrationTag() if request:
                registered[request.partition("/")[0]] += 1
            case AssignmentTag() if request:
                assigned[request] += 1
    # A plain tag against a declared version may be answered, once.
    allowed = 2 if world.chances.foreign else 1
    return [f"{who} registered {n} times" for who, n in registered.items() if n > 1] + [
        f"{who} assigned {n} times" for who, n in assigned.items() if n > allowed
    ]


def lost(world: World) -> list[str]:
    snapshot = world.snapshot()
    view = View(snapshot.ledger, snapshot.oids, author=Author(cluster=CLUSTER))
    found = []
    for held in world.objects.values():
        intent = held.intent
        if held.gone:
            found += still_held(world, intent)
            continue
        decision = decide(intent, view, world.time)
        if isinstance(decision, Stalled | Waiting) and world.chances.foreign:
            continue
        if not isinstance(decision, Settled):
            found.append(f"{intent.asker.name} ended as {decision!r}")
        elif isinstance(intent, VersionIntent) and decision.event is None:
            found.append(f"{intent.asker.name} is not registered")
        elif isinstance(intent, StageIntent) and winner(world, intent.stage) != intent.version:
            found.append(f"{intent.stage} is {winner(world, intent.stage)}, not {intent.version}")
    return found


def still_held(world: World, intent: AnyIntent) -> list[str]:
    if not isinstance(intent, StageIntent):
        return []
    if world.chances.foreign or winner(world, intent.stage) is None:
        return []
    return [f"{intent.stage} was left, and {winner(world, intent.stage)} holds it"]


def winner(world: World, stage: str) -> str | None:
    state = world.ledger().artifacts[ARTIFACT].stages.get(stage)
    return state.winner.version if state and state.winner else None


def unreadable(world: World) -> list[str]:
    """Two versions on one commit: GTO cannot read that."""
    by_commit = world.ledger().artifacts[ARTIFACT].by_commit
    return [
        f"{[v.version for v in versions]} share {where[-4:]}"
        for where, versions in by_commit.items()
        if len(versions) > 1
    ]


def report(world: World, found: list[str]) -> str:
    return "\n".join([f"seed {world.seed}:", *found, "", *world.log[-60:]])


SETTINGS = {
    "a perfect world": (Chances(crash=0, lost=0, late=0, unanswered=0), 1),
    "crashes and late pushes": (Chances(), 1),
    "two leaders": (Chances(), 2),
    "two leaders and people with GTO": (Chances(foreign=0.1), 2),
    "two leaders and taken commits": (Chances(aliases=True), 2),
    "two leaders, taken commits, signatures and people with GTO": (
        Chances(aliases=True, signs=True, foreign=0.1),
        2,
    ),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_tag_is_lost_or_doubled(setting: str) -> None:
    chances, leaders = SETTINGS[setting]
    for seed in range(RUNS):
        world = run(seed, chances, leaders=leaders)
        found = faults(world)
        assert not found, report(world, found)


def test_without_the_reservation_tags_are_doubled() -> None:
    chances = Chances(late=0.25)
    broken = (
        seed for seed in range(5 * RUNS) if faults(run(seed, chances, leaders=2, reserving=False))
    )
    assert next(broken, None) is not None, "too kind a world: it does not need the reservation"

"""Two operators that both believe to lead, killed and started again at random: what they were asked
is recorded once, and they agree on it."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.manifests import model_version, stage_assignment
from tests.operator.fixtures import new_world
from tests.operator.process import OperatorProcess
from tests.operator.test_restart import objects, settled, versions_of
from tests.operator.world import Object, World

MODELS = ("digits", "letters")
PER_MODEL, STAGES, WAVES = 14, 12, 5
SEED = 7
KINDS = ("mver", "stage")


@pytest.fixture(scope="module")
def brains(
    cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, list[OperatorProcess]]]:
    """A world with two operators; each has a cache of its own."""
    directory = tmp_path_factory.mktemp("brains")
    with new_world(cluster, directory) as world, ExitStack() as stack:
        second = OperatorProcess(cluster.kubeconfig, world.namespace, directory / "second")
        stack.callback(second.stop)
        yield world, [world.operator, second]


@pytest.fixture(scope="module")
def converged(brains: tuple[World, list[OperatorProcess]]) -> World:
    """Forty resources are applied in waves; after each an operator dies, or both do."""
    world, operators = brains
    chance = random.Random(SEED)  # noqa: S311 - the same story each time
    commits = [world.remote.commit({"n": str(n)}) for n in range(PER_MODEL)]
    asked = resources(commits)
    chance.shuffle(asked)
    start(*operators)
    for model in MODELS:
        world.model(model, repository={"maxTagsPerPush": 2})
    size = -(-len(asked) // WAVES)
    for wave in range(WAVES):
        pushed = len(world.tags()) + chance.randrange(3)
        world.apply(*asked[wave * size : (wave + 1) * size])
        victims = chance.sample(operators, chance.choice((1, 1, 2)))
        eventually(lambda pushed=pushed: len(world.tags()) >= pushed)  # type: ignore[misc]
        for victim in victims:
            victim.kill(alone=chance.random() < 0.5)
        start(*victims)
    eventually(lambda: all(is_done(item) for item in listed(world)), patience=120)
    return world


def resources(commits: list[str]) -> list[dict[str, Any]]:
    """Versions that are to get a number, versions that have one, and stages for these."""
    allotted, given = MODELS
    return [
        *(
            model_version(f"{model}-{number}", model=model, revision=commit, **version)
            for number, commit in enumerate(commits)
            for model, version in ((allotted, {}), (given, {"version": f"1.0.{number}"}))
        ),
        *(
            stage_assignment(f"{given}-s{n}", model=given, stage=f"s{n}", version=f"1.0.{n}")
            for n in range(STAGES)
        ),
    ]


def start(*operators: OperatorProcess) -> None:
    for operator in operators:
        operator.start()


def listed(world: World) -> list[Object]:
    return world.items(*KINDS)


def is_done(item: Object) -> bool:
    status = item.get("status", {})
    ready = any(
        c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", [])
    )
    return ready and not status.get("pending", {}).get("tags")


def recorded(item: Object) -> str:
    """The tag that an object says it is recorded by."""
    status = item["status"]
    return str(status["tag"] if item["kind"] == "ModelVersion" else status["current"]["tag"])


def test_two_leaders_lose_nothing(converged: World) -> None:
    found = listed(converged)
    assert len(found) == len(MODELS) * PER_MODEL + STAGES
    assert sorted(map(recorded, found)) == converged.tags()


def test_two_leaders_record_nothing_twice(converged: World) -> None:
    requests = [
        line
        for tag in converged.tags()
        for line in converged.message(tag).splitlines()
        if line.startswith("Playbill-Request:")
    ]
    assert len(requests) == len(converged.tags())
    assert [request for request, times in Counter(requests).items() if times > 1] == []


def test_two_leaders_give_no_number_twice_and_gto_reads_them_all(converged: World) -> None:
    clone = converged.clone()
    shown = json.loads(converged.gto("show", "--json", clone=clone))
    assert shown[MODELS[1]]["stage"] == {f"s{n}": f"v1.0.{n}" for n in range(STAGES)}
    for model in MODELS:
        rows = json.loads(converged.gto("show", model, "--json", clone=clone))
        assert len({row["version"] for row in rows}) == len(rows) == PER_MODEL
        assert len({row["commit_hexsha"] for row in rows}) == PER_MODEL


def test_two_leaders_agree_and_come_to_rest(
    converged: World, brains: tuple[World, list[OperatorProcess]]
) -> None:
    _, operators = brains
    eventually(lambda: told(operators[0]) == told(operators[1]) != [])
    before = versions_of(settled(converged, *KINDS))
    for operator in operators:
        await_looks(operator, 2)
        assert "Traceback" not in operator.log.read_text(errors="replace")
    assert versions_of(objects(converged, *KINDS)) == before


def told(operator: OperatorProcess) -> list[Any]:
    """Who holds which stage, and how many versions there are, as this one sees it."""
    kept = {"playbill_stage_info", "playbill_model_versions"}
    return sorted(
        (name, sorted(labels.items()), value)
        for name, labels, value in operator.samples()
        if name in kept
    )


def await_looks(operator: OperatorProcess, times: int) -> None:
    """Wait until it has looked at the repository so often again, by itself."""
    name = "playbill_reconcile_duration_seconds_count"
    seen = operator.metric(name, reconciler="repository")
    eventually(lambda: operator.metric(name, reconciler="repository") >= seen + times)

"""Pushing a part: one bad tag holds up nobody else's, and is blamed by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from tests.unit.ledger.book import asker, tag

from playbill.api.errors import Retry, Stalled
from playbill.controllers.repository.pushing import push_part
from playbill.git.porcelain import AlreadyThere, Exists, NotTried, Pushed, Rejected, Result
from playbill.ledger.batch import Part
from playbill.ledger.decisions import Write
from playbill.ledger.intents import VersionIntent
from playbill.ledger.plan import Step
from playbill.ledger.tagobject import TagObject


def step(name: str, *tags: TagObject) -> Step:
    """One that asks for the tag of this name, or for these tags."""
    artifact = name.partition("@")[0]
    intent = VersionIntent(asker=asker(name=name), artifact=artifact)
    return Step(intent, Write(tags or (tag(name),), reserve=False))


@dataclass
class Server:
    """Takes all or nothing; `forbids` are names that it refuses, said only when `names` is set."""

    forbids: set[str] = field(default_factory=set)
    names: bool = True
    holds: dict[str, TagObject] = field(default_factory=dict)
    pushes: list[list[str]] = field(default_factory=list)

    async def push(self, tags: Sequence[TagObject]) -> Mapping[str, Result]:
        self.pushes.append([t.name for t in tags])
        faults = {t.name: self._fault(t) for t in tags if self._fault(t) is not None}
        if faults and not self.names:
            return {t.name: Rejected("pre-receive hook declined") for t in tags}
        if faults:
            return {t.name: faults.get(t.name) or NotTried() for t in tags}
        found: dict[str, Result] = {
            t.name: AlreadyThere() if t.name in self.holds else Pushed() for t in tags
        }
        self.holds |= {t.name: t for t in tags}
        return found

    def _fault(self, wanted: TagObject) -> Result | None:
        if wanted.name in self.forbids:
            return Rejected("you shall not")
        held = self.holds.get(wanted.name)
        return Exists() if held is not None and held != wanted else None


def part(*names: str) -> Part:
    return tuple(step(name) for name in names)


async def test_a_part_without_trouble_is_one_push() -> None:
    server = Server()
    report = await push_part(server.push, part("a@v1.0.0", "b@v1.0.0"))
    assert server.pushes == [["a@v1.0.0", "b@v1.0.0"]]
    assert [t.name for t in report.landed] == ["a@v1.0.0", "b@v1.0.0"]
    assert (report.refused, report.conflicts, report.again) == ({}, 0, False)


async def test_what_is_there_already_byte_by_byte_has_landed() -> None:
    server = Server(holds={"a@v1.0.0": tag("a@v1.0.0")})
    report = await push_part(server.push, part("a@v1.0.0"))
    assert [t.name for t in report.landed] == ["a@v1.0.0"]


async def test_a_culprit_that_is_named_is_left_out_and_the_rest_is_pushed() -> None:
    server = Server(forbids={"b@v1.0.0"})
    report = await push_part(server.push, part("a@v1.0.0", "b@v1.0.0", "c@v1.0.0"))
    assert server.pushes[1:] == [["a@v1.0.0", "c@v1.0.0"]]
    assert [t.name for t in report.landed] == ["a@v1.0.0", "c@v1.0.0"]
    (blamed,) = report.refused.items()
    assert blamed[0] == "uid-b@v1.0.0"
    assert isinstance(blamed[1], Stalled)
    assert blamed[1].reason == "PushRejected"
    for words in ("b@v1.0.0", "you shall not", "the right to create this tag"):
        assert words in blamed[1].message
    assert not report.again


async def test_a_name_that_somebody_else_took_is_planned_anew_and_nobody_is_blamed() -> None:
    server = Server(holds={"b@v1.0.0": tag("b@v1.0.0", 9)})
    report = await push_part(server.push, part("a@v1.0.0", "b@v1.0.0"))
    assert [t.name for t in report.landed] == ["a@v1.0.0"]
    assert (report.refused, report.conflicts, report.again) == ({}, 1, True)


async def test_a_step_of_several_tags_stands_or_falls_as_one() -> None:
    left = (tag("a#prod!#1", 1), tag("a#prod!#2", 2))
    server = Server(forbids={"a#prod!#2"})
    report = await push_part(server.push, (step("a", *left), step("b@v1.0.0")))
    assert set(server.holds) == {"b@v1.0.0"}
    assert set(report.refused) == {"uid-a"}


@pytest.mark.parametrize("culprit", ["a@v1.0.0", "c@v1.0.0", "d@v2.0.0"])
async def test_when_all_are_blamed_alike_the_culprit_is_found_by_halving(culprit: str) -> None:
    names = ["a@v1.0.0", "b@v1.0.0", "c@v1.0.0", "d@v1.0.0", "d@v2.0.0"]
    server = Server(forbids={culprit}, names=False)
    report = await push_part(server.push, part(*names))
    assert set(report.refused) == {f"uid-{culprit}"}
    assert set(server.holds) == set(names) - {culprit}
    assert {t.name for t in report.landed} == set(server.holds)


async def test_halving_takes_fewer_pushes_than_asking_one_by_one() -> None:
    server = Server(forbids={"a7@v1.0.0"}, names=False)
    await push_part(server.push, part(*(f"a{i}@v1.0.0" for i in range(16))))
    assert len(server.holds) == 15
    assert len(server.pushes) <= 9


async def test_a_server_that_takes_nothing_is_asked_a_bounded_number_of_times() -> None:
    names = [f"a{i}@v1.0.0" for i in range(16)]
    server = Server(forbids=set(names), names=False)
    report = await push_part(server.push, part(*names))
    assert len(report.refused) == 16
    assert len(server.pushes) <= 2 * 16


async def test_no_answer_ends_the_part_with_what_the_caller_must_look_up() -> None:
    async def push(_: Sequence[TagObject]) -> Mapping[str, Result]:
        raise Retry("PushUnanswered", "the line went dead")

    with pytest.raises(Retry, match="the line went dead"):
        await push_part(push, part("a@v1.0.0"))

"""Signing in a pass: before the reservation, only what is new, and only who is concerned waits."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from tests.unit.ledger.book import CLUSTER, asker, commit, view

from playbill.api.errors import Stalled, Trouble, Waiting
from playbill.controllers.inventory.snapshot import Snapshot
from playbill.controllers.repository.repository_pass import Outcome, Terms, repository_pass
from playbill.controllers.repository.signing import Signers
from playbill.git.porcelain import Pushed, Result
from playbill.ledger.aliases import Alias
from playbill.ledger.intents import AnyIntent, Reservation, VersionIntent
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import Author


@dataclass
class Place:
    """A desk and a remote where all goes well; keeps what was reserved and pushed."""

    intents: Sequence[AnyIntent]
    reserved: list[TagObject] = field(default_factory=list)
    pushed: list[TagObject] = field(default_factory=list)

    async def read(self) -> Sequence[AnyIntent]:
        return self.intents

    async def reserve(
        self, intent: AnyIntent, tags: Sequence[TagObject], aliases: Sequence[Alias]
    ) -> bool:
        del intent, aliases
        self.reserved += tags
        return True


@dataclass
class Empty:
    """The remote of the place."""

    place: Place

    async def confirm(self, tags: Sequence[TagObject]) -> Snapshot:  # noqa: ARG002 - the Protocol has it
        return await self.read()

    async def read(self) -> Snapshot:
        return Snapshot(view().ledger, {})

    async def resolve(self, intents: Sequence[AnyIntent]) -> Sequence[AnyIntent]:
        return intents

    async def make(self, aliases: Sequence[Alias]) -> None:
        del aliases

    async def lacks(self, commits: Collection[str]) -> Collection[str]:
        return set(commits) - {commit(1)}

    async def push(self, tags: Sequence[TagObject]) -> Mapping[str, Result]:
        self.place.pushed += tags
        return {tag.name: Pushed() for tag in tags}

    async def withdraw(self, tag: str, oid: str) -> bool:
        del tag, oid
        return False


def signed(tag: TagObject) -> TagObject:
    return replace(tag, message=f"{tag.message}signed\n")


def run(place: Place, answers: Mapping[str, Trouble]) -> Outcome:
    """A pass that signs; of some artifacts there is trouble with the key."""

    async def sign(tags: Sequence[tuple[str, TagObject]]) -> Sequence[TagObject | Trouble]:
        return [answers.get(artifact) or signed(tag) for artifact, tag in tags]

    terms = Terms(author=Author(cluster=CLUSTER), clock=lambda: 1_000, sign=sign)
    return asyncio.run(repository_pass(place, Empty(place), terms))


def version(artifact: str, number: str | None = None, **more: Reservation) -> VersionIntent:
    who = asker(name=f"{artifact}-{number}")
    return VersionIntent(
        asker=who, artifact=artifact, version=number, commit=commit(1), pending=more.get("pending")
    )


def test_what_is_reserved_is_what_was_signed() -> None:
    place = Place([version("m"), version("n", "v1.0.0")])
    run(place, {})
    assert [tag.name for tag in place.reserved] == ["m@v0.0.1"]
    assert {tag.name for tag in place.pushed} == {"m@v0.0.1", "n@v1.0.0"}
    assert place.reserved[0] in place.pushed
    assert all(tag.message.endswith("\nsigned\n") for tag in place.pushed)


def test_what_was_reserved_before_keeps_its_bytes() -> None:
    first = Place([version("m")])
    run(first, {})
    held = Reservation(generation=1, tags=tuple(first.reserved))
    again = Place([version("m", pending=held)])
    run(again, {"m": Stalled("SigningKeyInvalid", "never asked")})
    assert again.pushed == first.reserved


def test_trouble_with_one_key_is_no_trouble_to_others() -> None:
    place = Place([version("m"), version("n", "v1.0.0")])
    trouble = Waiting("SecretNotFound", "there is none")
    outcome = run(place, {"m": trouble})
    assert outcome.refused == {"uid-m-None": trouble}
    assert [tag.name for tag in place.pushed] == ["n@v1.0.0"]
    assert place.reserved == []


def test_each_artifact_has_its_own_key_and_one_without_is_left_as_it_is() -> None:
    asked: list[str] = []

    async def read(name: str) -> Mapping[str, bytes] | None:
        asked.append(name)
        return {"identity": b"no key"} if name == "bad" else None

    tag = TagObject("m@v1.0.0", commit(1), "a", "b", 1, "x\n")
    with ThreadPoolExecutor(1) as executor:
        signers = Signers({"m": "bad", "n": "missing", "o": "bad"}, read, executor)
        answers = asyncio.run(signers.sign([(artifact, tag) for artifact in "mnop"]))
    assert [getattr(answer, "reason", answer) for answer in answers] == [
        "SigningKeyInvalid", "SecretNotFound", "SigningKeyInvalid", tag,
    ]  # fmt: skip
    assert asked == ["bad", "missing"]

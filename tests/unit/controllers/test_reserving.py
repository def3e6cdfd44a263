"""Reservations are made in the order of the plan, and none above one that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from tests.unit.controllers.test_signing import Empty, Place
from tests.unit.ledger.book import CLUSTER, asker, commit

from playbill.api.errors import Retry
from playbill.controllers.repository.repository_pass import Outcome, Terms, repository_pass
from playbill.ledger.aliases import Alias
from playbill.ledger.intents import AnyIntent, VersionIntent
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import Author

AWAY = Retry("ApiUnavailable", "no answer")


@dataclass
class Busy(Place):
    """A desk at which the object that asks for this tag cannot be written."""

    tag: str = ""
    trouble: Retry | None = None

    async def reserve(
        self, intent: AnyIntent, tags: Sequence[TagObject], aliases: Sequence[Alias]
    ) -> bool:
        if self.tag not in {tag.name for tag in tags}:
            return await super().reserve(intent, tags, aliases)
        if self.trouble:
            raise self.trouble
        return False


def three(artifact: str) -> list[AnyIntent]:
    """Versions whose numbers are allotted, on commits of their own."""
    one = VersionIntent(asker=asker(), artifact=artifact, version=None, commit=commit(1))
    return [
        replace(one, asker=asker(name=f"{artifact}-{number}"), commit=commit(number))
        for number in (1, 2, 3)
    ]


def run(place: Place) -> Outcome:
    terms = Terms(author=Author(cluster=CLUSTER), clock=lambda: 1_000)
    return asyncio.run(repository_pass(place, Empty(place), terms))


@pytest.mark.parametrize("trouble", [None, AWAY], ids=["changed meanwhile", "API away"])
def test_no_number_is_reserved_above_one_that_could_not_be(trouble: Retry | None) -> None:
    place = Busy([*three("m"), *three("n")], tag="m@v0.0.2", trouble=trouble)
    outcome = run(place)
    assert sorted(tag.name for tag in place.reserved) == [
        "m@v0.0.1", "n@v0.0.1", "n@v0.0.2", "n@v0.0.3",
    ]  # fmt: skip
    assert sorted(tag.name for tag in place.pushed) == ["n@v0.0.1", "n@v0.0.2", "n@v0.0.3"]
    assert outcome.again
    assert outcome.refused == ({"uid-m-2": trouble} if trouble else {})

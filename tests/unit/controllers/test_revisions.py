"""How many healthy renderings are kept in the cluster."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from tests.unit.rollout.test_render import FACTS, assignment

from playbill.controllers.rollouts.revisions import Revisions
from playbill.kube.client import Kube
from playbill.rollout.render import render
from playbill.rollout.revisions import MOST_KEPT

OWNER = assignment({"containers": [{"name": "server", "image": "server:${version}"}]})


class Shelf:
    """The ControllerRevisions of an API server."""

    def __init__(self) -> None:
        self.there: dict[str, Mapping[str, Any]] = {}

    async def list(self, *_: object, **__: object) -> tuple[list[Mapping[str, Any]], str]:
        return list(self.there.values()), ""

    async def apply(self, _: object, body: Mapping[str, Any], **__: object) -> None:
        self.there[body["metadata"]["name"]] = json.loads(json.dumps(body))

    async def delete(self, _: object, __: str, name: str) -> None:
        del self.there[name]


def versions_in(shelf: Shelf) -> list[str]:
    ordered = sorted(shelf.there.values(), key=lambda each: int(each["revision"]))
    return [each["data"]["version"] for each in ordered]


def test_the_newest_are_kept_and_what_is_healthy_again_is_the_newest() -> None:
    shelf = Shelf()
    revisions = Revisions(cast(Kube, shelf))
    versions = [f"v{number}.0.0" for number in range(MOST_KEPT + 3)]

    for version in [*versions, versions[-2]]:
        asyncio.run(revisions.keep(OWNER, render(OWNER, replace(FACTS, version=version))))

    assert len(versions_in(shelf)) == MOST_KEPT
    assert versions_in(shelf)[-2:] == [versions[-1], versions[-2]]

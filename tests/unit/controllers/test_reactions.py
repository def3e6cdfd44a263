"""Who is looked at again: nobody before everything is known, and then everybody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.controllers.objects import raw_model, raw_stage, raw_version

from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.keys import ObjectKey, RepositoryKey
from playbill.controllers.inventory.store import Store
from playbill.controllers.watch.queue import KeyedQueue
from playbill.controllers.watch.reactions import Reactions
from playbill.git.url import UrlPolicy
from playbill.ledger.view import Author
from playbill.metrics import Metrics

MODEL = ObjectKey("RegisteredModel", "ns", "digits")
VERSION = ObjectKey("ModelVersion", "ns", "v1")
STAGE = ObjectKey("StageAssignment", "ns", "digits-prod")


class Watch:
    """Reactions, and the keys that they have queued."""

    def __init__(self) -> None:
        self.objects: KeyedQueue[ObjectKey] = KeyedQueue()
        self.repositories: KeyedQueue[RepositoryKey] = KeyedQueue()
        self.store = Store()
        self.reactions = Reactions(
            store=self.store,
            catalogue=Catalogue(
                store=self.store, policy=UrlPolicy(), author=Author(cluster="here")
            ),
            objects=self.objects,
            repositories=self.repositories,
            metrics=Metrics(),
        )

    def tell_model(self, *, gone: bool = False) -> None:
        raw = raw_model("digits", meta={"namespace": "ns", "uid": "m", "resourceVersion": "3"})
        self.reactions.changed("RegisteredModel", raw, gone=gone)

    def tell_version(self, version: str = "5", **meta: Any) -> None:
        self.reactions.changed("ModelVersion", _version(version, **meta), gone=False)

    async def queued(self) -> set[ObjectKey | RepositoryKey]:
        """What waits, taken out."""
        found: set[ObjectKey | RepositoryKey] = set()

        async def take(key: ObjectKey | RepositoryKey) -> None:
            found.add(key)

        works = [
            asyncio.create_task(queue.run(take, workers=1))
            for queue in (self.objects, self.repositories)
        ]
        for _ in range(100):  # turns of the loop: more than there are keys
            await asyncio.sleep(0)
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        return found


def _version(version: str, **meta: Any) -> Any:
    return raw_version(
        "v1", meta={"namespace": "ns", "uid": "v", "resourceVersion": version} | meta
    )


async def test_nothing_is_queued_before_everything_is_known() -> None:
    watch = Watch()
    watch.tell_model()
    watch.tell_version()
    watch.tell_model(gone=True)
    assert await watch.queued() == set()


async def test_what_was_told_before_the_listing_ended_is_queued_when_it_ends() -> None:
    watch = Watch()
    watch.tell_model()
    watch.tell_version()
    watch.reactions.note("ModelVersion", _version("4"))  # the listing is older than the watch
    watch.reactions.hear()
    found = await watch.queued()
    assert {MODEL, VERSION} <= found
    assert any(isinstance(key, RepositoryKey) for key in found)


async def test_what_is_listed_once_more_is_no_news() -> None:
    watch = Watch()
    watch.tell_model()
    watch.tell_version()
    watch.reactions.hear()
    await watch.queued()
    watch.tell_model()
    watch.tell_version()
    assert await watch.queued() == set()
    watch.tell_version("6", generation=2)
    assert VERSION in await watch.queued()


async def test_what_went_before_the_listing_told_of_it_does_not_come_back() -> None:
    watch = Watch()
    watch.tell_model(gone=True)
    watch.tell_model()
    watch.reactions.hear()
    assert await watch.queued() == set()


async def test_a_version_to_be_deregistered_hears_of_assignments_in_all_namespaces() -> None:
    watch = Watch()
    stage = raw_stage(meta={"namespace": "there", "uid": "s"}, model="copy", version="v1.0.0")
    there = raw_model("copy", artifact="digits", meta={"namespace": "there", "uid": "c"})
    withdrawn = raw_version(meta={"uid": "v"}, version="v1.0.0", deregistered=True)
    watch.tell_model()
    watch.reactions.changed("RegisteredModel", there, gone=False)
    watch.reactions.changed("ModelVersion", withdrawn, gone=False)
    watch.reactions.changed("ModelVersion", raw_version("v2"), gone=False)
    watch.reactions.changed("StageAssignment", stage, gone=False)
    watch.reactions.hear()
    await watch.queued()
    watch.reactions.changed("StageAssignment", stage, gone=True)
    assert await watch.queued() == {VERSION}


ALLOTTED = {"version": "v0.0.1"}
METRICS = {"metrics": {"f1": "0.9"}}


@pytest.mark.parametrize(
    ("spec", "before", "after", "woken"),
    [
        pytest.param(METRICS, {}, ALLOTTED, {STAGE}, id="a number is allotted"),
        pytest.param({}, {}, ALLOTTED, set(), id="to what declares nothing"),
        pytest.param(METRICS, ALLOTTED, {**ALLOTTED, "tag": "t"}, set(), id="it stays the same"),
        pytest.param(METRICS | ALLOTTED, {}, ALLOTTED, set(), id="it was asked for"),
    ],
)
async def test_what_is_declared_of_an_allotted_number_is_heeded_once_our_own_write_tells_it(
    spec: Any, before: Any, after: Any, woken: set[ObjectKey]
) -> None:
    watch = Watch()
    written = raw_version(meta={"uid": "v", "resourceVersion": "2"}, status=after, **spec)
    watch.tell_model()
    watch.reactions.changed("StageAssignment", raw_stage(), gone=False)
    watch.reactions.changed(
        "ModelVersion", raw_version(meta={"uid": "v"}, status=before, **spec), gone=False
    )
    watch.reactions.hear()
    await watch.queued()
    watch.store.put("ModelVersion", written)  # as what answers a write of ours
    assert await watch.queued() == woken
    watch.reactions.changed("ModelVersion", written, gone=False)
    assert await watch.queued() == set()

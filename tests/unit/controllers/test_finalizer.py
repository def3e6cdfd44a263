"""Whether a deleted assignment may go without a word to the ledger."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.controllers.objects import raw_model, raw_stage
from tests.unit.ledger.book import view

from playbill.api.errors import Retry, Stalled, Trouble
from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.adopted import LABELS
from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.store import Store
from playbill.controllers.objects.finalizer import Finalizer
from playbill.controllers.reconciling.shell import Shell
from playbill.git.url import UrlPolicy
from playbill.ledger.view import Author

LEAVING = {"deletionTimestamp": "2026-03-01T00:00:00Z"}
RETAINED = {"deletionPolicy": "Retain"}


class Kube:
    """An API server with a namespace that stays."""

    async def get(self, *_: object) -> dict[str, Any]:
        return {"metadata": {}}


class Claims:
    """A model in two namespaces, one of which has read the repository, and its deleted stage."""

    def __init__(self) -> None:
        self.store = Store()
        self.catalogue = Catalogue(
            store=self.store, policy=UrlPolicy(), author=Author(cluster="here")
        )
        for namespace in ("ns", "there"):
            meta = {"namespace": namespace, "uid": f"model-{namespace}"}
            _, model = self.store.put("RegisteredModel", raw_model(meta=meta))
            assert isinstance(model, RegisteredModel)
            self.catalogue.enter(model)
            self.state = self.catalogue.state_of(model)
            if namespace == "ns":
                self.state.view = view()

    def claim(self, *, namespace: str = "there", **more: Any) -> StageAssignment:
        meta = {"namespace": namespace, "uid": f"stage-{namespace}"} | more.pop("meta", {})
        _, found = self.store.put("StageAssignment", raw_stage(meta=meta, **more))
        assert isinstance(found, StageAssignment)
        return found

    async def let_go(self) -> bool:
        unused: Any = None
        kube: Any = Kube()
        shell = Shell(
            kube=kube, store=self.store, catalogue=self.catalogue, reporter=unused,
            metrics=unused, look=unused,
        )  # fmt: skip
        return await Finalizer(shell).is_free(self.claim(namespace="ns", meta=LEAVING))


async def test_alone_it_is_recorded_first() -> None:
    assert not await Claims().let_go()


async def test_another_s_claim_inherits_the_stage() -> None:
    claims = Claims()
    claims.claim()
    assert await claims.let_go()


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"meta": {"labels": LABELS}, **RETAINED}, id="adopted"),
        pytest.param({"meta": LEAVING}, id="going, too"),
    ],
)
async def test_who_will_never_write_inherits_nothing(more: Any) -> None:
    claims = Claims()
    claims.claim(**more)
    assert not await claims.let_go()


@pytest.mark.parametrize(
    ("trouble", "inherits"),
    [
        (Stalled("AuthenticationFailed", "no password"), False),
        (Retry("RemoteUnavailable", "not now"), True),
    ],
)
async def test_who_cannot_read_the_repository_inherits_nothing(
    trouble: Trouble, inherits: bool
) -> None:
    claims = Claims()
    claims.claim()
    claims.state.trouble = trouble
    assert await claims.let_go() is inherits

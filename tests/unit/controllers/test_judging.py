"""What an object comes to by what is known now, and whether a pass is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.controllers.objects import raw_model, raw_stage
from tests.unit.ledger.book import CLUSTER, NOW, tag, view

from playbill.api.errors import Retry
from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.store import Store
from playbill.controllers.reconciling.judging import Judgement, judge
from playbill.controllers.status.conditions import Summary
from playbill.git.url import UrlPolicy
from playbill.ledger.view import Author


def judged(**spec: Any) -> Judgement:
    """An assignment of a model that has one version."""
    store = Store()
    author = Author(cluster=CLUSTER)
    catalogue = Catalogue(store=store, policy=UrlPolicy(), author=author)
    _, model = store.put("RegisteredModel", raw_model())
    _, assignment = store.put("StageAssignment", raw_stage(**spec))
    assert isinstance(model, RegisteredModel)
    assert isinstance(assignment, StageAssignment)
    catalogue.enter(model)
    catalogue.state_of(model).view = view(tag("digits@v1.0.0"))
    found = judge(assignment, catalogue, NOW)
    assert found is not None
    return found


def test_what_is_to_be_written_is_left_to_a_pass_at_once() -> None:
    found = judged(version="v1.0.0")
    assert (found.trouble, found.needs_pass, found.at_once) == (None, True, True)


def test_an_error_that_nobody_foresaw_is_told_and_left_to_the_next_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stumble(*_: Any) -> Any:
        raise AttributeError

    monkeypatch.setattr("playbill.ledger.plan.decide_stage", stumble)
    found = judged(version="v1.0.0")
    assert isinstance(found.trouble, Retry)
    assert found.trouble.reason == "InternalError"
    assert (found.needs_pass, found.at_once) == (True, False)
    assert Summary.of(found.trouble).phase == "Working"

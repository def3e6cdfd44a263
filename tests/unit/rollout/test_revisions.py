"""What is kept of a healthy rendering, and what is not taken for one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.rollout.test_render import FACTS, assignment

from playbill.rollout.objects import sealed, unsealed
from playbill.rollout.render import Rendering, render
from playbill.rollout.revisions import (
    MOST_KEPT,
    newest_first,
    rendering_of,
    revision_name,
    revision_of,
    surplus,
)

PORTS = [{"name": "http", "containerPort": 8080}]
WITH_PORT = {"containers": [{"name": "server", "image": "server:1", "ports": PORTS}]}
OWNER = assignment(WITH_PORT)


def rendering() -> Rendering:
    return render(OWNER, FACTS)


def kept(number: int = 1) -> dict[str, Any]:
    """As the API server gives it back."""
    found: dict[str, Any] = json.loads(json.dumps(revision_of(OWNER, rendering(), number)))
    return found


def test_a_rendering_comes_back_as_it_was() -> None:
    found = rendering_of(kept(), OWNER)
    assert found == rendering()
    assert kept()["metadata"]["name"] == revision_name(OWNER, rendering())


def resealed(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """A revision that somebody changed who knows how objects are sealed."""
    revision = copy.deepcopy(kept())
    changed = unsealed(revision["data"]["objects"][0])
    changed = copy.deepcopy(changed)
    change(changed)
    revision["data"]["objects"][0] = sealed(changed)
    return revision


def unsealed_change() -> dict[str, Any]:
    revision = kept()
    revision["data"]["objects"][0]["spec"]["replicas"] = 100
    return revision


@pytest.mark.parametrize(
    "revision",
    [
        resealed(lambda each: each["metadata"].update(namespace="kube-system")),
        resealed(lambda each: each["metadata"].update(ownerReferences=[])),
        resealed(lambda each: each.update(kind="DaemonSet")),
        resealed(lambda each: each.update(apiVersion="v1", kind="Secret")),
        unsealed_change(),
        kept() | {"data": {**kept()["data"], "objects": []}},
        kept() | {"data": {**kept()["data"], "objects": ["text"]}},
        kept() | {"data": {**kept()["data"], "version": 1}},
        kept() | {"data": None},
    ],
)
def test_what_was_never_rendered_is_never_applied(revision: dict[str, Any]) -> None:
    assert rendering_of(revision, OWNER) is None


def test_the_last_healthy_one_is_first_and_others_objects_are_none() -> None:
    foreign = kept(9)
    foreign["metadata"]["ownerReferences"][0]["uid"] = "other"
    ordered = newest_first([kept(1), kept(3), foreign, kept(2)], OWNER)
    assert [each["revision"] for each in ordered] == [3, 2, 1]


@pytest.mark.parametrize(
    "lie", [{"apiVersion": "example.com/v1"}, {"kind": "ConfigMap"}, {"uid": "other"}]
)
def test_an_owner_that_admission_does_not_know_for_an_assignment_is_none(
    lie: dict[str, str],
) -> None:
    """The API server asks nobody for a right who names another kind with the assignment's uid."""
    forged = kept()
    forged["metadata"]["ownerReferences"][0].update(lie)
    assert newest_first([forged], OWNER) == []


def test_few_are_kept() -> None:
    many = [kept(number) for number in range(MOST_KEPT + 2, 0, -1)]
    assert len(surplus(many)) == 2

"""Which objects stand for what others wrote, what they are called, and when they are people's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.controllers.objects import metadata, model, stage, version
from tests.unit.ledger.book import asker, tag, view

from playbill.api.adoption import Adopt
from playbill.api.model_repository import ModelRepository
from playbill.controllers.inventory.adopted import (
    LABELS,
    LONGEST_NAME,
    is_adopted,
    manifest,
    model_named,
    object_name,
    stands_for,
    unread_models,
    wanted_models,
    wanted_parts,
)
from playbill.controllers.inventory.repository_state import Listed
from playbill.controllers.inventory.store import MODELS
from playbill.git.dvc import Artifact
from playbill.git.project import ProjectProblem
from playbill.ledger.tagobject import TagObject

LISTED = {"digits": "model", "nlp:mood": "model", "numbers": "dataset", "plain": ""}
BOOK = (
    tag("digits@v1.0.0", 1, 1),
    tag("digits@v1.1.0", 2, 2),
    tag("digits@v2.0.0", 3, 3),
    tag("digits@v3.0.0", 4, 4),
    tag("digits@v3.0.0!", 4, 5),
    tag("digits#prod#1", 1, 6),
    tag("digits#dev#2", 3, 7),
    tag("digits#dev!#3", 3, 8),
)


def home(**spec: Any) -> ModelRepository:
    url = "https://git.example.com/models.git"
    return ModelRepository.model_validate(
        {"metadata": metadata("home"), "spec": {"url": url} | spec, "status": {}}
    )


def parts(*declared: Any, tags: tuple[TagObject, ...] = BOOK, **adopt: Any) -> set[str]:
    found = wanted_parts(
        Adopt(**adopt),
        model(),
        view(*tags).artifact("digits"),
        identity="repo digits",
        type_="model",
        declared=declared,
    )
    return {w.spec.get("version") or w.spec["stage"] for w in found}


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({}, []),
        ({"discover": {}}, ["digits", "nlp:mood"]),
        ({"discover": {"types": []}}, ["digits", "nlp:mood", "numbers", "plain"]),
        ({"discover": {"types": ["dataset"]}}, ["numbers"]),
        ({"discover": {"include": ["nlp:*"]}}, ["nlp:mood"]),
        ({"discover": {"include": ["d?gits"]}}, ["digits"]),
        ({"adopt": {}}, ["digits", "old"]),
        ({"adopt": {"models": False}}, []),
        ({"adopt": {"types": ["model"]}}, ["digits"]),
        ({"discover": {}, "adopt": {}}, ["digits", "nlp:mood", "old"]),
    ],
)
def test_models_are_made_of_what_dvc_yaml_lists_and_of_what_has_tags(
    spec: dict[str, Any], names: list[str]
) -> None:
    recorded = ["digits", "old", "not/../ours"]
    assert wanted_models(home(**spec), listed=LISTED, recorded=recorded) == names


def test_a_dvc_yaml_that_cannot_be_read_takes_no_model_away() -> None:
    broken = ProjectProblem("InvalidProject", "line 1: not a mapping")
    listed: Listed = {"nlp/dvc.yaml": broken, "digits": Artifact(name="digits", path="digits.bin")}
    assert unread_models(listed, ["digits", "old", "nlp:mood", "nlp/de:mood"]) == ["nlp:mood"]
    assert unread_models({"dvc.yaml": broken}, ["digits", "nlp:mood"]) == ["digits"]


def test_registered_versions_and_held_stages_are_shown() -> None:
    assert parts() == {"v1.0.0", "v1.1.0", "v2.0.0", "prod"}
    assert parts(versions=False) == {"prod"}
    assert parts(stages=False) == {"v1.0.0", "v1.1.0", "v2.0.0"}
    assert parts(types=["dataset"]) == set()


def test_the_highest_are_kept_and_those_that_hold_a_stage() -> None:
    assert parts(keep=1) == {"v2.0.0", "v1.0.0", "prod"}
    assert parts(keep=0) == {"v1.0.0", "prod"}


def test_what_people_declare_or_asked_for_is_not_shown_twice() -> None:
    declared = version("theirs", version="1.1.0"), stage("mine")
    assert parts(*declared) == {"v1.0.0", "v2.0.0"}
    numberless = version("n")
    written = tag("digits@v2.0.1", 9, 9, by=asker(name="n"))
    assert "v2.0.1" not in parts(numberless, tags=(*BOOK, written))
    assert "v2.0.1" in parts(tags=(*BOOK, written))


@pytest.mark.parametrize(
    ("change", "adopted"),
    [
        ({}, True),
        ({"labels": {}}, False),
        ({"labels": {**LABELS, "kustomize.toolkit.fluxcd.io/name": "apps"}}, False),
        ({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}, False),
        ({"annotations": {"playbill.dev/requested-at": "now"}}, True),
    ],
)
def test_an_object_that_bears_somebodys_mark_is_theirs(
    change: dict[str, Any], adopted: bool
) -> None:
    assert is_adopted(version(meta={"labels": dict(LABELS)} | change, version="v1.0.0")) is adopted


@pytest.mark.parametrize(
    "spec",
    [{"version": "v1.0.0"}, {"rollout": None, "deletionPolicy": "Retain"}, {"follow": {}}],
)
def test_a_stage_with_a_wish_of_its_own_is_a_persons(spec: dict[str, Any]) -> None:
    meta = {"labels": dict(LABELS)}
    assert is_adopted(stage(meta=meta, **spec)) is ("version" not in spec and "follow" not in spec)


def test_what_is_made_is_known_again_as_adopted_and_as_wanted() -> None:
    found = wanted_parts(
        Adopt(), model(), view(*BOOK).artifact("digits"),
        identity="repo digits", type_=None, declared=(),
    )  # fmt: skip
    assert found
    for wanted in found:
        raw = manifest(wanted, model())
        raw["metadata"] |= {"uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
        made = MODELS[wanted.kind].model_validate(raw)
        assert is_adopted(made)
        assert stands_for(made, wanted)


def test_a_version_on_another_commit_is_another_object() -> None:
    (first, *_) = wanted_parts(
        Adopt(stages=False), model(), view(*BOOK).artifact("digits"),
        identity="repo digits", type_=None, declared=(),
    )  # fmt: skip
    raw = manifest(first, model())
    raw["spec"]["revision"] = "f" * 40
    assert not stands_for(MODELS["ModelVersion"].model_validate(raw), first)


def test_a_model_keeps_its_name_where_that_is_free_and_one_of_kubernetes() -> None:
    def name(artifact: str, *, taken: bool = False) -> str:
        return model_named(home(), artifact, identity=f"repo {artifact}", taken=taken).name

    assert name("digits") == "digits"
    assert re.fullmatch("digits-[0-9a-f]{8}", name("digits", taken=True))
    assert re.fullmatch("nlp-mood-[0-9a-f]{8}", name("nlp:mood"))
    assert re.fullmatch("m-1st-[0-9a-f]{8}", name("1ST"))
    assert "ownerReferences" not in {k for k, v in manifest(
        model_named(home(), "digits", identity="i", taken=False), home()
    )["metadata"].items() if v}  # fmt: skip


@given(words=st.text(max_size=200), key=st.text(max_size=50))
def test_every_name_is_one_that_a_workload_may_have(words: str, key: str) -> None:
    name = object_name(words, key)
    assert len(name) <= LONGEST_NAME
    assert re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", name)

"""Manifests as `playbill plan` reads them: as kubectl would."""

import io
from pathlib import Path
from typing import Any

import pytest

from playbill.api.errors import Stalled
from playbill.controllers.inventory.keys import ObjectKey
from playbill.controllers.planning.manifests import Manifests, read_manifests

STAGE = """\
apiVersion: playbill.dev/v1alpha1
kind: StageAssignment
metadata: {name: digits-prod}
spec: {model: digits, stage: prod, version: 1.2.3}
"""
POLICY = """\
apiVersion: playbill.dev/v1alpha1
kind: PromotionPolicy
metadata: {name: hours, namespace: ml}
spec:
  stages: [prod]
  windows: [{from: 09:00, to: 17:00, days: [Mon]}]
  after: [{stage: dev, for: 2026-01-01}]
"""


def read(text: str, *names: str) -> Manifests:
    return read_manifests(names or ("-",), namespace="team", stdin=io.StringIO(text))


def spec(text: str) -> Any:
    ((_, manifest),) = read(text).ours
    return manifest["spec"]


def test_hours_and_dates_are_text_as_they_are_for_kubernetes() -> None:
    found = spec(POLICY)
    assert found["windows"] == [{"from": "09:00", "to": "17:00", "days": ["Mon"]}]
    assert found["after"][0]["for"] == "2026-01-01"
    values = spec(STAGE.replace("1.2.3", "[1, 010, 0x1f, 1.5, 1e3, true, ~, '2', 1.2.3]"))
    assert values["version"] == [1, "010", 31, 1.5, 1000.0, True, None, "2", "1.2.3"]


def test_documents_lists_and_others_are_told_apart_and_the_last_word_counts() -> None:
    later = STAGE.replace("1.2.3", "2.0.0")
    listed = {"apiVersion": "v1", "kind": "List", "items": [{"kind": "Pod"}, {"kind": "Job"}]}
    found = read(f"---\n{STAGE}---\n{POLICY}---\n{listed}\n---\n{later}---\n")
    assert [key for key, _ in found.ours] == [
        ObjectKey("StageAssignment", "team", "digits-prod"),
        ObjectKey("PromotionPolicy", "ml", "hours"),
    ]
    assert found.ours[0][1]["spec"]["version"] == "2.0.0"
    assert found.others == 2


def test_of_a_directory_only_manifests_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(STAGE)
    (tmp_path / "notes.md").write_text("kind: [")
    (tmp_path / "below").mkdir()
    assert len(read("", str(tmp_path)).ours) == 1
    assert len(read("", str(tmp_path / "a.yaml"), "-").ours) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "standard input cannot be read"),
        ("- 1", "no object of Kubernetes"),
        ("kind: 1", "no object of Kubernetes"),
        (STAGE.replace("metadata: {name: digits-prod}", "metadata: prod"), "no metadata.name"),
        (STAGE.replace("spec:", "spek:"), "no metadata.name or no spec"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("{" * 5000, "cannot be read"),
        ("apiVersion: v1\nkind: List\nitems: [1]", "items of a List in it are no objects"),
        ("apiVersion: v1\nkind: List\nitems: pods", "items of a List in it are no objects"),
        (STAGE.replace("digits-prod}", "x, labels: [a]}"), "labels or annotations .* no mapping"),
        (STAGE.replace("1.2.3", "!!binary aGk="), "digits-prod holds what JSON cannot"),
        (STAGE.replace("spec: {", "spec: &s {again: *s, "), "holds what JSON cannot"),
    ],
)
def test_what_is_no_manifest_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(Stalled, match=words):
        read(text)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(Stalled, match=r"/nowhere\.yaml cannot be read"):
        read("", "/nowhere.yaml")

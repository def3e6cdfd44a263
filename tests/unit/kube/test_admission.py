"""The policies that are expected are those of the checkout, whoever filled in the defaults."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from playbill.kube.admission import EXPECTED, POLICY, fingerprint_of

DEPLOY = Path(__file__).parents[3] / "deploy"
FILES = ("actor/actor.yaml", "cluster/actor-not-forged.yaml")
KINDS = {resource.kind: fingerprint for resource, fingerprint in EXPECTED.items()}


def written() -> dict[str, Any]:
    """The specs in the manifests, by kind."""
    found = [m for file in FILES for m in yaml.safe_load_all((DEPLOY / file).read_text())]
    return {
        m["kind"]: m["spec"]
        for m in found
        if m["kind"] in KINDS and m["metadata"]["name"] == POLICY
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_operator_expects_what_the_manifests_say(kind: str) -> None:
    found = fingerprint_of(written()[kind])
    assert found == KINDS[kind], f"write {found!r} for {kind} into kube/admission.py"


def test_what_the_api_server_fills_in_makes_no_difference() -> None:
    spec = copy.deepcopy(written()["MutatingAdmissionPolicy"])
    spec["matchConstraints"] |= {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
    }
    for rule in spec["matchConstraints"]["resourceRules"]:
        rule["scope"] = "*"
    assert fingerprint_of(spec) == KINDS["MutatingAdmissionPolicy"]


HOLLOW: list[tuple[str, dict[str, Any]]] = [
    ("MutatingAdmissionPolicy", {"failurePolicy": "Ignore"}),
    ("MutatingAdmissionPolicy", {"matchConditions": [{"name": "never", "expression": "false"}]}),
    ("MutatingAdmissionPolicy", {"variables": []}),
    ("MutatingAdmissionPolicy", {"mutations": []}),
    ("ValidatingAdmissionPolicy", {"failurePolicy": "Ignore"}),
    ("ValidatingAdmissionPolicy", {"validations": [{"expression": "true"}]}),
    ("ValidatingAdmissionPolicy", {"matchConstraints": {"resourceRules": []}}),
    ("MutatingAdmissionPolicyBinding", {"policyName": "another"}),
    ("ValidatingAdmissionPolicyBinding", {"validationActions": ["Audit"]}),
    (
        "ValidatingAdmissionPolicyBinding",
        {"matchResources": {"namespaceSelector": {"matchLabels": {"never": "there"}}}},
    ),
]


@pytest.mark.parametrize(("kind", "change"), HOLLOW)
def test_a_policy_that_does_less_is_another_one(kind: str, change: dict[str, Any]) -> None:
    spec = copy.deepcopy(written()[kind]) | change
    assert fingerprint_of(spec) != KINDS[kind]


def test_objects_that_are_exempt_by_a_selector_make_another_policy() -> None:
    spec = copy.deepcopy(written()["MutatingAdmissionPolicy"])
    spec["matchConstraints"]["objectSelector"] = {"matchLabels": {"never": "there"}}
    assert fingerprint_of(spec) != KINDS["MutatingAdmissionPolicy"]

"""When the annotation that names who asked is believed: only while all that guards it is there."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl
from tests.cluster.people import with_certificate

from playbill.kube.admission import EXPECTED, doubt
from playbill.kube.client import Kube

BY_KIND = {resource.kind: resource for resource in EXPECTED}


@pytest.fixture
async def guards(kube: Kube, cluster: Kubectl, actors: None) -> AsyncIterator[str]:
    """Policies and bindings that say what ours say, under another name: ours serve everybody."""
    name = f"test-{secrets.token_hex(4)}"
    for resource in EXPECTED:
        ours = await kube.get(resource, None, "playbill-actor")
        assert ours is not None
        body = {"metadata": {"name": name}, "spec": ours["spec"]}
        await kube.create(resource, body, manager="test")
    yield name
    for resource in EXPECTED:
        await kube.delete(resource, None, name)


async def test_ours_are_believed_as_they_were_applied(kube: Kube, guards: str) -> None:
    assert await doubt(kube) is None
    assert await doubt(kube, guards) is None


@pytest.mark.parametrize("kind", BY_KIND)
async def test_without_one_of_them_nobody_is(kube: Kube, guards: str, kind: str) -> None:
    await kube.delete(BY_KIND[kind], None, guards)
    assert await doubt(kube, guards) == f"there is no {kind} {guards}"


NEVER = {"matchLabels": {"never": "there"}}
HOLLOW: list[tuple[str, dict[str, Any]]] = [
    ("MutatingAdmissionPolicy", {"failurePolicy": "Ignore"}),
    ("MutatingAdmissionPolicy", {"matchConditions": [{"name": "never", "expression": "false"}]}),
    ("MutatingAdmissionPolicy", {"matchConstraints": {"objectSelector": NEVER}}),
    ("MutatingAdmissionPolicyBinding", {"matchResources": {"namespaceSelector": NEVER}}),
    ("ValidatingAdmissionPolicy", {"validations": [{"expression": "true"}]}),
    ("ValidatingAdmissionPolicyBinding", {"validationActions": ["Warn"]}),
    ("ValidatingAdmissionPolicyBinding", {"matchResources": {"objectSelector": NEVER}}),
]


@pytest.mark.parametrize(("kind", "change"), HOLLOW)
async def test_a_hollow_one_of_the_same_name_is_not_ours(
    kube: Kube, cluster: Kubectl, guards: str, kind: str, change: dict[str, Any]
) -> None:
    body = json.dumps({"spec": change})
    cluster("patch", kind.lower(), guards, "--type=merge", "-p", body)
    assert await doubt(kube, guards) == f"the {kind} {guards} says something else than ours does"


async def test_who_may_not_look_believes_nothing(cluster: Kubectl, tmp_path: Path) -> None:
    nobody = with_certificate(cluster, "nobody", tmp_path)
    async with await Kube.connect(nobody.kubeconfig) as kube:
        said = await doubt(kube)
    assert said is not None
    assert "no right to get mutatingadmissionpolicies.admissionregistration.k8s.io" in said

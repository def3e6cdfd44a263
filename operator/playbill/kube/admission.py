"""Whether the API server vouches for the annotation that says who asked.

Anybody may write annotations. One is believed only where our policies stamp it and refuse all
others (`deploy/actor`, `deploy/cluster/actor-not-forged.yaml`), and say word for word what they
say in this release: a policy of the same name that does nothing must not make us believe a lie.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import Any, Final

from playbill.api.errors import Retry, Trouble
from playbill.kube.client import Kube
from playbill.kube.resources import Resource

POLICY: Final = "playbill-actor"

_of = partial(Resource, "admissionregistration.k8s.io", "v1", namespaced=False)

EXPECTED: Final[dict[Resource, str]] = {
    _of("mutatingadmissionpolicies", "MutatingAdmissionPolicy"): "1eaf09204cf546bb",
    _of("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding"): "7ee7aeeb9b9439bc",
    _of("validatingadmissionpolicies", "ValidatingAdmissionPolicy"): "41d63968a054e6ff",
    _of(
        "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"
    ): "7bb2d5b3aec19b44",
}
"""What stamps and what refuses, each with the fingerprint of its spec."""

_DEFAULTS: Final[dict[str, Any]] = {
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "scope": "*",
}
"""What the API server adds to a spec that leaves it out; it means that nothing is exempt."""


async def doubt(kube: Kube, name: str = POLICY) -> str | None:
    """Why the annotation is not to be believed; None when it is. All four bear one name.

    Raises Retry when the API server cannot be asked.
    """
    for resource, fingerprint in EXPECTED.items():
        try:
            found = await kube.get(resource, None, name)
        except Retry:
            raise
        except Trouble as trouble:
            return trouble.message
        if found is None:
            return f"there is no {resource.kind} {name}"
        if fingerprint_of(found.get("spec", {})) != fingerprint:
            return f"the {resource.kind} {name} says something else than ours does"
    return None


def fingerprint_of(spec: Any) -> str:
    """Sixteen hex digits of a policy's or binding's spec, whoever filled in the defaults."""
    text = json.dumps(_bare(spec), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _bare(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: _bare(inner)
                for key, inner in value.items()
                if key not in _DEFAULTS or inner != _DEFAULTS[key]
            }
        case list():
            return [_bare(inner) for inner in value]
        case _:
            return value

"""Policies as the API server takes them: what it refuses, in words, and who may write them."""

from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.manifests import manifest

pytestmark = pytest.mark.usefixtures("cluster")

KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43} ada@example.com"


def policy(**spec: Any) -> dict[str, Any]:
    return manifest("PromotionPolicy", "prod-gates", {"stages": ["prod"], **spec})


def gate(**fields: Any) -> dict[str, Any]:
    return policy(gates=[{"name": "accuracy", "expression": "true", **fields}])


def window(**fields: Any) -> dict[str, Any]:
    return policy(windows=[fields])


ACCEPTED = [
    policy(),
    policy(stages=["*"], models=["digits", "nlp-*", "v?"]),
    policy(after=[{"stage": "staging", "for": "24h"}]),
    gate(expression="metrics.accuracy >= 0.95", message="as promised"),
    window(),
    window(days=["Mon", "Sun"], **{"from": "09:00", "to": "17:30"}, timeZone="Europe/Berlin"),
    window(**{"from": "22:00", "to": "06:00"}, timeZone="America/Argentina/Buenos_Aires"),
    policy(requireDigest=True, requireSignedTag={"signers": [KEY]}),
    policy(allowedStages=["dev", "prod/eu"]),
]

REFUSED = [
    (manifest("PromotionPolicy", "p", {}), "spec.stages: Required value"),
    (policy(stages=[]), "should have at least 1 items"),
    (policy(stages=["prod!"]), "use names of stages, with * for any text"),
    (policy(models=["Digits"]), "use names of RegisteredModels, with * for any text"),
    (policy(after=[{"stage": "staging"}]), "spec.after[0].for: Required value"),
    (policy(after=[{"stage": "staging", "for": "1d"}]), "use whole hours, minutes and seconds"),
    (policy(after=[{"stage": "a*", "for": "1h"}]), "use letters, digits, '-', '_' and '/'"),
    (policy(after=[{"stage": "a", "for": "1h"}] * 2), "Duplicate value"),
    (gate(name="Not This"), "use lower case letters, digits and '-' between them"),
    (gate(expression="x" * 513), "may not be more than 512"),
    (gate(expression=""), "should be at least 1 chars long"),
    (window(days=["Monday"]), 'supported values: "Mon", "Tue"'),
    (window(**{"from": "9:00"}), "use hours and minutes, from 00:00 to 24:00"),
    (window(to="25:00"), "use hours and minutes, from 00:00 to 24:00"),
    (window(**{"from": "09:00", "to": "09:00"}), "a window has to close at another time"),
    (window(timeZone="../../etc/passwd"), "use IANA's name of a time zone"),
    (policy(requireSignedTag={"signers": []}), "should have at least 1 items"),
    (policy(requireSignedTag={"signers": ["SHA256:abc"]}), "give an ssh public key on one line"),
    (policy(requireSignedTag={"signers": [f"{KEY}\n{KEY}"]}), "give an ssh public key on one line"),
    (policy(allowedStages=["prod*"]), "use letters, digits, '-', '_' and '/'"),
]


def named(value: Any) -> str | None:
    return str(value["spec"])[:80] if isinstance(value, dict) else None


@pytest.mark.parametrize("manifest", ACCEPTED, ids=named)
def test_what_is_sound_is_accepted(kubectl: Kubectl, manifest: dict[str, Any]) -> None:
    kubectl("create", "--dry-run=server", "-f", "-", manifest=manifest)


@pytest.mark.parametrize(("manifest", "words"), REFUSED, ids=named)
def test_what_is_not_is_refused_in_words(
    kubectl: Kubectl, manifest: dict[str, Any], words: str
) -> None:
    assert words in kubectl.refusal("create", "--dry-run=server", "-f", "-", manifest=manifest)


def test_editors_see_policies_and_only_the_platform_team_writes_them(
    cluster: Kubectl, namespace: str
) -> None:
    for user, role in (("eve", "edit"), ("pat", "playbill-policies")):
        cluster(
            "create", "rolebinding", user, "-n", namespace,
            f"--clusterrole={role}", f"--user={user}",
        )  # fmt: skip
    eve, pat = cluster.as_user("eve"), cluster.as_user("pat")
    eventually(lambda: may(eve, namespace, "get") and may(pat, namespace, "create"))
    for verb in ("create", "update", "patch", "delete", "deletecollection"):
        assert not may(eve, namespace, verb)
        assert may(pat, namespace, verb)
    assert not may(pat, namespace, "patch", "--subresource=status")


def may(user: Kubectl, namespace: str, verb: str, *more: str) -> bool:
    asked = ("auth", "can-i", verb, "promotionpolicies.playbill.dev", "-n", namespace, *more)
    return user.answer(*asked).code == 0

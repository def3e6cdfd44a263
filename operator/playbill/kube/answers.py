"""What an answer of the API server means: one of the three fates, or nothing amiss.

    Retry
    └── Conflict   somebody else wrote first: look again
    Waiting
    └── Missing    the object, or the namespace it would be in, is not there

Source of the codes: Kubernetes API conventions, "HTTP Status codes".
"""

from __future__ import annotations

import re
from typing import Any

from playbill.api.errors import Retry, Stalled, Trouble, Waiting

ROLLOUT_ACCOUNT = "playbill-rollout"
"""The account of each namespace whose rights apply spec.rollout.manifests there."""

_LONGEST = 1000
# Server-side apply answers what does not fit the type with 500, as if it were its own fault.
_UNTYPED = ("failed to create typed patch object", "failed to convert new object")
_ACCOUNT = "system:serviceaccount:"
_RBAC = re.compile(
    r'User "(?P<user>.*?)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)"'
    r'(?: in API group "(?P<group>[^"]*)")?'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)


class Conflict(Retry):
    """Another writer was first: the object must be read again before the next try."""


class Missing(Waiting):
    """What was to be written is not there (any more)."""


def trouble(
    *, code: int, status: dict[str, Any] | None, doing: str, retry_after: str | None = None
) -> Trouble:
    """The fate that an answer with an HTTP `code` of 400 or more stands for.

    `status` is the body when it is a metav1.Status; `doing` says what was asked,
    such as "patch deployments.apps ml/digits".
    """
    said = _shortened((status or {}).get("message") or f"HTTP {code}")
    match code:
        case 404 if status is None:
            return Stalled(
                "ApiNotServed",
                f"cannot {doing}: the API server does not serve this resource; "
                "apply playbill's CRDs, and check the version of Kubernetes",
            )
        case 404:
            return Missing("NotFound", said)
        case 409:
            return Conflict((status or {}).get("reason") or "Conflict", said)
        case 403:
            return _forbidden(said, status or {}, doing=doing)
        case 401:
            return Retry("Unauthorized", f"cannot {doing}: the API server refuses our credentials")
        case 410:
            return Retry("Expired", said)
        case 500 if said.startswith(_UNTYPED):
            return Stalled("Invalid", f"cannot {doing}: {said}")
        case 400 | 405 | 406 | 413 | 415 | 422:
            return Stalled("Invalid", f"cannot {doing}: {said}")
        case _:
            return Retry("ApiUnavailable", f"cannot {doing}: {said}", after=_seconds(retry_after))


def _forbidden(said: str, status: dict[str, Any], *, doing: str) -> Trouble:
    """A right that the operator lacks, or an object that admission refuses."""
    causes = (status.get("details") or {}).get("causes") or ()
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return Waiting("NamespaceTerminating", said)
    if missing := _RBAC.search(said):
        return Stalled("Forbidden", f"cannot {doing}: {_missing_right(missing)}")
    # Quotas, Pod Security and admission policies speak for themselves.
    return Stalled("Refused", f"cannot {doing}: {said}")


def _missing_right(missing: re.Match[str]) -> str:
    """Whose right it is that is missing, and how it is granted."""
    verb, namespace = missing["verb"], missing["namespace"]
    resource = ".".join(part for part in (missing["resource"], missing["group"]) if part)
    account = missing["user"].removeprefix(_ACCOUNT).partition(":")
    if missing["user"].startswith(_ACCOUNT) and namespace and account[2] == ROLLOUT_ACCOUNT:
        return _grant(account[2], verb=verb, resource=resource, namespace=namespace)
    where = f"namespace {namespace}" if namespace else "the cluster"
    return (
        f"the operator's account has no right to {verb} {resource} in {where}; "
        "grant it in its Role or ClusterRole"
    )


def _grant(account: str, *, verb: str, resource: str, namespace: str) -> str:
    """Two commands that whoever administers the namespace can run as they are."""
    role = f"{account}-{resource}"
    return (
        f"the account {account} of namespace {namespace} has no right to {verb} {resource}. "
        f"Create it if it is not there: `kubectl create serviceaccount {account} -n {namespace}`; "
        f"and grant it with: `kubectl create role {role} -n {namespace} "
        f"--verb=get,create,patch,delete --resource={resource}` and "
        f"`kubectl create rolebinding {role} -n {namespace} --role={role} "
        f"--serviceaccount={namespace}:{account}`"
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3); API servers send no dates there."""
    return float(header) if header and header.strip().isdecimal() else None

"""One request to the API server: what is sent, and how it is spoken of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playbill.kube.resources import Resource

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request; `verb` is how metrics name it, None in `query` leaves that parameter out."""

    verb: str
    resource: Resource
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None
    method: str = "GET"
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    content: str = JSON
    address: str | None = None

    @property
    def path(self) -> str:
        """The path on the server: of `resource`, unless there is an `address` of its own."""
        return self.address or self.resource.path(self.namespace, self.name, self.subresource)

    @property
    def parameters(self) -> list[tuple[str, Any]]:
        """The query, without what is left out."""
        return [(key, value) for key, value in self.query.items() if value is not None]

    @property
    def target(self) -> str:
        """`deployments.apps/status`: of low cardinality, for metrics."""
        return "/".join(part for part in (self.resource.name, self.subresource) if part)

    @property
    def doing(self) -> str:
        """`apply deployments.apps ml/digits-prod`, for messages."""
        whom = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {self.target} {whom}".rstrip()

"""What the queues and caches are keyed by: an object of ours, and a repository."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "RegisteredModel", "ModelVersion", "StageAssignment", "ModelRepository", "PromotionPolicy"
]


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """One resource of ours."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class RepositoryKey:
    """One repository as one namespace sees it: credentials and blobs are never shared.

    `url` is the normalised text; `secret` is the Secret's name, empty without one.
    """

    namespace: str
    url: str
    secret: str

    def __str__(self) -> str:
        return f"repository {self.url} (namespace {self.namespace})"

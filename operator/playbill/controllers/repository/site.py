"""What the tenants of one repository ask of its pass, taken together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from playbill.api.model_repository import ModelRepository
from playbill.api.registered_model import RegisteredModel
from playbill.api.repository import Repository
from playbill.api.times import seconds_in
from playbill.controllers.inventory.catalogue import Catalogue, Tenant
from playbill.controllers.inventory.repository_state import FactsKey, RepositoryState

SHORTEST_INTERVAL = 5.0
"""Seconds; a shorter one would only load the git server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """`branches` says where each artifact's versions grow, None for the default branch;
    `signing` names the Secret with whose key an artifact's tags are signed, if they are;
    `audited` are the models whose outcomes are written as git notes."""

    models: Sequence[RegisteredModel]
    homes: Sequence[ModelRepository]
    settings: Sequence[Repository]
    branches: Mapping[str, str | None]
    signing: Mapping[str, str]
    audited: Sequence[RegisteredModel] = ()

    @classmethod
    def of(cls, tenants: Iterable[Tenant], catalogue: Catalogue) -> Site:
        """What the tenants say of the repository, or the ModelRepositories that they name."""
        known = [(tenant, catalogue.repository_of(tenant)) for tenant in tenants]
        models = [(t, r) for t, r in known if isinstance(t, RegisteredModel)]
        return cls(
            models=[model for model, _ in models],
            homes=[t for t, _ in known if isinstance(t, ModelRepository)],
            settings=[repository for _, repository in known],
            branches={model.artifact: repository.branch for model, repository in models},
            signing={m.artifact: r.signing.secret_ref.name for m, r in models if r.signing},
            audited=[model for model, repository in models if repository.audit_notes],
        )

    @property
    def main(self) -> str | None:
        """The branch that speaks for the repository; None for the default one.

        A ModelRepository has its say before any model, also by naming none.
        """
        homes = [home.spec.branch for home in self.homes]
        named = () if None in homes else (*homes, *self.branches.values())
        return next(filter(None, named), None)

    @property
    def limit(self) -> int:
        """How many tags a push may hold, 0 for any number."""
        return min((s.max_tags_per_push for s in self.settings if s.max_tags_per_push), default=0)

    @property
    def interval(self) -> float:
        """Seconds until the next look: the shortest that anyone asks for."""
        return max(SHORTEST_INTERVAL, min(seconds_in(s.interval) for s in self.settings))

    def heads_wanted(self, state: RepositoryState) -> list[FactsKey]:
        """The tips of branches whose dvc.yaml nobody has read yet."""
        tips = [(state.head_of(branch), artifact) for artifact, branch in self.branches.items()]
        return [
            (tip, artifact) for tip, artifact in tips if tip and (tip, artifact) not in state.facts
        ]

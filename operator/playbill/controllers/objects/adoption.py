"""Making and removing the objects that stand for what others wrote."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from playbill.api.errors import Stalled, Trouble
from playbill.api.model_repository import ModelRepository
from playbill.api.registered_model import RegisteredModel
from playbill.controllers.inventory.adopted import (
    MOST_MODELS,
    Wanted,
    is_adopted,
    manifest,
    model_named,
    stands_for,
    unread_models,
    wanted_models,
    wanted_parts,
)
from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.kinds import RESOURCES
from playbill.controllers.inventory.repository_state import RepositoryState
from playbill.controllers.inventory.store import Asking, Store, key_of
from playbill.controllers.reconciling.reporting import STATUS_MANAGER, reference
from playbill.git.dvc import Artifact
from playbill.kube.answers import Conflict, Missing
from playbill.kube.client import Kube
from playbill.kube.events import Recorder

AT_ONCE = 8
"""Objects that are made or removed at one time."""

logger = logging.getLogger("playbill.adoption")


@dataclass(frozen=True, slots=True)
class Adoption:
    """Brings the adopted objects of a ModelRepository, or of a model, in step with its ledger."""

    kube: Kube
    store: Store
    catalogue: Catalogue
    recorder: Recorder

    async def adopt_models(self, home: ModelRepository, state: RepositoryState) -> bool:
        """Make the RegisteredModels that are wanted, and have those go that nobody needs.

        Gives False when one was changed meanwhile: look again.
        """
        if state.view is None or state.trouble is not None:
            return True
        listing = state.listed_on(home.spec.branch)
        listed = {n: a.type for n, a in (listing or {}).items() if isinstance(a, Artifact)}
        recorded = [a.name for a in state.view.ledger.artifacts.values() if a.active]
        wanted = wanted_models(home, listed=listed, recorded=recorded)
        missing = [w for a in wanted if (w := self._missing_model(home, state, a)) is not None]
        made = self._made_by(home)
        kept = {*wanted, *unread_models(listing, [m.artifact for m in made])}
        needless = [m for m in made if not self._is_needed(m, kept)]
        # Whoever may push says what is listed: they must not fill the cluster's store.
        await self._make(missing[: max(MOST_MODELS - len(made), 0)], home)
        gone = [await self._remove([*self._adopted_parts(model), model]) for model in needless]
        return all(gone)

    async def drop_orphan(self, model: RegisteredModel) -> bool:
        """Have an adopted model go when its ModelRepository has gone and nobody needs it.

        Gives False when it was changed meanwhile: look again.
        """
        orphaned = is_adopted(model) and self.catalogue.home_of(model) is None
        if not orphaned or self._is_named_by_people(model):
            return True
        return await self._remove([*self._adopted_parts(model), model])

    async def adopt_parts(self, model: RegisteredModel, state: RepositoryState) -> bool:
        """Make the ModelVersions and StageAssignments that are wanted, and have the others go.

        Gives False when one was changed meanwhile: look again.
        """
        if state.view is None or state.trouble is not None:
            return True
        wanted = self._wanted_parts(model, state)
        adopted = self._adopted_parts(model)
        here = {part.metadata.name for part in adopted}
        by_name = {w.name: w for w in wanted}
        await self._make([w for w in wanted if w.name not in here], model)
        return await self._remove([p for p in adopted if not _is_wanted(p, by_name)])

    def _wanted_parts(self, model: RegisteredModel, state: RepositoryState) -> list[Wanted]:
        if state.view is None or not self._is_first(model):
            return []
        meta, same = model.metadata, self.catalogue.same_models(model)
        here = [m for m in same if m.metadata.namespace == meta.namespace]
        parts = [p for m in here for p in self.store.of_model(meta.namespace, m.metadata.name)]
        return wanted_parts(
            self.catalogue.adoption_of(model),
            model,
            state.view.artifact(model.artifact),
            identity=self._identity(state, model.artifact),
            type_=model.status.type,
            declared=[p for p in parts if not is_adopted(p)],
        )

    def _is_first(self, model: RegisteredModel) -> bool:
        """Of several objects for one model in a namespace, the oldest that a person made adopts."""
        here = [
            m
            for m in self.catalogue.same_models(model)
            if m.metadata.namespace == model.metadata.namespace
        ]
        first = min(here, key=_seniority, default=model)
        return first.metadata.uid == model.metadata.uid

    def _missing_model(
        self, home: ModelRepository, state: RepositoryState, artifact: str
    ) -> Wanted | None:
        namespace = home.metadata.namespace
        same = self.catalogue.models((state.url.canonical, artifact))
        if any(m.metadata.namespace == namespace for m in same):
            return None
        taken = self.store.model(namespace, artifact) is not None
        identity = self._identity(state, artifact)
        return model_named(home, artifact, identity=identity, taken=taken)

    def _made_by(self, home: ModelRepository) -> list[RegisteredModel]:
        meta = home.metadata
        return [m for m in self.store.of_repository(meta.namespace, meta.name) if is_adopted(m)]

    def _is_needed(self, model: RegisteredModel, wanted: Collection[str]) -> bool:
        """Wanted and not declared by a person; or named by something that a person made."""
        return self._is_named_by_people(model) or (
            model.artifact in wanted and self._is_first(model)
        )

    def _is_named_by_people(self, model: RegisteredModel) -> bool:
        meta = model.metadata
        parts = self.store.of_model(meta.namespace, meta.name)
        return any(not is_adopted(part) for part in parts)

    def _adopted_parts(self, model: RegisteredModel) -> list[Asking]:
        meta = model.metadata
        return [p for p in self.store.of_model(meta.namespace, meta.name) if is_adopted(p)]

    def _identity(self, state: RepositoryState, artifact: str) -> str:
        return f"{state.url.canonical} {artifact}"

    async def _make(
        self, wanted: Sequence[Wanted], owner: RegisteredModel | ModelRepository
    ) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def make(each: Wanted) -> bool:
            async with gate:
                return await self._create(each, owner)

        made = sum(await asyncio.gather(*(make(each) for each in wanted)))
        if made:
            kinds = sorted({f"{each.kind}s" for each in wanted})
            self.recorder.emit(
                reference(owner),
                "Normal",
                "Adopted",
                f"made {made} object{'' if made == 1 else 's'} ({', '.join(kinds)}) of what git "
                "holds and nobody had declared",
            )

    async def _create(self, wanted: Wanted, owner: RegisteredModel | ModelRepository) -> bool:
        try:
            raw = await self.kube.create(
                RESOURCES[wanted.kind], manifest(wanted, owner), manager=STATUS_MANAGER
            )
        except (Conflict, Missing):
            return False  # it is there already, or its namespace is going
        except Stalled as stalled:
            logger.warning("cannot make %s %s: %s", wanted.kind, wanted.name, stalled.message)
            return False
        self.store.put(wanted.kind, raw)
        return True

    async def _remove(self, resources: Sequence[Asking]) -> bool:
        done = True
        for resource in resources:
            meta, key = resource.metadata, key_of(resource)
            if meta.deletion_timestamp is not None:
                continue
            try:
                await self.kube.delete(
                    RESOURCES[key.kind],
                    key.namespace,
                    key.name,
                    uid=meta.uid,
                    resource_version=meta.resource_version,
                )
            except Conflict:
                done = False  # somebody has just made it theirs, or it has a new status
            except Trouble as trouble:
                logger.warning("cannot remove %s: %s", key, trouble.message)
                done = False
        return done


def _is_wanted(part: Asking, by_name: Mapping[str, Wanted]) -> bool:
    wanted = by_name.get(part.metadata.name)
    return wanted is not None and stands_for(part, wanted)


def _seniority(model: RegisteredModel) -> tuple[bool, str, str]:
    return is_adopted(model), model.metadata.creation_timestamp, model.metadata.uid

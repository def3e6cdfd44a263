"""Reconciling a ModelRepository: discover and adopt its models, then say what is there."""

from __future__ import annotations

import time
from dataclasses import dataclass

from playbill.api.errors import Trouble
from playbill.api.model_repository import ModelRepository
from playbill.controllers.adoption import Adoption
from playbill.controllers.repository_state import RepositoryState
from playbill.controllers.repository_status import repository_status
from playbill.controllers.shell import Shell

CONFLICT_SECONDS = 1.0
"""What changed under our hands is looked at again after so long."""


@dataclass(frozen=True, slots=True)
class ModelRepositories:
    """The reconciler of ModelRepositories."""

    shell: Shell
    adoption: Adoption

    async def reconcile(self, home: ModelRepository) -> float | None:
        """One pass over one repository object; seconds until the next, if one is needed."""
        if home.spec.suspend:
            return None
        state, trouble = self._look(home)
        settled = state is None or await self.adoption.adopt_models(home, state)
        meta = home.metadata
        status = repository_status(
            home,
            state,
            trouble,
            models=len(self.shell.store.of_repository(meta.namespace, meta.name)),
            webhook_path=None,
            now=time.time(),
        )
        if status is not None and not await self.shell.reporter.report(home, status, settled=True):
            return 0.0
        return None if settled else CONFLICT_SECONDS

    def _look(self, home: ModelRepository) -> tuple[RepositoryState | None, Trouble | None]:
        try:
            state = self.shell.catalogue.state_of(home)
        except Trouble as trouble:
            return None, trouble
        if state.view is None and state.trouble is None:
            self.shell.look(state.key)
        return state, state.trouble

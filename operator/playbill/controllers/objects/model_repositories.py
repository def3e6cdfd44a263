"""Reconciling a ModelRepository: discover and adopt its models, then say what is there."""

from __future__ import annotations

import time
from dataclasses import dataclass

from playbill.api.errors import Trouble, Waiting
from playbill.api.model_repository import ModelRepository
from playbill.controllers.inventory.repository_state import RepositoryState
from playbill.controllers.inventory.store import key_of
from playbill.controllers.objects.adoption import Adoption
from playbill.controllers.reconciling.shell import Shell
from playbill.controllers.status.repository_status import repository_status
from playbill.controllers.watch.hooks import Hooks
from playbill.kube.secrets import read_secret

SECRET_SECONDS = 60.0
"""A webhook's Secret is read so often: no event tells of it."""

SHORTEST_TOKEN = 16

CONFLICT_SECONDS = 1.0
"""What changed under our hands is looked at again after so long."""


@dataclass(frozen=True, slots=True)
class ModelRepositories:
    """The reconciler of ModelRepositories."""

    shell: Shell
    adoption: Adoption
    hooks: Hooks

    async def reconcile(self, home: ModelRepository) -> float | None:
        """One pass over one repository object; seconds until the next, if one is needed."""
        if home.spec.suspend:
            self.hooks.drop(key_of(home))
            return None
        state, trouble = self._look(home)
        webhook = await self._listen(home)
        if trouble is None and isinstance(webhook, Trouble):
            trouble = webhook
        settled = state is None or await self.adoption.adopt_models(home, state)
        meta = home.metadata
        status = repository_status(
            home,
            state,
            trouble,
            models=len(self.shell.store.of_repository(meta.namespace, meta.name)),
            webhook_path=webhook if isinstance(webhook, str) else None,
            now=time.time(),
        )
        if status is not None and not await self.shell.reporter.report(home, status, settled=True):
            return 0.0
        if not settled:
            return CONFLICT_SECONDS
        return SECRET_SECONDS if home.spec.webhook is not None else None

    async def _listen(self, home: ModelRepository) -> str | Trouble | None:
        """The path where the git server's events are heard, None if none are asked for."""
        key, webhook = key_of(home), home.spec.webhook
        if webhook is None:
            self.hooks.drop(key)
            return None
        try:
            return self.hooks.put(key, await self._token(key.namespace, webhook.secret_ref.name))
        except Trouble as trouble:
            self.hooks.drop(key)
            return trouble

    async def _token(self, namespace: str, name: str) -> str:
        data = await read_secret(self.shell.kube, namespace, name) or {}
        token = data.get("token", b"").decode(errors="replace").strip()
        if len(token) < SHORTEST_TOKEN:
            raise Waiting(
                "SecretNotFound",
                f"the webhook wants a Secret {name} in namespace {namespace} with a key token of "
                f"{SHORTEST_TOKEN} characters or more: create it, and give the git server the same",
            )
        return token

    def _look(self, home: ModelRepository) -> tuple[RepositoryState | None, Trouble | None]:
        try:
            state = self.shell.catalogue.state_of(home)
        except Trouble as trouble:
            return None, trouble
        if state.view is None and state.trouble is None:
            self.shell.look(state.key)
        return state, state.trouble or state.unlisted.get(home.spec.branch)

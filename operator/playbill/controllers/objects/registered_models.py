"""Reconciling a RegisteredModel: judge, then say what the ledger holds."""

from __future__ import annotations

import time
from dataclasses import dataclass

from playbill.api.registered_model import RegisteredModel
from playbill.controllers.inventory.ledger_span import span_of
from playbill.controllers.inventory.store import key_of
from playbill.controllers.objects.adoption import Adoption
from playbill.controllers.objects.model_repositories import CONFLICT_SECONDS
from playbill.controllers.reconciling.judging import Judgement
from playbill.controllers.reconciling.shell import Shell
from playbill.controllers.repository.outcomes import audit_note
from playbill.controllers.status.conditions import Summary
from playbill.controllers.status.model_status import ModelFacts, model_status, ready_summary


@dataclass(frozen=True, slots=True)
class RegisteredModels:
    """The reconciler of RegisteredModels."""

    shell: Shell
    adoption: Adoption

    async def reconcile(self, model: RegisteredModel) -> float | None:
        """One pass over one model; seconds until the next, if one is needed."""
        judgement = self.shell.judge(model)
        if judgement is None:
            return None
        again = await self._report(model, judgement)
        if await self._adopt(model, judgement):
            return again
        return CONFLICT_SECONDS if again is None else min(again, CONFLICT_SECONDS)

    async def _adopt(self, model: RegisteredModel, judgement: Judgement) -> bool:
        if judgement.state is None:
            return await self.adoption.drop_orphan(model)
        return await self.adoption.adopt_parts(model, judgement.state)

    async def _report(self, model: RegisteredModel, judgement: Judgement) -> float | None:
        summary = _summary(model, judgement)
        if summary is None:
            return None
        status = model_status(model, self._facts(model, judgement), summary, now=time.time())
        settled = judgement.settled is not None
        if not await self.shell.reporter.report(model, status, settled=settled):
            return 0.0
        return judgement.trouble.after if judgement.trouble else None

    def _facts(self, model: RegisteredModel, judgement: Judgement) -> ModelFacts:
        state = judgement.state
        if state is None or state.view is None:
            return ModelFacts()
        repository = self.shell.catalogue.repository_of(model)
        head = state.head_of(repository.branch)
        known = state.facts_for(head, model.artifact, key_of(model)) if head else None
        return ModelFacts(
            artifact=state.view.artifact(model.artifact),
            ledger=state.view.ledger,
            repository=state.url.text,
            branch=repository.branch or state.default_branch,
            head=head,
            project=known,
            history=span_of(model, state.view),
            audit_note=audit_note(state.audit) if repository.audit_notes else None,
        )


def _summary(model: RegisteredModel, judgement: Judgement) -> Summary | None:
    trouble = judgement.trouble or (judgement.state.trouble if judgement.state else None)
    if trouble is not None:
        return Summary.of(trouble)
    if judgement.settled is None or judgement.artifact is None:
        return None
    return ready_summary(model, judgement.artifact)

"""Reconciling a PromotionPolicy: say whether it is understood, and of how many it speaks."""

from __future__ import annotations

import time
from dataclasses import dataclass

from playbill.api.promotion_policy import PromotionPolicy
from playbill.controllers.inventory.policies import faults_of
from playbill.controllers.reconciling.shell import Shell
from playbill.controllers.status.policy_status import policy_status


@dataclass(frozen=True, slots=True)
class PromotionPolicies:
    """The reconciler of PromotionPolicies."""

    shell: Shell

    async def reconcile(self, policy: PromotionPolicy) -> float | None:
        """One pass over one policy; seconds until the next, if one is needed."""
        overseen = self.shell.catalogue.overseen(policy)
        faults = faults_of(policy.spec)
        status = policy_status(policy, faults, assignments=len(overseen), now=time.time())
        current = await self.shell.reporter.report(policy, status, settled=True)
        return None if current else 0.0

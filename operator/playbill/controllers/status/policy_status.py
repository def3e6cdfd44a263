"""What a PromotionPolicy's status says. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from playbill.api.promotion_policy import PromotionPolicy, PromotionPolicyStatus
from playbill.api.times import timestamp
from playbill.controllers.status.conditions import Summary, conditions


def policy_status(
    policy: PromotionPolicy, faults: Sequence[str], *, assignments: int, now: float
) -> PromotionPolicyStatus:
    """The whole status."""
    generation = policy.metadata.generation
    summary = _summary(faults, assignments)
    return PromotionPolicyStatus(
        observed_generation=generation,
        conditions=conditions(
            summary, old=policy.status.conditions, generation=generation, now=timestamp(now)
        ),
        assignments=assignments,
    )


def _summary(faults: Sequence[str], assignments: int) -> Summary:
    if faults:
        words = f"{'; '.join(faults)}: until that is mended, nothing is promoted to its stages"
        return Summary("Stalled", "PolicyInvalid", words)
    speaks = f"{assignments} assignment{'' if assignments == 1 else 's'}"
    return Summary("Ready", "InForce", f"in force for {speaks}")

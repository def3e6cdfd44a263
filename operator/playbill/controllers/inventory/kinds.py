"""Our kinds, as the API server knows them."""

from __future__ import annotations

from playbill.controllers.inventory.keys import Kind
from playbill.kube.resources import (
    MODEL_REPOSITORIES,
    MODEL_VERSIONS,
    PROMOTION_POLICIES,
    REGISTERED_MODELS,
    STAGE_ASSIGNMENTS,
    Resource,
)

RESOURCES: dict[Kind, Resource] = {
    "RegisteredModel": REGISTERED_MODELS,
    "ModelVersion": MODEL_VERSIONS,
    "StageAssignment": STAGE_ASSIGNMENTS,
    "ModelRepository": MODEL_REPOSITORIES,
    "PromotionPolicy": PROMOTION_POLICIES,
}

LATECOMERS = frozenset({PROMOTION_POLICIES})
"""Kinds that an older cluster may not know yet: then there are none of them."""

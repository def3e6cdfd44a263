"""The counters that statuses tell of. A tag may be gone, its counter stays used: old clones would
refuse it. One that is reserved may still land, whoever has a part in the present pass."""

from __future__ import annotations

from collections.abc import Iterable

from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.store import Asking
from playbill.ledger.grammar import parse_tag


def highest_counter(artifact: str, resources: Iterable[Asking]) -> int:
    """The highest that any of them has recorded or reserved for the artifact; 0 without one."""
    names = (parse_tag(tag) for resource in resources for tag in _tags(resource))
    counters = (name.counter for name in names if name is not None and name.artifact == artifact)
    return max((counter or 0 for counter in counters), default=0)


def _tags(resource: Asking) -> list[str]:
    pending = resource.status.pending
    tags = [tag.name for tag in pending.tags] if pending else []
    current = resource.status.current if isinstance(resource, StageAssignment) else None
    return [*tags, current.tag] if current else tags

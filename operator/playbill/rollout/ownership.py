"""Whose object it is that bears the name of our workload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playbill.api.base import GROUP
from playbill.api.errors import Stalled, Waiting
from playbill.api.stage_assignment import StageAssignment


def refuse_foreign(live: Mapping[str, Any] | None, assignment: StageAssignment) -> None:
    """Do nothing when `live` is absent, or controlled by this very assignment.

    Raises Stalled(NotOwned) for an object that anyone else made, and
    Waiting(OwnerReplaced) for one that an assignment of the same name left behind:
    the garbage collector takes it, and its deletion is the event that we wait for.
    """
    if live is None:
        return
    name, kind = live["metadata"]["name"], live.get("kind", "object")
    controller = _controller(live)
    if controller.get("uid") == assignment.metadata.uid:
        return
    if _is_a_namesake(controller, assignment):
        raise Waiting(
            "OwnerReplaced",
            f"the {kind} {name} belongs to a deleted StageAssignment of the same name, and is "
            "about to be removed",
        )
    raise Stalled(
        "NotOwned",
        f"there is a {kind} {name} that playbill did not make: delete it, or give this "
        "StageAssignment another name",
    )


def _controller(live: Mapping[str, Any]) -> Mapping[str, Any]:
    for reference in live["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found: Mapping[str, Any] = reference
            return found
    return {}


def _is_a_namesake(controller: Mapping[str, Any], assignment: StageAssignment) -> bool:
    group = str(controller.get("apiVersion", "")).partition("/")[0]
    return (group, controller.get("kind"), controller.get("name")) == (
        GROUP,
        assignment.INFO.kind,
        assignment.metadata.name,
    )

"""What the containers that run playbill itself have in common, in the pods of others."""

from __future__ import annotations

from typing import Any

RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""The restricted Pod Security Standard, and a root that cannot be written."""


def literal(argument: str) -> str:
    """Kubernetes expands `$(NAME)` in arguments, and reads `$$` as one dollar."""
    return argument.replace("$", "$$")

"""What the object that owns a version declares of its bytes.

What that counts for, beside what git says, is decided in `playbill.ledger.artifact_bytes`.
"""

from __future__ import annotations

from playbill.api.model_version import ModelVersion
from playbill.controllers.inventory.adopted import is_adopted
from playbill.controllers.inventory.intents import owner_of
from playbill.controllers.inventory.store import Store
from playbill.ledger.artifact_bytes import Bytes


def declaring(store: Store, namespace: str, model: str, version: str) -> ModelVersion | None:
    """The object that owns a version in a namespace, if one was declared."""
    claimants = store.claimants(namespace, model, f"@{version.removeprefix('v')}")
    owner = owner_of(each for each in claimants if not is_adopted(each))
    return owner if isinstance(owner, ModelVersion) else None


def declared_by(version: ModelVersion) -> Bytes | None:
    """What an object says of its version's bytes."""
    given = version.spec.artifact
    return Bytes(given.uri, given.digest) if given else None


def declared_bytes(store: Store, namespace: str, model: str, version: str) -> Bytes | None:
    """What the owner of a version says of its bytes."""
    found = declaring(store, namespace, model, version)
    return declared_by(found) if found else None

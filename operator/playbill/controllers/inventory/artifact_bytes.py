"""Which bytes a version is: by git's word first, then by that of the object that owns it.

Whoever may write ModelVersions must not change what a stage serves by it: what was recorded when
the version was registered stays so, and what git or DVC know of the files at its commit counts
before what anybody declares. Only of what git knows nothing does an object tell, and of several
that claim one version only its owner.
"""

from __future__ import annotations

from dataclasses import dataclass

from playbill.api.model_version import ArtifactReference, ModelVersion
from playbill.controllers.inventory.adopted import is_adopted
from playbill.controllers.inventory.intents import owner_of
from playbill.controllers.inventory.store import Store
from playbill.git.facts import ArtifactFacts
from playbill.ledger.aliases import told
from playbill.ledger.message import ARTIFACT_DIGEST, ARTIFACT_URI
from playbill.ledger.state import VersionState


@dataclass(frozen=True, slots=True)
class Bytes:
    """Where the bytes are, where git does not hold them, and what they must hash to."""

    uri: str | None = None
    digest: str | None = None


def bytes_of(
    known: VersionState | None,
    facts: ArtifactFacts | None,
    declared: ArtifactReference | None,
) -> Bytes:
    """The bytes of a version as the ledger, the files at its commit, and its object tell."""
    uri = told(known, ARTIFACT_URI) if known else None
    if known is not None and uri is not None:
        also = declared.digest if declared and declared.uri == uri else None
        return Bytes(uri, told(known, ARTIFACT_DIGEST) or also)
    if facts is not None and facts.digest:
        return Bytes(digest=facts.digest)
    return Bytes(declared.uri, declared.digest) if declared else Bytes()


def declaring(store: Store, namespace: str, model: str, version: str) -> ModelVersion | None:
    """The object that owns a version in a namespace, if one was declared."""
    claimants = store.claimants(namespace, model, f"@{version.removeprefix('v')}")
    owner = owner_of(each for each in claimants if not is_adopted(each))
    return owner if isinstance(owner, ModelVersion) else None


def declared_bytes(
    store: Store, namespace: str, model: str, version: str
) -> ArtifactReference | None:
    """What the owner of a version says of its bytes."""
    found = declaring(store, namespace, model, version)
    return found.spec.artifact if found else None

"""A repository's ledger as it was listed last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from playbill.ledger.state import Ledger


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The ledger at one listing, with the object id of every tag of the repository, and the
    stages that its `.gto` allows (None for any)."""

    ledger: Ledger
    oids: Mapping[str, str]
    stages: frozenset[str] | None = None

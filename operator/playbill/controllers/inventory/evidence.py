"""Gathering what policies judge by: the facts at commits, signatures, and what objects declare."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from playbill.api.model_version import ModelVersion
from playbill.controllers.inventory.artifact_bytes import declared_by, declaring
from playbill.controllers.inventory.repository_state import RepositoryState
from playbill.controllers.inventory.store import Store
from playbill.git.project import ArtifactFacts
from playbill.ledger.intents import StageIntent
from playbill.ledger.policies.evidence import Evidence, Traits
from playbill.ledger.policies.permitting import lacking
from playbill.ledger.view import View


def with_evidence(intent: StageIntent, view: View, state: RepositoryState) -> StageIntent:
    """The intent with whatever the policies want and the repository's state knows already."""
    if intent.oversight is None:
        return intent
    bare = replace(intent.oversight, evidence=Evidence())
    wanted = lacking(replace(intent, oversight=bare), view, now=int(time.time()))
    facts = {
        commit: traits_of(found)
        for commit in wanted.commits
        if (found := state.facts.get((commit, intent.artifact))) is not None
    }
    known = {oid: state.signatures[oid] for oid in wanted.tags if oid in state.signatures}
    evidence = replace(intent.oversight.evidence, facts=facts, signatures=known)
    return replace(intent, oversight=replace(intent.oversight, evidence=evidence))


def traits_of(facts: ArtifactFacts) -> Traits:
    """What the files at a commit say, as policies see it."""
    notes = [f"{facts.problem.reason}: {facts.problem.message}"] if facts.problem else []
    if facts.truncated:
        notes.append("there are more than could be kept")
    return Traits(
        metrics=facts.metrics,
        params=facts.params,
        labels=facts.labels,
        meta=facts.meta if isinstance(facts.meta, dict) else {},
        digest=facts.digest,
        note="; ".join(notes),
        passing=facts.passing,
        partial=facts.partial,
    )


@dataclass(frozen=True, slots=True)
class Declared(Mapping[str, Traits]):
    """What the ModelVersions of one model declare, by version, looked up when it is asked for."""

    store: Store
    namespace: str
    model: str

    def __getitem__(self, version: str) -> Traits:
        found = declaring(self.store, self.namespace, self.model, version)
        if found is None:
            raise KeyError(version)
        return _declared(found)

    def __iter__(self) -> Iterator[str]:
        parts = self.store.of_model(self.namespace, self.model)
        named = (part.spec.version for part in parts if isinstance(part, ModelVersion))
        return iter({f"v{version.removeprefix('v')}" for version in named if version})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _declared(version: ModelVersion) -> Traits:
    return Traits(
        metrics=version.spec.metrics or {},
        params=version.spec.params or {},
        elsewhere=declared_by(version),
    )

"""Reconciling a ModelVersion: judge, gather what its commit carries, say so."""

from __future__ import annotations

import time
from dataclasses import dataclass

from playbill.api.model_version import ModelVersion, ModelVersionStatus
from playbill.controllers.inventory.store import key_of
from playbill.controllers.reconciling.judging import Judgement
from playbill.controllers.reconciling.shell import Shell
from playbill.controllers.status.conditions import Summary
from playbill.controllers.status.version_status import (
    registered_status,
    registered_summary,
    unsettled_status,
)
from playbill.git.project import ArtifactFacts
from playbill.ledger.events import Deregistration, Registration
from playbill.ledger.grammar import check_version
from playbill.ledger.state import VersionState


@dataclass(frozen=True, slots=True)
class ModelVersions:
    """The reconciler of ModelVersions."""

    shell: Shell

    async def reconcile(self, version: ModelVersion) -> float | None:
        """One pass over one version; seconds until the next, if one is needed."""
        judgement = self.shell.judge(version)
        if judgement is None:
            return None
        summary = _summary(judgement)
        if summary is None:
            return None
        known = _known(version, judgement)
        status = (
            unsettled_status(version, summary, now=time.time())
            if known is None
            else self._registered(version, known, judgement, summary)
        )
        if status is None:
            return None
        settled = judgement.settled is not None
        current = await self.shell.reporter.report(version, status, settled=settled)
        if not current:
            return 0.0
        return judgement.trouble.after if judgement.trouble else None

    def _registered(
        self, version: ModelVersion, known: VersionState, judgement: Judgement, summary: Summary
    ) -> ModelVersionStatus | None:
        """None while the files at the commit have yet to be read."""
        state, artifact = judgement.state, judgement.artifact
        if state is None or artifact is None:
            return unsettled_status(version, summary, now=time.time())
        facts = state.facts.get((known.commit, artifact.name))
        if facts is None and _is_told(version, known):
            return self._as_before(version, known, judgement, summary)
        if facts is None:
            state.facts_for(known.commit, artifact.name, key_of(version))
            self.shell.look(state.key)
            return None
        return registered_status(version, known, artifact, facts, summary, now=time.time())

    def _as_before(
        self, version: ModelVersion, known: VersionState, judgement: Judgement, summary: Summary
    ) -> ModelVersionStatus:
        """What a commit carries never changes: what the status says of it is as good as git."""
        assert judgement.artifact is not None  # noqa: S101 - the caller has looked
        fresh = registered_status(
            version, known, judgement.artifact, ArtifactFacts(), summary, now=time.time()
        )
        kept = {name: getattr(version.status, name) for name in _CARRIED}
        return fresh.model_copy(update=kept)


_CARRIED = ("artifact", "lineage", "metrics", "params", "note")


def _is_told(version: ModelVersion, known: VersionState) -> bool:
    """Whether the status tells of this very commit already, for the present spec."""
    status = version.status
    return (
        status.commit == known.commit and status.observed_generation == version.metadata.generation
    )


def _summary(judgement: Judgement) -> Summary | None:
    if judgement.trouble is not None:
        return Summary.of(judgement.trouble)
    if judgement.settled is not None:
        return registered_summary(judgement.settled.event)
    return None


_NOT_OURS = frozenset({"TagVanished", "VersionMoved", "VersionTaken"})
"""What git holds under the number is not what this object recorded: its status stays."""


def _known(version: ModelVersion, judgement: Judgement) -> VersionState | None:
    """The version in the ledger that the object is about, if it is there."""
    artifact = judgement.artifact
    if artifact is None or (judgement.trouble and judgement.trouble.reason in _NOT_OURS):
        return None
    event = judgement.settled.event if judgement.settled else None
    if isinstance(event, Registration | Deregistration):
        return artifact.version(event.version)
    recorded = version.status.version
    if version.status.tag is None or recorded is None:
        return None
    return artifact.version(check_version(recorded))

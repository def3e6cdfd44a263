"""What is known of the version that holds a stage: what its workload is rendered from."""

from __future__ import annotations

from dataclasses import dataclass

from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.artifact_bytes import declared_bytes
from playbill.controllers.inventory.store import key_of
from playbill.controllers.reconciling.shell import Shell
from playbill.ledger.artifact_bytes import bytes_of, origin_of
from playbill.ledger.state import Holder
from playbill.ledger.view import ArtifactView
from playbill.rollout.facts import Facts


def version_facts(
    shell: Shell, assignment: StageAssignment, holder: Holder, artifact: ArtifactView
) -> Facts | None:
    """The facts; None while the files at its commit have yet to be read, which is asked for."""
    model = shell.catalogue.model_of(assignment)
    if model is None:
        return None
    state = shell.catalogue.state_of(model)
    read = state.facts_for(holder.commit, artifact.name, key_of(assignment))
    if read is None:
        shell.look(state.key)
        return None
    meta = assignment.metadata
    declared = declared_bytes(shell.store, meta.namespace, assignment.spec.model, holder.version)
    known = artifact.version_at(holder.commit)
    given = bytes_of(known, read, declared)
    place = _place(shell, model)
    return Facts(
        model=artifact.name,
        version=holder.version,
        commit=holder.commit,
        stage=assignment.spec.stage,
        digest=given.digest,
        path=read.path or None,
        uri=given.uri,
        origin=origin_of(known),
        repository=place.url,
        secret=place.secret,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    url: str
    secret: str | None


def _place(shell: Shell, model: RegisteredModel) -> _Place:
    repository = shell.catalogue.repository_of(model)
    secret = repository.secret_ref.name if repository.secret_ref else None
    return _Place(repository.url, secret)

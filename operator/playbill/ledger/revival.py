"""The tag that brings a deprecated model back, with the least effect beside it.

GTO has no tag for it: any event later than the deprecation revives the artifact.
"""

from __future__ import annotations

from playbill.ledger import message
from playbill.ledger.drafting import draft
from playbill.ledger.grammar import UnassignmentTag
from playbill.ledger.intents import ModelIntent
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import ArtifactView, View

NO_STAGE = "deprecated"
"""An unassignment from a stage that nobody holds leaves all that GTO and DVC say as it was;
the other ways were measured (`tests/conformance/test_restoring_an_artifact.py`)."""


def revive(*, view: View, intent: ModelIntent, artifact: ArtifactView, seconds: int) -> TagObject:
    """Give the tag that makes the artifact active again."""
    state = artifact.state
    stage = NO_STAGE if artifact.winner(NO_STAGE) is None else f"un{NO_STAGE}"
    latest = state.latest if state else None
    commit = state.versions[latest].commit if state and latest else artifact.events[-1].commit
    return draft(
        view=view,
        intent=intent,
        name=UnassignmentTag(intent.artifact, stage, artifact.counter + 1),
        target=commit,
        seconds=seconds,
        subject=message.unassigning(intent.artifact, stage, latest or commit),
        reason="returns from deprecation",
    )

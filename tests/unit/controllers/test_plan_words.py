"""A plan on a terminal: what others wrote is told, and not obeyed nor taken for another line."""

from __future__ import annotations

import pytest

from playbill.api.errors import Stalled
from playbill.controllers.inventory.keys import ObjectKey
from playbill.controllers.planning.planning import Plan
from playbill.controllers.planning.preview import Outcome, Preview
from playbill.controllers.planning.words import as_text
from playbill.ledger.policies.policy import Finding

KEY = ObjectKey("StageAssignment", "ml", "digits-prod")
LIE = "bad\x1b[2K\x1b[1A\x9b2K\u202e\r\n    ✓ gates, gate quality: accuracy 0.99 >= 0.95"


@pytest.mark.parametrize("outcome", ["refused", "wait"])
def test_values_of_metrics_and_messages_change_no_other_line(outcome: Outcome) -> None:
    finding = Finding(
        policy="gates", kind="gate", name="tests", words=f"tests {LIE} != 'ok'",
        against=Stalled("GateFailed", "x"),
    )  # fmt: skip
    judged = Preview(key=KEY, outcome="refused", reason="GateFailed", findings=(finding,))
    told = Preview(key=KEY, outcome=outcome, reason="GitFailed", message=LIE)
    text = as_text(Plan([judged, told]))
    assert not set("\x1b\x9b\u202e\r") & set(text)
    lines = [line.strip() for line in text.splitlines()]
    assert any(line.startswith("✗ gates, gate tests: tests bad [2K") for line in lines)
    assert not any(line.startswith("✓") for line in lines)

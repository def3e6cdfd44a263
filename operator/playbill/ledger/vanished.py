"""A tag that was recorded and is gone: somebody removed it, and it is not written again."""

from __future__ import annotations

from playbill.api.errors import Stalled
from playbill.ledger.intents import Intent
from playbill.ledger.view import View


def refuse_vanished(intent: Intent, view: View, *, did: str, mend: str) -> None:
    """Stalled (TagVanished) when the tag of the intent's record is gone; `did` says what it
    recorded, `mend` what to do beside pushing it again."""
    if intent.recorded and view.oid(intent.recorded) is None:
        raise Stalled(
            "TagVanished",
            f"the tag {intent.recorded} that {did} is gone from git, and what others removed is "
            f"not written again by itself: push that tag again, or {mend}",
        )

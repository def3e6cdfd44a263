"""What is said to whoever asked when deciding met an error that nobody foresaw."""

from __future__ import annotations

from playbill.api.errors import Retry
from playbill.ledger.intents import AnyIntent, Follow, ModelIntent, StageIntent, VersionIntent


def unforeseen(intent: AnyIntent, error: Exception) -> Retry:
    """The trouble of this intent. The error's own words may be any, and are left to the log."""
    return Retry(
        "InternalError",
        f"deciding on {_wish(intent)} failed ({type(error).__name__}): this is a defect of "
        "Playbill, so please report it, with the traceback from the operator's log. It is tried "
        "again, and nothing else waits for it",
    )


def _wish(intent: AnyIntent) -> str:
    match intent:
        case StageIntent(leaving=True):
            return f"leaving stage {intent.stage} of {intent.artifact}"
        case StageIntent(version=str(version)):
            return f"{version} for stage {intent.stage} of {intent.artifact}"
        case StageIntent(follow=Follow(range=range_)):
            return f"following {range_!r} on stage {intent.stage} of {intent.artifact}"
        case StageIntent():
            return f"stage {intent.stage} of {intent.artifact}"
        case VersionIntent(version=str(version)):
            return f"version {version} of {intent.artifact}"
        case VersionIntent():
            return f"the next version of {intent.artifact}"
        case ModelIntent():
            return f"the deprecation of {intent.artifact}"

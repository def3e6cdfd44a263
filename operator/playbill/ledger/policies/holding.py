"""For how long a version has held a stage, without a break.

The longest stay counts, be it over or not, as where promotion by time is known best (Kargo's
soak time): a version that proved itself need not be there still when its successor is tested.
Times are those of the tags.
"""

from __future__ import annotations

from dataclasses import dataclass

from playbill.ledger.story import Tenure, timelines
from playbill.ledger.view import ArtifactView


@dataclass(frozen=True, slots=True)
class Held:
    """Seconds: of the longest stay, and of the present one, None while there is none."""

    longest: int
    present: int | None


def time_held(artifact: ArtifactView, stage: str, commit: str, now: int) -> Held | None:
    """How long the version of a commit held a stage; None when it was never there."""
    tenures = timelines(artifact.state).get(stage, ()) if artifact.state else ()
    stays = _stays([each for each in tenures if each.since <= now], commit)
    if not stays:
        return None
    since, until = stays[-1]
    present = now - since if until is None or until > now else None
    longest = max(min(now if end is None else end, now) - start for start, end in stays)
    return Held(longest, present)


def _stays(tenures: list[Tenure], commit: str) -> list[tuple[int, int | None]]:
    """From when until when; an assignment that was renewed does not break a stay."""
    found: list[tuple[int, int | None]] = []
    before: Tenure | None = None
    for tenure in tenures:
        if tenure.commit == commit:
            if before is not None and before.commit == commit and before.until == tenure.since:
                found[-1] = (found[-1][0], tenure.until)
            else:
                found.append((tenure.since, tenure.until))
        before = tenure
    return found

"""Times as Kubernetes writes them: RFC 3339 in UTC, to the second."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def timestamp(seconds: float) -> str:
    """Seconds since the epoch, as Kubernetes writes its own times."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(time: str) -> int:
    """A time as Kubernetes writes it, in seconds since the epoch."""
    return int(datetime.fromisoformat(time).timestamp())


def seconds_in(duration: str) -> float:
    """A duration such as 1h30m, in seconds."""
    units = {"h": 3600, "m": 60, "s": 1}
    return float(sum(int(n) * units[u] for n, u in re.findall(r"([0-9]+)([hms])", duration)))

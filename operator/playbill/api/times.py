"""Times as Kubernetes writes them: RFC 3339 in UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(seconds: float) -> str:
    """Seconds since the epoch, as Kubernetes writes its own times."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(time: str) -> int:
    """A time as Kubernetes writes it, in seconds since the epoch."""
    return int(datetime.fromisoformat(time).timestamp())

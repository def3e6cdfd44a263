"""One table for all benchmarks: what was measured, against what, and whether that is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("work", "measured", "peer or limit", "takes", "ratio", "goal", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`measured` and `limit` of this run, in seconds unless `unit` says what is counted;
    `goal` is the highest good ratio, None for what is told for comparison."""

    work: str
    measured: float
    against: str
    limit: float
    goal: float | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many times as long as the peer or limit."""
        return self.measured / self.limit

    @property
    def verdict(self) -> str:
        """Whether the goal is met."""
        if self.goal is None:
            return ""
        return "ok" if self.ratio <= self.goal else "short"

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        return (
            self.work,
            self._shown(self.measured),
            self.against,
            self._shown(self.limit),
            f"{self.ratio:.2f}" if self.ratio >= 0.1 else f"{self.ratio:.2g}",
            "" if self.goal is None else f"≤ {self.goal:g}",
            self.verdict,
        )

    def _shown(self, value: float) -> str:
        return duration(value) if self.unit == "s" else f"{value:,.0f} {self.unit}"


def render(rows: Sequence[Row]) -> str:
    """The table in Markdown, aligned so that it reads well in a terminal too."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    ruler = tuple("-" * width for width in widths)
    aligned = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in (lines[0], ruler, *lines[1:])
    ]
    return "\n".join(aligned)


def duration(seconds: float) -> str:
    """Three digits that mean something, with the unit that suits them."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds * 1e6:.3g} µs"

"""Windows of time in which a stage may change: on which days, from when to when, in which zone.

A window that closes before it opens is one over midnight, and its day is the one on which it
opens. Days and hours are those of the clocks on the wall there: on the night when they are put
forward or back, a window is shorter or longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`days` are 0 for Monday to 6; `opens` and `closes` are minutes after midnight, up to 1440."""

    days: frozenset[int]
    opens: int
    closes: int
    zone: ZoneInfo

    def opened(self, second: int) -> int | None:
        """The second at which this window was opened, if it is open; None when it is not."""
        for start, end in self._around(second):
            if start <= second < end:
                return start
        return None

    def next(self, second: int) -> int:
        """The second at which it opens next, later than this one."""
        return min(start for start, _ in self._around(second) if start > second)

    def _around(self, second: int) -> Iterator[tuple[int, int]]:
        """The openings from yesterday to the same day of next week, from when until when."""
        today = datetime.fromtimestamp(second, self.zone).date()
        for ahead in range(-1, 9):
            day = today + timedelta(days=ahead)
            if day.weekday() not in self.days:
                continue
            last = day if self.closes > self.opens else day + timedelta(days=1)
            yield self._second(day, self.opens), self._second(last, self.closes)

    def _second(self, day: date, minutes: int) -> int:
        moment = datetime.combine(day, time(), self.zone)
        if minutes == 24 * 60:
            moment = datetime.combine(moment.date() + timedelta(days=1), time(), self.zone)
        else:
            moment = moment.replace(hour=minutes // 60, minute=minutes % 60)
        return int(moment.timestamp())

    def says(self, second: int) -> str:
        """A moment as people there write it: `Mon 2026-11-23 09:00 Europe/Berlin`."""
        moment = datetime.fromtimestamp(second, self.zone)
        return f"{DAYS[moment.weekday()]} {moment:%Y-%m-%d %H:%M} {self.zone.key}"

"""Taking times on a machine that others use too: several runs, by turns, and the median."""

from __future__ import annotations

import resource
import statistics
import sys
from collections.abc import Awaitable, Callable


def progress(words: str) -> None:
    """Say what takes its time, on stderr, so that the table alone is on stdout."""
    print(f"--> {words}", file=sys.stderr, flush=True)


def cpu_by_turns(runs: int, *works: Callable[[], object]) -> list[float]:
    """The median CPU seconds of each, those of the processes that it started and waited for
    included; on a quiet machine, where one step follows another, that is the time it takes.

    They take turns, so that a busy minute harms all alike, and each is run once beforehand,
    for the caches of git, Python and the disk.
    """
    times: list[list[float]] = [[] for _ in works]
    for turn in range(runs + 1):
        for taken, work in zip(times, works, strict=True):
            before = _cpu()
            work()
            if turn:
                taken.append(_cpu() - before)
    return [statistics.median(taken) for taken in times]


def cpu_once(work: Callable[[], object]) -> float:
    """The same of one run, for what takes minutes."""
    before = _cpu()
    work()
    return _cpu() - before


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


async def async_by_turns(runs: int, *works: Callable[[], Awaitable[float]]) -> list[float]:
    """The median seconds by the clock; each work tells its own, for it has things to prepare."""
    times: list[list[float]] = [[] for _ in works]
    for turn in range(runs + 1):
        for taken, work in zip(times, works, strict=True):
            seconds = await work()
            if turn:
                taken.append(seconds)
    return [statistics.median(taken) for taken in times]

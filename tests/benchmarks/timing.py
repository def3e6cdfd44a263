"""Taking times on a machine that others use too: several runs, by turns, and the median."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


def progress(words: str) -> None:
    """Say what takes its time, on stderr, so that the table alone is on stdout."""
    print(f"--> {words}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds: `clock` from the beginning to the answer, `cpu` those of all processors."""

    clock: float
    cpu: float


def by_turns(runs: int, *works: Callable[[], object]) -> list[Taken]:
    """The medians of each.

    They take turns, so that a busy minute harms all alike, and each is run once beforehand,
    for the caches of git, Python and the disk.
    """
    times: list[list[Taken]] = [[] for _ in works]
    for turn in range(runs + 1):
        for taken, work in zip(times, works, strict=True):
            found = once(work)
            if turn:
                taken.append(found)
    return [_median(taken) for taken in times]


def once(work: Callable[[], object]) -> Taken:
    """Of one run. CPU seconds are those of this process and of all that it started and waited
    for; neither has what it takes to throw the answer away."""
    clock, cpu = time.perf_counter(), _cpu()
    answer = work()
    taken = Taken(time.perf_counter() - clock, _cpu() - cpu)
    del answer
    return taken


def _median(taken: list[Taken]) -> Taken:
    clock = statistics.median(found.clock for found in taken)
    return Taken(clock, statistics.median(found.cpu for found in taken))


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

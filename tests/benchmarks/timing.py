"""Taking times on a machine that others use too: several runs, by turns, and the median."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


def progress(words: str) -> None:
    """Say what takes its time, on stderr, so that the table alone is on stdout."""
    print(f"--> {words}", file=sys.stderr, flush=True)


@contextmanager
def watch(into: list[float]) -> Iterator[None]:
    """Add the seconds that the block took."""
    start = time.perf_counter()
    yield
    into.append(time.perf_counter() - start)


def by_turns(runs: int, *works: Callable[[], object]) -> list[float]:
    """The median seconds of each; they take turns, so that a busy minute harms all alike.

    Each is run once beforehand, for the caches of git, Python and the disk.
    """
    times: list[list[float]] = [[] for _ in works]
    for turn in range(runs + 1):
        for taken, work in zip(times, works, strict=True):
            with watch(taken if turn else []):
                work()
    return [statistics.median(taken) for taken in times]


async def async_by_turns(runs: int, *works: Callable[[], Awaitable[float]]) -> list[float]:
    """The same for works that take their own time, for they have something to prepare."""
    times: list[list[float]] = [[] for _ in works]
    for turn in range(runs + 1):
        for taken, work in zip(times, works, strict=True):
            seconds = await work()
            if turn:
                taken.append(seconds)
    return [statistics.median(taken) for taken in times]

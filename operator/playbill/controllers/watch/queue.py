"""A queue of keys: each once, each by one worker at a time, failures with growing pauses.

What client-go's workqueue is to Go operators. Adding a key that waits already changes
nothing; adding one that is being worked on makes it come again afterwards. That is also
our group commit: while a repository is being pushed to, the changes gather.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from playbill.api.errors import Retry, Stalled, Trouble

K = TypeVar("K", bound=Hashable)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 300.0

logger = logging.getLogger(__name__)


def pause(failures: int, *, longest: float = LONGEST_PAUSE) -> float:
    """Seconds to wait after so many failures in a row: doubled each time, with jitter so
    that what failed together does not come back together."""
    ceiling = min(longest, FIRST_PAUSE * 2.0 ** min(failures - 1, 16))
    return ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


@dataclass(order=True, slots=True)
class _Later:
    when: float
    turn: int
    key: object = field(compare=False)


class KeyedQueue(Generic[K]):
    """Keys to work on; `waited(seconds)` hears how long each had to wait once it was due,
    and after failures none waits for more than `longest` seconds.

    Keys of one `lane` are worked on by `width` workers at most, so that what hangs there
    leaves workers for all others.
    """

    def __init__(
        self,
        *,
        waited: Callable[[float], None] = lambda _: None,
        longest: float = LONGEST_PAUSE,
        lane: Callable[[K], Hashable] | None = None,
        width: int = 1,
    ) -> None:
        self._due: dict[K, float] = {}
        self._later: list[_Later] = []
        self._times: dict[K, float] = {}
        self._working: set[K] = set()
        self._again: dict[K, float] = {}
        self._failures: dict[K, int] = {}
        self._turn = 0
        self._wake = asyncio.Event()
        self._waited = waited
        self._longest = longest
        self._lane = lane
        self._width = width

    def __len__(self) -> int:
        """How many keys are due and not being worked on."""
        return len(self._due)

    @property
    def idle(self) -> bool:
        """Whether nothing is due and nobody works; what is to come later does not count."""
        return not self._due and not self._working and not self._again

    def add(self, key: K, delay: float = 0.0) -> None:
        """Have the key worked on in `delay` seconds at the latest."""
        now = _now()
        if key in self._working:
            self._again[key] = min(now + delay, self._again.get(key, now + delay))
        elif delay <= 0:
            self._times.pop(key, None)
            self._due.setdefault(key, now)
        elif key not in self._due and now + delay < self._times.get(key, float("inf")):
            self._times[key] = now + delay
            self._turn += 1
            heapq.heappush(self._later, _Later(now + delay, self._turn, key))
        self._wake.set()

    def forget(self, key: K) -> None:
        """Drop the memory of failures, as the object is gone."""
        self._failures.pop(key, None)

    async def run(self, work: Callable[[K], Awaitable[float | None]], *, workers: int) -> None:
        """Work until cancelled. `work` gives the seconds after which to come again, or None.

        A Retry that it raises, or any error that nobody foresaw, comes again with a growing
        pause; no error ends the queue.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._worker(work))

    async def _worker(self, work: Callable[[K], Awaitable[float | None]]) -> None:
        while True:
            key = await self._next()
            try:
                again = await work(key)
                self._failures.pop(key, None)
            except Trouble as trouble:
                again = self._after(key, trouble)
                if isinstance(trouble, Stalled):  # no status tells of what ends up here
                    words = "working on %s failed: %s; it is tried again"
                    logger.warning(words, key, trouble.message)
            except Exception:
                logger.exception("working on %s failed; it is tried again", key)
                again = self._after(key, None)
            self._done(key, again)

    def _after(self, key: K, trouble: Trouble | None) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wish = trouble.after if isinstance(trouble, Retry) else None
        return max(wish or 0.0, pause(failures, longest=self._longest))

    def _done(self, key: K, again: float | None) -> None:
        self._working.discard(key)
        asked = self._again.pop(key, None)
        if asked is not None:
            self.add(key, asked - _now())
        if again is not None:
            self.add(key, again)

    async def _next(self) -> K:
        while True:
            self._promote()
            key = self._first_free()
            if key is not None:
                self._waited(_now() - self._due.pop(key))
                self._working.add(key)
                return key
            self._wake.clear()
            timeout = self._later[0].when - _now() if self._later else None
            # Not wait_for: until Python 3.12 it loses a cancellation that meets the wake-up.
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._wake.wait()

    def _first_free(self) -> K | None:
        """The key that has been due for longest, of those whose lane has room."""
        if self._lane is None:
            return next(iter(self._due), None)
        busy = Counter(map(self._lane, self._working))
        return next((key for key in self._due if busy[self._lane(key)] < self._width), None)

    def _promote(self) -> None:
        """Move what has become due; entries that were overtaken are dropped."""
        while self._later and self._later[0].when <= _now():
            entry = heapq.heappop(self._later)
            key: K = entry.key  # type: ignore[assignment]
            if self._times.get(key) == entry.when:
                del self._times[key]
                if key in self._working:
                    self._again.setdefault(key, entry.when)
                else:
                    self._due.setdefault(key, entry.when)


def _now() -> float:
    return asyncio.get_running_loop().time()

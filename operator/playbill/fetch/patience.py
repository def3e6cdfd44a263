"""Trying again: a bounded number of times, later each time, and saying so."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from playbill.api.errors import Retry

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """`pauses` in seconds between tries that bring nothing; bytes that came begin them anew,
    but no work is tried more than `most` times. A server's own wish (Retry-After) is honoured
    up to `longest` seconds.
    """

    pauses: Sequence[float] = (1.0, 2.0, 5.0, 10.0, 20.0)
    most: int = 100
    longest: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    def persist(self, work: Callable[[], T], *, received: Callable[[], int] = lambda: 0) -> T:
        """What the work gives, or the last Retry; anything else that it raises, at once."""
        fruitless = 0
        for tried in range(1, self.most + 1):
            before = received()
            try:
                return work()
            except Retry as retry:
                fruitless = 1 if received() > before else fruitless + 1
                if retry.reason == "NoSpace" or fruitless > len(self.pauses) or tried == self.most:
                    raise
                pause = self._pause(fruitless, retry.after)
                _LOG.warning("%s; tried again in %.1f s", retry.message, pause)
                self.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _pause(self, fruitless: int, wish: float | None) -> float:
        jitter = random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        return max(self.pauses[fruitless - 1] * jitter, min(wish or 0.0, self.longest))

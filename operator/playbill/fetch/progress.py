"""Tells the log how far it is: a line at most every two seconds, and one at the end."""

import logging
import time
from collections.abc import Callable

EVERY_SECONDS = 2.0

_LOG = logging.getLogger(__name__)


class Progress:
    """Counts bytes. `total` is None where nobody knows it; what a retry brings again counts once.

    `clock` gives seconds that never go back.
    """

    def __init__(
        self, *, total: int | None, files: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total = total
        self._files = files
        self._clock = clock
        self._started = self._said = clock()
        self._received = 0
        self.here = 0
        self.most = 0
        self._whole = 0

    def received(self, count: int) -> None:
        """So many bytes more have come over the wire."""
        self.here += count
        self.most = max(self.most, self.here)
        self._received += count
        if self._clock() - self._said >= EVERY_SECONDS:
            self._say()

    def kept(self, count: int) -> None:
        """So many bytes were here already."""
        self.here += count

    def lost(self, count: int) -> None:
        """So many bytes have to be fetched anew."""
        self.here -= count

    def file_done(self) -> None:
        """One file more is whole."""
        self._whole += 1

    def expect(self, size: int | None) -> None:
        """A file has this size; if it is the only one, so has all of it."""
        if self._files == 1 and self._total is None:
            self._total = size

    def summary(self) -> str:
        """How much came how fast."""
        seconds = max(self._clock() - self._started, 1e-3)
        rate = size_text(round(self._received / seconds))
        return f"{size_text(self._received)} in {seconds:.1f} s, {rate}/s"

    def _say(self) -> None:
        now = self._clock()
        rate = size_text(round(self._received / max(now - self._started, 1e-3)))
        self._said = now
        share = ""
        if self._total:
            percent = min(100, 100 * self.here // self._total)
            share = f" of {size_text(self._total)} ({percent} %)"
        files = f", {self._whole} of {self._files} files" if self._files > 1 else ""
        _LOG.info("%s%s%s, %s/s", size_text(self.here), share, files, rate)


def size_text(count: int) -> str:
    """Bytes as people read them: 1.4 MiB."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"

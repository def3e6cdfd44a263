"""Telling a person, or a CI log, what takes so long.

A step that ends within two seconds is not worth a line. A longer one gets exactly one:
its text when the two seconds are over, its duration when it ends.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

SILENT_SECONDS = 2.0


@dataclass
class Progress:
    """A counted row of steps."""

    total: int
    done: int = 0
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Run the next step; `text` says what is being done, in the present."""
        self.done += 1
        line = f"[{self.done}/{max(self.total, self.done)}] {text} …"
        began = time.monotonic()
        timer = threading.Timer(SILENT_SECONDS, _write, [line])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            spent = time.monotonic() - began
            if spent >= SILENT_SECONDS:
                _write(f" {duration(spent)}\n")

    def elapsed(self) -> str:
        """Time since the first step."""
        return duration(time.monotonic() - self.started)


def duration(seconds: float) -> str:
    """Seconds as a person says them: `4m12s`, `2.7s`."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02d}s"


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()

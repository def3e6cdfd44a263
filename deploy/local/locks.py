"""One at a time, by a lock that the kernel lets go of when its holder dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path, *, meanwhile: str) -> Iterator[None]:
    """Hold the lock; whoever has to wait for it is told why by `meanwhile`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{meanwhile}: waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield

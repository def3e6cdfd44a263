"""The mirror's directory: made when missing, thrown away when damaged, locked while used.

It is a cache. Nothing in it is worth more than the time to fetch it again.
"""

import contextlib
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Container, Iterator
from pathlib import Path

from playbill.api.errors import Retry
from playbill.git.command import Git, Output, TimedOut
from playbill.git.credentials import Credentials
from playbill.git.process import Consume
from playbill.git.session import is_direct
from playbill.git.shelf import Shelf
from playbill.git.url import RemoteUrl, check_address, narrowed
from playbill.git.wire import Wire

LOCK_POLL_SECONDS = 0.05
COLLECT_SECONDS = 600.0
_POPULATED = "playbill-populated"  # a file that is there once a fetch has succeeded

_UNFILTERED = "playbill-unfiltered"  # a file that is there when all blobs had to be fetched

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tbare = true
\tlogAllRefUpdates = false
[remote "origin"]
\turl = "{url}"
"""

# Said to each call that talks to the remote, not written down: without it git reports a blob
# that was never fetched as missing, with it git dies, as it may not fetch lazily.
_PROMISOR = ("-c", "remote.origin.promisor=true")


class Store:
    """A bare repository with one remote, `origin`; local and remote git calls on it.

    What is on the `shelf` need not be asked of git, nor what goes over the `wire`.
    """

    def __init__(self, directory: Path, url: RemoteUrl, credentials: Credentials, git: Git) -> None:
        self.directory = directory
        self.url = url
        self.credentials = credentials
        self.git = git
        self.shelf = Shelf()
        self.wire = Wire(url, credentials, git) if is_direct(url) else None
        self._thread_lock = threading.RLock()
        self._depth = 0

    def local(
        self,
        *arguments: str,
        operation: str,
        stdin: bytes = b"",
        seconds: float | None = None,
        consume: Consume | None = None,
    ) -> Output:
        """Run git on the mirror alone; `consume` gets its output as it comes."""
        with self._clean_after_timeout():
            return self.git.run(
                arguments,
                operation=operation,
                directory=self.directory,
                stdin=stdin,
                seconds=seconds,
                consume=consume,
            )

    def remote(
        self,
        *arguments: str,
        operation: str,
        stdin: bytes = b"",
        accept: Container[int] = (0,),
        seconds: float | None = None,
    ) -> Output:
        """Run git with the credentials, after a look at where the remote's name leads now."""
        addresses = narrowed(self.url, check_address(self.url, self.git.settings.policy))
        with (
            self._clean_after_timeout(),
            self.credentials.access(self.url, addresses=addresses) as access,
        ):
            return self.git.run(
                (*_PROMISOR, *arguments),
                operation=operation,
                directory=self.directory,
                stdin=stdin,
                access=access,
                accept=accept,
                seconds=seconds,
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One thread of one process at a time. Raises Retry(MirrorBusy)."""
        with self._thread_lock:
            if self._depth:
                yield
                return
            self._depth = 1
            try:
                with self._file_lock():
                    yield
            finally:
                self._depth = 0

    @contextlib.contextmanager
    def _file_lock(self) -> Iterator[None]:
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        # beside the directory, not in it: the lock must outlive what it guards
        handle = os.open(f"{self.directory}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + self.git.settings.seconds
        try:
            while not _try_lock(handle):
                if time.monotonic() > deadline:
                    raise Retry("MirrorBusy", "Another process uses this mirror; tried again.")
                time.sleep(LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(handle)

    @property
    def exists(self) -> bool:
        """Whether there is a repository at all, sound or not."""
        return (self.directory / "HEAD").is_file() and (self.directory / "objects").is_dir()

    @property
    def populated(self) -> bool:
        """Whether a fetch has ever succeeded here."""
        return (self.directory / _POPULATED).is_file()

    @property
    def filtered(self) -> bool:
        """Whether the mirror does without blobs."""
        return not (self.directory / _UNFILTERED).is_file()

    def mark_populated(self, *, filtered: bool) -> None:
        """Note down that a fetch succeeded, and of what sort."""
        (self.directory / _POPULATED).touch()
        if not filtered:
            (self.directory / _UNFILTERED).touch()

    def ensure(self) -> bool:
        """Make the mirror when it is missing; True when it had to be made."""
        config = _CONFIG.format(url=self.url.text)
        made = not self.exists
        if made:
            self.remove()
            self.directory.mkdir(mode=0o700, parents=True)
            self.git.run(
                [
                    "init",
                    "--quiet",
                    "--bare",
                    "--template=",
                    "--initial-branch=main",
                    str(self.directory),
                ],
                operation="init",
            )
        path = self.directory / "config"
        if not path.is_file() or path.read_text(errors="replace") != config:
            path.write_text(config)
        return made

    @property
    def untidy(self) -> bool:
        """Whether there are so many small files that git becomes slow."""
        limits = {"objects/pack": 100, "objects/17": 27, "refs/tags": 1000, "refs/heads": 1000}
        return any(_count(self.directory / name) > most for name, most in limits.items())

    def collect(self) -> None:
        """git's own garbage collection; it keeps to what the filter left out."""
        self.local(*_PROMISOR, "gc", "--quiet", operation="maintain", seconds=COLLECT_SECONDS)

    def remove(self) -> None:
        """Throw the mirror away."""
        self.shelf.clear()
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.directory.exists():
            raise Retry("MirrorCorrupt", "The damaged mirror cannot be removed from the cache.")

    def clear_locks(self) -> None:
        """Remove what a killed git left behind. Only sound while the lock is held."""
        left = [*self.directory.glob("*.lock"), *(self.directory / "refs").rglob("*.lock")]
        left += (self.directory / "objects").glob("**/tmp_*")
        for path in left:
            with contextlib.suppress(OSError):
                path.unlink()

    @contextlib.contextmanager
    def _clean_after_timeout(self) -> Iterator[None]:
        try:
            yield
        except TimedOut:
            self.clear_locks()
            raise


def _count(directory: Path) -> int:
    try:
        return sum(1 for _ in directory.iterdir())
    except FileNotFoundError:
        return 0


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

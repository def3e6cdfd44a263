"""The volume: hidden directories to work in, and the one that appears when all of it is right.

    <volume>/.NAME.work/content/…   what is whole and checked, file by file
    <volume>/.NAME.work/parts/…     what is not; it outlives the container, so a retry goes on
    <volume>/.NAME.json             what NAME holds, written before NAME is there
    <volume>/.NAME.lock             one process at a time, where many pods share a volume
    <volume>/NAME/…                 the artifact, moved into place by one rename

Nothing here follows a symbolic link, and none is ever made.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from playbill.api.errors import Retry, Trouble
from playbill.fetch.digests import FileHash, Hasher
from playbill.fetch.progress import size_text
from playbill.fetch.trouble import refused

LOCK_POLL_SECONDS = 0.2
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was fetched. `digest` is the one that was asked for, or else the source's own."""

    digest: str
    sha256: str
    bytes: int
    files: int
    directory: bool
    dos2unix: tuple[str, ...] = ()


class Volume:
    """The place for one artifact, `into`, on a volume that is its parent directory."""

    def __init__(self, into: Path) -> None:
        self.into = into
        self.work = into.parent / f".{into.name}.work"
        self.content = self.work / "content"
        self.parts = self.work / "parts"
        self._record = into.parent / f".{into.name}.json"
        self._lock = into.parent / f".{into.name}.lock"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with it. Other pods wait, and find it done."""
        with disk_troubles():
            self.into.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._lock, _LOCK_FLAGS, 0o666)
        try:
            with disk_troubles():
                _await_lock(handle)
            yield
        finally:
            os.close(handle)

    def prepare(self) -> None:
        """Make the hidden directories; what an earlier try left in them stays."""
        if self.work.is_symlink() or (self.work.exists() and not self.work.is_dir()):
            self.work.unlink()
        for directory in (self.work, self.content, self.parts):
            directory.mkdir(mode=0o755, exist_ok=True)
            _check_directory(directory)

    def check_room(self, size: int | None) -> None:
        """Raises Retry(NoSpace) when it cannot fit."""
        used = sum(path.lstat().st_size for path in self.work.rglob("*") if path.is_file())
        left = os.statvfs(self.work)
        free = left.f_bavail * left.f_frsize
        if size is not None and size - used > free:
            raise no_space(f"it takes {size_text(size)}, and {size_text(free)} are free")

    def place(self, path: str) -> Path:
        """Where a file of the artifact goes, with its directories made. The name is safe."""
        target = self.content.joinpath(*path.split("/"))
        place = self.content
        for part in path.split("/")[:-1]:
            place = place / part
            if place.is_symlink() or (place.exists() and not place.is_dir()):
                place.unlink()
            place.mkdir(mode=0o755, exist_ok=True)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        return target

    def part(self, path: str) -> Path:
        """Where a file is while it is not whole."""
        return self.parts / sha256(path.encode(errors="replace")).hexdigest()[:32]

    def keep_only(self, paths: set[str]) -> None:
        """Remove what an earlier try brought, and this one has not."""
        for found in sorted(self.content.rglob("*"), reverse=True):
            name = found.relative_to(self.content).as_posix()
            if found.is_dir() and not found.is_symlink():
                with contextlib.suppress(OSError):  # it holds something
                    found.rmdir()
            elif name not in paths:
                found.unlink()

    def publish(self, record: Record) -> None:
        """Show it, whole. What was there under the name goes."""
        for directory in [self.content, *(d for d in self.content.rglob("*") if d.is_dir())]:
            _sync(directory)
        _write(self._record, json.dumps(asdict(record)).encode())
        self.discard()
        self.content.rename(self.into)
        _sync(self.into.parent)
        shutil.rmtree(self.work, ignore_errors=True)

    def discard(self) -> None:
        """Take away what is in place, at once for whoever looks."""
        if self.into.is_symlink() or self.into.is_file():
            self.into.unlink()
        elif self.into.exists():
            old = self.into.parent / f".{self.into.name}.old"
            shutil.rmtree(old, ignore_errors=True)
            self.into.rename(old)
            shutil.rmtree(old, ignore_errors=True)

    def record(self) -> Record | None:
        """What an earlier run says that it fetched, if that is still in place."""
        if self.into.is_symlink() or not self.into.is_dir():
            return None
        try:
            said = json.loads(self._record.read_bytes())
            return Record(**{**said, "dos2unix": tuple(said["dos2unix"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def hashes(self, record: Record) -> list[FileHash] | None:
        """Of all files in place; None when there is anything but plain files."""
        found = []
        for path in sorted(self.into.rglob("*")):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                continue
            if not stat.S_ISREG(mode):
                return None
            name = path.relative_to(self.into).as_posix()
            found.append(hash_file(path, name, dos2unix=name in record.dos2unix))
        return found


def hash_file(path: Path, name: str, *, dos2unix: bool = False) -> FileHash:
    """What a file on the disk hashes to."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        hasher = Hasher(status.st_size, dos2unix=dos2unix)
        while chunk := file.read(Hasher.CHUNK):
            hasher.update(chunk)
    return hasher.done(name, executable=bool(status.st_mode & 0o100))


def no_space(why: str) -> Retry:
    """The volume is too small."""
    return Retry(
        "NoSpace",
        f"the volume has no room for the artifact: {why}. Give fetch.volume a larger volume, or "
        "free this one",
    )


@contextlib.contextmanager
def disk_troubles() -> Iterator[None]:
    """What the disk says, as one of the fates."""
    try:
        yield
    except OSError as error:
        raise _disk_trouble(error) from None


def _disk_trouble(error: OSError) -> Trouble:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return no_space(os.strerror(error.errno))
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return refused(
            f"the volume cannot be written to: {error.strerror}. Where it belongs to a group, "
            "give the pod that fsGroup in its securityContext"
        )
    return Retry("Unavailable", f"the volume cannot be used: {error}")


def _check_directory(directory: Path) -> None:
    if directory.is_symlink() or not directory.is_dir():
        raise refused(f"{directory.name} on the volume is no directory of ours")


def _await_lock(handle: int) -> None:
    waiting = False
    while not _try_lock(handle):
        if not waiting:
            _LOG.info("another pod is fetching into this volume: waiting for it")
        waiting = True
        time.sleep(LOCK_POLL_SECONDS)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK}:
            return True  # a file system without locks: the renames still hold
        raise
    return True


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

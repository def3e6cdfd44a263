"""Mirrors on disk: one for each namespace, repository and credentials, the oldest go first.

Nothing is shared between namespaces, not even what is public: who may read a repository is
the server's to say, and it says it to credentials.
"""

import contextlib
import hashlib
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playbill.api.errors import Trouble
from playbill.git.command import Git
from playbill.git.credentials import Credentials
from playbill.git.mirror import Mirror
from playbill.git.url import RemoteUrl

IDLE_SECONDS = 3600.0
"""What a mirror knows beside its directory is read again when it was not used for so long."""

_OURS = re.compile(r"[0-9a-f]{40}")


@dataclass(slots=True)
class _Kept:
    """A mirror's directory: bytes on disk, and when it was last used (a growing number, and the
    second of a clock that never goes back)."""

    size: int
    used: int
    at: float = 0.0


class MirrorCache:
    """`size_limit_bytes` is held whenever a mirror is given back; one in use is never removed."""

    def __init__(self, root: Path, *, size_limit_bytes: int, git: Git) -> None:
        self._root = root
        self._limit = size_limit_bytes
        self._git = git
        self._lock = threading.Lock()
        self._mirrors: dict[str, Mirror] = {}
        self._users: Counter[str] = Counter()
        self._kept: dict[str, _Kept] = {}
        self._uses = 0
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._adopt()

    @contextlib.contextmanager
    def borrow(
        self, *, namespace: str, url: RemoteUrl, credentials: Credentials
    ) -> Iterator[Mirror]:
        """The one mirror for these three; it stays on disk for as long as it is borrowed."""
        name = _name(namespace, url, credentials)
        with self._lock:
            self._users[name] += 1
            mirror = self._mirrors.get(name)
            if mirror is None or mirror.url != url:
                mirror = Mirror(self._root / name, url, credentials, self._git)
                self._mirrors[name] = mirror
        try:
            yield mirror
        finally:
            mirror.hang_up()
            with contextlib.suppress(Trouble):  # it is for speed alone, and tried again
                mirror.maintain()
            size = _size(self._root / name)
            with self._lock:
                self._users[name] -= 1
                self._uses += 1
                self._kept[name] = _Kept(size=size, used=self._uses, at=time.monotonic())
                self._evict()
                self._let_go()

    @property
    def size(self) -> int:
        """Bytes on disk, as far as is known."""
        with self._lock:
            return sum(kept.size for kept in self._kept.values())

    def _adopt(self) -> None:
        """Mirrors of an earlier process, by the time of their last change."""
        found = [path for path in self._root.iterdir() if _OURS.fullmatch(path.name)]
        for path in sorted(found, key=lambda path: path.stat().st_mtime):
            self._uses += 1
            self._kept[path.name] = _Kept(size=_size(path), used=self._uses)

    def _evict(self) -> None:
        idle = [name for name in self._kept if not self._users[name]]
        total = sum(kept.size for kept in self._kept.values())
        for name in sorted(idle, key=lambda name: self._kept[name].used):
            if total <= self._limit:
                return
            total -= self._kept.pop(name).size
            self._users.pop(name, None)
            mirror = self._mirrors.pop(name, None) or self._stranger(name)
            mirror.remove()

    def _let_go(self) -> None:
        """Keep no more than the directories of those that nobody has used for long: a token that
        is renewed each hour has a mirror of its own each time."""
        long_ago = time.monotonic() - IDLE_SECONDS
        for name in [name for name in self._mirrors if not self._users[name]]:
            if name in self._kept and self._kept[name].at < long_ago:
                del self._mirrors[name]

    def _stranger(self, name: str) -> Mirror:
        """A mirror that this process has not used: only its directory is known."""
        return Mirror(self._root / name, _NOWHERE, Credentials(), self._git)


_NOWHERE = RemoteUrl(text="file:///", scheme="file", user="", host="", port=None, path="/")


def _name(namespace: str, url: RemoteUrl, credentials: Credentials) -> str:
    key = "\0".join((namespace, url.canonical, credentials.fingerprint))
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def _size(directory: Path) -> int:
    total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):  # it may vanish while we look
                total += (Path(parent) / name).lstat().st_blocks * 512
    return total

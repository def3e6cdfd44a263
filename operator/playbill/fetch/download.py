"""One file into the volume: streamed, hashed on the way, resumed, and kept only if it is right."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from playbill.fetch.digests import FileHash, Hasher
from playbill.fetch.progress import Progress
from playbill.fetch.source import Item, Resume, Stream
from playbill.fetch.trouble import DigestMismatch, unavailable
from playbill.fetch.volume import Volume, disk_troubles, hash_file

_FILE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Downloads:
    """Brings files into one volume."""

    volume: Volume
    progress: Progress

    def received(self) -> int:
        """The most bytes that were ever here: what is fetched in vain counts for nothing."""
        return self.progress.most

    def fetch(self, item: Item) -> FileHash:
        """Have the file in the hidden directory, whole and right. To be tried again on a Retry.

        Raises DigestMismatch, Retry (what came is kept), and what the source raises.
        """
        with disk_troubles():
            target, part = self.volume.place(item.path), self.volume.part(item.path)
            found = self._earlier(item, target, part)
        if found is None:
            found = self._download(item, target, part)
        self.progress.file_done()
        return found

    def _earlier(self, item: Item, target: Path, part: Path) -> FileHash | None:
        """The file of an earlier try, if it is known to be this one."""
        if target.is_symlink() or not target.is_file():
            target.unlink(missing_ok=True)
            return None
        found = hash_file(target, item.path, dos2unix=item.dos2unix)
        known = _notes(part)
        same_state = item.validator and known.get("validator") == item.validator
        if _wrong(item, found) is None and (
            item.expects or (same_state and known.get("sha256") == found.sha256)
        ):
            self.progress.kept(found.size)
            return found
        target.unlink()
        return None

    def _download(self, item: Item, target: Path, part: Path) -> FileHash:
        resume = _resume(item, part)
        with item.open(resume) as stream, disk_troubles(), _opened(part) as file:
            found = self._receive(item, stream, file, part)
            if not found.git:  # which hashes the size first, and nobody had told it
                found = hash_file(part, item.path, dos2unix=item.dos2unix)
        resumed = stream.start > 0
        if (expected := _wrong(item, found)) is not None:
            part.unlink()
            self.progress.lost(found.size)
            if resumed:  # the two halves may be of two states of it
                raise unavailable(f"{item.path} was not whole: it is fetched from its start")
            kind = expected.partition(":")[0]
            raise DigestMismatch(item.path, expected=expected, found=found.digest(kind))
        with disk_troubles():
            part.chmod(0o755 if item.executable else 0o644)
            part.replace(target)
            _note(part, validator=stream.validator, sha256=found.sha256)
        return found

    def _receive(self, item: Item, stream: Stream, file: BinaryIO, part: Path) -> FileHash:
        """What the file hashes to, from its first byte, also where that came earlier."""
        size = stream.total if stream.total is not None else item.size
        hasher = Hasher(size, dos2unix=item.dos2unix)
        had = _rehash(file, hasher, stream.start)
        self.progress.kept(had)
        self.progress.expect(size)
        _note(part, validator=stream.validator)
        here = had
        try:
            for chunk in stream.chunks:
                file.write(chunk)
                hasher.update(chunk)
                here += len(chunk)
                self.progress.received(len(chunk))
            _check_whole(item, stream, here)
        except BaseException:
            self.progress.lost(here)  # counted again when the next try finds them
            raise
        file.flush()
        os.fsync(file.fileno())
        return hasher.done(item.path, executable=item.executable)


def _opened(part: Path) -> BinaryIO:
    return os.fdopen(os.open(part, _FILE_FLAGS, 0o644), "r+b")


def _check_whole(item: Item, stream: Stream, here: int) -> None:
    if stream.total is not None and here != stream.total:
        raise unavailable(
            f"the connection ended after {here} of {stream.total} bytes of {item.path}"
        )


def _resume(item: Item, part: Path) -> Resume:
    """Where to go on; at the start when nothing says that the rest would fit."""
    if part.is_symlink():
        part.unlink()
    if not part.is_file():
        return Resume()
    validator = str(_notes(part).get("validator") or "")
    # with a digest the two halves are proved to belong together, or fetched anew
    if not validator and not item.expects:
        return Resume()
    return Resume(offset=part.stat().st_size, validator=validator)


def _rehash(file: BinaryIO, hasher: Hasher, start: int) -> int:
    """Feed the bytes that are here, and cut what goes beyond them."""
    left = start
    while left and (chunk := file.read(min(left, Hasher.CHUNK))):
        hasher.update(chunk)
        left -= len(chunk)
    file.truncate(start)
    file.seek(start)
    return start


def _wrong(item: Item, found: FileHash) -> str | None:
    """The first digest that does not hold."""
    for expected in item.expects:
        if found.digest(expected.partition(":")[0]) != expected:
            return expected
    return None


def _notes(part: Path) -> dict[str, str]:
    try:
        said = json.loads(part.with_suffix(".json").read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _note(part: Path, **said: str) -> None:
    path = part.with_suffix(".json")
    path.unlink(missing_ok=True)
    path.write_text(json.dumps(said))

"""What bytes hash to: of a file while it streams by, of a directory from its files.

md5:<hex>       a file, as DVC has it; `md5-dos2unix` is what DVC 2 took of text files
md5:<hex>.dir   a directory, as DVC has it: the md5 of its list of md5s and paths
git:<hex>       a blob or a tree
sha256:<hex>    a file; of a directory the hash of what `sha256sum` prints of its files,
                sorted by path: a line `<hex>  <path>` each
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playbill.api.errors import Stalled

_GRAMMAR = re.compile(
    r"(?P<kind>md5):(?P<md5>[0-9a-f]{32}(?:\.dir)?)|(git):[0-9a-f]{40}|(sha256):[0-9a-f]{64}"
)
_SNIFFED = 512
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"


def check_digest(text: str) -> str:
    """The digest if it is one. Raises Stalled(DigestNotSupported)."""
    if not _GRAMMAR.fullmatch(text):
        raise Stalled(
            "DigestNotSupported",
            f"{text[:80]!r} is no digest: md5:<32 hex> (with .dir for a directory), "
            "git:<40 hex> and sha256:<64 hex> are",
        )
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHash:
    """A file of the artifact: its path in it, and what its bytes hash to, all in hex.

    `md5` is what DVC's directory lists would say of it, `size` is in bytes.
    """

    path: str
    size: int
    sha256: str
    md5: str
    git: str
    executable: bool = False

    def digest(self, kind: str) -> str:
        """`kind:hex`."""
        return f"{kind}:{getattr(self, kind)}"


class Hasher:
    """Takes a file's bytes as they come. `size` is what git hashes first.

    With `dos2unix` the md5 is that of DVC 2, which took line ends out of what looked like text,
    a megabyte at a time; the feeding must keep to that measure then.
    """

    CHUNK = 1 << 20

    def __init__(self, size: int | None, *, dos2unix: bool = False) -> None:
        self._size = size
        self._dos2unix = dos2unix
        self._seen = 0
        self._pending = bytearray()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._git = hashlib.sha1(usedforsecurity=False)
        self._git.update(f"blob {size}\0".encode() if size is not None else b"")

    def update(self, chunk: bytes) -> None:
        """The next bytes."""
        self._seen += len(chunk)
        self._sha256.update(chunk)
        self._git.update(chunk)
        if not self._dos2unix:
            self._md5.update(chunk)
            return
        self._pending += chunk
        while len(self._pending) >= self.CHUNK:
            self._md5.update(_unix(bytes(self._pending[: self.CHUNK])))
            del self._pending[: self.CHUNK]

    def done(self, path: str, *, executable: bool = False) -> FileHash:
        """Of all that came; git's is empty where the size was not known, or another."""
        if self._pending:
            self._md5.update(_unix(bytes(self._pending)))
            self._pending.clear()
        return FileHash(
            path=path,
            size=self._seen,
            sha256=self._sha256.hexdigest(),
            md5=self._md5.hexdigest(),
            git=self._git.hexdigest() if self._size == self._seen else "",
            executable=executable,
        )


def _unix(block: bytes) -> bytes:
    """A block as DVC 2 hashed it: text, by the look of its start, without carriage returns."""
    start = block[:_SNIFFED]
    odd = len(start.translate(None, _TEXT))
    is_text = b"\0" not in start and odd <= 0.30 * len(start)
    return block.replace(b"\r\n", b"\n") if is_text else block


def manifest(files: Iterable[FileHash]) -> bytes:
    """What `sha256sum` prints of the files, sorted by path."""
    ordered = sorted(files, key=lambda file: file.path.encode())
    return "".join(f"{file.sha256}  {file.path}\n" for file in ordered).encode()


def directory_digest(kind: str, files: Sequence[FileHash]) -> str:
    """Of a directory, `kind:hex`."""
    if kind == "sha256":
        return f"sha256:{hashlib.sha256(manifest(files)).hexdigest()}"
    if kind == "git":
        return f"git:{_tree(files).hex()}"
    listed = [{"md5": each.md5, "relpath": each.path} for each in files]
    text = json.dumps(sorted(listed, key=lambda each: each["relpath"]), sort_keys=True)
    return f"md5:{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.dir"


def digest_of(kind: str, files: Sequence[FileHash], *, directory: bool) -> str:
    """Of an artifact, be it a directory or a single file."""
    if directory:
        return directory_digest(kind, files)
    (file,) = files
    return file.digest(kind)


def _tree(files: Iterable[FileHash]) -> bytes:
    """The id of the git tree that holds these files and nothing else."""
    root: dict[str, Any] = {}
    for file in files:
        *parents, name = file.path.split("/")
        place = root
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = file
    return _tree_id(root)


def _tree_id(entries: Mapping[str, Any]) -> bytes:
    rows = []
    for name, entry in entries.items():
        if isinstance(entry, FileHash):
            mode, oid, key = "100755" if entry.executable else "100644", entry.git, name
            rows.append((key.encode(), f"{mode} {name}\0".encode() + bytes.fromhex(oid)))
        else:  # git sorts a directory as if its name ended in a slash
            rows.append((f"{name}/".encode(), f"40000 {name}\0".encode() + _tree_id(entry)))
    body = b"".join(row for _, row in sorted(rows))
    return hashlib.sha1(b"tree %d\0" % len(body) + body, usedforsecurity=False).digest()

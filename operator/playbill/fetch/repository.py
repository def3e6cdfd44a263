"""The model's repository at one commit: its small files, and what git itself holds of artifacts.

Only that commit is asked for, without its history and without its blobs; then those blobs that
are wanted, in one more call. A server that gives no commit by its id is asked for everything.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Thread

from playbill.api.errors import Retry, Stalled, Trouble
from playbill.fetch.names import check_together, safe
from playbill.fetch.source import Item, Listing, Resume, Stream
from playbill.fetch.trouble import not_found, refused, unsupported
from playbill.git.command import Git, GitSettings
from playbill.git.credentials import Credentials
from playbill.git.errors import ObjectRefused
from playbill.git.fetch import fetch_refs
from playbill.git.objects import Entry, find_entries, read_many
from playbill.git.store import Store
from playbill.git.url import UrlPolicy, parse_url

NO_LIMIT = 1 << 50
A_DAY = 86400.0
LFS = b"version https://git-lfs.github.com/spec/"

_LOG = logging.getLogger(__name__)


class Repository:
    """One commit of a repository, in a directory that may vanish."""

    def __init__(
        self, url: str, commit: str, *, login: Credentials, policy: UrlPolicy, home: Path
    ) -> None:
        self.url = parse_url(url, policy=policy)
        self.commit = commit
        settings = GitSettings(
            home=home / "git-home", policy=policy, seconds=A_DAY, fetch_seconds=A_DAY,
            output_limit=NO_LIMIT, pack_limit=NO_LIMIT,
        )  # fmt: skip
        self._store = Store(home / "repository.git", self.url, login, Git(settings))

    @property
    def address(self) -> str:
        """For people."""
        return f"{self.url.text} at {self.commit[:12]}"

    def open(self) -> None:
        """Have the commit and its trees. Raises Trouble."""
        if self._store.populated:
            return
        _LOG.info("asking %s for commit %s", self.url.text, self.commit)
        self._store.ensure()
        try:
            self._ask("--depth=1", oids=[self.commit], blobless=True)
        except ObjectRefused:
            _LOG.info("the server gives no commit by its id: asking for all branches and tags")
            fetch_refs(self._store)
        self._store.mark_populated(filtered=True)

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Small files; those that are not there are left out."""
        answers = read_many(self._store, [(self.commit, path) for path in paths])
        found = {}
        for (_, path), answer in answers.items():
            if isinstance(answer, Trouble):
                raise self._told(answer)
            found[path] = answer
        return found

    def entry(self, path: str) -> Entry | None:
        """What stands at a path."""
        found = find_entries(self._store, [(self.commit, path)]).get((self.commit, path))
        if isinstance(found, Trouble):
            raise self._told(found)
        return found

    def find(self, path: str, entry: Entry, *, expected: str) -> Listing:
        """The file or directory that git holds there, its blobs brought here."""
        name = path.rpartition("/")[2]
        if entry.kind in {"symlink", "submodule"}:
            raise refused(f"{path} is a {entry.kind} in git, which is not followed")
        if entry.kind == "file":
            blobs = [("100644", entry.oid, name)]
        else:
            blobs = list(self._tree(entry.oid, path))
        sizes = self._bring({oid for _, oid, _ in blobs})
        expects = (
            (expected,) if entry.kind == "file" and expected and ".dir" not in expected else ()
        )
        items = [
            Item(
                path=safe(name), size=sizes[oid], open=self._opener(oid, sizes[oid]),
                expects=tuple(dict.fromkeys((f"git:{oid}", *expects))),
                executable=mode == "100755",
            )
            for mode, oid, name in blobs
        ]  # fmt: skip
        check_together(item.path for item in items)
        return Listing(items=items, directory=entry.kind == "tree", digest=f"git:{entry.oid}")

    def _told(self, trouble: Trouble) -> Trouble:
        if trouble.reason != "CommitMissing":
            return trouble
        return not_found(f"{self.url.text} has no commit {self.commit}")

    def _tree(self, oid: str, path: str) -> Iterator[tuple[str, str, str]]:
        listed = self._store.local("ls-tree", "-r", "-z", "--full-tree", oid, operation="tree")
        for row in filter(None, listed.stdout.split(b"\0")):
            meta, _, raw = row.partition(b"\t")
            mode, _, blob = meta.decode().split(" ")
            name = raw.decode(errors="surrogateescape")
            if mode not in {"100644", "100755", "100664"}:
                kind = {"120000": "symlink", "160000": "submodule"}.get(mode, f"mode {mode}")
                raise refused(f"{path}/{safe(name)} is a {kind} in git, which is not followed")
            yield mode, blob, name

    def _bring(self, oids: set[str]) -> dict[str, int]:
        """The sizes of blobs, all of which are here then."""
        sizes = self._sizes(oids)
        if missing := oids - sizes.keys():
            _LOG.info("asking git for %d file%s", len(missing), "s" if len(missing) > 1 else "")
            try:
                self._ask(oids=sorted(missing))
            except ObjectRefused:
                fetch_refs(self._store, filtered=False)
            sizes |= self._sizes(missing)
        if oids - sizes.keys():
            raise Retry("Unavailable", "the git server did not send all files")
        return sizes

    def _sizes(self, oids: set[str]) -> dict[str, int]:
        output = self._store.local(
            "cat-file", "--batch-check=%(objectname) %(objectsize)",
            operation="sizes", stdin="".join(f"{oid}\n" for oid in sorted(oids)).encode(),
        )  # fmt: skip
        rows = (line.split(" ") for line in output.stdout.decode().splitlines())
        return {oid: int(size) for oid, size in rows if size != "missing"}

    def _ask(self, *options: str, oids: list[str], blobless: bool = False) -> None:
        """Objects by their ids; those that hang on them come along unless they are blobs."""
        filtered = ("-c", "remote.origin.partialclonefilter=blob:none") if blobless else ()
        self._store.remote(
            *filtered, "-c", "fetch.negotiationAlgorithm=noop",
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
            *options, "--stdin", "origin",
            operation="fetch", stdin="".join(f"{oid}\n" for oid in oids).encode(),
        )  # fmt: skip

    def _opener(
        self, oid: str, size: int
    ) -> Callable[[Resume], contextlib.AbstractContextManager[Stream]]:
        @contextlib.contextmanager
        def opened(_: Resume) -> Iterator[Stream]:
            chunks = self._blob(oid)
            yield Stream(start=0, total=size, validator="", chunks=chunks)

        return opened

    def _blob(self, oid: str) -> Iterator[bytes]:
        """A blob's bytes, as git writes them."""
        waiting: Queue[bytes | Trouble | None] = Queue(maxsize=16)

        def run() -> None:
            try:
                self._store.local("cat-file", "blob", oid, operation="blob", consume=waiting.put)
            except Trouble as trouble:
                waiting.put(trouble)
            finally:
                waiting.put(None)

        Thread(target=run, daemon=True).start()
        start = b""
        while (chunk := waiting.get()) is not None:
            if isinstance(chunk, Trouble):
                raise chunk
            if len(start) < len(LFS):
                start += chunk[: len(LFS)]
                if start.startswith(LFS):
                    raise unsupported("git has but a pointer of Git LFS there: use DVC, or a uri")
            yield bytes(chunk)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """An artifact that git itself holds."""

    repository: Repository
    path: str
    entry: Entry
    expected: str = ""

    @property
    def address(self) -> str:
        """For people."""
        return f"{self.path} in {self.repository.address}"

    def find(self) -> Listing:
        """All of its files."""
        return self.repository.find(self.path, self.entry, expected=self.expected)


@contextlib.contextmanager
def private_home() -> Iterator[Path]:
    """A directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="playbill-") as name:
        yield Path(name)


def check_commit(commit: str) -> str:
    """40 hex digits. Raises Stalled(InvalidArguments)."""
    if len(commit) != 40 or set(commit) - set("0123456789abcdef"):
        raise Stalled("InvalidArguments", f"{commit[:60]!r} is no commit id of 40 hex digits")
    return commit

"""A mirror of one remote repository: list, fetch, read its tags and files, push tags.

Each method takes the mirror's lock, makes the mirror when it is missing, and when git finds
it damaged makes it again and tries once more. It may be deleted at any time.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from playbill.api.errors import Retry, Trouble
from playbill.git.command import Git
from playbill.git.credentials import Credentials
from playbill.git.errors import MirrorCorrupt
from playbill.git.fetch import fetch_refs, find_default_branch, list_local, list_remote
from playbill.git.listing import Listing
from playbill.git.objects import (
    Entry,
    Place,
    find_entries,
    list_paths,
    read_commits,
    read_many,
    write_commits,
)
from playbill.git.push import PushReport, clear_staging, delete_tag, push_tags
from playbill.git.revisions import Revisions, names_tip
from playbill.git.store import Store
from playbill.git.tags import read_on, read_tags
from playbill.git.url import RemoteUrl
from playbill.ledger.events import TagRecord
from playbill.ledger.fold import Book
from playbill.ledger.tagobject import TagObject

T = TypeVar("T")

MAINTAIN_SECONDS = 3600.0


class Mirror:
    """One remote repository, seen with one set of credentials.

    Any method may raise the Trouble of `errors.classify`; only what is special is said below.
    """

    def __init__(self, directory: Path, url: RemoteUrl, credentials: Credentials, git: Git) -> None:
        self._store = Store(directory, url, credentials, git)
        self._revisions = Revisions(self._store)
        self._fetched: Listing | None = None
        self._default_branch: str | None = None
        self._opened = False
        self._maintained = -MAINTAIN_SECONDS

    @property
    def url(self) -> RemoteUrl:
        """Where the repository is."""
        return self._store.url

    @property
    def directory(self) -> Path:
        """Where the mirror is; it need not exist."""
        return self._store.directory

    def list_refs(self) -> Listing:
        """The remote's branches and tags now. One git process at most, which holds up no other."""
        self._guarded(lambda: None, populated=False)
        try:
            return list_remote(self._store)
        except MirrorCorrupt:
            return self._guarded(lambda: list_remote(self._store), populated=False)

    def default_branch(self) -> str | None:
        """The branch that the remote's HEAD names; None while there is none.

        Asked once, and again when that branch is gone.
        """
        known = self._fetched.heads if self._fetched is not None else {}
        if self._default_branch is None or (known and self._default_branch not in known):
            self._default_branch = self._guarded(
                lambda: find_default_branch(self._store), populated=False
            )
        return self._default_branch

    def fetch(self) -> None:
        """Bring branches and tags here as the remote has them. One git process."""
        self._guarded(self._fetch, populated=False)

    @property
    def fetched(self) -> Listing:
        """The branches and tags that are here."""
        return self._guarded(self._list_local)

    def tags(self) -> list[TagRecord]:
        """Every fetched tag. Two git processes, one of them for `fetched`, if that is not known."""
        return self._guarded(self._tags)

    def read_on(self, book: Book) -> Book:
        """The book of what is fetched now, of which only tags that this one lacks are read."""
        return self._guarded(lambda: read_on(self._store, self._list_local(), book))

    def resolve(self, revision: str | None, branch: str | None = None) -> str:
        """The commit that a revision, or else the branch's tip, names.

        Raises Stalled: RevisionNotFound, RevisionNotReachable.
        """
        (answer,) = self.resolve_many([(revision, branch)])
        if isinstance(answer, Trouble):
            raise answer
        return answer

    def resolve_many(self, wanted: Sequence[tuple[str | None, str | None]]) -> list[str | Trouble]:
        """A commit, or the trouble, for each (revision, branch). Two git processes at most.

        A branch left out is the remote's default one.
        """
        unsaid = any(branch is None and names_tip(revision) for revision, branch in wanted)
        default = self.default_branch() if unsaid else None
        filled = [(revision, branch or default) for revision, branch in wanted]
        return self._guarded(lambda: self._revisions.resolve_many(filled, self._list_local()))

    def read(self, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The files at a commit; those that are not there are left out.

        Raises Stalled: InvalidPath (symlinks, submodules), FileTooLarge, ReadTooLarge.
        """
        answers = self.read_many((commit, path) for path in paths)
        contents = {}
        for (_, path), answer in answers.items():
            if isinstance(answer, Trouble):
                raise answer
            contents[path] = answer
        return contents

    def read_many(self, places: Iterable[Place]) -> dict[Place, bytes | Trouble]:
        """Many files at many commits, in five git processes at most, one of them a fetch."""
        wanted = list(places)
        return self._guarded(lambda: read_many(self._store, wanted))

    def entries(self, places: Iterable[Place]) -> dict[Place, Entry | Trouble]:
        """What stands at each place, without its content. One git process."""
        wanted = list(places)
        return self._guarded(lambda: find_entries(self._store, wanted))

    def paths(self, commit: str) -> list[str]:
        """Every file's path at a commit. One git process."""
        return self._guarded(lambda: list_paths(self._store, commit))

    def read_commits(self, commits: Iterable[str]) -> dict[str, bytes]:
        """Commit objects as git stores them; those that are not here are left out."""
        wanted = list(commits)
        return self._guarded(lambda: read_commits(self._store, wanted))

    def write_commits(self, commits: Sequence[bytes]) -> None:
        """Write commit objects here, for tags to be pushed on. One git process."""
        self._guarded(lambda: write_commits(self._store, commits))

    def push(self, tags: Sequence[TagObject], commits: Sequence[bytes] = ()) -> PushReport:
        """Push tags that must not exist there, all or none. Four git processes at most.

        Their commits must have been fetched, or be among `commits`, which were written here and
        go with them. Raises Retry(PushUnanswered) when it is not known
        what the server did: then a listing tells.
        """
        if not tags:
            return PushReport({})
        noted = False
        try:
            report = self._guarded(lambda: push_tags(self._store, tags, commits))
            noted = report.noted
        finally:
            if not noted:
                self._fetched = None
        if self._fetched is not None:
            landed = {tag.name: tag.oid for tag in tags if tag.name in report.landed}
            self._fetched = self._fetched.with_tags(landed)
        return report

    def withdraw(self, name: str, oid: str) -> bool:
        """Delete the remote's tag `name` if it is `oid`; whether that happened."""
        return self._guarded(lambda: delete_tag(self._store, name, oid), populated=False)

    def hang_up(self) -> None:
        """Keep no connection to the remote any longer."""
        if self._store.wire is not None:
            self._store.wire.hang_up()

    def on_store(self, work: Callable[[Store], T]) -> T:
        """Something else on the mirror, under its lock; it may be done twice if it is damaged."""
        return self._guarded(lambda: work(self._store))

    def remove(self) -> None:
        """Throw the directory away; the next use makes it again."""
        with self._store.locked():
            self._fetched = None
            self._store.remove()

    def maintain(self) -> bool:
        """Pack refs and objects if there are very many, once an hour at most; whether it was done.

        Slow; for when nobody waits.
        """
        now = time.monotonic()
        if now < self._maintained + MAINTAIN_SECONDS or not self._store.untidy:
            return False
        self._maintained = now
        self._guarded(self._store.collect, populated=False)
        return True

    def _fetch(self) -> None:
        self._fetched = None
        fetch_refs(self._store, filtered=self._store.filtered)
        self._revisions.refs_changed()

    def _tags(self) -> list[TagRecord]:
        here = self._list_local()
        return read_tags(self._store, here.tags, here.kinds)

    def _list_local(self) -> Listing:
        if self._fetched is None:
            self._fetched = list_local(self._store)
        return self._fetched

    def _guarded(self, work: Callable[[], T], *, populated: bool = True) -> T:
        try:
            with self._store.locked():
                try:
                    self._prepare(populated=populated)
                    return work()
                except MirrorCorrupt:
                    self._store.remove()
                    self._prepare(populated=populated)
                    return work()
        except OSError as error:
            raise Retry(
                "CacheUnusable", f"The mirror's directory cannot be used: {error.strerror}."
            ) from None

    def _prepare(self, *, populated: bool) -> None:
        if self._store.ensure():
            self._fetched = None
        elif not self._opened:
            self._store.clear_locks()
            clear_staging(self._store)
        self._opened = True
        if populated and not self._store.populated:
            self._fetch()

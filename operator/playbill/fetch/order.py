"""What is asked for, and the source that has it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from playbill.api.errors import Stalled
from playbill.fetch.digests import check_digest
from playbill.fetch.logins import StoreLogin, git_login
from playbill.fetch.patience import Patience
from playbill.fetch.records import configuration, find_tracked, wanted_files
from playbill.fetch.repository import GitSource, Repository, check_commit
from playbill.fetch.s3 import S3Source
from playbill.fetch.source import Source
from playbill.fetch.trouble import refused
from playbill.fetch.web import WebSource, without_query
from playbill.git.url import UrlPolicy

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An artifact at a `uri`, or at a `path` of a `repository` at a `commit`; empty means not
    given. `into` is the directory that it is to be, `policy` what addresses may be."""

    into: Path
    git_secret: Path
    store_secret: Path
    uri: str = ""
    repository: str = ""
    commit: str = ""
    path: str = ""
    digest: str = ""
    remote: str = ""
    endpoint: str = ""
    policy: UrlPolicy = field(default_factory=UrlPolicy)

    def check(self) -> None:
        """Raises Stalled: InvalidArguments, DigestNotSupported."""
        of_git = (self.repository, self.commit, self.path)
        if bool(self.uri) == any(of_git) or (not self.uri and not all(of_git)):
            raise Stalled(
                "InvalidArguments", "give either --uri, or --repository, --commit and --path"
            )
        if self.commit:
            check_commit(self.commit)
        if self.digest:
            check_digest(self.digest)
        if not self.into.is_absolute() or self.into.name.startswith("."):
            raise Stalled("InvalidArguments", "--into must be an absolute path of a plain name")


def source_of(order: Order, *, home: Path, patience: Patience) -> Source:
    """Where the artifact is. Of a repository's path git is asked first whether it has it itself.

    Raises Trouble, after the last try.
    """
    login = StoreLogin.read(order.store_secret)
    scheme = order.uri.partition("://")[0].lower()
    if scheme == "s3":
        return S3Source(order.uri, login, order.policy, order.endpoint, order.digest)
    if scheme in {"https", "http"}:
        return WebSource(
            uri=order.uri, login=login, policy=order.policy, expected=order.digest,
            endpoint=order.endpoint,
        )  # fmt: skip
    if order.uri:
        raise refused(f"{without_query(order.uri)} is not fetched: s3:// and https:// are")
    repository = Repository(
        order.repository, order.commit, login=git_login(order.git_secret), policy=order.policy,
        home=home,
    )  # fmt: skip
    patience.persist(repository.open)
    return patience.persist(lambda: _tracked(order, repository, login, home))


def _tracked(order: Order, repository: Repository, login: StoreLogin, home: Path) -> Source:
    """What git holds, which may be an output that DVC does not keep; or else DVC's remote."""
    entry = repository.entry(order.path)
    of_git = None
    if entry is not None:
        of_git = GitSource(
            repository=repository, path=order.path, entry=entry, expected=order.digest
        )
        # beside what DVC tracks in a directory, git holds a .gitignore
        if entry.kind != "tree" or not order.digest.startswith("md5:"):
            return of_git
    files = repository.read(wanted_files(order.path))
    try:
        tracked = find_tracked(order.path, files)
    except Stalled as stalled:
        if of_git is None or stalled.reason != "NotFound":
            raise
        return of_git
    from playbill.fetch.dvc_remote import choose_remote, quiet  # noqa: PLC0415
    from playbill.fetch.dvc_source import DvcSource  # noqa: PLC0415

    quiet(home)
    name = order.remote or tracked.remote
    remote = choose_remote(configuration(order.path, files), name, home=home)
    _LOG.info("DVC tracks %s as md5:%s, in %s", tracked.path, tracked.md5, remote.address)
    return DvcSource(tracked, remote, login, order.policy, order.endpoint, order.digest)

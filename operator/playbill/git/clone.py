"""A person's own clone, read and never changed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from playbill.api.errors import Retry, Stalled, Trouble
from playbill.git.command import Git, Output
from playbill.git.credentials import ANONYMOUS
from playbill.git.objects import Entry, Place, find_entries, read_many
from playbill.git.store import Store
from playbill.git.url import RemoteUrl


class Clone(Store):
    """The repository of a directory, with or without a work tree, for what reads a Store.

    Raises Stalled(NotARepository).
    """

    def __init__(self, directory: Path, git: Git) -> None:
        found = find_repository(directory)
        url = RemoteUrl(text="", scheme="file", user="", host="", port=None, path=str(found))
        super().__init__(found, url, ANONYMOUS, git)

    def read_many(self, places: Iterable[Place]) -> dict[Place, bytes | Trouble]:
        """Many files at many commits, as a Mirror gives them."""
        return read_many(self, places)

    def entries(self, places: Iterable[Place]) -> dict[Place, Entry | Trouble]:
        """What stands at each place, without its content."""
        return find_entries(self, places)

    def remote(self, *_: str, **__: Any) -> Output:
        """Nothing is fetched: a partial clone that lacks something says so."""
        raise Retry("NotFetched", "The clone is a partial one and lacks what is to be read.")

    def clear_locks(self) -> None:
        """Whoever holds a lock in somebody's clone holds it for good reason."""


def find_repository(directory: Path) -> Path:
    """The git directory of this directory, or of the nearest above that has one."""
    start = directory.resolve()
    for place in (start, *start.parents):
        if (place / ".git").exists():
            return place / ".git"
        if (place / "HEAD").is_file() and (place / "objects").is_dir():
            return place
    raise Stalled(
        "NotARepository",
        f"{directory} is in no git repository: clone the model's repository, and name it by --repo",
    )

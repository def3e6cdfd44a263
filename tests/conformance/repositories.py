"""Real repositories, written with given seconds, for the real GTO to read beside us."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playbill.ledger.events import TagRecord
from playbill.ledger.tagobject import TagObject, pack

# Tags of the test data are dated seconds after this; commits are older than any tag.
EPOCH = 1_600_000_000
_FIELDS = (
    "refname:strip=2",
    "objectname",
    "objecttype",
    "object",
    "type",
    "taggername",
    "taggeremail:trim",
    "taggerdate:unix",
    "contents",
)


@dataclass(frozen=True)
class Tag:
    """One tag to write: on the commit of this number, so many seconds after EPOCH."""

    name: str
    commit: int
    seconds: int
    lightweight: bool = False
    message: str = "by hand"


@dataclass
class Repository:
    """A git repository of some commits, to which tags are added in bulk."""

    path: Path
    commits: list[str] = field(default_factory=list)

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, input=stdin, check=True, capture_output=True).stdout

    def write(self, tags: Sequence[Tag]) -> None:
        stream = "".join(self._tag(tag) for tag in tags)
        self.git("fast-import", "--quiet", stdin=stream.encode())

    def push(self, tags: Sequence[TagObject]) -> None:
        """Take tags as a server does: their very bytes, under names that must not exist."""
        if not tags:
            return
        self.git("unpack-objects", "-q", stdin=pack(tags))
        commands = "".join(f"create refs/tags/{tag.name} {tag.oid}\n" for tag in tags)
        self.git("update-ref", "--stdin", stdin=commands.encode())

    def add_commits(self, number: int, *, seconds: int = EPOCH - 1000) -> None:
        """Begin the branch with so many commits, all of this time."""
        stream = "".join(
            f"commit refs/heads/main\nmark :{i}\ncommitter Ann <ann@example.org> {seconds} +0000\n"
            f"data <<.\nc{i}\n.\n"
            for i in range(1, number + 1)
        )
        self.git("fast-import", "--quiet", stdin=stream.encode())
        self.commits = self.git("rev-list", "--reverse", "main").decode().split()

    def records(self) -> list[TagRecord]:
        separator = "%00"
        form = separator.join(f"%({name})" for name in _FIELDS) + separator + "%01"
        lines = self.git("for-each-ref", f"--format={form}", "refs/tags").decode()
        return [_record(line.lstrip("\n")) for line in lines.split("\x01") if line.strip()]

    def _tag(self, tag: Tag) -> str:
        commit = self.commits[tag.commit - 1]
        if tag.lightweight:
            return f"reset refs/tags/{tag.name}\nfrom {commit}\n\n"
        return (
            f"tag {tag.name}\nfrom {commit}\n"
            f"tagger Ann <ann@example.org> {EPOCH + tag.seconds} +0000\n"
            f"data {len(tag.message.encode())}\n{tag.message}\n"
        )


def _record(line: str) -> TagRecord:
    name, oid, kind, target, target_kind, tagger, email, seconds, message, _ = line.split("\0")
    return TagRecord(
        name=name,
        oid=oid,
        kind=kind,
        target=target or oid,
        target_kind=target_kind or kind,
        tagger=tagger,
        email=email,
        seconds=int(seconds) if seconds else None,
        message=message,
    )


MakeRepository = Callable[..., Repository]

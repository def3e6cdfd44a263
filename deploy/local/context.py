"""What goes into an image, as one hash: the same hash, the same image.

Reads `.dockerignore` as image builders do, so that a change of an ignored file builds
nothing. To hash a file too many costs a build that finds its layers cached; to hash one
too few would ship an old image.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

IGNORE_FILES = (".containerignore", ".dockerignore")


@dataclass(frozen=True)
class Rule:
    """A line of an ignore file."""

    pattern: str
    keeps: bool

    def matches(self, path: str) -> bool:
        """Whether it names the path or a folder above it."""
        parts = path.split("/")
        return any(self._regex.fullmatch("/".join(parts[: end + 1])) for end in range(len(parts)))

    def may_keep_below(self, folder: str) -> bool:
        """Whether it could bring back something inside an ignored folder."""
        return self.keeps and ("*" in self.pattern or self.pattern.startswith(f"{folder}/"))

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
        tokens = re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", self.pattern)
        return re.compile("".join(meanings.get(token) or re.escape(token) for token in tokens))


def digest(context: Path, dockerfile: Path, arguments: dict[str, str]) -> str:
    """The hash of all that decides what is built."""
    total = hashlib.sha256(repr(sorted(arguments.items())).encode())
    total.update(dockerfile.read_bytes())
    for path in sorted(files(context)):
        full = context / path
        total.update(f"\0{path}\0{full.lstat().st_mode}\0".encode())
        total.update(str(full.readlink()).encode() if full.is_symlink() else full.read_bytes())
    return total.hexdigest()[:32]


def files(context: Path) -> Iterator[str]:
    """The paths, relative to the context, that are not ignored."""
    rules = list(_rules(context))
    for folder, names, contents in os.walk(context):
        here = Path(folder).relative_to(context).as_posix()
        prefix = "" if here == "." else f"{here}/"
        names[:] = [name for name in names if _descend(rules, prefix + name)]
        links = [name for name in names if Path(folder, name).is_symlink()]
        for name in (*contents, *links):
            if not _ignored(rules, prefix + name):
                yield prefix + name


def _rules(context: Path) -> Iterator[Rule]:
    for name in IGNORE_FILES:
        if not (context / name).exists():
            continue
        for raw in (context / name).read_text().splitlines():
            line = raw.strip()
            if line and not line.startswith("#"):
                pattern = line.lstrip("!").strip().strip("/").removeprefix("./")
                yield Rule(pattern, keeps=line.startswith("!"))
        return


def _ignored(rules: list[Rule], path: str) -> bool:
    ignored = False
    for rule in rules:
        if rule.matches(path):
            ignored = not rule.keeps
    return ignored


def _descend(rules: list[Rule], folder: str) -> bool:
    return not _ignored(rules, folder) or any(rule.may_keep_below(folder) for rule in rules)

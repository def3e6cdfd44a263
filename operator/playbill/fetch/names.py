"""Which names a file may have on the volume: those that stay in it, and do not collide.

Names come from git trees, DVC's directory manifests and the keys of object stores, all of which
anybody may have written.
"""

import posixpath
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from playbill.fetch.trouble import refused

LONGEST_PART = 255
LONGEST_NAME = 1024
DEEPEST = 64

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def safe(name: str) -> str:
    """The name if it is a plain relative path, in normal form. Raises Stalled(Refused)."""
    parts = name.split("/")
    if why := _fault(name, parts):
        raise refused(f"the name {name[:200]!r} {why}: nothing is written outside of the volume")
    return name


def check_together(names: Iterable[str]) -> None:
    """No name twice, and no file where another needs a directory. Raises Stalled(Refused)."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise refused(f"the name {name[:200]!r} is there twice")
        seen.add(name)
    for name in seen:
        parent = posixpath.dirname(name)
        while parent:
            if parent in seen:
                raise refused(f"{parent[:200]!r} is a file, and {name[:200]!r} lies in it")
            parent = posixpath.dirname(parent)


def last_of(uri: str) -> str:
    """A file's name, from the address it is at; `artifact` where that has none."""
    name = posixpath.basename(unquote(urlsplit(uri).path))
    return safe(name) if name else "artifact"


def _fault(name: str, parts: list[str]) -> str:
    if not name or name.startswith("/"):
        return "is empty or absolute"
    if not {".", "..", ""}.isdisjoint(parts):
        return "has '.', '..' or an empty part"
    if _CONTROL.search(name) or "\\" in name:
        return "holds control characters or backslashes"
    try:
        longest = max(len(part.encode()) for part in parts)
    except UnicodeEncodeError:
        return "is not UTF-8"
    if longest > LONGEST_PART or len(name.encode()) > LONGEST_NAME or len(parts) > DEEPEST:
        return "is too long or too deep"
    return ""

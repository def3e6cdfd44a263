"""What is known of an artifact at a commit, within the bounds of a status."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from playbill.git.documents import text_of
from playbill.git.dvclock import Lineage

MOST_KEYS = 100
MOST_BYTES = 32 * 1024
LARGEST_META = 8 * 1024
LONGEST_KEY = 253
LONGEST_VALUE = 256
LONGEST_PROBLEM = 500

_LARGEST_INTEGER = 1 << 63


@dataclass(frozen=True, slots=True)
class ProjectProblem:
    """Why facts are missing: `InvalidProject`, with file and line, or a passing `CommitMissing`."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFacts:
    """Empty where the project says nothing. `size` in bytes; `digest` is `md5:<hex>` of DVC's
    output or `git:<oid>` of what git itself holds; `meta` is plain JSON; `truncated` when
    metrics or params were cut to 100 keys of 256 characters, and to 32 KiB, `partial` names those
    of the two that lost keys by it; `notes` tell, for people, what else was left out.
    """

    path: str = ""
    type: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    meta: Any = None
    digest: str = ""
    size: int | None = None
    files: int | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    lineage: Lineage | None = None
    truncated: bool = False
    partial: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    problem: ProjectProblem | None = None

    @property
    def passing(self) -> bool:
        """Whether something could only not be read just now: the next look may find it."""
        return self.problem is not None and self.problem.reason != "InvalidProject"


def cut_values(values: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """The first 100 keys that fit into 32 KiB, and whether anything was cut or left out.

    A long value is cut, a key that is too long is left out: cut, it could be another's.
    """
    kept: dict[str, str] = {}
    size, whole = 0, True
    for name, text in values.items():
        key, value = _sound(name), _sound(text)
        if len(kept) == MOST_KEYS:
            return kept, True
        if len(key) > LONGEST_KEY:
            whole = False
            continue
        if len(value) > LONGEST_VALUE:
            value, whole = f"{value[: LONGEST_VALUE - 1]}…", False
        size += len(key.encode()) + len(value.encode())
        if size > MOST_BYTES:
            return kept, True
        kept[key] = value
    return kept, not whole


def bounded_meta(value: Any) -> tuple[Any, bool]:
    """Any value of YAML as JSON has it, and whether it was left out for being over 8 KiB."""
    plain = _plain(value)
    too_large = len(json.dumps(plain, ensure_ascii=False).encode()) > LARGEST_META
    return (None, True) if too_large else (plain, False)


def _plain(value: Any) -> Any:
    """What JSON, and an object of Kubernetes, can hold; what they cannot is text.

    An entry that is null is one that is not there, as everywhere in Kubernetes.
    """
    match value:
        case None | bool():
            return value
        case dict():
            pairs = ((_sound(text_of(key)), _plain(each)) for key, each in value.items())
            return {key: each for key, each in pairs if each is not None}
        case list() | tuple():
            return _plain_list(value)
        case set():
            return _plain_list(sorted(value, key=str))
        case int() if -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
            return value
        case float() if math.isfinite(value):
            return value
        case bytes():
            return f"{len(value)} bytes"
        case _:
            return _sound(text_of(value))


def _plain_list(values: Iterable[Any]) -> list[Any]:
    return [each for value in values if (each := _plain(value)) is not None]


def _sound(text: str) -> str:
    """YAML can name half of a surrogate pair, which no JSON can carry."""
    return text.encode("utf-8", "replace").decode()

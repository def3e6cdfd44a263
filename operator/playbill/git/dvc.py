"""What a `dvc.yaml` says: artifacts, and where their metrics and params are.

Pure. The format is that of dvc 3; it is read leniently, as a registry has to show what is
there, and DVC is the judge of the rest. What DVC has recorded is in `dvclock`.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

DEFAULT_PARAMS = "params.yaml"
MOST_FILES = 50
LONGEST_TEXT = 4096

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An entry of `artifacts:`. `path` is relative to the repository's root, or a URL; it is empty
    where `unread` says, for people, why it is not known."""

    name: str
    path: str
    unread: str = ""
    type: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    meta: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A metrics or params file; `keys` are those wanted of it, all when empty.

    `unread` says why it cannot be read, for people; `implied` that nobody has listed it.
    """

    path: str
    keys: tuple[str, ...] = ()
    unread: str = ""
    implied: bool = False


def is_url(path: str) -> bool:
    """Whether an artifact lies outside the repository."""
    return _URL.match(path) is not None


def confine(directory: str, path: object) -> str | None:
    """A path relative to the root, from one relative to `directory`; None if it leads out."""
    if not isinstance(path, str) or not path or path.startswith("/") or "${" in path:
        return None
    joined = posixpath.normpath(posixpath.join(directory, path))
    return None if joined in {".", ".."} or joined.startswith("../") else joined


def split_artifact(artifact: str) -> tuple[str, str]:
    """`dir:name` as (directory, name); `dir/dvc.yaml:name` says the same."""
    directory, _, name = artifact.rpartition(":")
    directory = directory.removesuffix("dvc.yaml").strip("/")
    return ("" if directory == "." else directory), name


def list_artifacts(directory: str, project: Mapping[str, Any]) -> Iterator[Artifact]:
    """The artifacts of a `dvc.yaml`; an entry without a usable path is left out."""
    for name, entry in mapping(project.get("artifacts")).items():
        artifact = _artifact(directory, str(name), mapping(entry))
        if artifact is not None:
            yield artifact


def _artifact(directory: str, name: str, entry: Mapping[str, Any]) -> Artifact | None:
    written, unread = entry.get("path"), ""
    if isinstance(written, str) and "${" in written:
        unread = f"{written[:LONGEST_TEXT]} is not resolved: names with ${{...}} are not"
    path = written if isinstance(written, str) and is_url(written) else confine(directory, written)
    if path is None and not unread:
        return None
    return Artifact(
        name=name,
        path="" if unread or path is None else path[:LONGEST_TEXT],
        unread=unread,
        type=text(entry.get("type")),
        description=text(entry.get("desc")),
        labels=tuple(text(label) for label in sequence(entry.get("labels"))),
        meta=entry.get("meta"),
    )


def metrics_sources(directory: str, project: Mapping[str, Any]) -> list[Source]:
    """The metrics files of a project and of its stages."""
    written = [(directory, entry) for entry in sequence(project.get("metrics"))]
    for place, stage in _stages(directory, project):
        written += [(place, entry) for entry in sequence(stage.get("metrics"))]
    found: list[Source] = []
    for place, entry in written:
        for path in [entry] if isinstance(entry, str) else list(mapping(entry)):
            found += _source(place, path)
    return merged(found)


def params_sources(directory: str, project: Mapping[str, Any]) -> list[Source]:
    """The params files. A plain string is a file at the top and, in a stage, a key of
    `params.yaml`; `{file: [keys]}` is the same in both, and no keys mean all of them.

    All of the `params.yaml` at the root is shown whether it is listed or not, as by DVC.
    """
    found: list[Source] = []
    for entry in sequence(project.get("params")):
        found += _source(directory, entry) if isinstance(entry, str) else _keyed(directory, entry)
    for place, stage in _stages(directory, project):
        for entry in sequence(stage.get("params")):
            if isinstance(entry, str):
                found += _source(place, DEFAULT_PARAMS, keys=[entry])
            else:
                found += _keyed(place, entry)
    if not directory:
        found.append(Source(path=DEFAULT_PARAMS, implied=True))
    return merged(found)


def _keyed(directory: str, entry: object) -> Iterator[Source]:
    for path, keys in mapping(entry).items():
        yield from _source(directory, path, keys=[str(key) for key in sequence(keys)])


def _source(directory: str, path: object, *, keys: Iterable[str] = ()) -> Iterator[Source]:
    wanted = tuple(keys)
    if any("${" in name for name in (str(path), *wanted)):
        yield Source(path=str(path)[:LONGEST_TEXT], unread="names with ${...} are not resolved")
        wanted = tuple(key for key in wanted if "${" not in key)
        if not wanted:
            return
    confined = confine(directory, path)
    if confined is None:
        return
    if confined.endswith(".py"):
        yield Source(path=confined, unread="it is Python, which would have to be run")
        return
    yield Source(path=confined, keys=wanted)


def merged(sources: Iterable[Source]) -> list[Source]:
    """One source a file; all of its keys when any asks for all."""
    found: dict[tuple[str, str], Source] = {}
    for source in sources:
        place = source.path, source.unread
        before = found.get(place, source)
        both = before.keys and source.keys
        keys = tuple(dict.fromkeys(before.keys + source.keys)) if both else ()
        implied = before.implied and source.implied
        found[place] = replace(before, keys=keys, implied=implied)
    return list(found.values())[:MOST_FILES]


def select(values: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """Of flattened values, those named by a key or below one."""
    if not keys:
        return dict(values)
    return {
        name: value
        for name, value in values.items()
        if any(name == key or name.startswith(f"{key}.") for key in keys)
    }


def _stages(directory: str, project: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each stage with the directory that its paths are relative to."""
    for stage in mapping(project.get("stages")).values():
        body = mapping(stage)
        body = mapping(body["do"]) if "do" in body else body
        yield _working_directory(directory, body), body


def stage_directories(directory: str, project: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each stage's name, and the directory that its paths are relative to."""
    names = mapping(project.get("stages"))
    for name, (place, _) in zip(names, _stages(directory, project), strict=True):
        yield str(name), place


def _working_directory(directory: str, stage: Mapping[str, Any]) -> str:
    written = stage.get("wdir")
    if isinstance(written, str) and posixpath.normpath(posixpath.join(directory, written)) == ".":
        return ""
    return confine(directory, written) or directory


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else ()


def text(value: object) -> str:
    """A short text in place of whatever stands where a text should."""
    return "" if value is None else str(value)[:LONGEST_TEXT]

"""What the files of a DVC project say: artifacts, outputs with their digests, metrics, params.

Pure. The formats are DVC's (`dvc.yaml`, `dvc.lock`, `.dvc` files as written by dvc 3); they
are read leniently, as a registry has to show what is there, and DVC is the judge of the rest.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEFAULT_PARAMS = "params.yaml"
MOST_FILES = 50
LONGEST_TEXT = 4096

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Output:
    """What DVC tracks: `digest` is `md5:<hex>` (a directory's ends in `.dir`), sizes in bytes."""

    digest: str
    size: int | None = None
    files: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An entry of `artifacts:`. `path` is relative to the repository's root, or a URL."""

    name: str
    path: str
    type: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """A metrics or params file; `keys` are those wanted of it, all when empty."""

    path: str
    keys: tuple[str, ...] = ()


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
    for name, entry in _mapping(project.get("artifacts")).items():
        artifact = _artifact(directory, str(name), _mapping(entry))
        if artifact is not None:
            yield artifact


def _artifact(directory: str, name: str, entry: Mapping[str, Any]) -> Artifact | None:
    written = entry.get("path")
    path = written if isinstance(written, str) and is_url(written) else confine(directory, written)
    if path is None:
        return None
    return Artifact(
        name=name,
        path=path[:LONGEST_TEXT],
        type=_text(entry.get("type")),
        description=_text(entry.get("desc")),
        labels=tuple(_text(label) for label in _sequence(entry.get("labels"))),
        meta=_mapping(entry.get("meta")),
    )


def metrics_sources(directory: str, project: Mapping[str, Any]) -> list[Source]:
    """The metrics files of a project and of its stages."""
    written = [(directory, entry) for entry in _sequence(project.get("metrics"))]
    for place, stage in _stages(directory, project):
        written += [(place, entry) for entry in _sequence(stage.get("metrics"))]
    found: list[Source] = []
    for place, entry in written:
        for path in [entry] if isinstance(entry, str) else list(_mapping(entry)):
            found += _source(place, path)
    return _merged(found)


def params_sources(directory: str, project: Mapping[str, Any]) -> list[Source]:
    """The params files. A plain string is a file at the top and, in a stage, a key of
    `params.yaml`; `{file: [keys]}` is the same in both, and no keys mean all of them.
    """
    found: list[Source] = []
    for entry in _sequence(project.get("params")):
        found += _source(directory, entry) if isinstance(entry, str) else _keyed(directory, entry)
    for place, stage in _stages(directory, project):
        for entry in _sequence(stage.get("params")):
            if isinstance(entry, str):
                found += _source(place, DEFAULT_PARAMS, keys=[entry])
            else:
                found += _keyed(place, entry)
    return _merged(found)


def _keyed(directory: str, entry: object) -> Iterator[Source]:
    for path, keys in _mapping(entry).items():
        yield from _source(directory, path, keys=[str(key) for key in _sequence(keys)])


def _source(directory: str, path: object, *, keys: Iterable[str] = ()) -> Iterator[Source]:
    confined = confine(directory, path)
    if confined is not None:
        yield Source(confined, tuple(key for key in keys if "${" not in key))


def _merged(sources: Iterable[Source]) -> list[Source]:
    """One source a file; all of its keys when any asks for all."""
    keys: dict[str, tuple[str, ...]] = {}
    for source in sources:
        before = keys.get(source.path)
        both = before is None or (before and source.keys)
        keys[source.path] = tuple(dict.fromkeys((before or ()) + source.keys)) if both else ()
    return [Source(path, wanted) for path, wanted in list(keys.items())[:MOST_FILES]]


def select(values: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """Of flattened values, those named by a key or below one."""
    if not keys:
        return dict(values)
    return {
        name: value
        for name, value in values.items()
        if any(name == key or name.startswith(f"{key}.") for key in keys)
    }


def output_of_dvc_file(document: Mapping[str, Any]) -> Output | None:
    """The one output of a `.dvc` file."""
    outputs = _sequence(document.get("outs"))
    return _output(_mapping(outputs[0])) if outputs else None


def output_of_lock(
    directory: str, project: Mapping[str, Any], lock: Mapping[str, Any], path: str
) -> Output | None:
    """The output at `path` that a `dvc.lock` records, relative to its stage's wdir."""
    places = dict(_named_stages(directory, project))
    for name, stage in _mapping(lock.get("stages")).items():
        # `train@3` is one of the stages that `foreach` or `matrix` makes of `train`
        place = places.get(str(name), places.get(str(name).partition("@")[0], directory))
        for entry in map(_mapping, _sequence(_mapping(stage).get("outs"))):
            if confine(place, entry.get("path")) == path:
                return _output(entry)
    return None


def _output(entry: Mapping[str, Any]) -> Output | None:
    for kind in ("md5", "etag", "checksum"):
        value = entry.get(kind)
        if isinstance(value, str) and value:
            size, files = _integer(entry.get("size")), _integer(entry.get("nfiles"))
            return Output(digest=f"{kind}:{value[:200]}", size=size, files=files)
    return None


def _stages(directory: str, project: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each stage with the directory that its paths are relative to."""
    for stage in _mapping(project.get("stages")).values():
        body = _mapping(stage)
        body = _mapping(body["do"]) if "do" in body else body
        yield _working_directory(directory, body), body


def _named_stages(directory: str, project: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    names = _mapping(project.get("stages"))
    for name, (place, _) in zip(names, _stages(directory, project), strict=True):
        yield str(name), place


def _working_directory(directory: str, stage: Mapping[str, Any]) -> str:
    return confine(directory, stage.get("wdir")) or directory


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _text(value: object) -> str:
    return "" if value is None else str(value)[:LONGEST_TEXT]


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None

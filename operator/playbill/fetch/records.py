"""Which output of DVC an artifact is, or lies in: from `.dvc` files, `dvc.yaml` and `dvc.lock`.

Pure. The formats are those of dvc 3, which still reads what dvc 2 wrote: without `hash: md5` an
output's digest is of text without carriage returns, and its place in the remote is another.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playbill.api.errors import Stalled
from playbill.fetch.trouble import not_found, unsupported
from playbill.git.documents import InvalidDocument, parse_mapping
from playbill.git.dvc import confine, mapping, sequence, stage_directories

CONFIG = ".dvc/config"
_MD5 = re.compile(r"[0-9a-f]{32}(?:\.dir)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """An output. `md5` ends in `.dir` for a directory; `inside` is the artifact's path in it,
    empty when it is the artifact itself; `remote` is the one that this output names, `size` the
    bytes of all of it, as DVC wrote them down."""

    path: str
    md5: str
    legacy: bool
    inside: str = ""
    remote: str = ""
    size: int | None = None


def wanted_files(path: str) -> list[str]:
    """The files that may tell of an artifact at this path, and the project's configuration."""
    above = _above(path)
    found = [f"{each}.dvc" for each in (path, *filter(None, above))]
    for directory in above:
        names = ("dvc.yaml", "dvc.lock", CONFIG)
        found += [posixpath.join(directory, name) for name in names]
    return found


def find_tracked(path: str, files: Mapping[str, bytes]) -> Tracked:
    """The output that is or holds the artifact, the nearest first.

    Raises Stalled: NotFound (nothing tracks it), Unsupported, InvalidProject.
    """
    documents = {
        name: _parse(name, content) for name, content in files.items() if not name.endswith(CONFIG)
    }
    for output in (path, *filter(None, _above(path))):
        entry = _recorded(output, documents)
        if entry is not None:
            return _tracked(output, entry, inside=path.removeprefix(output).lstrip("/"))
    raise not_found(
        f"neither git nor DVC has {path} at this commit: no .dvc file and no dvc.lock tells of it"
    )


def configuration(path: str, files: Mapping[str, bytes]) -> bytes:
    """`.dvc/config` of the nearest project. Raises Stalled(NotFound)."""
    for directory in _above(path):
        content = files.get(posixpath.join(directory, CONFIG))
        if content is not None:
            return content
    raise not_found(f"there is no {CONFIG} in or above the directory of {path} at this commit")


def _recorded(output: str, documents: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    for entry in map(mapping, sequence(documents.get(f"{output}.dvc", {}).get("outs"))):
        if confine(posixpath.dirname(output), entry.get("path")) == output:
            return entry
    for directory in _above(output):
        project, lock = (
            documents.get(posixpath.join(directory, name), {}) for name in ("dvc.yaml", "dvc.lock")
        )
        for place, stage, declared in _stages(directory, project, lock):
            for entry in map(mapping, sequence(stage.get("outs"))):
                if confine(place, entry.get("path")) == output:
                    return {**entry, **_flags(declared, entry.get("path"))}
    return None


def _stages(
    directory: str, project: Mapping[str, Any], lock: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Each locked stage: the directory of its paths, the lock's word and dvc.yaml's."""
    places = dict(stage_directories(directory, project))
    declared = mapping(project.get("stages"))
    for key, stage in mapping(lock.get("stages")).items():
        name = str(key)
        base = name if name in places else name.partition("@")[0]
        yield places.get(base, directory), mapping(stage), mapping(declared.get(base))


def _flags(declared: Mapping[str, Any], path: object) -> Mapping[str, Any]:
    """What dvc.yaml says of an output beside its path: `- model.pkl: {remote: storage}`."""
    for out in sequence(declared.get("outs")):
        if isinstance(out, dict) and path in out:
            return {"remote": mapping(out[path]).get("remote")}
    return {}


def _tracked(output: str, entry: Mapping[str, Any], *, inside: str) -> Tracked:
    md5 = entry.get("md5")
    if not isinstance(md5, str) or not _MD5.fullmatch(md5):
        raise unsupported(
            f"DVC knows {output} by no md5 (an import, or a version of a cloud): push it to a "
            "remote of the project, or give the version a uri"
        )
    if inside and not md5.endswith(".dir"):
        raise not_found(f"{output} is a file for DVC, and {inside} would lie in it")
    remote, size = entry.get("remote"), entry.get("size")
    return Tracked(
        path=output,
        md5=md5,
        legacy=entry.get("hash") != "md5",
        inside=inside,
        remote=remote if isinstance(remote, str) else "",
        size=size if isinstance(size, int) and size >= 0 else None,
    )


def _parse(name: str, content: bytes) -> Mapping[str, Any]:
    try:
        # a .dvc file is YAML, whatever the name before its ending says
        return parse_mapping("dvc.yaml", content)
    except InvalidDocument as error:
        raise Stalled("InvalidProject", f"{name}, {error}") from None


def _above(path: str) -> Sequence[str]:
    """The directories that hold a path, the nearest first, and the root (empty) last."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:length]) for length in range(len(parts), -1, -1)]

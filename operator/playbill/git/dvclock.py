"""What DVC has recorded of its outputs: `.dvc` files, and `dvc.lock` with who made what of what.

Pure. The formats are those that dvc 3 writes; like `dvc.yaml` they are read leniently.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from playbill.git.dvc import confine, mapping, sequence, stage_directories, text

MOST_INPUTS = 100


@dataclass(frozen=True, slots=True)
class Output:
    """What DVC tracks: `digest` is `md5:<hex>` (a directory's ends in `.dir`), sizes in bytes."""

    digest: str
    size: int | None = None
    files: int | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """What a stage read: its path from the root, or an address, and what DVC knows of it."""

    path: str
    digest: str = ""
    size: int | None = None
    files: int | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """The stage that made an output, by DVC's address of it from the root (`dir/dvc.yaml:name`).

    `cut` when it read more than 100 things.
    """

    stage: str
    command: str
    inputs: tuple[Input, ...] = ()
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A `dvc.lock` and the `dvc.yaml` beside it, which alone knows the stages' directories."""

    directory: str
    project: Mapping[str, Any]
    lock: Mapping[str, Any]

    def output(self, path: str) -> Output | None:
        """The output at this path from the root."""
        for _, place, stage in self._stages():
            for entry in map(mapping, sequence(stage.get("outs"))):
                if confine(place, entry.get("path")) == path:
                    return _output(entry)
        return None

    def lineage(self, path: str) -> Lineage | None:
        """The stage that made what is at this path, or a directory that holds it."""
        for name, place, stage in self._stages():
            outputs = (
                confine(place, mapping(out).get("path")) for out in sequence(stage.get("outs"))
            )
            if any(out is not None and _holds(out, path) for out in outputs):
                return self._lineage(name, place, stage)
        return None

    def _lineage(self, name: str, place: str, stage: Mapping[str, Any]) -> Lineage:
        address = f"{self.directory}/dvc.yaml:{name}" if self.directory else name
        command = stage.get("cmd")
        lines = [text(line) for line in command] if isinstance(command, list) else [text(command)]
        read = [_input(place, entry) for entry in map(mapping, sequence(stage.get("deps")))]
        inputs = [each for each in read if each.path]
        return Lineage(
            address, "\n".join(lines), tuple(inputs[:MOST_INPUTS]), cut=len(inputs) > MOST_INPUTS
        )

    def _stages(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Each recorded stage with the directory that its paths are relative to."""
        places = dict(stage_directories(self.directory, self.project))
        for key, stage in mapping(self.lock.get("stages")).items():
            # `train@3` is one of the stages that `foreach` or `matrix` makes of `train`
            name = str(key)
            place = places.get(name, places.get(name.partition("@")[0], self.directory))
            yield name, place, mapping(stage)


def output_of_dvc_file(document: Mapping[str, Any]) -> Output | None:
    """The one output of a `.dvc` file."""
    outputs = sequence(document.get("outs"))
    return _output(mapping(outputs[0])) if outputs else None


def _output(entry: Mapping[str, Any]) -> Output | None:
    for kind in ("md5", "etag", "checksum"):
        value = entry.get(kind)
        if isinstance(value, str) and value:
            size, files = _count(entry.get("size")), _count(entry.get("nfiles"))
            return Output(digest=f"{kind}:{value[:200]}", size=size, files=files)
    return None


def _input(place: str, entry: Mapping[str, Any]) -> Input:
    """A path that leads out of the repository stays as it is written: it is only shown."""
    written = entry.get("path")
    path = confine(place, written) if isinstance(written, str) and "://" not in written else None
    known = _output(entry)
    if known is None:
        return Input(path or text(written))
    return Input(path or text(written), known.digest, known.size, known.files)


def _holds(output: str, path: str) -> bool:
    return output == path or path.startswith(f"{output}/")


def _count(value: object) -> int | None:
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
    return value if sound else None  # type: ignore[return-value]

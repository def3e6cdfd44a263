"""Reading manifests as kubectl does: files, directories, standard input, several documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from playbill.api.base import API_VERSION
from playbill.api.errors import Stalled
from playbill.controllers.inventory.keys import Kind, ObjectKey
from playbill.controllers.inventory.kinds import RESOURCES

LARGEST = 16 << 20
"""Bytes of one file."""

_SUFFIXES = (".yaml", ".yml", ".json")

Manifest = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """What Kubernetes reads: 17:00 is text there, and not 1,020, nor is a date a date."""


_NOT_THERE = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in pairs if tag not in _NOT_THERE]
    for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^[-+]?(0|[1-9][0-9]*|0x[0-9a-fA-F]+)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+\.[0-9]*([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$"),
    list("-+0123456789."),
)


@dataclass(frozen=True, slots=True)
class Manifests:
    """Ours, in the order in which they were given, and how many others there were."""

    ours: Sequence[tuple[ObjectKey, Manifest]]
    others: int


def read_manifests(names: Iterable[str], *, namespace: str, stdin: IO[str]) -> Manifests:
    """All documents of these files and directories, `-` for standard input.

    An object without a namespace is taken to be in `namespace`; of two that are the same the
    later one counts. Raises Stalled(InvalidManifest).
    """
    ours: dict[ObjectKey, Manifest] = {}
    others = 0
    for place, text in _texts(names, stdin):
        for document in _documents(place, text):
            found = _key(place, document, namespace)
            if found is None:
                others += 1
            else:
                ours[found] = document
    return Manifests(list(ours.items()), others)


def _texts(names: Iterable[str], stdin: IO[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if name == "-":
            yield "standard input", stdin.read(LARGEST)
            continue
        path = Path(name)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in files:
            if file == path or (file.suffix in _SUFFIXES and file.is_file()):
                yield str(file), _text(file)


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST:
            raise _invalid(str(file), "it is larger than 16 MiB")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(str(file), str(error)) from None


def _documents(place: str, text: str) -> Iterator[Manifest]:
    try:
        documents = list(yaml.load_all(text, Loader=_Loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _invalid(place, " ".join(str(error).split())) from None
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
            raise _invalid(place, "a document in it is no object of Kubernetes")
        items = document.get("items")
        if not items or not document["kind"].endswith("List"):
            yield document
        elif isinstance(items, list) and all(isinstance(item, dict) for item in items):
            yield from items
        else:
            raise _invalid(place, f"the items of a {document['kind']} in it are no objects")


def _key(place: str, document: Manifest, namespace: str) -> ObjectKey | None:
    kind = document.get("kind")
    if document.get("apiVersion") != API_VERSION or kind not in RESOURCES:
        return None
    given = document.get("metadata")
    meta = given if isinstance(given, dict) else {}
    name = meta.get("name")
    if not isinstance(name, str) or not isinstance(document.get("spec"), dict):
        raise _invalid(place, f"a {kind} in it has no metadata.name or no spec")
    if not all(isinstance(meta.get(part) or {}, dict) for part in ("labels", "annotations")):
        raise _invalid(place, f"the labels or annotations of {kind} {name} are no mapping")
    try:
        json.dumps(document, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise _invalid(place, f"{kind} {name} holds what JSON cannot") from None
    found: Kind = kind
    return ObjectKey(found, str(meta.get("namespace") or namespace), name)


def _invalid(place: str, why: str) -> Stalled:
    return Stalled("InvalidManifest", f"{place} cannot be read: {why}")

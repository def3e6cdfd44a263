"""Reading the small files of a repository that anybody may have written: YAML, JSON, TOML.

YAML is the dangerous one: an alias costs its author four characters and its reader a whole
subtree, twice over when it is merged. So its events are counted before anything is built,
merged keys while it is, and what came out, with every alias written out, afterwards.
"""

import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

MOST_ALIASES = 100
MOST_MERGED = 10_000
MOST_NODES = 200_000
DEEPEST = 50


class InvalidDocument(ValueError):  # noqa: N818 - caught in this package alone, never a fate
    """A document that does not parse, or is built to hurt."""


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where libyaml is


class _Loader(_Base):  # type: ignore[misc]
    """SafeLoader, which builds plain data only, with a bound on merged keys."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        written = len(node.value)
        super().flatten_mapping(node)
        if len(node.value) > max(written, MOST_MERGED):
            line = node.start_mark.line + 1 if node.start_mark else 1
            raise InvalidDocument(f"line {line}: too many merged keys")


_TAG = "tag:yaml.org,2002:"
# As DVC reads them, by YAML 1.2: to the older YAML of this parser `no` is false, `16:9` is 969
# and `012` is 10.
_EXPONENT = r"(?:[eE][-+]?[0-9]+)?"
_NUMBER = rf"(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*){_EXPONENT}"
_SCALARS: Mapping[str, tuple[str, str]] = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)", "-+0123456789"),
    "float": (rf"[-+]?(?:{_NUMBER}|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)", "-+.0123456789"),
}
# A date is text here, as it is in JSON: nobody computes with it.
_OTHERWISE = {f"{_TAG}{name}" for name in ("timestamp", *_SCALARS)}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _OTHERWISE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, (_pattern, _firsts) in _SCALARS.items():
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"^(?:{_pattern})$"), list(_firsts))


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    digits = loader.construct_scalar(node).replace("_", "")
    based = digits.lstrip("-+")[:2] in {"0b", "0o", "0x"}
    return int(digits, 0 if based else 10)


_Loader.add_constructor(f"{_TAG}int", _integer)


def parse_document(path: str, data: bytes) -> Any:
    """Plain data from a file, by its name's ending. Raises InvalidDocument."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidDocument(f"byte {error.start}: not UTF-8") from None
    parse = _PARSERS.get(PurePosixPath(path).suffix.lower(), _yaml)
    document = parse(text)
    _check_expanded(document)
    return document


def parse_mapping(path: str, data: bytes) -> Mapping[str, Any]:
    """A document that is a mapping; an empty one is an empty mapping."""
    document = parse_document(path, data)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise InvalidDocument("line 1: not a mapping")
    return document


def _yaml(text: str) -> Any:
    try:
        _check_events(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidDocument(f"line {line}: {error.problem}") from None
    except InvalidDocument:
        raise
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise InvalidDocument("not YAML: " + " ".join(str(error).split())[:200]) from None


def _check_events(text: str) -> None:
    aliases = depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=_Loader)):
        aliases += isinstance(event, yaml.AliasEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if aliases > MOST_ALIASES or number > MOST_NODES or depth > DEEPEST:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise InvalidDocument(f"line {line}: too many aliases, nodes or levels")


def _check_expanded(document: Any) -> None:
    waiting, seen = [document], 0
    while waiting:
        seen += 1
        if seen > MOST_NODES:
            raise InvalidDocument("line 1: too large once its aliases are written out")
        waiting += [child for _, child in _children(waiting.pop()) or ()]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidDocument(f"line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError):
        raise InvalidDocument("line 1: too deep, or a number too long") from None


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InvalidDocument(" ".join(str(error).split())[:200]) from None


_PARSERS: Mapping[str, Callable[[str], Any]] = {".json": _json, ".toml": _toml}


def flatten(document: Any, *, lists: bool = True) -> dict[str, str]:
    """Nested keys joined with a dot, list items by their number; each leaf as text.

    Without `lists` they are left out, and nulls too: to DVC no metric is one.

    Numbers are decimal strings as Python writes them; NaN and infinities are `nan`, `inf`
    and `-inf`; empty mappings and lists are left out.
    """
    found: dict[str, str] = {}
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        key, value = waiting.pop()
        if not lists and (value is None or isinstance(value, list)):
            continue
        children = _children(value)
        if children is None:
            found[key or "value"] = text_of(value)
            continue
        waiting += [(f"{key}.{name}" if key else str(name), child) for name, child in children]
    return dict(sorted(found.items()))


def _children(value: Any) -> list[tuple[Any, Any]] | None:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else None


def text_of(value: Any) -> str:
    """A scalar as its document would write it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    try:
        return str(value)
    except ValueError:  # an integer with more digits than Python writes
        return "a number too long"

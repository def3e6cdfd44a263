"""What a promotion is judged by: what git knows of a version, and what objects declare of it.

Git's own facts win over what a ModelVersion declares under the same key: a gate is not to be
met by whoever may edit that object. What git does not know may be declared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from playbill.ledger.artifact_bytes import Bytes

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?[0-9]+")
_TRUTH = {"true": True, "True": True, "false": False, "False": False}

_EXACT = 1 << 53
_LARGEST = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is known of one version: metrics and parameters as git or an object writes them.

    `digest` is of the files at the commit, `elsewhere` what an object says of the bytes.
    `note` says why some of it may be missing; `passing` that the next look may find it; `partial`
    names what there is more of than is kept: metrics, params.
    """

    metrics: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    elsewhere: Bytes | None = None
    note: str = ""
    passing: bool = False
    partial: frozenset[str] = frozenset()

    def or_else(self, declared: Traits) -> Traits:
        """These, and what else is declared; which digest counts is not decided here. While git's
        own cannot be read nothing declared takes their place, nor that of what was cut off."""
        if self.passing:
            return self
        metrics = {} if "metrics" in self.partial else declared.metrics
        params = {} if "params" in self.partial else declared.params
        return replace(self, metrics={**metrics, **self.metrics}, params={**params, **self.params})


@dataclass(frozen=True, slots=True)
class Signed:
    """A sound signature: the public key that made it, in base64, and the name in the signed tag,
    which is not what the ref is called when somebody pushes it under another."""

    key: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`facts` by commit and `signatures` by tag object, as far as they were read (None stands for
    a tag without a sound signature); `declared` by version."""

    facts: Mapping[str, Traits] = field(default_factory=dict)
    signatures: Mapping[str, Signed | None] = field(default_factory=dict)
    declared: Mapping[str, Traits] = field(default_factory=dict)


def typed(values: Mapping[str, str]) -> dict[str, Any]:
    """The values as expressions see them.

    What is written as a number is a double, so that arithmetic does not depend on whether a
    metric happens to be whole; an integer that no double can hold stays an integer.
    """
    return {name: _typed(text) for name, text in values.items()}


def _typed(text: str) -> Any:
    if text in _TRUTH:
        return _TRUTH[text]
    if _NOT_FINITE.fullmatch(text):
        return float(text)
    if not _NUMBER.fullmatch(text):
        return text
    if _INTEGER.fullmatch(text) and len(text) < 20 and _EXACT < abs(int(text)) < _LARGEST:
        return int(text)
    return float(text)

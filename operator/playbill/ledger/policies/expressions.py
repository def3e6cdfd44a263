"""Expressions of policies: CEL by its authors' own library, within bounds.

Types and names are checked when an expression is compiled, so a misspelt variable is told of
before it is ever needed. The library bounds nesting (32) and iterations (10,000). What a
comprehension repeats may still grow with each one that follows, so there are two at most, in
512 characters: the largest string that can be made of that takes a few megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stubs bear no py.typed

LONGEST: Final = 512
MOST_COMPREHENSIONS: Final = 2

_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
VARIABLES: Final[Mapping[str, Any]] = {
    "metrics": _MAP,
    "params": _MAP,
    "meta": _MAP,
    "labels": cel.Type.List(cel.Type.STRING),
    "digest": cel.Type.STRING,
    "model": cel.Type.STRING,
    "stage": cel.Type.STRING,
    "version": cel.Type.STRING,
    "commit": cel.Type.STRING,
    "current": _MAP,
}
"""What an expression may speak of. `current` is who holds the stage now: a map with version,
metrics, params, labels and digest, empty while nobody does."""

_ENVIRONMENT = cel.NewEnv(variables=VARIABLES)
_COMPREHENSION = re.compile(r"\b(?:all|exists|exists_one|existsOne|filter|map)\s*\(")
_NO_CODE = re.compile(
    r"""
    //[^\n]*                                           # a comment
    | `[^`]*`                                          # a quoted name
    | [rR] (?P<raw>\'{3}|"{3}|\'|") .*? (?P=raw)       # a string in which \ is a letter
    | (?P<quote>\'{3}|"{3}|\'|") (?:\\.|[^\\])*? (?P=quote)
    """,
    re.VERBOSE | re.DOTALL,
)
"""What CEL's lexer takes in one piece, from left to right as it does: a comment may hold a quote,
a string may hold `//`, and between a dot and the name of a macro there may be comments. Where
this sees a piece and CEL none, such as in a string over two lines, nothing compiles."""
_NOISE = re.compile(r"^[A-Z_]+: (?:ERROR: <input>:)?|\s*\[[A-Z_]+\]\s*$| \(in container ''\)")
_KEY = re.compile(r'Key not found in map : "?(.*?)"?$')


@dataclass(frozen=True, slots=True)
class Broken:
    """An expression that came to no answer; `missing` is the key that some map did not have."""

    why: str
    missing: str | None = None


def fault(expression: str) -> str | None:
    """Why an expression cannot be used as a condition; None when it can."""
    compiled = _compile(expression)
    if isinstance(compiled, str):
        return compiled
    if compiled.return_type() in (cel.Type.BOOL, cel.Type.DYN):
        return None
    return f"it gives a {compiled.return_type().name().lower()}, and not true or false"


def evaluate(expression: str, values: Mapping[str, Any]) -> Any | Broken:
    """What an expression comes to, by the values of `VARIABLES`."""
    compiled = _compile(expression)
    if isinstance(compiled, str):
        return Broken(compiled)
    try:
        result = compiled.eval(data=dict(values))
    except RuntimeError as error:  # the library's only one
        return Broken(_words(str(error)))
    if result.type() == cel.Type.ERROR:
        return _broken(str(result.value()))
    return result.plain_value()


def holds(expression: str, values: Mapping[str, Any]) -> bool | Broken:
    """Whether a condition is met."""
    answer = evaluate(expression, values)
    if isinstance(answer, bool | Broken):
        return answer
    return Broken("it is neither true nor false")


@lru_cache(maxsize=1024)
def _compile(expression: str) -> Any:
    """The compiled expression, or why there is none."""
    if len(expression) > LONGEST:
        return f"it is longer than {LONGEST} characters: use several gates"
    if _comprehensions(expression) > MOST_COMPREHENSIONS:
        return (
            f"it has more than {MOST_COMPREHENSIONS} of all, exists, exists_one, filter and map: "
            "use several gates"
        )
    try:
        return _ENVIRONMENT.compile(expression)
    except RuntimeError as error:
        return _words(str(error))


def _comprehensions(expression: str) -> int:
    return len(_COMPREHENSION.findall(_NO_CODE.sub(" ", expression)))


def _broken(text: str) -> Broken:
    words = _words(text)
    missing = _KEY.search(words)
    return Broken(words, missing[1] if missing else None)


def _words(text: str) -> str:
    """The first line without what means nothing to a reader: `1:30: undeclared reference…`."""
    return _NOISE.sub("", text.splitlines()[0] if text else "")

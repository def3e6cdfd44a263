"""Judging one gate, and saying what it came to with the values that it speaks of.

The answer is the expression's as a whole. For people it is taken apart at its outermost `&&`:
a part that is a simple comparison is told as `accuracy 0.91 < 0.95`, any other with its text and
its values. What cannot be taken apart safely is told as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from playbill.ledger.policies.evidence import Traits, typed
from playbill.ledger.policies.expressions import Broken, evaluate, holds

MOST_SHOWN = 8
LONGEST_SHOWN = 80

_MAPS = "metrics|params|meta"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PATH = rf"(?:\.{_NAME}|\[(?:'[^'\\]*'|\"[^\"\\]*\")\])"
_REFERENCE = (
    rf"(?:current(?:{_PATH}){{1,2}}|(?:{_MAPS}){_PATH}+|labels|digest|model|stage|version|commit)"
)
_LITERAL = r"(?:-?[0-9.]+(?:[eE][+-]?[0-9]+)?|'[^'\\]*'|\"[^\"\\]*\"|true|false)"
_OPERAND = rf"(?:{_REFERENCE}|{_LITERAL})"
_SIMPLE = re.compile(rf"({_OPERAND})\s*(>=|<=|==|!=|<|>)\s*({_OPERAND})")
_REFERENCES = re.compile(rf"(?<![\w.'\"]){_REFERENCE}(?![\w(])")
_IS_REFERENCE = re.compile(_REFERENCE)
_NEGATED = {">=": "<", "<=": ">", ">": "<=", "<": ">=", "==": "!=", "!=": "=="}
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[['\"](.*?)['\"]\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A condition in CEL; `message` is what its author has to say when it does not hold."""

    name: str
    expression: str
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is to be promoted, in place of whom."""

    model: str
    stage: str
    version: str
    commit: str
    traits: Traits
    current_version: str | None = None
    current: Traits | None = None

    def values(self) -> dict[str, Any]:
        """The variables of an expression."""
        return {
            **_values(self.traits),
            "meta": self.traits.meta,
            "model": self.model,
            "stage": self.stage,
            "version": self.version,
            "commit": self.commit,
            "current": {"version": self.current_version, **_values(self.current)}
            if self.current_version is not None and self.current is not None
            else {},
        }

    def written(self, reference: str) -> str | None:
        """The value of a reference as git or an object writes it, where it does: 0.90, not 0.9."""
        steps = [a or b for a, b in _STEP.findall(reference)]
        traits, root = self.traits, re.split(r"[.\[]", reference, maxsplit=1)[0]
        if root == "current" and self.current is not None and steps:
            traits, root, *steps = (self.current, *steps)
        source: Mapping[str, str] = {"metrics": traits.metrics, "params": traits.params}.get(
            root, {}
        )
        return source.get(steps[0]) if len(steps) == 1 else None


def _values(traits: Traits | None) -> dict[str, Any]:
    known = traits or Traits()
    return {
        "metrics": typed(known.metrics),
        "params": typed(known.params),
        "labels": list(known.labels),
        "digest": known.digest,
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a gate holds, and in words why it does or does not."""

    holds: bool
    words: str


def judge_gate(gate: Gate, subject: Subject) -> Answer:
    """The answer of one gate. What comes to no answer does not hold."""
    values = subject.values()
    found = holds(gate.expression, values)
    if isinstance(found, Broken):
        words = _broken(gate.expression, found, subject)
    elif found:
        words = "; ".join(_told(gate.expression, subject, values, true=True))
    else:
        words = "; ".join(_told(gate.expression, subject, values, true=False))
    if found is not True and gate.message:
        words = f"{words} ({gate.message})"
    return Answer(found is True, words)


def _told(
    expression: str, subject: Subject, values: Mapping[str, Any], *, true: bool
) -> Iterator[str]:
    """The parts that made the expression what it is: all of them, or those that do not hold."""
    parts = _conjuncts(expression)
    guilty = [part for part in parts if holds(part, values) is true]
    for part in guilty or [expression]:
        yield _comparison(part, subject, values, true=true) or _expression(
            part, subject, values, true=true
        )


def _comparison(
    part: str, subject: Subject, values: Mapping[str, Any], *, true: bool
) -> str | None:
    """`accuracy 0.91 < 0.95`; None for what is no simple comparison."""
    match = _SIMPLE.fullmatch(part)
    if match is None:
        return None
    left, operator, right = match.groups()
    shown = [_operand(each, subject, values) for each in (left, right)]
    if not true and "nan" in (each.rpartition(" ")[2].lower() for each in shown):
        return f"{shown[0]} is not {operator} {shown[1]}"  # no order, so none to turn round
    return f"{shown[0]} {operator if true else _NEGATED[operator]} {shown[1]}"


def _operand(text: str, subject: Subject, values: Mapping[str, Any]) -> str:
    if not _IS_REFERENCE.fullmatch(text):
        return text
    return f"{_label(text)} {_shown(text, subject, values)}"


def _expression(part: str, subject: Subject, values: Mapping[str, Any], *, true: bool) -> str:
    named = dict.fromkeys(_REFERENCES.findall(part))
    known = [f"{_label(each)} {_shown(each, subject, values)}" for each in named]
    what = ", ".join(known[:MOST_SHOWN])
    return f"{part} is {'true' if true else 'false'}{f' with {what}' if what else ''}"


def _label(reference: str) -> str:
    """`accuracy` for metrics.accuracy, `current accuracy` for current.metrics.accuracy."""
    steps = [a or b for a, b in _STEP.findall(reference)]
    if reference.startswith("current"):
        return f"current {steps[-1]}"
    return steps[-1] if steps and not reference.startswith("meta") else reference


def _shown(reference: str, subject: Subject, values: Mapping[str, Any]) -> str:
    written = subject.written(reference)
    if written is None:
        value = evaluate(reference, values)
        if isinstance(value, Broken):
            return "unknown"
        written = value if isinstance(value, str) else _plain(value)
    return written if len(written) <= LONGEST_SHOWN else f"{written[: LONGEST_SHOWN - 1]}…"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


_KINDS = {"metrics": "metric", "params": "parameter"}


def _broken(expression: str, broken: Broken, subject: Subject) -> str:
    """Which value is missing, and of whom; else the library's own words."""
    if broken.missing is None:
        return f"{expression}: {broken.why}"
    wanted = re.compile(rf"({_REFERENCE})")
    for reference in wanted.findall(expression):
        steps = [a or b for a, b in _STEP.findall(reference)]
        if broken.missing not in steps:
            continue
        if reference.startswith("current"):
            who = subject.current_version or f"{subject.stage}, which nobody holds,"
            return f"{who} has no {broken.missing} ({reference}){_note(subject.current)}"
        kind = _KINDS.get(reference.partition(".")[0].partition("[")[0], "value")
        return f"{subject.version} has no {kind} {broken.missing}{_note(subject.traits)}"
    return f"{subject.version} has no {broken.missing}{_note(subject.traits)}"


def _note(traits: Traits | None) -> str:
    return f": {traits.note}" if traits and traits.note else ""


def _conjuncts(expression: str) -> list[str]:
    """The parts between the outermost `&&`; the whole when quotes make that uncertain."""
    if "\\" in expression or '"""' in expression or "'''" in expression or "//" in expression:
        return [expression]
    parts, depth, start, quote = [], 0, 0, ""
    for place, letter in enumerate(expression):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif depth == 0 and letter in "|?":
            return [expression]  # && binds more tightly than these
        elif depth == 0 and expression.startswith("&&", place):
            parts.append(expression[start:place].strip())
            start = place + 2
    return [*parts, expression[start:].strip()]

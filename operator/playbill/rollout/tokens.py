"""Replacing the seven tokens in a template's strings, and evaluating nothing else.

A template is shared with Kubernetes (`$(VAR)`) and with shells (`${VAR}`), so
only our own names are touched, in one pass: what a token brings is never read
again, and no value from git can smuggle in another token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from playbill.api.errors import Stalled

JSON = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None
"""What a template's JSON can hold."""

_HOW_TO_MEND = {
    "model": "give the RegisteredModel an artifact name",
    "version": "assign a version to the stage",
    "commit": "assign a version to the stage",
    "stage": "name the stage",
    "digest": "track the artifact with DVC, or set spec.artifact.digest in a ModelVersion of "
    "this version",
    "path": "give the artifact a path in dvc.yaml",
    "uri": "set spec.artifact.uri in a ModelVersion of this version",
}

NAMES = frozenset(_HOW_TO_MEND)
"""The tokens there are."""

_TOKEN = re.compile(r"\$\{(" + "|".join(sorted(NAMES)) + r")\}")


def substitute(value: JSON, tokens: Mapping[str, str]) -> JSON:
    """A copy of `value` with `${name}` replaced in every string; keys stay as they are.

    Raises Stalled(TokenUnavailable) when a string asks for one of NAMES that
    `tokens` has no value for, TokenRefused for a value that a pod would evaluate.
    Other `${…}` and `$(…)` are left alone.
    """
    if isinstance(value, str):
        return _TOKEN.sub(lambda found: _value(found[1], tokens), value)
    if isinstance(value, list):
        return [substitute(item, tokens) for item in value]
    if isinstance(value, dict):
        return {key: substitute(item, tokens) for key, item in value.items()}
    return value


def has_token(text: str) -> bool:
    """Whether `substitute` would replace anything in `text`."""
    return _TOKEN.search(text) is not None


def _value(name: str, tokens: Mapping[str, str]) -> str:
    if found := tokens.get(name):
        return _plain(name, found)
    raise Stalled(
        "TokenUnavailable",
        f"the template uses ${{{name}}}, which this version has no value for: "
        f"{_HOW_TO_MEND[name]}, or take the token out of the template",
    )


def _plain(name: str, value: str) -> str:
    """The kubelet expands `$(NAME)` in commands, arguments and environments: a path from git must
    not read what the author of the template put there."""
    if "$(" in value:
        raise Stalled(
            "TokenRefused",
            f"the value of ${{{name}}} holds '$(', which a pod would take for a variable: give "
            "the artifact another path or uri, or take the token out of the template",
        )
    return value

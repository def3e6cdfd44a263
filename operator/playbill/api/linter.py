"""What the API server, and we, refuse in the schema of a CRD: found before it is applied.

The API server ignores, drops or refuses keywords outside its dialect, depending on
the keyword; here every one is a fault. The bounds are ours: without `maxLength`,
`maxItems` and `maxProperties` the cost of a CEL rule is estimated from the largest
possible request, and anybody may fill etcd. Descriptions are what `kubectl explain` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from playbill.api.structural import PRESERVE, VALIDATIONS, JsonSchema, children

_KNOWN = frozenset(
    {
        "additionalProperties",
        "default",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "nullable",
        "pattern",
        "properties",
        "required",
        "type",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        PRESERVE,
        VALIDATIONS,
    }
)
_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
_LONGEST_MESSAGE = 2048  # apiextensions/v1 ValidationRule.message


def faults(schema: JsonSchema, *, path: str = "") -> Iterator[str]:
    """Each fault of a structural schema, as `path: what is wrong`; none when it is sound."""
    for check in _CHECKS:
        for fault in check(schema):
            yield f"{path or '.'}: {fault}"
    for name, child in schema.get("properties", {}).items():
        if not child.get("description"):
            yield f"{path}.{name}: has no description"
    for below, child in children(schema, path=path):
        yield from faults(child, path=below)


def _keywords(schema: JsonSchema) -> Iterator[str]:
    for keyword in sorted(schema.keys() - _KNOWN):
        yield f"{keyword} is not part of a structural schema"
    for keyword in ("exclusiveMinimum", "exclusiveMaximum"):
        if not isinstance(schema.get(keyword, True), bool):
            yield f"{keyword} is a bool beside {keyword.replace('exclusiveM', 'm')} in OpenAPI 3.0"


def _type(schema: JsonSchema) -> Iterator[str]:
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        if kind is not None:
            yield "int-or-string has no type"
    elif kind is None and schema.get(PRESERVE):
        return  # anything at all
    elif kind not in _TYPES:
        yield f"type {kind!r} is not one of {', '.join(_TYPES)}"


def _default(schema: JsonSchema) -> Iterator[str]:
    if "default" not in schema:
        return
    value, kind = schema["default"], schema.get("type")
    if kind in _TYPES and type(value) not in _TYPES[kind]:  # to Python, True is an integer too
        yield f"default {value!r} is no {kind}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"default {value!r} is not in the enum"


def _string(schema: JsonSchema) -> Iterator[str]:
    if schema.get("type") == "string" and not schema.keys() & {"maxLength", "enum"}:
        yield "a string without maxLength"
    if "pattern" in schema and not (
        schema["pattern"].startswith("^") and schema["pattern"].endswith("$")
    ):
        yield "a pattern that is not anchored at both ends matches anywhere"


def _array(schema: JsonSchema) -> Iterator[str]:
    if schema.get("type") != "array":
        return
    for keyword in ("items", "maxItems", "x-kubernetes-list-type"):
        if keyword not in schema:
            yield f"an array without {keyword}"
    items: Any = schema.get("items", {})
    keys = schema.get("x-kubernetes-list-map-keys", [])
    if (schema.get("x-kubernetes-list-type") == "map") != bool(keys):
        yield "list type map and list-map-keys go together"
    for key in keys:
        if key not in items.get("required", ()):
            yield f"the map key {key} is not required"


def _object(schema: JsonSchema) -> Iterator[str]:
    if schema.get("type") != "object":
        return
    properties, additional = schema.get("properties"), schema.get("additionalProperties")
    if properties is not None and additional is not None:
        yield "properties and additionalProperties exclude each other"
    if additional is not None and not isinstance(additional, dict):
        yield "additionalProperties is a schema"
    if additional is not None and "maxProperties" not in schema:
        yield "a map without maxProperties"
    if properties is None and additional is None and not schema.get(PRESERVE):
        yield "an object that says nothing of its fields loses them all"
    for name in schema.get("required", ()):
        if name not in (properties or {}):
            yield f"required {name} is no property"


def _rules(schema: JsonSchema) -> Iterator[str]:
    for rule in schema.get(VALIDATIONS, ()):
        message = rule.get("message", "")
        if not rule.get("rule") or not message:
            yield f"a rule without its message: {rule}"
        if len(message) > _LONGEST_MESSAGE or "\n" in message:
            yield f"a message is one line of at most {_LONGEST_MESSAGE} characters: {message[:80]}"


_CHECKS: tuple[Callable[[JsonSchema], Iterator[str]], ...] = (
    _keywords,
    _type,
    _default,
    _string,
    _array,
    _object,
    _rules,
)

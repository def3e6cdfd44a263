"""Pydantic's JSON schema, made into the structural schema that a CRD takes.

Pydantic speaks JSON Schema 2020-12; the API server takes a dialect of OpenAPI 3.0
in which every node has one type and nothing is a reference or a union
(KEP-1979, "structural schemas"). What has a plain equivalent is translated here;
what has none is refused, with the place in the model that asks for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

JsonSchema = dict[str, Any]

VALIDATIONS = "x-kubernetes-validations"
PRESERVE = "x-kubernetes-preserve-unknown-fields"

_ORDER = (
    "description",
    "type",
    "format",
    "nullable",
    "default",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "properties",
    "additionalProperties",
    "items",
)


def structural(model: type[BaseModel], *, defaults: bool = True) -> JsonSchema:
    """The structural schema of a model, inlined and in a fixed order of keywords.

    `defaults=False` is for status: a default there would be shown as if it had been
    observed. Raises TypeError, naming the place, for recursion and for unions.
    """
    schema = model.model_json_schema(by_alias=True)
    translator = _Translator(definitions=schema.get("$defs", {}), defaults=defaults)
    return translator.translate(schema, path=model.__name__)


def children(schema: JsonSchema, *, path: str) -> Iterator[tuple[str, JsonSchema]]:
    """Each node right below, with its path: `.name`, `[]` for items, `{}` for a map's values."""
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child
    for keyword, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(keyword), dict):
            yield path + suffix, schema[keyword]


@dataclass(frozen=True, slots=True)
class _Translator:
    definitions: Mapping[str, JsonSchema]
    defaults: bool

    def translate(
        self, schema: JsonSchema, *, path: str, trail: tuple[str, ...] = ()
    ) -> JsonSchema:
        """One node: references and options first, then keyword by keyword."""
        resolved, trail = self._resolve(schema, path=path, trail=trail)
        result: JsonSchema = {}
        for keyword, value in resolved.items():
            piece = self._keyword(keyword, value, path=path, trail=trail)
            result = _merged(result, piece)
        return dict(sorted(result.items(), key=lambda item: _rank(item[0])))

    def _resolve(
        self, schema: JsonSchema, *, path: str, trail: tuple[str, ...]
    ) -> tuple[JsonSchema, tuple[str, ...]]:
        """Replaces a reference or an option by what it stands for; siblings win over it."""
        while True:
            if "$ref" in schema:
                name = str(schema["$ref"]).removeprefix("#/$defs/")
                if name in trail:
                    raise TypeError(f"{path}: {name} contains itself; a CRD cannot say that")
                trail = (*trail, name)
                schema = _merged(self.definitions[name], _without(schema, "$ref"))
            elif "anyOf" in schema:
                schema = _merged(_option(schema["anyOf"], path=path), _without(schema, "anyOf"))
            else:
                return schema, trail

    def _keyword(
        self, keyword: str, value: Any, *, path: str, trail: tuple[str, ...]
    ) -> JsonSchema:
        match keyword:
            case "title" | "$defs":
                return {}
            case "description":
                return {keyword: _paragraphs(value)}
            case "default":
                return {keyword: value} if self.defaults and value is not None else {}
            case "const":
                return {"enum": [value]}
            case "exclusiveMinimum" | "exclusiveMaximum":
                return {keyword: True, keyword.replace("exclusiveM", "m"): value}
            case "propertyNames":
                return _key_rule(value, path=path)
            case "additionalProperties":
                return self._additional(value, path=path, trail=trail)
            case "items":
                return {keyword: self.translate(value, path=f"{path}[]", trail=trail)}
            case "properties":
                return {
                    keyword: {
                        name: self.translate(child, path=f"{path}.{name}", trail=trail)
                        for name, child in value.items()
                    }
                }
            case _:
                return {keyword: value}

    def _additional(self, value: Any, *, path: str, trail: tuple[str, ...]) -> JsonSchema:
        if value is False:  # the API server prunes what it does not know anyway
            return {}
        if value is True:
            return {PRESERVE: True}
        return {"additionalProperties": self.translate(value, path=f"{path}{{}}", trail=trail)}


def _option(options: list[JsonSchema], *, path: str) -> JsonSchema:
    """The one schema that options come down to: null means left out, as in Kubernetes."""
    real = [option for option in options if option.get("type") != "null"]
    if len(real) == 1:
        return real[0]
    kinds = {option.get("type") for option in real}
    if kinds == {"integer", "string"}:
        return {"x-kubernetes-int-or-string": True}
    if kinds == {"integer", "number"}:
        return {"type": "number"}
    raise TypeError(f"{path}: a CRD cannot say a union; use one model with optional fields")


def _key_rule(names: JsonSchema, *, path: str) -> JsonSchema:
    """Bounds on a map's keys: OpenAPI has no word for them, CEL has."""
    unknown = names.keys() - {"type", "maxLength"}
    if unknown:
        raise TypeError(f"{path}: keys of a map can only be bounded by maxLength, not {unknown}")
    longest = names["maxLength"]
    rule = f"self.all(key, size(key) <= {longest})"
    return {VALIDATIONS: [{"rule": rule, "message": f"a key has at most {longest} characters"}]}


def _merged(inner: JsonSchema, outer: JsonSchema) -> JsonSchema:
    """Both, the outer winning; but the rules of both hold."""
    rules = [*inner.get(VALIDATIONS, ()), *outer.get(VALIDATIONS, ())]
    return {**inner, **outer, **({VALIDATIONS: rules} if rules else {})}


def _without(schema: JsonSchema, keyword: str) -> JsonSchema:
    return {key: value for key, value in schema.items() if key != keyword}


def _paragraphs(text: str) -> str:
    """A docstring with its lines joined, paragraphs kept."""
    blocks = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(block.split()) for block in blocks)


def _rank(keyword: str) -> tuple[int, str]:
    known = keyword in _ORDER
    return (_ORDER.index(keyword) if known else len(_ORDER), keyword)

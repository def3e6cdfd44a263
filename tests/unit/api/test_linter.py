"""Every way to write a schema that the API server would refuse, drop or be burdened by."""

from typing import Any

import pytest

from playbill.api.linter import faults

STRING = {"type": "string", "maxLength": 9, "description": "A word."}
LIST = {"type": "array", "maxItems": 9, "x-kubernetes-list-type": "atomic", "items": STRING}
ROW = {"type": "object", "properties": {"name": STRING}, "required": ["name"]}
MAP_LIST = {
    **LIST,
    "items": ROW,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}


@pytest.mark.parametrize(
    "schema",
    [
        STRING,
        LIST,
        ROW,
        MAP_LIST,
        {"type": "object", "maxProperties": 3, "additionalProperties": STRING},
        {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        {"x-kubernetes-int-or-string": True},
        {"type": "boolean", "default": False},
        {"type": "number", "default": 1},
        {"type": "string", "enum": ["a", "b"], "default": "a"},
        {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
    ],
)
def test_a_sound_schema_has_no_faults(schema: dict[str, Any]) -> None:
    assert list(faults(schema)) == []


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({**STRING, "$ref": "#/x"}, "$ref is not part"),
        ({**STRING, "const": "x"}, "const is not part"),
        ({**STRING, "title": "X"}, "title is not part"),
        ({**STRING, "anyOf": []}, "anyOf is not part"),
        ({**LIST, "prefixItems": []}, "prefixItems is not part"),
        ({**LIST, "uniqueItems": True}, "uniqueItems is not part"),
        ({"type": "integer", "exclusiveMinimum": 0}, "exclusiveMinimum is a bool"),
        ({"maxLength": 3}, "type None is not one of"),
        ({"type": "null"}, "type 'null' is not one of"),
        ({"type": "string", "x-kubernetes-int-or-string": True, "maxLength": 9}, "has no type"),
        ({**STRING, "default": 3}, "default 3 is no string"),
        ({"type": "integer", "default": True}, "default True is no integer"),
        ({"type": "string", "enum": ["a"], "default": "b"}, "'b' is not in the enum"),
        ({"type": "string"}, "a string without maxLength"),
        ({**STRING, "pattern": "a+"}, "not anchored"),
        ({key: LIST[key] for key in LIST if key != "maxItems"}, "an array without maxItems"),
        ({key: LIST[key] for key in LIST if key != "items"}, "an array without items"),
        (
            {key: LIST[key] for key in LIST if key != "x-kubernetes-list-type"},
            "an array without x-kubernetes-list-type",
        ),
        ({**LIST, "x-kubernetes-list-type": "map"}, "go together"),
        ({**MAP_LIST, "items": {**ROW, "required": []}}, "map key name is not required"),
        ({"type": "object"}, "loses them all"),
        ({"type": "object", "additionalProperties": STRING}, "a map without maxProperties"),
        (
            {**ROW, "maxProperties": 3, "additionalProperties": STRING},
            "exclude each other",
        ),
        (
            {"type": "object", "maxProperties": 3, "additionalProperties": True},
            "additionalProperties is a schema",
        ),
        ({**ROW, "required": ["gone"]}, "required gone is no property"),
        ({"type": "object", "properties": {"a": {"type": "boolean"}}}, ".a: has no description"),
        ({**STRING, "x-kubernetes-validations": [{"rule": "true"}]}, "without its message"),
        (
            {**STRING, "x-kubernetes-validations": [{"rule": "true", "message": "a\nb"}]},
            "a message is one line",
        ),
    ],
)
def test_a_fault_is_named(schema: dict[str, Any], fault: str) -> None:
    assert any(fault in each for each in faults(schema))


def test_a_fault_far_down_is_named_with_its_path() -> None:
    words = {"type": "object", "maxProperties": 3, "additionalProperties": {"type": "string"}}
    schema = {**MAP_LIST, "items": {**ROW, "properties": {"name": STRING, "words": words}}}
    assert list(faults(schema, path=".spec")) == [
        ".spec[].words: has no description",
        ".spec[].words{}: a string without maxLength",
    ]

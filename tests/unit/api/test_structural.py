"""What pydantic says, as the API server wants to hear it."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from playbill.api.base import Rule, cel
from playbill.api.structural import structural


class Child(BaseModel):
    """A child."""

    name: str = "x"


class Tree(BaseModel):
    branches: "list[Tree]" = []


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str


def of(annotation: Any, default: Any = ...) -> dict[str, Any]:
    """The structural schema of a single field `it` with this annotation."""
    model = type(
        "Subject",
        (BaseModel,),
        {
            "__annotations__": {"it": annotation},
            **({} if default is ... else {"it": default}),
        },
    )
    found: dict[str, Any] = structural(model)["properties"]["it"]
    return found


STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (str, STRING),
        (str | None, STRING),
        (Literal["one"], {"type": "string", "enum": ["one"]}),
        (Literal["one", "two"], {"type": "string", "enum": ["one", "two"]}),
        (int | str, {"x-kubernetes-int-or-string": True}),
        (int | str | None, {"x-kubernetes-int-or-string": True}),
        (int | float, {"type": "number"}),
        (
            Annotated[int, Field(gt=0, lt=9)],
            {
                "type": "integer",
                "minimum": 0,
                "exclusiveMinimum": True,
                "maximum": 9,
                "exclusiveMaximum": True,
            },
        ),
        (Annotated[int, Field(ge=0)], {"type": "integer", "minimum": 0}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (dict[str, Any], {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        (list[str], {"type": "array", "items": STRING}),
    ],
)
def test_a_type_becomes_its_plain_equivalent(annotation: Any, wanted: dict[str, Any]) -> None:
    assert of(annotation) == wanted


def test_a_reference_is_inlined_and_what_stands_beside_it_wins() -> None:
    field = of(Annotated[Child | None, Field(description="My child.")], None)
    assert field == {
        "description": "My child.",
        "type": "object",
        "properties": {"name": {"type": "string", "default": "x"}},
    }


def test_a_referenced_model_describes_a_field_that_says_nothing_itself() -> None:
    assert of(Child)["description"] == "A child."


def test_an_open_model_keeps_unknown_fields_and_the_listed_ones() -> None:
    field = of(Open)
    assert field["x-kubernetes-preserve-unknown-fields"] is True
    assert field["properties"] == {"name": STRING}


def test_a_closed_model_says_nothing_as_the_api_server_prunes_anyway() -> None:
    class Closed(BaseModel):
        model_config = ConfigDict(extra="forbid")

        name: str

    assert "additionalProperties" not in structural(Closed)


def test_the_rules_of_a_type_and_of_its_use_both_hold() -> None:
    short = Annotated[dict[Annotated[str, Field(max_length=5)], str], Field()]
    rule = Rule("self.size() > 0", "put something in")
    rules = of(Annotated[short | None, Field(json_schema_extra=cel(rule))], None)
    assert [each["message"] for each in rules["x-kubernetes-validations"]] == [
        "a key has at most 5 characters",
        "put something in",
    ]


def test_a_static_default_is_kept_and_null_means_left_out() -> None:
    assert of(int, 3) == {"type": "integer", "default": 3}
    assert of(int | None, None) == {"type": "integer"}


def test_a_status_has_no_defaults_at_any_depth() -> None:
    class Status(BaseModel):
        child: Child = Child()
        number: int = 3

    schema = structural(Status, defaults=False)
    assert "default" not in schema["properties"]["number"]
    assert "default" not in schema["properties"]["child"]
    assert "default" not in schema["properties"]["child"]["properties"]["name"]


def test_a_docstring_is_reflowed_by_paragraph() -> None:
    class Told(BaseModel):
        """One line,
        and another.

        A second paragraph.
        """

    assert structural(Told)["description"] == "One line, and another.\n\nA second paragraph."


@pytest.mark.parametrize("annotation", [list[int] | str, Child | str, int | bool])
def test_a_union_is_refused_with_its_place(annotation: Any) -> None:
    with pytest.raises(TypeError, match=r"Subject\.it: .*union"):
        of(annotation)


def test_recursion_is_refused_with_its_place() -> None:
    with pytest.raises(TypeError, match=r"branches.*Tree contains itself"):
        structural(Tree)


def test_a_key_can_only_be_bounded_in_length() -> None:
    with pytest.raises(TypeError, match=r"Subject\.it: keys of a map"):
        of(dict[Annotated[str, Field(min_length=1, max_length=5)], str])

"""Tokens are replaced in strings, once, and nothing else is evaluated."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.api.errors import Stalled
from playbill.rollout.tokens import JSON, NAMES, substitute

VALUES = {
    "model": "models/nlp:sentiment",
    "version": "v1.2.0+cpu",
    "commit": "0" * 40,
    "digest": "sha256:" + "a" * 64,
    "stage": "prod",
    "path": "models/model.pkl",
    "uri": "s3://bucket/key",
}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_token_is_replaced_by_its_value(name: str) -> None:
    assert substitute(f"<${{{name}}}>", VALUES) == f"<{VALUES[name]}>"


@pytest.mark.parametrize(
    "text",
    [
        "$(MODEL)",
        "${HOME}",
        "${PATH}",
        "$model",
        "${model:-none}",
        "${ model }",
        "${model.name}",
        "${Model}",
        "$${",
        "{{ model }}",
    ],
)
def test_what_belongs_to_kubernetes_and_to_shells_is_left_alone(text: str) -> None:
    assert substitute(text, VALUES) == text


def test_tokens_are_found_anywhere_in_lists_and_maps_but_not_in_keys() -> None:
    template: JSON = {"env": [{"name": "V", "value": "${version}"}], "${stage}": 1, "on": True}

    assert substitute(template, VALUES) == {
        "env": [{"name": "V", "value": "v1.2.0+cpu"}],
        "${stage}": 1,
        "on": True,
    }


def test_what_a_token_brings_is_never_read_again() -> None:
    assert substitute("${path}", {**VALUES, "path": "${uri}"}) == "${uri}"
    assert substitute("$${model}{stage}", {**VALUES, "model": "$"}) == "$${stage}"


def test_a_token_without_a_value_says_which_and_how_to_mend_it() -> None:
    without = {name: value for name, value in VALUES.items() if name != "digest"}

    with pytest.raises(Stalled) as trouble:
        substitute({"a": ["x-${digest}"]}, without)

    assert trouble.value.reason == "TokenUnavailable"
    assert "${digest}" in trouble.value.message
    assert "DVC" in trouble.value.message


def test_a_missing_value_matters_only_where_it_is_asked_for() -> None:
    assert substitute("${model}", {"model": "m"}) == "m"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_the_template_itself_is_never_changed(value: object) -> None:
    before = copy.deepcopy(value)

    substitute(value, VALUES)  # type: ignore[arg-type]

    assert value == before


@given(json_values)
def test_text_without_our_tokens_comes_back_as_it_was(value: object) -> None:
    if not any(f"${{{name}}}" in repr(value) for name in NAMES):
        assert substitute(value, VALUES) == value  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["$(PASSWORD)", "s3://a/$(PASSWORD)", "$$(PASSWORD)"])
def test_a_value_that_a_pod_would_evaluate_is_refused(value: str) -> None:
    with pytest.raises(Stalled, match=r"holds '\$\('") as raised:
        substitute("--model=${uri}", {"uri": value})
    assert raised.value.reason == "TokenRefused"

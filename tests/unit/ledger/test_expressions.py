"""CEL as the gates use it: what it makes of numbers, of what is missing, of what is hostile."""

from typing import Any

import pytest

from playbill.ledger.policies.evidence import typed
from playbill.ledger.policies.expressions import LONGEST, Broken, evaluate, fault, holds

VALUES: dict[str, Any] = {
    "metrics": typed(
        {"accuracy": "0.91", "n": "3", "loss": "nan", "a.b": "1.5", "best": "1", "inf": "-inf"}
    ),
    "params": typed({"opt": "adam", "flag": "true", "depth": "4", "seed": "9007199254740993"}),
    "meta": {"approved_by": ["ada", "bob"]},
    "labels": ["reviewed", "nlp"],
    "digest": "md5:0",
    "model": "digits",
    "stage": "prod",
    "version": "v1.2.3",
    "commit": "0" * 40,
    "current": {"version": "v1.0.0", "metrics": {"accuracy": 0.9}},
}


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("metrics.accuracy >= 0.95", False),
        ("metrics.accuracy > 0", True),
        ("metrics.n > 2.5", True),
        ("metrics.n == 3", True),
        ("metrics.n / 2.0 == 1.5", True),
        ("metrics.best * 100.0 >= 99.0", True),
        ("metrics.loss < 1.0", False),
        ("metrics.loss >= 1.0", False),
        ("metrics.loss == metrics.loss", False),
        ("metrics.inf < 0", True),
        ("metrics['a.b'] == 1.5", True),
        ("params.depth in [4, 8]", True),
        ("params.opt in ['adam', 'sgd']", True),
        ("params.flag", True),
        ("params.seed == 9007199254740993", True),
        ("has(metrics.f1)", False),
        ("has(metrics.f1) && metrics.f1 > 0.9", False),
        ("!has(metrics.f1) || metrics.f1 > 0.9", True),
        ("'f1' in metrics", False),
        ("'reviewed' in labels", True),
        ("labels.exists(l, l.startsWith('nl'))", True),
        ("'ada' in meta.approved_by", True),
        ("!version.contains('-')", True),
        ("metrics.accuracy > current.metrics.accuracy", True),
        ("stage.matches('^prod')", True),
        ("digest != ''", True),
    ],
)
def test_an_expression_comes_to(expression: str, answer: bool) -> None:
    assert fault(expression) is None
    assert holds(expression, VALUES) is answer


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("metrics.accuracy >", "1:19: Syntax error"),
        ("metrc.accuracy > 1.0", "undeclared reference to 'metrc.accuracy'"),
        ("labels.exists(l, l.startswith('a'))", "undeclared reference to 'startswith'"),
        ("1 + 1", "it gives a int, and not true or false"),
        ("version > 3", "found no matching overload"),
        ("", "Syntax error"),
        ("true || " * 70 + "true", f"longer than {LONGEST} characters"),
        (
            "labels.all(a, a != '') && labels.all(a, a != '') && labels.map(a, a).size() > 0",
            "more than 2 of all, exists",
        ),
    ],
)
def test_what_cannot_be_used_is_told_before_it_is_needed(expression: str, words: str) -> None:
    found = fault(expression)
    assert found is not None
    assert words in found
    assert "\n" not in found


@pytest.mark.parametrize(
    ("expression", "why", "missing"),
    [
        ("metrics.f1 > 0.9", "Key not found", "f1"),
        ("params.opt > 3", "No matching overloads", None),
        ("1 / 0 == 1", "divide by zero", None),
        ("metrics.accuracy", "it is neither true nor false", None),
    ],
)
def test_what_comes_to_no_answer_does_not_hold(
    expression: str, why: str, missing: str | None
) -> None:
    found = holds(expression, VALUES)
    assert isinstance(found, Broken)
    assert why in found.why
    assert found.missing == missing


HUNDRED = f"[{','.join('1' * 100)}]"


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        (f"{HUNDRED}.all(a, {HUNDRED}.all(b, true))", "Iteration budget exceeded"),
        ("(" * 200 + "true" + ")" * 200, "recursion"),
        ("[version].map(a, a + a)" + ".map(a, a + a)" * 30 + "[0] == ''", "more than 2"),
        ("version.matches('((a{30}){30}){30}')", "invalid repetition size"),
    ],
)
def test_an_expression_that_would_take_too_much_is_given_up(expression: str, why: str) -> None:
    found = evaluate(expression, VALUES)
    assert isinstance(found, Broken)
    assert why in found.why


@pytest.mark.parametrize(
    "text",
    [
        "labels{0}{0}{0} == labels",
        "['it\\'s']{0}{0}{0} == labels",
        "[r'\\\\']{0}{0}{0} == labels",
        "[r'\\d//', R\"'\"]{0}{0}{0} == labels",
        "['\\\\']{0}{0}{0} == labels",
        '["""\'//"""]{0}{0}{0} == labels',
        "[meta.`a//b`]{0}{0}{0} == labels",
        "labels // don't\n{0}{0}{0} == labels // '",
        "labels // '''\n{0}{0}{0} == labels // '''",
        "labels // `\n{0}{0}{0} == labels // `",
        "['//']{0} + ['//']{0} + ['//']{0} == labels",
    ],
)
@pytest.mark.parametrize(
    "each",
    [".map(a, a)", ".//\nmap(a, a)", ". // '\n // \"\n map // `\n (a, a)", ".filter(a, true)"],
)
def test_comprehensions_are_counted_whatever_stands_between_them(text: str, each: str) -> None:
    one_less = text.replace("{0}", each, 2).replace("{0}", "")
    assert fault(one_less) is None
    assert "more than 2" in str(fault(text.replace("{0}", each)))


@pytest.mark.parametrize(
    "expression",
    [
        "'.map(' in labels || '.all(' in labels || \".filter(\" in labels",
        "!(version in [\"\"\".map(\"\"\", r'.map(', '''.map('''])",
        "'map' in labels || 'filter' in labels || has(meta.all) || has(meta.exists)",
        "// all (that is), exists (or not), map (of it)\nversion != ''",
        "labels.exists(l, l != '') // as .map(, .filter( and .all( would",
        "version != 'http://' // it's the version",
    ],
)
def test_strings_and_comments_are_no_comprehensions(expression: str) -> None:
    assert fault(expression) is None


def test_the_largest_string_that_can_be_made_stays_small() -> None:
    """Two comprehensions, each with its variable as often as 512 characters allow."""
    many = "+".join(["(a+a+a+a+a+a+a+a)"] * 12)
    expression = f"[version].map(a, {many}).map(a, {many})[0].matches('z$')"
    assert len(expression) <= LONGEST
    assert fault(expression) is None
    assert holds(expression, VALUES | {"version": "v" * 256}) is False

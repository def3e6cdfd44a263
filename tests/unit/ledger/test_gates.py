"""What a gate says: the values that decide it, as git writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.book import commit

from playbill.ledger.policies.evidence import Traits
from playbill.ledger.policies.gates import Gate, Subject, judge_gate

NEW = Traits(
    metrics={"accuracy": "0.910", "loss": "nan", "n": "3"},
    params={"opt": "adam"},
    labels=("nlp", "reviewed"),
    meta={"owner": "ada"},
)
OLD = Traits(metrics={"accuracy": "0.93"})


def subject(traits: Traits = NEW, current: str | None = "v1.0.0") -> Subject:
    return Subject(
        model="digits",
        stage="prod",
        version="v2.0.0",
        commit=commit(2),
        traits=traits,
        current_version=current,
        current=OLD if current else None,
    )


def said(expression: str, of: Subject | None = None, message: str | None = None) -> str:
    answer = judge_gate(Gate(name="g", expression=expression, message=message), of or subject())
    return f"{'yes' if answer.holds else 'no'}: {answer.words}"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("metrics.accuracy >= 0.95", "no: accuracy 0.910 < 0.95"),
        ("metrics.accuracy >= 0.9", "yes: accuracy 0.910 >= 0.9"),
        ("0.95 <= metrics.accuracy", "no: 0.95 > accuracy 0.910"),
        ("metrics['accuracy'] > 0.95", "no: accuracy 0.910 <= 0.95"),
        ("params.opt == 'sgd'", "no: opt adam != 'sgd'"),
        ("params.opt != 'adam'", "no: opt adam == 'adam'"),
        ("metrics.loss < 1.0", "no: loss nan is not < 1.0"),
        (
            "metrics.accuracy >= current.metrics.accuracy",
            "no: accuracy 0.910 < current accuracy 0.93",
        ),
        ("metrics.n >= 3 && metrics.accuracy >= 0.95", "no: accuracy 0.910 < 0.95"),
        (
            "metrics.n >= 4 && metrics.accuracy >= 0.95",
            "no: n 3 < 4; accuracy 0.910 < 0.95",
        ),
        (
            "metrics.accuracy >= 0.95 || metrics.n > 10",
            "no: metrics.accuracy >= 0.95 || metrics.n > 10 is false with accuracy 0.910, n 3",
        ),
        ("'approved' in labels", "no: 'approved' in labels is false with labels [nlp, reviewed]"),
        ("meta.owner == 'bob'", "no: meta.owner ada != 'bob'"),
        (
            "version.matches('^v1') && metrics.n > 1",
            "no: version.matches('^v1') is false with version v2.0.0",
        ),
        ("metrics.f1 > 0.9", "no: v2.0.0 has no metric f1"),
        ("params.depth > 3", "no: v2.0.0 has no parameter depth"),
        ("params.opt > 3", "no: params.opt > 3: No matching overloads found : _>_(string, int64)"),
        ("current.metrics.f1 < metrics.n", "no: v1.0.0 has no f1 (current.metrics.f1)"),
        ("has(metrics.f1)", "no: has(metrics.f1) is false with f1 unknown"),
    ],
)
def test_a_gate_says_why(expression: str, words: str) -> None:
    assert said(expression) == words


def test_the_words_of_a_gates_author_stand_beside_the_values() -> None:
    assert said("metrics.accuracy >= 0.95", message="below what we promise") == (
        "no: accuracy 0.910 < 0.95 (below what we promise)"
    )


def test_a_missing_metric_tells_what_could_not_be_read() -> None:
    of = subject(Traits(note="InvalidProject: dvc.yaml:3: no mapping"))
    assert said("metrics.f1 > 0.9", of) == (
        "no: v2.0.0 has no metric f1: InvalidProject: dvc.yaml:3: no mapping"
    )


def test_a_comparison_with_nobody_says_so_and_the_first_can_be_let_pass() -> None:
    first = subject(current=None)
    assert said("metrics.accuracy >= current.metrics.accuracy", first) == (
        "no: prod, which nobody holds, has no metrics (current.metrics.accuracy)"
    )
    assert said(
        "!has(current.version) || metrics.accuracy >= current.metrics.accuracy", first
    ).startswith("yes")


def test_git_wins_over_what_an_object_declares() -> None:
    declared = Traits(metrics={"accuracy": "0.99", "f1": "0.8"})
    both = NEW.or_else(declared)
    assert both.metrics == {"accuracy": "0.910", "loss": "nan", "n": "3", "f1": "0.8"}


@given(
    st.text(alphabet="metrics.acuy><=!&|()'\"[]0123456789 ?:{}+-/\\", max_size=80),
    st.text(max_size=20),
)
def test_any_text_gets_an_answer_and_words(text: str, value: str) -> None:
    of = subject(Traits(metrics={"accuracy": value}))
    answer = judge_gate(Gate(name="g", expression=text), of)
    assert answer.words


@given(st.floats(), st.floats(), st.sampled_from([">=", "<=", ">", "<", "==", "!="]))
def test_the_words_never_contradict_the_answer(left: float, right: float, how: str) -> None:
    of = subject(Traits(metrics={"a": repr(left), "b": repr(right)}))
    answer = judge_gate(Gate(name="g", expression=f"metrics.a {how} metrics.b"), of)
    outcome = {
        ">=": left >= right, "<=": left <= right, ">": left > right,
        "<": left < right, "==": left == right, "!=": left != right,
    }  # fmt: skip
    assert answer.holds is outcome[how]
    shown = answer.words.removeprefix(f"a {left!r} ").removesuffix(f" b {right!r}")
    if shown in outcome:
        assert outcome[shown]
    else:
        assert shown == f"is not {how}"
        assert not outcome[how]

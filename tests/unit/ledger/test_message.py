"""A message keeps a person's words apart from what we recognise our own tags by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.ledger import message

TRAILERS = {message.CLUSTER: "prod-eu", message.REQUEST: "5f0c/3"}


def test_the_subjects_are_gtos() -> None:
    assert message.registering("m", "v1.0.0") == "Registering artifact m version v1.0.0"
    assert message.deregistering("m", "v1.0.0") == "Deregistering artifact m version v1.0.0"
    assert (
        message.assigning("m", "prod", "v1.0.0")
        == "Assigning stage prod to artifact m version v1.0.0"
    )
    assert (
        message.unassigning("m", "prod", "v1.0.0")
        == "Unassigning stage 'prod' to artifact 'm' version 'v1.0.0'"
    )
    assert message.deprecating("m") == "Deprecating artifact 'm'"


def test_a_message_has_subject_text_and_trailers() -> None:
    composed = message.compose("Registering", text="Better recall.\nSee #12.", trailers=TRAILERS)
    assert composed == (
        "Registering\n\nBetter recall.\nSee #12.\n\n"
        "Playbill-Cluster: prod-eu\nPlaybill-Request: 5f0c/3\n"
    )
    assert message.split(composed) == ("Registering", "Better recall.\nSee #12.", TRAILERS)


@pytest.mark.parametrize("text", [None, "", " \n\t\n", "\0\n\x07"])
def test_no_words_leave_no_paragraph(text: str | None) -> None:
    assert message.compose("Subject", text=text, trailers={}) == "Subject\n"
    composed = message.compose("Subject", text=text, trailers=TRAILERS)
    assert composed.count("\n\n") == 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("one\n\n\ntwo", "one\ntwo"),
        ("one\r\ntwo\u2028three", "one\ntwo\nthree"),
        ("nul\0 bell\x07 tab\tesc\x1b[0m", "nul bell tab esc[0m"),
        ("turned\u202ednuora", "turneddnuora"),
        ("Playbill-Cluster: evil", " Playbill-Cluster: evil"),
        ("Signed-off-by: Eve", " Signed-off-by: Eve"),
        ("-----BEGIN SSH SIGNATURE-----", " -----BEGIN SSH SIGNATURE-----"),
        ("# ---- >8 ----", " # ---- >8 ----"),
        ("plain: with a space before, no key at all", " plain: with a space before, no key at all"),
        ("not a key, see: below", "not a key, see: below"),
    ],
)
def test_words_stay_words(text: str, kept: str) -> None:
    composed = message.compose("Subject", text=text, trailers=TRAILERS)
    assert composed.split("\n\n")[1] == kept


def test_long_words_and_values_are_cut() -> None:
    composed = message.compose("S", text="x" * 10_000, trailers={message.CHANGE: "y" * 10_000})
    _, body, trailers = message.split(composed)
    assert len(body) == message.TEXT_MAX_LENGTH
    assert len(trailers[message.CHANGE]) == message.VALUE_MAX_LENGTH
    assert body.endswith("…")


def test_a_value_is_one_line_and_an_empty_one_is_left_out() -> None:
    trailers = {message.REASON: "a\n\nPlaybill-Cluster: evil", message.CHANGE: " \n"}
    composed = message.compose("S", text=None, trailers=trailers)
    assert composed == "S\n\nPlaybill-Reason: a Playbill-Cluster: evil\n"


@pytest.mark.parametrize("trailers", [{"A": "1", "a": "2"}, {"A b": "1"}, {"": "1"}, {"A:": "1"}])
def test_a_key_that_git_could_not_read_is_a_mistake_of_ours(trailers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="trailer"):
        message.compose("S", text=None, trailers=trailers)


@pytest.mark.parametrize(
    ("text", "trailers"),
    [
        ("s\n\nPlaybill-Spec: a\n", {"Playbill-Spec": "a"}),
        ("s\n\nplaybill-spec:a\n", {"Playbill-Spec": "a"}),
        ("s\n\nPlaybill-Spec: a\n  b\n\n\n", {"Playbill-Spec": "a b"}),
        ("s\n\nPlaybill-Spec: a\nPlaybill-Reason: b\nPLAYBILL-SPEC: c", {"Playbill-Reason": "b"}),
        ("s\n\nPlaybill-Spec: a\nand words\n", {}),
        ("s\n\nPlaybill-Spec: a\n\nand words\n", {}),
        ("s\n\n folded\nPlaybill-Spec: a\n", {}),
        ("Playbill-Spec: a\n", {}),
        ("Playbill-Spec: a", {}),
        ("s\n\nPlaybill-Spec: a\0\nPlaybill-Reason: b", {"Playbill-Spec": "a"}),
        ("s\n\nA: 1\n-----BEGIN PGP SIGNATURE-----\n\nx: y\n", {"A": "1"}),
    ],
)
def test_trailers_are_the_last_paragraph_each_key_once(text: str, trailers: dict[str, str]) -> None:
    assert message.split(text)[2] == trailers


def test_a_message_without_trailers_is_subject_and_body() -> None:
    assert message.split("one\ntwo\n\nthree\n") == ("one", "two\n\nthree", {})
    assert message.split("one") == ("one", "", {})
    assert message.split("") == ("", "", {})


def test_a_message_of_any_length_is_cut_and_then_has_no_trailers() -> None:
    text = "s\n\nPlaybill-Spec: a\n" + " b\n" * 100_000
    subject, body, trailers = message.split(text)
    assert (subject, trailers) == ("s", {})
    assert len(body) <= message.MESSAGE_MAX_LENGTH


VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(text=st.none() | st.text(max_size=80), value=VALUES)
def test_whatever_is_put_in_the_trailers_come_out(text: str | None, value: str) -> None:
    trailers = TRAILERS | {message.REASON: value}
    assert message.split(message.compose("S", text=text, trailers=trailers))[2] == trailers


@given(text=st.text())
def test_any_message_can_be_split(text: str) -> None:
    subject, _, _ = message.split(text)
    assert "\n" not in subject

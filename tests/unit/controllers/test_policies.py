"""From policies as people write them to rules."""

from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.api.patterns import STAGE_MAX_LENGTH
from playbill.api.promotion_policy import PromotionPolicy
from playbill.controllers.inventory.policies import faults_of, rules_for, selects
from playbill.ledger.policies.policy import After, Rules

KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43}"


def policy(name: str = "p", **spec: Any) -> PromotionPolicy:
    whole = {"metadata": {"name": name, "namespace": "ns"}, "spec": {"stages": ["prod"]} | spec}
    return PromotionPolicy.model_validate(whole)


@pytest.mark.parametrize(
    ("spec", "model", "stage", "answer"),
    [
        ({}, "digits", "prod", True),
        ({}, "digits", "dev", False),
        ({"stages": ["*"]}, "digits", "dev/eu", True),
        ({"stages": ["prod/*"]}, "digits", "prod", False),
        ({"stages": ["pro?"]}, "digits", "prod", True),
        ({"models": ["nlp-*"]}, "nlp-en", "prod", True),
        ({"models": ["nlp-*"]}, "digits", "prod", False),
        ({"models": ["a.b"]}, "axb", "prod", False),
        ({"allowedStages": ["dev"]}, "digits", "dev", True),
        ({"allowedStages": ["dev"], "models": ["x"]}, "digits", "dev", False),
    ],
)
def test_a_policy_selects(spec: dict[str, Any], model: str, stage: str, answer: bool) -> None:
    assert selects(policy(**spec).spec, models={model}, stage=stage) is answer


@pytest.mark.parametrize(
    ("pattern", "stage", "answer"),
    [
        ("*", "prod", True),
        ("**", "prod", True),
        ("p*", "p", True),
        ("p*d", "prod", True),
        ("p*p", "p", False),
        ("*ro*", "prod", True),
        ("*do*", "prod", False),
        ("*o*o*", "prod", False),
        ("*o*d", "prod/old", True),
        ("*ab*ab", "ab/ab/ab", True),
        ("a?*?c", "abc", False),
        ("a?*?c", "abbc", True),
        ("*?/eu", "prod/eu", True),
        ("prod*", "a-prod", False),
        ("*prod", "prod-a", False),
    ],
)
def test_stars_stand_for_any_text(pattern: str, stage: str, answer: bool) -> None:
    assert selects(policy(stages=[pattern]).spec, models={"digits"}, stage=stage) is answer


@given(pattern=st.text("ab*?", min_size=1, max_size=9), stage=st.text("ab", min_size=1, max_size=9))
def test_stars_mean_what_they_do_in_a_shell(pattern: str, stage: str) -> None:
    found = selects(policy(stages=[pattern]).spec, models={"digits"}, stage=stage)
    assert found is fnmatchcase(stage, pattern)


def test_no_pattern_takes_time_without_end() -> None:
    """Each star might end at each letter: to try them all would take longer than anybody lives."""
    hostile = policy(stages=["*a" * 45 + "*-b"])
    assert not selects(hostile.spec, models={"digits"}, stage="a" * STAGE_MAX_LENGTH)


def test_rules_are_read_in_the_order_of_their_names() -> None:
    found = rules_for(
        [
            policy("b", after=[{"stage": "staging", "for": "1h30m"}], requireDigest=True),
            policy("a", requireSignedTag={"signers": [f"{KEY} ada", f"{KEY} again"]}),
            policy("c", stages=["dev"]),
        ],
        models={"digits"},
        stage="prod",
    )
    a, b = found
    assert (a.policy, b.policy) == ("a", "b")
    assert a.signers == frozenset({KEY.split()[1]})
    assert (b.after, b.digest, b.signers) == ((After("staging", 5400),), True, None)


def test_of_a_stage_that_it_does_not_speak_of_only_the_allowed_stages_remain() -> None:
    strict = policy(
        allowedStages=["prod"], gates=[{"name": "g", "expression": "nonsense("}]
    )  # fmt: skip
    assert rules_for([strict], models={"m"}, stage="dev") == (
        Rules(policy="p", allowed=frozenset({"prod"})),
    )
    (rules,) = rules_for([strict], models={"m"}, stage="prod")
    assert rules.fault is not None


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"gates": [{"name": "g", "expression": "a >"}]}, "gate g cannot be used: 1:4: Syntax"),
        ({"windows": [{"timeZone": "Europe/Atlantis"}]}, "there is no time zone Europe/Atlantis"),
        ({"windows": [{"timeZone": "Europe"}]}, "there is no time zone Europe"),
        ({"requireSignedTag": {"signers": [KEY, "ssh-ed25519 AAAA"]}}, "signer 2 is no public key"),
        ({"requireSignedTag": {"signers": [f"ssh-rsa {KEY.split()[1]}"]}}, "signer 1 is no"),
    ],
)
def test_what_cannot_be_understood_is_said(spec: dict[str, Any], words: str) -> None:
    (fault,) = faults_of(policy(**spec).spec)
    assert words in fault

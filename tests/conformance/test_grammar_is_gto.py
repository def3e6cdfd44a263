"""Cases 18, 19 and 20: which names GTO takes, and that ours are among them."""

import pytest
from gto.constants import Action, assert_fullname_is_valid
from gto.exceptions import ValidationError
from gto.tag import name_tag, parse_name

from playbill.api.errors import Stalled
from playbill.ledger.grammar import (
    AssignmentTag,
    DeprecationTag,
    DeregistrationTag,
    RegistrationTag,
    UnassignmentTag,
    check_artifact,
    parse_tag,
)

from .cases import ARTIFACT_NAMES, TAG_NAMES

ACTIONS = {
    RegistrationTag: Action.REGISTER,
    DeregistrationTag: Action.DEREGISTER,
    AssignmentTag: Action.ASSIGN,
    UnassignmentTag: Action.UNASSIGN,
    DeprecationTag: Action.DEPRECATE,
}


@pytest.mark.parametrize("name", TAG_NAMES)
def test_a_tag_s_name_says_what_gto_reads_in_it(name: str) -> None:
    theirs, ours = parse_name(name, raise_on_fail=False), parse_tag(name)
    if ours is None:
        assert theirs == {}
        return
    parts = {
        "name": ours.artifact,
        "action": ACTIONS[type(ours)],
        "version": getattr(ours, "version", None),
        "stage": getattr(ours, "stage", None),
        "counter": ours.counter,
    }
    assert {key: value for key, value in parts.items() if value is not None} == theirs
    assert ours.format() == name


@pytest.mark.parametrize("name", ARTIFACT_NAMES)
def test_an_artifact_s_name_is_taken_if_gto_takes_it(name: str) -> None:
    """Not the other way round: git refuses some of GTO's as refs (test_git_reads_our_tags.py)."""
    assert _takes(check_artifact, name, Stalled) == _takes(
        assert_fullname_is_valid, name, ValidationError
    )


def _takes(check: object, name: str, refusal: type[Exception]) -> bool:
    try:
        check(name)  # type: ignore[operator]
    except refusal:
        return False
    return True


def test_a_directory_stands_in_a_tag_as_gto_writes_it() -> None:
    name = "some/Other_Folder:some/model"
    tag = RegistrationTag(name, "v1.0.0").format()
    assert tag == name_tag(Action.REGISTER, name, version="v1.0.0", simple=True)
    assert tag == "some/Other_Folder=some/model@v1.0.0"
    read = parse_tag(tag)
    assert read is not None
    assert read.artifact == name

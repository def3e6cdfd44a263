"""Names of tags: what is read, what is written, and what is refused with a reason."""

import re

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from playbill.api import patterns
from playbill.api.errors import Stalled
from playbill.ledger.grammar import (
    AssignmentTag,
    Bump,
    DeprecationTag,
    DeregistrationTag,
    RefNames,
    RegistrationTag,
    TagName,
    UnassignmentTag,
    check_artifact,
    check_stage,
    check_version,
    next_version,
    parse_tag,
    ref_collides,
    version_key,
)

READ = [
    ("nn@v0.0.1", RegistrationTag("nn", "v0.0.1")),
    ("nn@v0.0.1#7", RegistrationTag("nn", "v0.0.1", 7)),
    ("nn@v1.0.0-alpha.beta", RegistrationTag("nn", "v1.0.0-alpha.beta")),
    ("nn@v1.0.0-rc.1+build.5", RegistrationTag("nn", "v1.0.0-rc.1+build.5")),
    ("nn@v1.0.0!", DeregistrationTag("nn", "v1.0.0")),
    ("nn@v1.0.0!#1", DeregistrationTag("nn", "v1.0.0", 1)),
    ("nn#prod", AssignmentTag("nn", "prod")),
    ("nn#prod#3", AssignmentTag("nn", "prod", 3)),
    ("nn#prod/eu#3", AssignmentTag("nn", "prod/eu", 3)),
    ("nn#prod!", UnassignmentTag("nn", "prod")),
    ("nn#prod!#2", UnassignmentTag("nn", "prod", 2)),
    ("nn@deprecated", DeprecationTag("nn")),
    ("nn@deprecated#4", DeprecationTag("nn", 4)),
    ("some/Dir=some/model@v2.0.0", RegistrationTag("some/Dir:some/model", "v2.0.0")),
    ("a.b/c=m#s#1", AssignmentTag("a.b/c:m", "s", 1)),
]
NOT_OURS = [
    "",
    "v1.0.0",
    "release-1",
    "m",
    "m@1.0.0",
    "m@v1",
    "model@v1",
    "m@v1.0",
    "m@v01.0.0",
    "m@v1.0.0-01",
    "m@v1.0.0\n",
    "m@v1.0.٣",
    "m@v1.1٣.0",
    "m@latest",
    "m@created",
    "nn#prod#-1",
    "model#prod@v1.2.3",
    "model@v1.2.3#prod",
    "@ns/model@0.0.1",
    "model#prod?#1-2",
    "m#a.b#1",
    "m##1",
    "a:m@v1.0.0",
    "a=b=m@v1.0.0",
    "m@v1.0.0#" + "9" * 5000,
]


@pytest.mark.parametrize(("name", "tag"), READ)
def test_a_tag_of_gto_is_read_and_written_back(name: str, tag: TagName) -> None:
    assert parse_tag(name) == tag
    assert tag.format() == name


@pytest.mark.parametrize("name", NOT_OURS)
def test_other_names_are_not_ours(name: str) -> None:
    assert parse_tag(name) is None


@pytest.mark.parametrize("name", ["1", "m", "1nn", "model_A", "DVCLive/Model", "m--n", "a_/_b"])
def test_a_plain_name_serves_as_artifact_and_as_stage(name: str) -> None:
    assert check_artifact(name) == name
    assert check_stage(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "m/",
        "/m",
        "_model",
        "-model",
        "model-",
        "model@1",
        "model#1",
        "a model",
        "a//b",
        "m.n",
        "mé",
        "m\n",
        "m" * 121,
    ],
)
def test_other_names_serve_as_neither(name: str) -> None:
    with pytest.raises(Stalled) as artifact:
        check_artifact(name)
    with pytest.raises(Stalled) as stage:
        check_stage(name)
    assert (artifact.value.reason, stage.value.reason) == ("InvalidName", "InvalidStage")
    assert "letters, digits" in artifact.value.message


@pytest.mark.parametrize("name", ["models/nlp:senti", "a.b/_c:m", "some/Dir:some/m", "x.lock:m"])
def test_an_artifact_may_lie_in_a_directory(name: str) -> None:
    assert check_artifact(name) == name


@pytest.mark.parametrize(
    "name",
    [
        ".x:a",
        "x/..:a",
        "x/.y:a",
        "./x:a",
        "-x:a",
        "/x:a",
        "x/:a",
        "x//y:a",
        "x.lock/y:a",
        ":a",
        "a@{b:m",
        "a:b:c",
        "a=b",
        "x.:a",
        "x..y:a",
    ],
)
def test_a_directory_that_git_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(Stalled, match="cannot name an artifact"):
        check_artifact(name)


def test_a_stage_lies_in_no_directory() -> None:
    with pytest.raises(Stalled, match="cannot name a stage"):
        check_stage("dir:prod")


@pytest.mark.parametrize(
    ("text", "version"),
    [("1.2.3", "v1.2.3"), ("v1.2.3", "v1.2.3"), ("0.0.0-rc.1+b", "v0.0.0-rc.1+b")],
)
def test_a_version_gets_its_v(text: str, version: str) -> None:
    assert check_version(text) == version


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v",
        "1",
        "v1.2",
        "V1.2.3",
        "vv1.2.3",
        "1.2.3.4",
        "01.2.3",
        "1.2.3-01",
        "1.2.3-",
        "1.2.3+",
        "latest",
        "1.2.3\n",
        " 1.2.3",
        "1.1٣.0",
        "1.0.0-rc.lock",
        f"1.0.{'1' * 100}",
    ],
)
def test_what_is_no_semver_is_no_version(text: str) -> None:
    with pytest.raises(Stalled, match="SemVer") as stalled:
        check_version(text)
    assert stalled.value.reason == "InvalidVersion"


@pytest.mark.parametrize("pattern", [patterns.ARTIFACT_NAME, patterns.STAGE_NAME, patterns.SEMVER])
def test_the_patterns_mean_the_same_to_re2_and_ecma(pattern: str) -> None:
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert not re.search(r"\(\?|\\[^.+]|[*+?}][+?]", pattern)


NAME = st.from_regex(patterns.ARTIFACT_NAME.replace("$", r"\Z"))
STAGE = st.from_regex(patterns.STAGE_NAME.replace("$", r"\Z"))
VERSION = st.from_regex(patterns.SEMVER.replace("v?", "v").replace("$", r"\Z"))
COUNTER = st.none() | st.integers(0, 10**12)


@given(artifact=NAME, stage=STAGE, version=VERSION, counter=COUNTER)
def test_every_name_that_can_be_written_is_read_back(
    artifact: str, stage: str, version: str, counter: int | None
) -> None:
    tags: list[TagName] = [
        RegistrationTag(artifact, version, counter),
        DeregistrationTag(artifact, version, counter),
        AssignmentTag(artifact, stage, counter),
        UnassignmentTag(artifact, stage, counter),
        DeprecationTag(artifact, counter),
    ]
    assert [parse_tag(tag.format()) for tag in tags] == tags


def test_precedence_is_semvers() -> None:
    ascending = ["v0.9.0", "v0.10.0", "v1.0.0-1", "v1.0.0-a", "v1.0.0-rc", "v1.0.0-rc.2"]
    ascending += ["v1.0.0-rc.10", "v1.0.0-rc.10.0", "v1.0.0", "v1.0.0+1", "v1.0.0+a", "v1.0.1"]
    scrambled = [*ascending[1::2], *ascending[::2]]
    assert sorted(scrambled, key=version_key) == ascending


@given(left=VERSION, right=VERSION)
def test_precedence_agrees_with_the_semver_library(left: str, right: str) -> None:
    keys = version_key(left)[:-1], version_key(right)[:-1]
    compared = semver.Version.parse(left[1:]).compare(right[1:])
    assert (keys[0] > keys[1]) - (keys[0] < keys[1]) == compared


@pytest.mark.parametrize(
    ("latest", "bump", "following"),
    [
        (None, "Patch", "v0.0.1"),
        (None, "Major", "v0.0.1"),
        ("v1.2.3", "Patch", "v1.2.4"),
        ("v1.2.3", "Minor", "v1.3.0"),
        ("v1.2.3", "Major", "v2.0.0"),
        ("v1.0.0-rc.1", "Patch", "v1.0.1"),
        ("v1.0.0-rc.1+x", "Minor", "v1.1.0"),
    ],
)
def test_the_next_version(latest: str | None, bump: Bump, following: str) -> None:
    assert next_version(latest, bump) == following


@pytest.mark.parametrize(
    ("name", "culprit"),
    [
        ("a/b", "a"),
        ("a/b/c", "a"),
        ("x", "x/y/z"),
        ("x/y", "x/y/z"),
        ("m#prod/eu", "m#prod"),
        ("a", None),
        ("ab", None),
        ("x/y/w", None),
        ("m#prod#2", None),
    ],
)
def test_a_name_collides_with_a_directory_or_a_file(name: str, culprit: str | None) -> None:
    names = ["a", "x/y/z", "m#prod"]
    assert RefNames(names).collision(name) == culprit
    assert ref_collides(name, names) == culprit


def test_the_same_name_is_found_but_is_no_collision() -> None:
    refs = RefNames(["a/b"])
    assert "a/b" in refs
    assert refs.collision("a/b") is None

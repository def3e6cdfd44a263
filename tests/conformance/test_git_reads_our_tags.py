"""Git takes the tag objects, packs and messages that we make without it."""

import subprocess

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from playbill.api.errors import Stalled
from playbill.ledger import message
from playbill.ledger.fold import fold
from playbill.ledger.grammar import (
    AssignmentTag,
    RegistrationTag,
    check_artifact,
    check_stage,
    check_version,
)
from playbill.ledger.tagobject import TagObject, pack

from .repositories import EPOCH, MakeRepository, Tag

LIVE = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TRAILERS = {
    message.CLUSTER: "prod-eu",
    message.RESOURCE: "ModelVersion/ml/churn-1",
    message.REQUEST: "5f0c/3",
}


def tag_object(name: str, target: str, text: str = "by hand\n") -> TagObject:
    return TagObject(name, target, "Ann Ö.", "ann@example.org", EPOCH, text, "+0200")


def git_trailers(text: str) -> list[tuple[str, str]]:
    command = ["git", "interpret-trailers", "--parse", "--no-divider"]
    printed = subprocess.run(command, input=text.encode(), check=True, capture_output=True).stdout
    pairs = (line.partition(":") for line in printed.decode().split("\n") if line)
    return [(key, value.strip(" \t\r")) for key, _, value in pairs]


def test_the_object_id_is_gits(make_repository: MakeRepository) -> None:
    repository = make_repository()
    tag = tag_object("some/dir=m@v1.0.0", repository.commits[0])
    assert repository.git("mktag", "--strict", stdin=tag.data).decode().strip() == tag.oid


@pytest.mark.parametrize("command", [["index-pack", "--stdin", "--strict"], ["unpack-objects"]])
def test_git_takes_a_pack_of_tags(command: list[str], make_repository: MakeRepository) -> None:
    repository = make_repository()
    texts = ["", "x" * 10, "y" * 15_000, "zweite Zeile: ö\n" * 300]
    tags = [tag_object(f"m#s#{i}", repository.commits[0], t) for i, t in enumerate(texts)]
    repository.git(*command, stdin=pack([*tags, tags[0]]))
    for tag in tags:
        assert repository.git("cat-file", "tag", tag.oid) == tag.data
        repository.git("update-ref", f"refs/tags/{tag.name}", tag.oid)
    repository.git("fsck", "--strict")
    assert {record.oid for record in repository.records()} == {tag.oid for tag in tags}


def test_a_hostile_tagger_is_no_trouble_to_git_or_the_ledger(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository()
    hostile = TagObject(
        "m@v1.0.0",
        repository.commits[0],
        "Eve <eve@x>\nobject 0",
        "<>\n\0",
        EPOCH,
        "x\n",
    )
    assert repository.git("mktag", "--strict", stdin=hostile.data).decode().strip() == hostile.oid
    repository.git("update-ref", "refs/tags/m@v1.0.0", hostile.oid)
    (event,) = fold(repository.records()).artifacts["m"].events
    assert (event.tagger, event.email) == ("Eve eve@xobject 0", "unknown")


LINES = st.sampled_from(
    [
        "Playbill-Cluster: evil",
        "Signed-off-by: Eve <eve@example.org>",
        "(cherry picked from commit 1234)",
        "---",
        "# ------------------------ >8 ------------------------",
        "-----BEGIN PGP SIGNATURE-----",
        "-----BEGIN SSH SIGNATURE-----",
        "Conflicts:",
        "\tfile",
        " folded",
        "words of a person",
        "A: 1",
        "",
        "",
        "\r",
        "\0",
        "\x0b",
        "\u2028",
    ]
)
LETTERS = st.sampled_from("aA-:# \t\r\n\0\x0b\x85\u2028é>=") | st.characters(codec="utf-8")
TEXT = st.text(LETTERS, max_size=60) | st.lists(LINES, max_size=10).map("\n".join)


@LIVE
@given(text=TEXT, value=st.text(max_size=20))
@example(text="Playbill-Cluster: evil", value="\n\nPlaybill-Cluster: evil")
def test_no_text_forges_or_hides_a_trailer_for_git(text: str, value: str) -> None:
    composed = message.compose("Registering", text=text, trailers=TRAILERS | {"Reason": value})
    ours = {key: kept for key, kept in git_trailers(composed) if key != "Reason"}
    assert ours == TRAILERS
    assert dict(git_trailers(composed)) == message.split(composed)[2]
    alone = message.compose("Registering", text=text, trailers={})
    assert git_trailers(alone) == []
    assert message.split(alone)[2] == {}


@LIVE
@given(text=TEXT)
@example(text="subject\n\nA: 1\n# ------------------------ >8 ------------------------\n\nB: 2")
@example(text="subject\n\nA: 1\nb: 2\nB: 3\n c\n")
@example(text="0\n\nConflicts:\n")
def test_no_message_has_a_trailer_that_git_does_not_see(text: str) -> None:
    assume("-----BEGIN" not in text)  # signatures are not this command's business
    seen = git_trailers(text)
    keys = [key.casefold() for key, _ in seen]
    for key, value in message.split(text)[2].items():
        assert keys.count(key.casefold()) == 1
        assert (key.casefold(), value) in {(k.casefold(), v) for k, v in seen}


def test_the_ledger_reads_the_trailers_of_a_tag_that_git_sees_as_signed(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository()
    signature = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"
    composed = message.compose("Registering", text="good", trailers=TRAILERS)
    tag = tag_object("m@v1.0.0", repository.commits[0], composed + signature)
    repository.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=tag.data)
    repository.git("update-ref", "refs/tags/m@v1.0.0", tag.oid)
    (event,) = fold(repository.records()).artifacts["m"].events
    assert (event.subject, event.body, event.trailers) == ("Registering", "good", TRAILERS)
    printed = repository.git("for-each-ref", "--format=%(contents:signature)", "refs/tags")
    assert printed.decode().strip() == signature.strip()


NAMES = st.lists(
    st.sampled_from([*"aaaZ09-_/.:=", "a/", "b:", ".lock", "..", "@{", "//"]), max_size=8
).map("".join)


def passes(check: object, name: str) -> bool:
    try:
        check(name)  # type: ignore[operator]
    except Stalled:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(artifact=NAMES, stage=NAMES)
@example(artifact=".x:a", stage="a")
@example(artifact="x/..:a", stage="a")
@example(artifact="x.lock/y:a", stage="a")
@example(artifact="x.lock:a", stage="a/b")
@example(artifact="-x:a", stage="a")
def test_git_accepts_each_name_that_passes_our_checks(artifact: str, stage: str) -> None:
    if passes(check_artifact, artifact) and passes(check_stage, stage):
        assert git_accepts(AssignmentTag(artifact, stage, 1).format())


@pytest.mark.parametrize("version", ["v1.0.0-rc.lock", "1.0.0+a.lock"])
def test_a_version_that_git_refuses_is_refused(version: str) -> None:
    assert not git_accepts(RegistrationTag("m", version).format())
    with pytest.raises(Stalled, match=r"\.lock"):
        check_version(version)


def git_accepts(name: str) -> bool:
    """What `git tag` asks of a name: a well-formed ref, and no leading dash."""
    command = ["git", "check-ref-format", f"refs/tags/{name}"]
    return not name.startswith("-") and subprocess.run(command, check=False).returncode == 0


def test_git_refuses_what_collides_and_the_index_says_so(make_repository: MakeRepository) -> None:
    repository = make_repository([Tag("m#prod", 1, 1), Tag("n#prod/eu", 1, 1)])
    refs = fold(repository.records()).refs
    for name, culprit in (("m#prod/eu", "m#prod"), ("n#prod", "n#prod/eu")):
        assert refs.collision(name) == culprit
        with pytest.raises(subprocess.CalledProcessError):
            repository.git("tag", "-a", "-m", "x", name, "main")
    assert refs.collision("m#prod#2") is None
    repository.git("tag", "-a", "-m", "x", "m#prod#2", "main")

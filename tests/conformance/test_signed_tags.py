"""Tags that we sign: `git tag -v` finds them good, and GTO and our fold read them as any other."""

import tempfile
from pathlib import Path

import gto.api
import pytest
from dvc.scm import Git

from playbill.api.errors import Stalled
from playbill.git.signing import AT_ONCE, SigningKey
from playbill.ledger import message
from playbill.ledger.fold import fold
from playbill.ledger.grammar import AssignmentTag, RegistrationTag
from playbill.ledger.tagobject import TagObject

from .repositories import EPOCH, MakeRepository, Repository
from .ssh_key import EMAIL, SshKey

TRAILERS = {message.CLUSTER: "prod-eu", message.REQUEST: "5f0c/3"}
KINDS = [("-t", "ed25519"), ("-t", "rsa", "-b", "4096"), ("-t", "ecdsa")]


def tags(repository: Repository, count: int = 2) -> list[TagObject]:
    words = message.compose("Registering", text="good ö", trailers=TRAILERS)
    names = [RegistrationTag("m", "v1.0.0").format(), AssignmentTag("m", "prod", 1).format()]
    names += [AssignmentTag("m", "qa", number).format() for number in range(2, count)]
    return [
        TagObject(name, repository.commits[0], "Playbill", EMAIL, EPOCH + second, words)
        for second, name in enumerate(names[:count])
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[1])
def test_git_verifies_what_was_signed(
    kind: tuple[str, ...], make_repository: MakeRepository, tmp_path: Path
) -> None:
    repository, key = make_repository(), SshKey.make(tmp_path, *kind)
    signed = SigningKey.from_secret({"identity": key.private}).sign(tags(repository))
    assert [TagObject.parse(tag.data) for tag in signed] == signed
    repository.push(signed)
    repository.git("fsck", "--strict")
    for tag in signed:
        verified = key.verify(repository.path, tag.name)
        assert verified.returncode == 0, verified.stderr
        assert f'Good "git" signature for {EMAIL}' in verified.stderr
    (tmp_path / "other").mkdir()
    stranger = SshKey.make(tmp_path / "other")
    assert stranger.verify(repository.path, "m@v1.0.0").returncode != 0


def test_a_signed_tag_that_was_tampered_with_is_found_out(
    make_repository: MakeRepository, tmp_path: Path
) -> None:
    repository, key = make_repository(), SshKey.make(tmp_path)
    (signed, _) = SigningKey.from_secret({"identity": key.private}).sign(tags(repository))
    forged = TagObject.parse(signed.data.replace(b"good", b"evil"))
    repository.push([forged])
    verified = key.verify(repository.path, forged.name)
    assert verified.returncode != 0
    assert "Signature verification failed" in verified.stderr + verified.stdout


def test_gto_dvc_and_the_fold_read_signed_tags(
    make_repository: MakeRepository, tmp_path: Path
) -> None:
    repository, key = make_repository(), SshKey.make(tmp_path)
    repository.push(SigningKey.from_secret({"identity": key.private}).sign(tags(repository)))
    path = str(repository.path)
    assert gto.api.show(path)["m"]["stage"] == {"prod": "v1.0.0"}
    (event,) = gto.api.check_ref(path, "m@v1.0.0")
    assert event.message.startswith("Registering\n\ngood ö\n\nPlaybill-Cluster: prod-eu\n")
    assert "m@v1.0.0" in Git(path).list_tags()
    for own in fold(repository.records()).artifacts["m"].events:
        assert (own.subject, own.body, own.trailers) == ("Registering", "good ö", TRAILERS)


def test_any_number_of_tags_is_signed(make_repository: MakeRepository, tmp_path: Path) -> None:
    repository, key = make_repository(), SshKey.make(tmp_path)
    many = tags(repository, AT_ONCE + 2)
    signed = SigningKey.from_secret({"identity": key.private}).sign(many)
    assert [tag.name for tag in signed] == [tag.name for tag in many]
    repository.push(signed[-1:])
    assert key.verify(repository.path, signed[-1].name).returncode == 0


def test_a_key_with_carriage_returns_and_without_its_last_newline_is_taken(
    make_repository: MakeRepository, tmp_path: Path
) -> None:
    key = SshKey.make(tmp_path)
    mangled = key.private.replace(b"\n", b"\r\n").rstrip()
    assert SigningKey.from_secret({"identity": mangled}).sign(tags(make_repository()))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: {"identity": SshKey.make(path, passphrase="x" * 8).private}, "passphrase"),
        (lambda path: {"identity": SshKey.make(path).public.encode()}, "no private key"),
        (lambda path: {"ssh-privatekey": SshKey.make(path).private}, "no key identity"),
        (lambda path: {"identity": SshKey.make(path).private[:200]}, "no private key|not take"),
        (lambda path: {"identity": SshKey.make(path).private[:100] + b"-----END"}, "not take"),
        (lambda _: {"identity": b"\xff"}, "not text"),
    ],
)
def test_a_key_that_cannot_sign_says_how_to_mend_it_and_nothing_of_itself(
    make: object, words: str, make_repository: MakeRepository, tmp_path: Path
) -> None:
    data = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(Stalled, match=words) as refusal:
        SigningKey.from_secret(data).sign(tags(make_repository()))
    assert refusal.value.reason == "SigningKeyInvalid"
    assert "ssh-keygen -t ed25519 -N ''" in refusal.value.message
    assert not any(
        line in refusal.value.message
        for content in data.values()
        for line in content.decode(errors="replace").splitlines()
    )


def test_no_key_is_left_behind_or_shown(
    make_repository: MakeRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = SigningKey.from_secret({"identity": SshKey.make(tmp_path).private})
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(private))
    key.sign(tags(make_repository()))
    assert list(private.iterdir()) == []
    assert "PRIVATE" not in repr(key)


def test_a_person_signs_with_git_and_the_ledger_reads_it(
    make_repository: MakeRepository, tmp_path: Path
) -> None:
    repository = make_repository()
    SshKey.make(tmp_path)
    options = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={tmp_path / 'key'}"]
    words = "Registering\n\nPlaybill-Source-Commit: 0"
    repository.git(*options, "tag", "-s", "-m", words, "m@v1.0.0")
    (event,) = fold(repository.records()).artifacts["m"].events
    assert event.trailers == {message.SOURCE_COMMIT: "0"}

"""Whose signature a tag bears: as git makes them, and as somebody might fake them."""

import subprocess
from pathlib import Path

import pytest
from tests.conformance.ssh_key import SshKey

from playbill.git.signing import SigningKey
from playbill.git.verifying import signed_by
from playbill.ledger.policies.ssh_keys import public_key
from playbill.ledger.tagobject import TagObject

TAG = TagObject("m@v1.0.0", "0" * 40, "Ada", "ada@example.com", 1_700_000_000, "a tag\n")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    return SshKey.make(tmp_path_factory.mktemp("key"))


def signed(key: SshKey, tag: TagObject = TAG) -> bytes:
    return SigningKey.from_secret({"identity": key.private}).sign([tag])[0].data


@pytest.mark.parametrize("options", [("-t", "ed25519"), ("-t", "ecdsa"), ("-t", "rsa")])
def test_a_sound_signature_tells_its_key_and_the_name_that_was_signed(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    key = SshKey.make(tmp_path, *options)
    found = signed_by(signed(key))
    assert found is not None
    assert (found.key, found.tag) == (public_key(key.public), "m@v1.0.0")


def test_what_git_signs_is_verified(tmp_path: Path, key: SshKey) -> None:
    path = tmp_path / "key"
    path.write_bytes(key.private)
    path.chmod(0o600)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    git += ["-c", "gpg.format=ssh", "-c", f"user.signingkey={path}"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    subprocess.run([*git, "tag", "-s", "-m", "by hand", "m@v2.0.0"], check=True)
    data = subprocess.run([*git, "cat-file", "tag", "m@v2.0.0"], check=True, capture_output=True)
    found = signed_by(data.stdout)
    assert found is not None
    assert (found.key, found.tag) == (public_key(key.public), "m@v2.0.0")


def test_what_was_changed_after_it_was_signed_is_worth_nothing(key: SshKey) -> None:
    data = signed(key)
    assert signed_by(data) is not None
    for change in (
        data.replace(b"m@v1.0.0", b"m@v9.0.0"),
        data.replace(b"0" * 40, b"1" * 40),
        data.replace(b"a tag", b"another"),
        data[: data.index(b"-----BEGIN")],
        data + b"more\n",
        data.replace(b"SSH SIGNATURE", b"PGP SIGNATURE"),
        data[:-60] + b"-----END SSH SIGNATURE-----\n",
        TAG.data,
        b"",
    ):
        assert signed_by(change) is None


def test_a_signature_made_for_another_purpose_is_none(tmp_path: Path, key: SshKey) -> None:
    path = tmp_path / "key"
    path.write_bytes(key.private)
    path.chmod(0o600)
    (tmp_path / "tag").write_bytes(TAG.data)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", str(path)]
    subprocess.run([*command, str(tmp_path / "tag")], check=True, capture_output=True)
    assert signed_by(TAG.data + (tmp_path / "tag.sig").read_bytes()) is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 !!!!",
        "ssh-dss AAAAB3NzaC1kc3MAAAAA",
        "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQ=",
        'command="id" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI',
    ],
)
def test_what_is_no_key_is_not_taken_for_one(line: str) -> None:
    assert public_key(line) is None

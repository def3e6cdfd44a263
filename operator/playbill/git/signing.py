"""Signing tags with an ssh key, as git does for `gpg.format=ssh`: the signature is the last block
of the tag's message, over all that stands before it (git's gpg-interface.c; PROTOCOL.sshsig).

`ssh-keygen` does it, as for git itself; one process signs any number of tags. The key is in a
private directory for as long as that takes.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from playbill.api.errors import Retry, Stalled
from playbill.git.process import Finished, Limits, run
from playbill.ledger.tagobject import TagObject

KEY = "identity"
"""The key of the Secret, the one that Flux's ssh credentials have it under."""

AT_ONCE = 500
"""Tags of one process: their names are its arguments."""

LIMITS = Limits(seconds=60, stdout=1 << 20, file=1 << 20)
LONGEST_SIGNATURE = 8192

_MEND = (
    f"put an OpenSSH private key without a passphrase under {KEY} in the Secret of "
    "signing.secretRef, as `ssh-keygen -t ed25519 -N ''` makes it"
)


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """An ssh private key."""

    text: str

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes]) -> Self:
        """From a Secret's decoded data. Raises Stalled(SigningKeyInvalid); what else it holds
        is not looked at."""
        try:
            text = data.get(KEY, b"").decode().replace("\r\n", "\n").strip()
        except UnicodeDecodeError:
            raise _invalid(f"{KEY} is not text") from None
        if "PRIVATE KEY-----" not in text:
            raise _invalid(f"{KEY} holds no private key" if text else f"it has no key {KEY}")
        return cls(f"{text}\n")

    def sign(self, tags: Sequence[TagObject]) -> list[TagObject]:
        """The tags with their signatures, in order. Raises Stalled(SigningKeyInvalid), Retry."""
        signed: list[TagObject] = []
        for start in range(0, len(tags), AT_ONCE):
            signed += self._sign(tags[start : start + AT_ONCE])
        return signed

    def _sign(self, tags: Sequence[TagObject]) -> list[TagObject]:
        names = [str(number) for number in range(len(tags))]
        with tempfile.TemporaryDirectory(prefix="playbill-") as private:
            directory = Path(private)
            _write(directory / "key", self.text.encode())
            for name, tag in zip(names, tags, strict=True):
                (directory / name).write_bytes(tag.data)
            _check(_run(directory, ["-Y", "sign", "-n", "git", "-f", "key", *names]))
            return [
                replace(tag, message=tag.message + _signature(directory / f"{name}.sig"))
                for name, tag in zip(names, tags, strict=True)
            ]


def _run(directory: Path, arguments: Sequence[str]) -> Finished:
    """Without a terminal or an agent, so that nothing can be asked for."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(directory),
        "LC_ALL": "C",
        "SSH_ASKPASS_REQUIRE": "never",
    }
    try:
        return run(
            ["ssh-keygen", *arguments], env=environment, cwd=directory, stdin=b"", limits=LIMITS
        )
    except OSError as error:
        raise Retry(
            "SigningUnavailable", f"ssh-keygen cannot be started: {error.strerror}."
        ) from None


def _check(finished: Finished) -> None:
    """Its words are not passed on: they are about a file of ours, and its content."""
    if finished.how != "exited":
        raise Retry("SigningUnavailable", "ssh-keygen took too long to sign.")
    words = finished.stderr.decode(errors="replace").lower()
    if finished.code == 0:
        return
    if "no space left" in words or "couldn't open" in words:
        raise Retry("SigningUnavailable", "ssh-keygen had no room for its files.")
    why = "it has a passphrase" if "passphrase" in words else "ssh-keygen does not take it"
    raise _invalid(why)


def _signature(path: Path) -> str:
    text = path.read_text("ascii").replace("\r", "")
    if not text.startswith("-----BEGIN SSH SIGNATURE-----\n") or len(text) > LONGEST_SIGNATURE:
        raise _invalid("its signatures are too long")
    return text


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _invalid(why: str) -> Stalled:
    return Stalled("SigningKeyInvalid", f"the key to sign tags with cannot be used: {why}; {_MEND}")

"""Whose ssh signature a tag bears, as git verifies it for `gpg.format=ssh` (PROTOCOL.sshsig).

`ssh-keygen` says whether a signature is sound, and the signature itself by which key it was made:
whose key counts is for the policies to say, so an answer holds for as long as the tag does.
"""

import base64
import binascii
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playbill.api.errors import Retry
from playbill.git.objects import read_tag_objects
from playbill.git.process import Limits, run
from playbill.git.store import Store
from playbill.ledger.policies.evidence import Signed
from playbill.ledger.policies.ssh_keys import first_string, in_base64

LIMITS = Limits(seconds=30, stdout=1 << 16, file=1 << 20)
LARGEST_TAG = 1 << 20
LONGEST_SIGNATURE = 8192

_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_ARMOUR = re.compile(
    rb"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)\n-----END SSH SIGNATURE-----\n?"
)
_NAME = re.compile(rb"^tag ([^\n]+)$", re.MULTILINE)
_MAGIC = b"SSHSIG"


def read_signatures(store: Store, oids: Sequence[str]) -> dict[str, Signed | None]:
    """Who signed each of these tag objects; None for one without a sound ssh signature.

    One process of git, and one of ssh-keygen for each tag that bears a signature: it takes a
    single one at a time. Raises Retry(SigningUnavailable) when it cannot be run.
    """
    objects = read_tag_objects(store, oids)
    return {oid: signed_by(objects[oid]) if oid in objects else None for oid in oids}


def signed_by(data: bytes) -> Signed | None:
    """Who signed a tag object, given without git's header."""
    start = data.rfind(b"\n" + _BEGIN) + 1
    name = _NAME.search(data.partition(b"\n\n")[0])
    if not start or name is None or len(data) > LARGEST_TAG:
        return None
    payload, signature = data[:start], data[start:]
    key = _key_of(signature)
    if key is None or not _is_sound(payload, signature):
        return None
    return Signed(key=in_base64(key), tag=name[1].decode(errors="replace"))


def _key_of(signature: bytes) -> bytes | None:
    """The public key in a signature: after the magic and a version of four bytes."""
    armour = _ARMOUR.fullmatch(signature)
    if armour is None or len(signature) > LONGEST_SIGNATURE:
        return None
    try:
        blob = base64.b64decode(armour[1].replace(b"\n", b""), validate=True)
    except (binascii.Error, ValueError):
        return None
    return first_string(blob[len(_MAGIC) + 4 :]) if blob.startswith(_MAGIC) else None


def _is_sound(payload: bytes, signature: bytes) -> bool:
    with tempfile.TemporaryDirectory(prefix="playbill-") as private:
        directory = Path(private)
        (directory / "signature").write_bytes(signature)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(directory),
            "LC_ALL": "C",
        }
        try:
            finished = run(
                ["ssh-keygen", "-Y", "check-novalidate", "-n", "git", "-s", "signature"],
                env=environment,
                cwd=directory,
                stdin=payload,
                limits=LIMITS,
            )
        except OSError as error:
            raise Retry(
                "SigningUnavailable", f"ssh-keygen cannot be started: {error.strerror}."
            ) from None
    if finished.how != "exited":
        raise Retry("SigningUnavailable", "ssh-keygen took too long to look at a signature.")
    return finished.code == 0

"""Public keys of ssh, as `authorized_keys` and `ssh-add -L` write them (RFC 4253, 6.6)."""

from __future__ import annotations

import base64
import binascii

_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def public_key(line: str) -> str | None:
    """The key of a line `TYPE BASE64 [COMMENT]` in base64; None when it holds none.

    Options before the type, as `authorized_keys` may have, are none of a key, and a certificate
    is signed by somebody else: neither is taken.
    """
    parts = line.split()
    if len(parts) < 2 or parts[0] not in _TYPES:
        return None
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        return None
    return in_base64(blob) if first_string(blob) == parts[0].encode() else None


def in_base64(blob: bytes) -> str:
    """The one way to write a key."""
    return base64.b64encode(blob).decode()


def first_string(blob: bytes) -> bytes | None:
    """The first string of a blob: four bytes of length, then so many; None if it is too short."""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length] if len(blob) > 4 + length >= 4 else None

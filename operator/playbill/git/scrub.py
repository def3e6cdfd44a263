"""Takes secrets out of text before it reaches a log, an Event or a status."""

import re
from collections.abc import Iterable

HIDDEN = "***"

_USERINFO = re.compile(r"(?<=://)[^/\s@'\"]*@")
_HEADER = re.compile(r"(?i)\b(authorization|private-token|x-api-key)\s*[:=]\s*[^\r\n'\"]+")
_TOKEN = re.compile(
    r"\b(?:gh[opsur]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|gl(?:pat|dt|ptt|ft|rt|cbt)-[\w-]{16,}"
    r"|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|ATBB\w{16,})"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [^-]*-----|\Z)", re.DOTALL
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Text without userinfo in URLs, tokens, private keys, `secrets`, and control characters.

    A known secret goes whatever its length: garbled words are better than told ones.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _PRIVATE_KEY.sub(HIDDEN, text)
    text = _USERINFO.sub("", text)
    text = _HEADER.sub(rf"\1: {HIDDEN}", text)
    text = _TOKEN.sub(HIDDEN, text)
    return _CONTROL.sub("", text)

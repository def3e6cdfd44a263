"""What git's own words mean for us: a table from its standard error to one of the three fates.

git has one exit code for nearly everything, so its words are all there is. `LC_ALL=C`
keeps them English; the tests hold each row against a real server's message.
"""

import re
from dataclasses import dataclass

from playbill.api.errors import Retry, Stalled, Trouble

WORDS_KEPT = 600
LINES_KEPT = 6


NOT_A_GIT_SERVER = (
    "What answers there is no git server that can be written to, or it shows a page for people, "
    "such as a login or a notice of maintenance. It is asked again; if this lasts, check the URL."
)


class MirrorCorrupt(Retry):
    """The local mirror is damaged or gone; it is thrown away and made again."""


class NotSent(Retry):
    """The remote was not reached, or has kept nothing: what was to be pushed is not there."""


class ObjectRefused(Retry):
    """The server gives what it advertises, and no other object by its id."""


@dataclass(frozen=True, slots=True)
class _Row:
    pattern: re.Pattern[str]
    fate: type[Trouble]
    reason: str
    mend: str


def _row(fate: type[Trouble], reason: str, mend: str, *patterns: str) -> _Row:
    return _Row(re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE), fate, reason, mend)


# The first row that matches wins: the specific stand before the general, as ssh and git both
# end every failure with "Could not read from remote repository".
_TABLE = (
    _row(
        Stalled,
        "HostKeyMismatch",
        "The server's host key is not the one in the Secret's known_hosts. Check it with the "
        "server's owner, then put the output of ssh-keyscan there (for a port other than 22, "
        "as [host]:port).",
        r"host key verification failed",
        r"remote host identification has changed",
        r"host key is known for .* strict checking",
    ),
    _row(
        Stalled,
        "CertificateInvalid",
        "The server's TLS certificate is not trusted. Put its authority into the Secret as "
        "ca.crt, or mend the certificate.",
        r"certificate verification failed",
        r"ssl certificate problem",
        r"certificate verify failed",
        r"no alternative certificate subject name",
        r"certificate subject name .* does not match",
        r"error (?:setting|reading|adding).*cert",
    ),
    _row(
        ObjectRefused,
        "ObjectRefused",
        "The server does not give objects by their ids.",
        r"unadvertised object",
        r"\bnot our ref\b",
    ),
    _row(
        Stalled,
        "RedirectRefused",
        "The server answers with a redirect, which is not followed. Give the address it leads to.",
        r"returned error: 30[12378]",
        r"unable to update url base from redirection",
    ),
    _row(
        Stalled,
        "AccessDenied",
        "The server knows the account and does not let it do this. Give the account or deploy "
        "key the right to read, and to push tags.",
        r"returned error: 403",
        r"\bHTTP 403\b",
        r"marked as read.?only",
        r"write access .*not granted",
        r"permission to \S+ denied",
        r"you are not allowed to",
        r"insufficient permission",
    ),
    _row(
        Stalled,
        "AuthenticationFailed",
        "The server does not accept the credentials, or asks for some. Check the Secret that "
        "secretRef names, or make one and set repository.secretRef if there is none: username and "
        "password, bearerToken, or identity and known_hosts.",
        r"authentication failed",
        r"could not read (?:username|password)",
        r"permission denied \(",
        r"returned error: 401",
        r"\bHTTP 401\b",
        r"too many authentication failures",
        r"load key .*(?:invalid format|error in libcrypto|incorrect passphrase)",
    ),
    _row(
        Stalled,
        "PushTooLarge",
        "What is sent at once is more than the git server, or a proxy before it, takes. Give a "
        "smaller maxTagsPerPush, or raise the limit there.",
        r"returned error: 413",
        r"\bHTTP 413\b",
    ),
    # Only the first request of a call, which but asks for the refs, fails in these words.
    _row(
        NotSent,
        "RemoteUnavailable",
        "The git server answers that it cannot serve now; it is asked again.",
        r"unable to access 'https?://.*returned error: (?:408|425|429|5\d\d)",
    ),
    _row(
        Retry,
        "RemoteUnavailable",
        "The git server answers that it cannot serve now; it is asked again.",
        r"returned error: (?:408|425|429|5\d\d)",
        r"\bHTTP (?:408|425|429|5\d\d)\b",
    ),
    _row(
        Stalled,
        "RepositoryNotFound",
        "There is no such repository, or these credentials may not see it. Check the URL and "
        "the account's rights.",
        r"repository '.*' not found",
        r"repository not found",
        r"does not appear to be a git repository",
        r"returned error: 404",
        r"project you were looking for could not be found",
    ),
    _row(
        Stalled,
        "UnsupportedObjectFormat",
        "The repository uses SHA-256 object names, which GTO and most git servers cannot read. "
        "Convert it to SHA-1.",
        r"mismatched algorithms",
        r"unknown (?:repository extension|object format)",
        r"object format.*(?:not supported|mismatch)",
    ),
    _row(
        Stalled,
        "AtomicNotSupported",
        "The server cannot take several tags as one. Set maxTagsPerPush to 1.",
        r"does not support --atomic",
    ),
    _row(
        Stalled,
        "RefConflict",
        "Two refs cannot be there at once, as the name of one is the directory of the other.",
        r"at the same time",
        r"exists; cannot create",
    ),
    _row(
        Stalled,
        "TransportNotAllowed",
        "The operator was started without this transport. Use https or ssh.",
        r"transport '.*' not allowed",
    ),
    _row(
        Stalled,
        "RepositoryTooLarge",
        "What the server sends is larger than the operator accepts. Raise its limit, or keep "
        "large files out of git, with DVC.",
        r"died of signal 25",
        r"file size limit exceeded",
        r"file too large",
    ),
    _row(
        Retry,
        "DiskFull",
        "There is no room left for the mirror, here or on the server. Give the cache volume "
        "more room or the cache a lower limit.",
        r"no space left on device",
        r"disk quota exceeded",
    ),
    _row(
        NotSent,
        "RemoteUnavailable",
        "The git server cannot be reached; it is tried again.",
        r"could not resolve",
        r"name or service not known",
        r"temporary failure in name resolution",
        r"connection refused",
        r"(?:failed|couldn't|could not) (?:to )?connect",
        r"no route to host",
        r"network is unreachable",
    ),
    _row(
        NotSent,
        "RemoteUnavailable",
        "The connection to the git server broke before anything was sent; it is tried again.",
        r"unable to access 'https?://",
    ),
    _row(
        NotSent,
        "NotAGitServer",
        NOT_A_GIT_SERVER,
        r"not valid: is this a git repository\?",
    ),
    _row(
        Retry,
        "RemoteUnavailable",
        "The connection to the git server broke; it is tried again.",
        r"connection (?:reset|timed out|closed|was reset|died)",
        r"kex_exchange_identification",
        r"operation (?:timed out|too slow)",
        r"hung up",
        r"early eof",
        r"empty reply from server",
        r"rpc failed",
        r"broken pipe",
        r"unexpected disconnect",
        r"gnutls_handshake|ssl_error|ssl_connect|recv error|recv failure|send failure",
        r"unexpected eof|expected flush|transfer closed",
    ),
)

# Only git's own lines count: a server that is damaged says the same with `remote:` before it.
_CORRUPT = re.compile(
    r"^(?!remote:|fatal: remote error:).*"
    r"(?:not a git repository|missing (?:object|blob|necessary)|bad object"
    r"|object file .* is empty|is corrupt|corrupt loose|packfile .*(?:cannot|not match|invalid)"
    r"|unable to read (?:tree|sha1|[0-9a-f]{40})|data stream error|bad (?:config|signature|tree)"
    r"|could not read [0-9a-f]{40}|all necessary objects|invalid sha1 pointer"
    r"|failed to read object|unable to (?:unpack|parse) )",
    re.IGNORECASE | re.MULTILINE,
)


def classify(stderr: str, code: int) -> Trouble:
    """The trouble that git's words (scrubbed already) tell of. Unknown ones are a Retry."""
    words = last_words(stderr)
    for row in _TABLE:
        if row.pattern.search(stderr):
            return row.fate(row.reason, f"{row.mend} git says: {words}")
    if _CORRUPT.search(stderr):
        return MirrorCorrupt("MirrorCorrupt", f"The mirror is made again. git says: {words}")
    how = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
    return Retry("GitFailed", f"git failed ({how}): {words or 'it said nothing'}")


def last_words(stderr: str) -> str:
    """The end of what git said, on one line and bounded."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return " / ".join(lines[-LINES_KEPT:])[-WORDS_KEPT:]


def remote_words(stderr: str) -> str:
    """What the server itself said: the `remote:` lines, on one line and bounded."""
    lines = [
        line.removeprefix("remote:").strip()
        for line in stderr.splitlines()
        if line.startswith("remote:")
    ]
    return " / ".join(filter(None, lines))[:WORDS_KEPT]

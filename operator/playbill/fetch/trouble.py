"""How a fetch ends when it does not succeed: the fates of `api.errors`, as exit codes and words.

    Stalled  DigestMismatch 65 · NotFound 66 · Denied 77 · Refused, Unsupported 78
    Retry    Unavailable, NoSpace 69
             told to end: Interrupted 143

The numbers are those of sysexits.h and of the shell. The kubelet starts the container again
after any of them; who looks at the pod tells by the reason whether that can help.
"""

from playbill.api.errors import Retry, Stalled, Trouble

OK = 0
USAGE = 64
MISMATCH = 65
NOT_FOUND = 66
UNAVAILABLE = 69
DENIED = 77
REFUSED = 78
TERMINATED = 143

_BY_REASON = {
    "DigestMismatch": MISMATCH,
    "NotFound": NOT_FOUND,
    "RepositoryNotFound": NOT_FOUND,
    "RevisionNotFound": NOT_FOUND,
    "Denied": DENIED,
    "AccessDenied": DENIED,
    "AuthenticationFailed": DENIED,
    "HostKeyMismatch": DENIED,
    "InvalidArguments": USAGE,
}


class DigestMismatch(Stalled):
    """The bytes are not the recorded ones."""

    def __init__(self, what: str, *, expected: str, found: str) -> None:
        super().__init__("DigestMismatch", f"{what}: expected {expected}, found {found}")


def not_found(message: str) -> Stalled:
    """Nothing is where the artifact should be."""
    return Stalled("NotFound", message)


def denied(message: str) -> Stalled:
    """The server wants credentials, or others."""
    return Stalled("Denied", message)


def refused(message: str) -> Stalled:
    """What is there could do harm."""
    return Stalled("Refused", message)


def unsupported(message: str) -> Stalled:
    """What is there cannot be fetched by this program."""
    return Stalled("Unsupported", message)


def unavailable(message: str, *, after: float | None = None) -> Retry:
    """The server may be there again in a while."""
    return Retry("Unavailable", message, after=after)


def by_status(status: int, what: str, *, after: float | None = None) -> Trouble:
    """What an answer of http means that is none of success."""
    words = f"{what}: the server answers {status}"
    if status in {404, 410}:
        return not_found(f"{words}: nothing is there: was it pushed (dvc push)?")
    if status == 401:
        return denied(f"{words}: it wants credentials, or others; see fetch.secretRef")
    if status in {402, 403, 407, 451}:
        return denied(f"{words}: these credentials may not read it; see fetch.secretRef")
    if status in {408, 425, 429} or status >= 500:
        return unavailable(words, after=after)
    return refused(words)


def as_reported(trouble: Trouble) -> tuple[str, int]:
    """The reason to tell, and the exit code."""
    if trouble.reason in _BY_REASON:
        code = _BY_REASON[trouble.reason]
        return {NOT_FOUND: "NotFound", DENIED: "Denied"}.get(code, trouble.reason), code
    if isinstance(trouble, Stalled):
        return trouble.reason, REFUSED
    return ("NoSpace" if trouble.reason == "NoSpace" else "Unavailable"), UNAVAILABLE

"""git's words and their fates, for what no server in the tests says by itself."""

import pytest

from playbill.api.errors import Retry, Stalled, Trouble
from playbill.git.errors import MirrorCorrupt, NotSent, classify


@pytest.mark.parametrize(
    ("stderr", "fate", "reason"),
    [
        (
            "ERROR: Repository not found.\nfatal: Could not read from remote repository.",
            Stalled,
            "RepositoryNotFound",
        ),
        (
            (
                "remote: The project you were looking for could not be found or you don't have "
                "permission to view it.\nfatal: repository 'https://x/y/' not found"
            ),
            Stalled,
            "RepositoryNotFound",
        ),
        (
            (
                "ERROR: The key you are authenticating with has been marked as read only.\n"
                "fatal: Could not read from remote repository."
            ),
            Stalled,
            "AccessDenied",
        ),
        (
            (
                "remote: Permission to a/b.git denied to ada.\nfatal: unable to access "
                "'https://x/': The requested URL returned error: 403"
            ),
            Stalled,
            "AccessDenied",
        ),
        (
            "remote: HTTP Basic: Access denied.\nfatal: Authentication failed for 'https://x/'",
            Stalled,
            "AuthenticationFailed",
        ),
        ("fatal: transport 'ext' not allowed", Stalled, "TransportNotAllowed"),
        (
            "fatal: mismatched algorithms: client sha1; server sha256",
            Stalled,
            "UnsupportedObjectFormat",
        ),
        ("error: index-pack died of signal 25", Stalled, "RepositoryTooLarge"),
        ("fatal: write error: No space left on device", Retry, "DiskFull"),
        (
            (
                "ssh: connect to host x port 22: Connection refused\n"
                "fatal: Could not read from remote repository."
            ),
            NotSent,
            "RemoteUnavailable",
        ),
        (
            "ssh: Could not resolve hostname x: Temporary failure in name resolution",
            NotSent,
            "RemoteUnavailable",
        ),
        (
            "fatal: unable to access 'https://x/': The requested URL returned error: 429",
            NotSent,
            "RemoteUnavailable",
        ),
        ("fatal: unable to access 'https://x/': Empty reply", NotSent, "RemoteUnavailable"),
        ("error: RPC failed; HTTP 429 curl 22 The requested", Retry, "RemoteUnavailable"),
        ("error: RPC failed; HTTP 413 curl 22 The requested", Stalled, "PushTooLarge"),
        (
            "fatal: https://x/ not valid: is this a git repository?",
            NotSent,
            "NotAGitServer",
        ),
        ("fatal: the remote end hung up unexpectedly", Retry, "RemoteUnavailable"),
        (
            "error: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function.",
            Retry,
            "RemoteUnavailable",
        ),
        ("fatal: early EOF", Retry, "RemoteUnavailable"),
        ("fatal: not a git repository: '/cache/x'", MirrorCorrupt, "MirrorCorrupt"),
        ("fatal: bad object refs/heads/main", MirrorCorrupt, "MirrorCorrupt"),
        ("remote: fatal: bad object refs/heads/main", Retry, "GitFailed"),
        ("fatal: something new", Retry, "GitFailed"),
        ("", Retry, "GitFailed"),
    ],
)
def test_words_have_their_fate(stderr: str, fate: type[Trouble], reason: str) -> None:
    trouble = classify(stderr, 128)
    assert (type(trouble), trouble.reason) == (fate, reason)


def test_the_last_words_of_git_are_quoted_and_bounded() -> None:
    stderr = "\n".join(f"line {number} {'x' * 200}" for number in range(100))
    message = classify(stderr, 1).message
    assert "line 99" in message
    assert "line 0 " not in message
    assert len(message) < 1000
    assert "\n" not in message


def test_a_signal_is_named() -> None:
    assert "signal 9" in classify("", -9).message

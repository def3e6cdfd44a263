"""Secrets in Flux's layout, and that they stay secret."""

import shlex
import stat
from pathlib import Path

import pytest

from playbill.api.errors import Retry, Stalled
from playbill.git.credentials import ANONYMOUS, LONGEST_WISH, Credentials
from playbill.git.scrub import scrub
from playbill.git.url import RemoteUrl, UrlPolicy, parse_url

HTTPS = parse_url("https://git.example.com/x", policy=UrlPolicy())
SSH = parse_url("git@git.example.com:x", policy=UrlPolicy())
BASIC = {"username": b"ada", "password": b"s3cret/%&"}
KEY = {"identity": b"-----BEGIN KEY-----\r\nAAAA1234\r\n-----END KEY-----", "known_hosts": b"h k v"}


@pytest.mark.parametrize(
    "data", [BASIC, {"bearerToken": b"t"}, KEY, {"ca.crt": b"x"}, {**BASIC, "ca.crt": b"x"}]
)
def test_each_layout_of_flux_is_accepted(data: dict[str, bytes]) -> None:
    assert Credentials.from_secret({**data, "identity.pub": b"ignored"}) != ANONYMOUS


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "none of the keys"),
        ({"token": b"x"}, "none of the keys"),
        ({"username": b"ada"}, "lacks password"),
        ({"password": b"x"}, "lacks username"),
        ({"username": b"ada", "password": b""}, "lacks password"),
        ({"identity": b"x"}, "lacks known_hosts"),
        ({"known_hosts": b"x"}, "lacks identity"),
        ({**KEY, "password": b"x"}, "passphrase"),
        ({**BASIC, "bearerToken": b"x"}, "more than one way"),
        ({**BASIC, **KEY}, "more than one way"),
        ({"username": b"a:b", "password": b"x"}, "':'"),
        ({"bearerToken": b"a\nInjected: b"}, "control characters"),
        ({"username": b"\xff", "password": b"x"}, "not text"),
    ],
)
def test_a_secret_that_cannot_work_says_what_is_missing(data: dict[str, bytes], words: str) -> None:
    with pytest.raises(Stalled, match=words) as refused:
        Credentials.from_secret(data)
    assert refused.value.reason == "InvalidSecret"


@pytest.mark.parametrize(("url", "data"), [(SSH, BASIC), (HTTPS, KEY), (SSH, {"ca.crt": b"x"})])
def test_credentials_for_another_transport_are_refused(
    url: RemoteUrl, data: dict[str, bytes]
) -> None:
    with (
        pytest.raises(Stalled) as refused,
        Credentials.from_secret(data).access(url),
    ):
        pass
    assert refused.value.reason == "InvalidSecret"


def test_the_fingerprint_differs_with_every_value_and_tells_none() -> None:
    secrets = [
        BASIC,
        {**BASIC, "password": b"other"},
        {"username": b"adas", "password": b"3cret/%&"},
        {**BASIC, "ca.crt": b"x"},
        {"bearerToken": b"s3cret/%&"},
        KEY,
    ]
    prints = {Credentials.from_secret(data).fingerprint for data in secrets}
    assert len(prints | {ANONYMOUS.fingerprint}) == len(secrets) + 1
    assert Credentials.from_secret(dict(BASIC)).fingerprint in prints


@pytest.mark.parametrize(("url", "data"), [(HTTPS, BASIC), (SSH, KEY)])
def test_secrets_are_in_private_files_that_are_gone_afterwards(
    url: RemoteUrl, data: dict[str, bytes]
) -> None:
    with Credentials.from_secret(data).access(url) as access:
        words = " ".join(access.environment.values())
        files = [Path(word.split("=")[-1]) for word in words.split()]
        files = [path for path in files if path.is_file()]
        assert files
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700
        for secret in data.values():
            assert secret.decode() not in words
    assert not files[0].parent.exists()


def test_ssh_believes_only_the_hosts_of_the_secret() -> None:
    with Credentials.from_secret(KEY).access(SSH) as access:
        command = access.environment["GIT_SSH_COMMAND"]
    for option in ("-F /dev/null", "BatchMode=yes", "StrictHostKeyChecking=yes",
                   "IdentitiesOnly=yes", "GlobalKnownHostsFile=/dev/null"):  # fmt: skip
        assert option in command


@pytest.mark.parametrize(
    ("url", "known_as"),
    [
        ("ssh://git@Git.example.com/x.git", "git.example.com"),
        ("git@git.example.com:x.git", "git.example.com"),
        ("ssh://git@git.example.com:2222/x.git", "[git.example.com]:2222"),
    ],
)
def test_ssh_connects_to_the_address_that_was_checked_and_knows_it_by_name(
    url: str, known_as: str
) -> None:
    parsed = parse_url(url, policy=UrlPolicy())
    with Credentials.from_secret(KEY).access(parsed, addresses=["192.0.2.1"]) as access:
        words = shlex.split(access.environment["GIT_SSH_COMMAND"])
    assert {"HostName=192.0.2.1", f"HostKeyAlias={known_as}"} <= set(words)


def test_the_header_goes_to_the_remotes_origin_alone() -> None:
    with Credentials.from_secret({"bearerToken": b'to"k\\en'}).access(HTTPS) as access:
        config = Path(access.environment["GIT_CONFIG_GLOBAL"]).read_text()
    assert config.startswith('[http "https://git.example.com/"]\n')
    assert r'extraHeader = "Authorization: Bearer to\"k\\en"' in config


def test_http_connects_to_the_addresses_that_were_checked() -> None:
    with ANONYMOUS.access(HTTPS, addresses=["192.0.2.1", "192.0.2.2"]) as access:
        config = Path(access.environment["GIT_CONFIG_GLOBAL"]).read_text()
    assert "curloptResolve = git.example.com:443:192.0.2.1,192.0.2.2" in config


def test_nothing_secret_is_shown() -> None:
    for data in (BASIC, KEY, {"bearerToken": b"tok3n"}):
        credentials = Credentials.from_secret(data)
        with credentials.access(HTTPS if data is not KEY else SSH) as access:
            shown = f"{credentials!r} {credentials} {access!r}"
            said = access.scrub(" ".join(value.decode() for value in data.values()))
        assert not [part for part in ("s3cret", "tok3n", "AAAA1234") if part in shown + said]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("fatal: https://ada:s3cret@example.com/x", "s3cret"),
        ("https://ghtoken@example.com/x", "ghtoken"),
        ("Authorization: Basic YWRhOnM=", "YWRhOnM="),
        ("token ghp_0123456789abcdefghij0123456789abcdef", "ghp_0123"),
        ("glpat-0123456789abcdefghij", "glpat-0123"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabcd\n-----END OPENSSH PRIVATE KEY-----", "abcd"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabcd", "abcd"),
        ("a\x1b[31mb\x00c", "\x1b"),
        ("mine is hunter2!", "hunter2"),
    ],
)
def test_messages_are_scrubbed(text: str, gone: str) -> None:
    assert gone not in scrub(text, ["hunter2"])


def test_scrubbing_leaves_what_a_person_needs() -> None:
    text = "fatal: repository 'https://example.com/team/x.git/' not found\nline two"
    assert scrub(text, ["hunter2"]) == text


@pytest.mark.parametrize(
    ("header", "after"),
    [
        ("Retry-After: 17", 17.0),
        ("retry-after: 17", 17.0),
        ("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Retry-After: Sun, 06 Nov 2994 08:49:37 GMT", LONGEST_WISH),
        ("Retry-After: 99999999999999", LONGEST_WISH),
        ("Retry-After: soon", 0.0),
        ("Retry-After: Sun, 99999999999 Nov 1994 08:49:37 GMT", 0.0),
        ("Server: x", None),
    ],
)
def test_a_retry_bears_the_servers_own_wish(header: str, after: float | None) -> None:
    retry = Retry("RemoteUnavailable", "later")
    with pytest.raises(Retry), ANONYMOUS.access(HTTPS) as access:
        _fail(Path(access.environment["GIT_TRACE_CURL"]), header, retry)
    assert retry.after == after


def _fail(trace: Path, header: str, retry: Retry) -> None:
    trace.write_text(f"x <= Recv header: {header}\n")
    raise retry

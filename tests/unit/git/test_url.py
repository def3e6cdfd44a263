"""Which addresses are accepted, and which spellings are one repository."""

import contextlib
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.api.errors import Retry, Stalled
from playbill.git.url import UrlPolicy, check_address, narrowed, parse_url

OPEN = UrlPolicy(allow_file=True, allow_private=True)
STRICT = UrlPolicy()


def refusal(url: str, policy: UrlPolicy = STRICT) -> str:
    with pytest.raises(Stalled) as refused:
        parse_url(url, policy=policy)
    return refused.value.reason


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/team/models.git",
        "https://GIT.example.com/team/models",
        "https://git.example.com:443/team/models/",
        "http://git.example.com:80/team//models.git/",
        "ssh://git@git.example.com/team/models.git",
        "ssh://git.example.com:22/team/models",
        "git@git.example.com:team/models.git",
        "HTTPS://git.example.com/team/models.git",
        "https://git.example.com/te%61m/models.git",
    ],
)
def test_one_repository_has_one_identity_in_every_spelling(url: str) -> None:
    assert parse_url(url, policy=OPEN).canonical == "git.example.com/team/models"


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://git.example.com:8443/models.git", "git.example.com:8443/models"),
        ("ssh://git@git.example.com:2222/~/models.git", "git.example.com:2222/~/models"),
        ("https://[2001:DB8::1]:8443/m", "[2001:db8::1]:8443/m"),
        ("file:///srv/git/models.git/", "/srv/git/models"),
        ("https://git.example.com/Team/Models", "git.example.com/Team/Models"),
        ("https://git.example.com/models.git.git", "git.example.com/models.git"),
    ],
)
def test_what_differs_keeps_its_own_identity(url: str, canonical: str) -> None:
    assert parse_url(url, policy=OPEN).canonical == canonical


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-u https://example.com/x",
        "--upload-pack=touch /tmp/x",
        "https://example.com",
        "https://example.com/",
        "https://user:secret@example.com/x",
        "https://user@example.com/x",
        "ssh://git:secret@example.com/x",
        "https://example.com/x?y=1",
        "https://example.com/x#y",
        "https://example.com/$HOME",
        "https://example.com/`id`",
        "https://example.com/a b",
        "https://example.com/a\nb",
        "https://example.com/a%0ab",
        "https://example.com/a%24b",
        "https://example.com/a/../b",
        "https://example.com/a/%2e%2e/b",
        "https://exämple.com/x",
        "https:///x",
        "https://-x.example.com/x",
        "https://example.com./x",
        "https://example.com.:8443/x",
        "git@example.com.:x",
        "https://a..example.com/x",
        "https://" + "a" * 64 + ".example.com/x",
        "ssh://-oProxyCommand=id/x",
        "ssh://-x@example.com/x",
        "git@-oProxyCommand=id:x",
        "git@example.com:-x",
        "https://example.com:99999/x",
        "https://example.com:x/x",
        "file://host/x",
        "just-a-word",
        "/srv/git/models.git",
        "https://example.com/" + "x" * 2048,
        "https://[::1/x",
    ],
)
def test_a_url_that_could_mean_something_else_is_refused(url: str) -> None:
    assert refusal(url, OPEN) == "InvalidURL"


@pytest.mark.parametrize(
    "url", ["ext::sh -c id", "ext::id", "git://example.com/x", "ftp://example.com/x", "fd::17"]
)
def test_a_transport_that_runs_programs_or_is_not_known_is_refused(url: str) -> None:
    assert refusal(url, OPEN) in {"TransportNotAllowed", "InvalidURL"}


def test_git_gets_a_scheme_as_it_knows_it() -> None:
    text = parse_url("HTTPS://git.example.com/Team/models", policy=OPEN).text
    assert text == "https://git.example.com/Team/models"


def test_files_are_for_those_who_were_started_to_allow_them() -> None:
    assert refusal("file:///srv/git/x") == "TransportNotAllowed"
    assert parse_url("file:///srv/git/x", policy=UrlPolicy(allow_file=True)).scheme == "file"


def test_http_can_be_left_out() -> None:
    policy = UrlPolicy(transports=frozenset({"https"}))
    assert refusal("http://example.com/x", policy) == "TransportNotAllowed"
    assert refusal("git@example.com:x", policy) == "TransportNotAllowed"


LIKE_A_URL = r"(https?|ssh|file|ext)://[a-z0-9@:.%\[\]-]{0,20}/[a-z0-9.%/-]{0,20}"


@given(st.text(max_size=60) | st.from_regex(LIKE_A_URL, fullmatch=True))
def test_any_text_is_accepted_or_refused_and_never_crashes(text: str) -> None:
    with contextlib.suppress(Stalled):
        url = parse_url(text, policy=OPEN)
        assert not url.host.startswith("-")
        assert ".." not in url.canonical.split("/")
        assert parse_url(url.text, policy=OPEN) == url


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
    ],
)
def test_an_address_inside_is_refused_even_beside_a_public_one(address: str) -> None:
    url = parse_url("https://git.example.com/x", policy=STRICT)
    with pytest.raises(Stalled) as refused:
        check_address(url, STRICT, resolve=lambda _host, _port: ["93.184.216.34", address])
    assert refused.value.reason == "AddressNotAllowed"
    assert check_address(url, OPEN) == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "localhost", "[::1]"])
def test_loopback_is_refused_in_every_spelling(host: str) -> None:
    url = parse_url(f"https://{host}/x", policy=STRICT)
    with pytest.raises(Stalled) as refused:
        check_address(url, STRICT)
    assert refused.value.reason == "AddressNotAllowed"


def test_public_addresses_are_given_back_to_be_held_to() -> None:
    url = parse_url("https://git.example.com/x", policy=STRICT)
    public = ["93.184.216.34", "2606:2800:220:1::1"]
    assert check_address(url, STRICT, resolve=lambda _host, _port: public) == public


def test_a_name_without_address_is_tried_again() -> None:
    url = parse_url("https://no-such-host.invalid/x", policy=STRICT)
    with pytest.raises(Retry) as retry:
        check_address(url, STRICT)
    assert retry.value.reason == "RemoteUnavailable"


def test_ssh_is_told_of_an_address_that_takes_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        both = ["127.0.0.2", "127.0.0.1"]  # nobody listens on the first
        ssh = parse_url(f"ssh://git@example.com:{port}/x", policy=UrlPolicy())
        https = parse_url(f"https://example.com:{port}/x", policy=UrlPolicy())
        assert narrowed(ssh, both) == ["127.0.0.1"]
        assert narrowed(https, both) == both
    assert narrowed(ssh, both) == ["127.0.0.2"]
    assert narrowed(ssh, []) == []

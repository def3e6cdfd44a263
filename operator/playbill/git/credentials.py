"""Credentials for a remote, read from a Secret in Flux's layout and lent to git for one call.

Secrets reach git in files of a private directory that is gone after the call: a git
configuration with the `Authorization` header (bound to the remote's origin), an ssh key, a
`known_hosts`. Nothing secret is in an argument, a URL or the environment. The header is sent
at once, which saves the round trip that ends in 401.
"""

import base64
import contextlib
import hashlib
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import quote

from playbill.api.errors import Retry, Stalled
from playbill.git.command import Access
from playbill.git.errors import NOT_A_GIT_SERVER, NotSent
from playbill.git.scrub import scrub
from playbill.git.url import DEFAULT_PORTS, RemoteUrl

CONNECT_SECONDS = 15
LONGEST_WISH = 3600.0
_WISH = re.compile(r"Recv header: retry-after: *(\S.*)", re.IGNORECASE)
_ANSWER = re.compile(r"Recv header: HTTP/\S+ 200")
_SMART = re.compile(r"Recv header: content-type: *application/x-git-", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LAYOUT = (
    "Give username and password, or bearerToken, or identity and known_hosts; "
    "ca.crt may come with any of them."
)


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Credentials:
    """At most one way to say who we are, and the authority to trust. Empty means anonymous."""

    username: str = ""
    password: str = ""
    bearer_token: str = ""
    identity: str = ""
    known_hosts: str = ""
    ca: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.fingerprint[:8]})"

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes]) -> Self:
        """From a Secret's decoded data. Raises Stalled(InvalidSecret); unknown keys are ignored."""
        found = cls(
            username=_line(data, "username"),
            password=_line(data, "password"),
            bearer_token=_line(data, "bearerToken"),
            identity=_text(data, "identity"),
            known_hosts=_text(data, "known_hosts"),
            ca=_text(data, "ca.crt"),
        )
        found._check()
        return found

    @property
    def fingerprint(self) -> str:
        """64 hex characters that differ when any value does; tells nothing of them."""
        digest = hashlib.sha256()
        for entry in fields(self):
            value = getattr(self, entry.name).encode()
            digest.update(f"{entry.name}={len(value)}:".encode() + value)
        return digest.hexdigest()

    @contextlib.contextmanager
    def access(self, url: RemoteUrl, *, addresses: Sequence[str] = ()) -> Iterator[Access]:
        """What git needs to reach `url`, for the length of the context.

        `addresses` are those that were checked: http connects to no other, and ssh to the first
        alone. A Retry that passes through bears the server's own wish (RFC 9110, Retry-After), of
        which git tells in its trace alone. Raises Stalled(InvalidSecret) when these credentials
        are of no use for the transport, and Retry(NotAGitServer) when git took a page of any other
        kind for the refs of a server that only hands out files: an empty one reads as no refs.
        """
        self.check_transport(url)
        with tempfile.TemporaryDirectory(prefix="playbill-") as name:
            directory = Path(name)
            access = Access(
                environment=self._environment(url, directory, addresses=addresses),
                scrub=partial(self.scrub, besides=name),
            )
            try:
                yield access
            except Retry as retry:
                retry.after = retry.after or _wish(_trace(directory))
                raise
            _check_server(_trace(directory))

    @property
    def authorization(self) -> str:
        """The value of the http header; nothing for the anonymous."""
        if self.username:
            return f"Basic {self._basic}"
        return f"Bearer {self.bearer_token}" if self.bearer_token else ""

    def scrub(self, text: str, *, besides: str = "") -> str:
        """The text without any secret of these, nor what is to be kept from it `besides`."""
        return scrub(text, [*self._secrets(), besides])

    def _check(self) -> None:
        missing = {
            "username": self.password and not self.username and not self.identity,
            "password": self.username and not self.password,
            "known_hosts": self.identity and not self.known_hosts,
            "identity": self.known_hosts and not self.identity,
        }
        if any(missing.values()):
            names = " and ".join(name for name, wanted in missing.items() if wanted)
            raise _invalid(f"it lacks {names}")
        if self.password and self.identity and not self.username:
            raise _invalid("a passphrase for the ssh key is not supported; store the key without")
        ways = [way for way in (self.username, self.bearer_token, self.identity) if way]
        if len(ways) > 1:
            raise _invalid("it gives more than one way to log in")
        if not ways and not self.ca:
            raise _invalid("it holds none of the keys that are known")
        if ":" in self.username:
            raise _invalid("username must not hold ':'")

    def check_transport(self, url: RemoteUrl) -> None:
        """Raises Stalled(InvalidSecret) when these are of no use for it."""
        if url.scheme == "ssh" and not self.identity:
            raise _invalid("an ssh url needs identity and known_hosts")
        if url.scheme in {"http", "https"} and self.identity:
            raise _invalid("an http(s) url cannot use an ssh key")

    def _environment(
        self, url: RemoteUrl, directory: Path, *, addresses: Sequence[str]
    ) -> dict[str, str]:
        if url.scheme == "ssh":
            return self._ssh_environment(url, directory, addresses)
        if url.scheme == "file":
            return {}
        config = _write(directory / "config", self._http_config(url, directory, addresses))
        return {
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_TRACE_CURL": str(directory / "trace"),  # of headers, with their secrets left out
            "GIT_TRACE_CURL_NO_DATA": "1",
        }

    def _http_config(self, url: RemoteUrl, directory: Path, addresses: Sequence[str]) -> str:
        lines = [f'[http "{url.origin}"]']
        if self.authorization:
            lines.append(f"extraHeader = {_quoted(f'Authorization: {self.authorization}')}")
        if self.ca:
            lines.append(f"sslCAInfo = {_quoted(str(_write(directory / 'ca.crt', self.ca)))}")
        if addresses and ":" not in url.host:  # curl's grammar has no such host, nor need to ask
            port = url.port or DEFAULT_PORTS[url.scheme]
            lines += ["[http]", f"curloptResolve = {url.host}:{port}:{','.join(addresses)}"]
        return "\n".join([*lines, ""])

    def _ssh_environment(
        self, url: RemoteUrl, directory: Path, addresses: Sequence[str]
    ) -> dict[str, str]:
        port = url.port or DEFAULT_PORTS["ssh"]
        known_as = url.host if port == DEFAULT_PORTS["ssh"] else f"[{url.host}]:{port}"
        pinned = {"HostName": addresses[0], "HostKeyAlias": known_as.lower()} if addresses else {}
        options = pinned | {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(_write(directory / "known_hosts", self.known_hosts)),
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "ForwardAgent": "no",
            "ConnectTimeout": str(CONNECT_SECONDS),
            "ServerAliveInterval": str(CONNECT_SECONDS),
            "LogLevel": "ERROR",
        }
        identity = _write(directory / "identity", self.identity)
        words = ["ssh", "-F", "/dev/null", "-i", str(identity)]
        words += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return {"GIT_SSH_COMMAND": shlex.join(words), "GIT_SSH_VARIANT": "ssh"}

    @property
    def _basic(self) -> str:
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def _secrets(self) -> list[str]:
        """Every form in which a secret could come back in a message."""
        secrets = [self.password, self.bearer_token]
        secrets += [quote(secret, safe="") for secret in secrets if secret]
        secrets += [self._basic] if self.username else []
        return secrets + [line for line in self.identity.splitlines() if line]


ANONYMOUS = Credentials()


def _text(data: Mapping[str, bytes], key: str) -> str:
    """A file's text; ssh refuses a key without its last newline, and editors lose it."""
    try:
        text = data.get(key, b"").decode().replace("\r\n", "\n").strip()
    except UnicodeDecodeError:
        raise _invalid(f"{key} is not text") from None
    return f"{text}\n" if text else ""


def _line(data: Mapping[str, bytes], key: str) -> str:
    text = _text(data, key).removesuffix("\n")
    if _CONTROL.search(text):
        raise _invalid(f"{key} holds control characters")
    return text


def _quoted(value: str) -> str:
    """A value for git's configuration files."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _write(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def _trace(directory: Path) -> str:
    """What git told of its http requests; nothing when it made none."""
    try:
        return (directory / "trace").read_text(errors="replace")
    except OSError:
        return ""


def _wish(trace: str) -> float | None:
    """The seconds for which the server last asked to be left alone, an hour at most."""
    found = _WISH.findall(trace)
    return read_wish(found[-1]) if found else None


def read_wish(value: str) -> float:
    """The seconds of a Retry-After (RFC 9110), which is a number of them or a date; an hour at
    most, and 0 for what is neither."""
    return min(LONGEST_WISH, _seconds(value.strip()))


def _check_server(trace: str) -> None:
    if _ANSWER.search(trace) and not _SMART.search(trace):
        raise NotSent("NotAGitServer", NOT_A_GIT_SERVER)


def _seconds(wish: str) -> float:
    if wish.isdecimal() and wish.isascii():
        return float(wish[:9])
    try:
        date = parsedate_to_datetime(wish)
    except (ValueError, OverflowError):
        return 0.0
    aware = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def _invalid(why: str) -> Stalled:
    return Stalled("InvalidSecret", f"The Secret of secretRef cannot be used: {why}. {_LAYOUT}")

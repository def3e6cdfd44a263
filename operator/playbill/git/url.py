"""Which remote addresses are accepted, and what makes two spellings the same repository.

Refused with a reason: transports that run programs (`ext::`), passwords in URLs, characters
that a shell or a terminal would act on (CVE-2026-67322 expanded `$VAR` in a URL), and, unless
the operator was started to allow them, addresses inside the cluster's own network.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from playbill.api.errors import Retry, Stalled

LONGEST_URL = 2048
DEFAULT_PORTS = {"http": 80, "https": 443, "ssh": 22}
REACH_SECONDS = 5

_FORBIDDEN = re.compile(r"[^\x21-\x7e]|[$`\\\"'<>|;]")
_SCP_LIKE = re.compile(
    r"(?:(?P<user>[^@:/]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/@\[\]]+):(?P<path>.+)"
)
# A dot at its end would make it another name to curl than the one whose addresses were checked.
_HOST = re.compile(
    r"(?!.*\.\.)(?!.*[^.]{64})[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+(?<!\.)"
)
_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@+-]*")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlPolicy:
    """What the operator was started to allow; the default is what the internet needs."""

    transports: frozenset[str] = frozenset({"https", "http", "ssh"})
    allow_file: bool = False
    allow_private: bool = False

    @property
    def protocols(self) -> str:
        """For GIT_ALLOW_PROTOCOL."""
        return ":".join(sorted(self.transports | ({"file"} if self.allow_file else set())))


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteUrl:
    """An accepted address. `text` is what git gets; `port` is None for the default one."""

    text: str
    scheme: str
    user: str
    host: str
    port: int | None
    path: str

    @property
    def canonical(self) -> str:
        """The repository's identity: `host[:port]/path`, or an absolute path for `file`."""
        path = "/".join(part for part in self.path.split("/") if part)
        path = path.removesuffix(".git").rstrip("/")
        if self.scheme == "file":
            return f"/{path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{path}" if self.port else f"{host}/{path}"

    @property
    def origin(self) -> str:
        """`scheme://host[:port]/`: what credentials are bound to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{host}{port}/"


def parse_url(url: str, *, policy: UrlPolicy) -> RemoteUrl:
    """An accepted address, or Stalled: InvalidURL, TransportNotAllowed."""
    if not url or len(url) > LONGEST_URL:
        raise _invalid(f"it must have 1 to {LONGEST_URL} characters")
    if url.startswith("-"):
        raise _invalid("it must not begin with '-'")
    if _FORBIDDEN.search(url):
        raise _invalid("it holds a space, quote, control character or one of $ ` \\ < > | ;")
    if re.match(r"[A-Za-z0-9+.-]+::", url):
        raise _not_allowed(url.partition("::")[0], policy)
    parsed = _parse_full(url) if "://" in url else _parse_scp_like(url)
    allowed = policy.allow_file if parsed.scheme == "file" else parsed.scheme in policy.transports
    if not allowed:
        raise _not_allowed(parsed.scheme, policy)
    if ".." in parsed.path.split("/"):
        raise _invalid("its path must not hold '..'")
    if not parsed.path.strip("/"):
        raise _invalid("it names a server but no repository")
    return parsed


def _parse_full(url: str) -> RemoteUrl:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _invalid("its host or port cannot be read") from None
    scheme = parts.scheme.lower()
    if scheme not in {*DEFAULT_PORTS, "file"}:
        raise _not_allowed(scheme, None)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise _invalid("a query or fragment has no meaning here")
    if parts.password is not None or (parts.username is not None and scheme != "ssh"):
        raise _invalid("it must hold no user or password; put them into the Secret of secretRef")
    path = unquote(parts.path)
    if _FORBIDDEN.search(path.replace(" ", "_")):
        raise _invalid("its path hides characters that are not allowed")
    host = parts.hostname or ""
    if scheme == "file":
        return _file(url, host=host, path=path)
    _check_names(host=host, user=parts.username or "", path=path.lstrip("/"))
    return RemoteUrl(
        text=scheme + url[len(scheme) :],
        scheme=scheme,
        user=parts.username or "",
        host=host,
        port=None if port == DEFAULT_PORTS[scheme] else port,
        path=path,
    )


def _file(url: str, *, host: str, path: str) -> RemoteUrl:
    if host:
        raise _invalid("a file URL has no host: file:///path")
    return RemoteUrl(text=url, scheme="file", user="", host="", port=None, path=path)


def _parse_scp_like(url: str) -> RemoteUrl:
    match = _SCP_LIKE.fullmatch(url)
    if match is None:
        raise _invalid("give https://host/path, ssh://user@host/path or user@host:path")
    host = match["host"].strip("[]").lower()
    _check_names(host=host, user=match["user"] or "", path=match["path"])
    return RemoteUrl(
        text=url, scheme="ssh", user=match["user"] or "", host=host, port=None, path=match["path"]
    )


def _check_names(*, host: str, user: str, path: str) -> None:
    if not _HOST.fullmatch(host):
        raise _invalid("its host is not a host name, without a dot at its end, or an address")
    if user and not _USER.fullmatch(user):
        raise _invalid("its user holds characters that are not allowed")
    if path.startswith("-"):
        raise _invalid("its path must not begin with '-'")


def check_address(
    url: RemoteUrl, policy: UrlPolicy, *, resolve: Resolver | None = None
) -> list[str]:
    """The addresses the host has now, each of them public; empty when any is allowed.

    Raises Stalled(AddressNotAllowed), or Retry(RemoteUnavailable) for a name without address.
    To be called at each use, as a name may mean something else tomorrow.
    """
    if url.scheme == "file" or policy.allow_private:
        return []
    addresses = (resolve or _resolve)(url.host, url.port or DEFAULT_PORTS[url.scheme])
    if any(not _is_public(ipaddress.ip_address(address)) for address in addresses):
        raise Stalled(
            "AddressNotAllowed",
            f"{url.host} has a private, loopback or link-local address. Use a public host, or "
            "start the operator with --allow-private-addresses.",
        )
    return list(addresses)


def narrowed(url: RemoteUrl, addresses: list[str]) -> list[str]:
    """What a transport can be told of them: to ssh one alone, one that takes a connection."""
    if url.scheme != "ssh" or len(addresses) < 2:
        return addresses
    port = url.port or DEFAULT_PORTS["ssh"]
    return [next((each for each in addresses if _is_open(each, port)), addresses[0])]


def _is_open(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=REACH_SECONDS).close()
    except OSError:
        return False
    return True


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Retry("RemoteUnavailable", f"{host} has no address now; it is tried again") from None
    return sorted({str(entry[4][0]).partition("%")[0] for entry in found})


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or _behind_nat64(address)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast


def _behind_nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """RFC 6052: the last 32 bits of 64:ff9b::/96 are an IPv4 address."""
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _invalid(why: str) -> Stalled:
    return Stalled("InvalidURL", f"The repository's url is not accepted: {why}.")


def _not_allowed(scheme: str, policy: UrlPolicy | None) -> Stalled:
    allowed = policy.protocols.replace(":", ", ") if policy else "https, ssh"
    return Stalled(
        "TransportNotAllowed",
        f"The transport {scheme[:20]!r} is not allowed here; use one of {allowed}.",
    )

"""`https://`: one file from a web server, resumed by range, with redirects looked at.

A redirect is followed up to five times, never from https to http, never to a private address
unless those are allowed, and the credentials go to the first server alone (RFC 9110, 15.4).
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from playbill.api.errors import Stalled
from playbill.fetch.logins import StoreLogin
from playbill.fetch.names import last_of
from playbill.fetch.source import Item, Listing, Resume, Stream, of_one_file
from playbill.fetch.trouble import by_status, refused, unavailable, unsupported
from playbill.git.url import DEFAULT_PORTS, RemoteUrl, UrlPolicy, check_address

MOST_REDIRECTS = 5
TIMEOUT = urllib3.Timeout(connect=15.0, read=60.0)
CHUNK = 1 << 20
REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSource:
    """`expected` is checked as the file comes, if it is known. `endpoint`, when given, is the
    only server that gets the credentials."""

    uri: str
    login: StoreLogin
    policy: UrlPolicy
    expected: str = ""
    endpoint: str = ""

    @property
    def address(self) -> str:
        """Without the query, where signatures are."""
        return without_query(self.uri)

    def find(self) -> Listing:
        """The one file."""
        expects = of_one_file(self.expected)
        item = Item(path=last_of(self.uri), size=None, open=self._open, expects=expects)
        return Listing(items=[item], directory=False)

    @contextlib.contextmanager
    def _open(self, resume: Resume) -> Iterator[Stream]:
        # a suffix of what the server would now answer in another encoding would not fit
        headers = {"Accept-Encoding": "identity"}
        if resume.offset:
            headers["Range"] = f"bytes={resume.offset}-"
            headers |= {"If-Range": resume.validator} if resume.validator else {}
        with self._followed(headers) as answer:
            if not _is_another(answer, resume):
                yield self._stream(answer, resume)
                return
        with self._open(Resume()) as stream:
            yield stream

    @contextlib.contextmanager
    def _followed(self, headers: Mapping[str, str]) -> Iterator[urllib3.BaseHTTPResponse]:
        uri = self.uri
        for _ in range(MOST_REDIRECTS + 1):
            with self._asked(uri, headers) as answer:
                if answer.status not in REDIRECTS:
                    yield answer
                    return
                uri = redirected(uri, answer.headers.get("Location", ""))
        raise refused(f"{self.address} leads to more than {MOST_REDIRECTS} redirects")

    @contextlib.contextmanager
    def _asked(self, uri: str, headers: Mapping[str, str]) -> Iterator[urllib3.BaseHTTPResponse]:
        url = web_url(uri, self.policy)
        *others, last = check_address(url, self.policy) or [url.host]
        given = {**headers, "Host": urlsplit(uri).netloc, **self._authorization(url)}
        with contextlib.ExitStack() as stack, _network(uri):
            for host in others:  # a name may have addresses that cannot be reached from here
                with contextlib.suppress(NewConnectionError, ConnectTimeoutError):
                    answer = stack.enter_context(self._answered(host, url, given))
                    break
            else:
                answer = stack.enter_context(self._answered(last, url, given))
            yield answer

    @contextlib.contextmanager
    def _answered(
        self, host: str, url: RemoteUrl, headers: Mapping[str, str]
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        with contextlib.closing(self._pool(url, host)) as pool:
            answer = pool.urlopen(
                "GET", _target(url.text), headers=headers, redirect=False, retries=False,
                preload_content=False, decode_content=False, assert_same_host=False,
            )  # fmt: skip
            try:
                yield answer
            finally:
                answer.close()

    def _authorization(self, url: RemoteUrl) -> dict[str, str]:
        trusted = web_url(self.endpoint or self.uri, self.policy)
        words = self.login.authorization
        return {"Authorization": words} if words and url.origin == trusted.origin else {}

    def _pool(self, url: RemoteUrl, host: str) -> Any:
        """Of one connection, to an address that was checked."""
        port = url.port or DEFAULT_PORTS[url.scheme]
        if url.scheme == "http":
            return urllib3.HTTPConnectionPool(host, port, timeout=TIMEOUT)
        return urllib3.HTTPSConnectionPool(
            host, port, timeout=TIMEOUT, ssl_context=_trust(self.login),
            server_hostname=url.host, assert_hostname=url.host,
        )  # fmt: skip

    def _stream(self, answer: urllib3.BaseHTTPResponse, resume: Resume) -> Stream:
        headers = answer.headers
        if answer.status not in {200, 206}:
            raise by_status(answer.status, self.address, after=_wish(headers))
        if headers.get("Content-Encoding", "identity") != "identity":
            raise unsupported(f"{self.address} comes compressed, though it was asked for as it is")
        start, total = 0, _number(headers.get("Content-Length"))
        if answer.status == 206:
            start, total = _range(headers.get("Content-Range", ""))
            if start != resume.offset:
                raise unavailable(f"{self.address}: the server sends another part than asked for")
        return Stream(
            start=start,
            total=total,
            validator=_validator(headers),
            chunks=_chunks(answer, self.address),
        )


def web_url(uri: str, policy: UrlPolicy) -> RemoteUrl:
    """The parts of an address. Raises Stalled: http where it is not allowed, no host."""
    try:
        parts = urlsplit(uri)
        port, host = parts.port, (parts.hostname or "").rstrip(".")
    except ValueError:
        raise refused(f"{without_query(uri)} cannot be read as an address") from None
    if parts.scheme not in {"https", "http"} or not host or "@" in parts.netloc:
        raise refused(f"{without_query(uri)} is no address of https without user and password")
    if parts.scheme == "http" and not policy.allow_private:
        raise Stalled(
            "TransportNotAllowed",
            f"{without_query(uri)} is plain http, which the operator was not started to allow",
        )
    port = None if port == DEFAULT_PORTS[parts.scheme] else port
    return RemoteUrl(text=uri, scheme=parts.scheme, user="", host=host, port=port, path=parts.path)


def redirected(uri: str, location: str) -> str:
    """Where a redirect leads. Raises Stalled(Refused)."""
    target = urljoin(uri, location)
    if urlsplit(uri).scheme == "https" and urlsplit(target).scheme != "https":
        raise refused(f"{without_query(uri)} leads from https to another scheme")
    return target


def without_query(uri: str) -> str:
    """An address that may be told."""
    base = uri.partition("?")[0].partition("#")[0]
    scheme, separator, rest = base.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"[:500]


def _is_another(answer: urllib3.BaseHTTPResponse, resume: Resume) -> bool:
    """Whether the file has changed since; not every server heeds If-Range."""
    if answer.status == 416:
        return resume.offset > 0
    told = _validator(answer.headers)
    return answer.status == 206 and bool(resume.validator) and told != resume.validator


def _target(uri: str) -> str:
    parts = urlsplit(uri)
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def _trust(login: StoreLogin) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if login.ca is not None:
        try:
            context.load_verify_locations(cafile=login.ca)
        except ssl.SSLError:
            raise Stalled("InvalidSecret", "ca.crt of fetch.secretRef holds no authority") from None
    return context


@contextlib.contextmanager
def _network(uri: str) -> Iterator[None]:
    """What the network says, as one of the fates."""
    try:
        yield
    except SSLError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error) or "certificate verify" in str(error):
            raise Stalled(
                "CertificateInvalid",
                f"{without_query(uri)}: the server's certificate is not trusted. Put its "
                "authority into the Secret of fetch.secretRef as ca.crt",
            ) from None
        raise unavailable(f"{without_query(uri)}: {_short(error)}") from None
    except (HTTPError, OSError) as error:
        raise unavailable(f"{without_query(uri)}: {_short(error)}") from None


def _short(error: Exception) -> str:
    """The last cause, without the names of objects in memory."""
    words = str(error).rpartition(">: ")[2] or type(error).__name__
    return words.strip("()'\"")[:200]


def _chunks(answer: urllib3.BaseHTTPResponse, address: str) -> Iterator[bytes]:
    with _network(address):
        yield from answer.stream(CHUNK, decode_content=False)


def _validator(headers: Mapping[str, str]) -> str:
    """A strong ETag or a date: what If-Range takes."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified", "")


def _range(text: str) -> tuple[int, int | None]:
    """`bytes 5-9/10` as (5, 10)."""
    unit, _, rest = text.partition(" ")
    span, _, total = rest.partition("/")
    start = _number(span.partition("-")[0])
    if unit != "bytes" or start is None:
        raise unavailable("the server sends a part, and does not say which")
    return start, _number(total)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _wish(headers: Mapping[str, str]) -> float | None:
    seconds = _number(headers.get("Retry-After"))
    return None if seconds is None else float(seconds)

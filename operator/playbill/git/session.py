"""Requests to one git server over http(s), without a process: bounded in time and in size, to no
address but those that were checked, and on one connection until it is hung up.

Trouble is told in the words that git has for it, as `errors` has a table of those.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from playbill import __version__
from playbill.api.errors import Retry, Trouble
from playbill.git.command import GitSettings, timed_out, too_much
from playbill.git.credentials import CONNECT_SECONDS, Credentials, read_wish
from playbill.git.errors import classify
from playbill.git.url import DEFAULT_PORTS, RemoteUrl, check_address

IDLE_SECONDS = 3.0
"""Servers close what was idle for five and longer; a request must not meet that."""
CHUNK = 1 << 18

# Some servers show anybody who is not git a page for people.
_AGENT = f"git/playbill-{__version__}"


@dataclass(frozen=True, slots=True)
class Question:
    """One request; `target` follows the repository's path. What is `harmless` changes nothing
    there, so that a failure leaves nothing open."""

    method: str
    target: str
    expects: str
    headers: Mapping[str, str]
    body: bytes = b""
    harmless: bool = True


class Session:
    """What there is to say to one repository's server, with one set of credentials."""

    def __init__(self, url: RemoteUrl, credentials: Credentials, settings: GitSettings) -> None:
        self._url = url
        self._credentials = credentials
        self._settings = settings
        self._path = urlsplit(url.text).path.rstrip("/")
        self._idle: deque[_Connection] = deque(maxlen=2)

    def ask(self, question: Question, *, operation: str) -> bytes:
        """The answer's body, of the type that is expected. Raises the Trouble of
        `errors.classify`, TimedOut, Stalled(OutputTooLarge)."""
        while True:
            kept = self._kept()
            connection = kept or self._connect()
            try:
                with connection.bounded(self._settings.seconds):
                    body = self._exchange(connection, question, operation)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if connection.expired or isinstance(error, TimeoutError):
                    raise timed_out(operation, self._settings.seconds) from None
                if kept is not None and question.harmless:
                    continue  # it may have been closed there before it heard us
                raise self._trouble(question, str(error) or type(error).__name__) from None
            except BaseException:
                connection.close()
                raise
            connection.rested = time.monotonic()
            self._idle.append(connection)
            return body

    def hang_up(self) -> None:
        """Keep no connection any longer."""
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> _Connection | None:
        while self._idle:
            kept = self._idle.pop()
            if kept.is_fresh:
                return kept
            kept.close()
        return None

    def _connect(self) -> _Connection:
        self._credentials.check_transport(self._url)
        addresses = check_address(self._url, self._settings.policy)
        try:
            context = _trust(self._credentials.ca) if self._url.scheme == "https" else None
        except (ssl.SSLError, ValueError):
            raise classify("error setting certificate verify locations: ca.crt", 128) from None
        connection = _Connection(self._url, addresses, context)
        try:
            with connection.bounded(self._settings.seconds):
                connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unreached(connection, error) from None
        return connection

    def _exchange(self, connection: _Connection, question: Question, operation: str) -> bytes:
        headers: dict[str, str | bytes] = {"User-Agent": _AGENT, **question.headers}
        if authorization := self._credentials.authorization:
            headers["Authorization"] = authorization.encode()
        connection.request(
            question.method, f"{self._path}/{question.target}", question.body or None, headers
        )
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise self._refusal(question, response)
        body = bytearray()
        while chunk := response.read(CHUNK):
            body += chunk
            if len(body) > self._settings.output_limit:
                raise too_much(operation, self._settings.output_limit)
        if connection.expired:  # an answer that ends with the connection looks whole then
            raise TimeoutError
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        if response.headers.get_content_type() != question.expects:
            words = "info/refs not valid: is this a git repository?"
            raise classify(words if question.harmless else "RPC failed; a page for people", 128)
        return bytes(body)

    def _refusal(self, question: Question, response: http.client.HTTPResponse) -> Trouble:
        trouble = self._trouble(question, f"The requested URL returned error: {response.status}")
        if isinstance(trouble, Retry) and (wish := response.headers.get("Retry-After")):
            trouble.after = read_wish(wish)
        return trouble

    def _unreached(self, connection: _Connection, error: Exception) -> Trouble:
        if connection.expired or isinstance(error, TimeoutError):
            error = TimeoutError("Connection timed out")
        place = f"unable to access '{self._url.text}'"
        if isinstance(error, ssl.SSLError):
            return classify(f"{place}: {error}", 128)
        return classify(f"{place}: Failed to connect to {self._url.host}: {error}", 128)

    def _trouble(self, question: Question, words: str) -> Trouble:
        """Of what was sent and may have been heard, or of what does no harm if it was."""
        what = f"unable to access '{self._url.text}'" if question.harmless else "RPC failed"
        return classify(self._credentials.scrub(f"{what}: {words}"), 128)


class _Connection(http.client.HTTPConnection):
    """To one of the addresses, if there are any, and by name otherwise."""

    def __init__(
        self, url: RemoteUrl, addresses: Sequence[str], context: ssl.SSLContext | None
    ) -> None:
        super().__init__(url.host, url.port or DEFAULT_PORTS[url.scheme], timeout=CONNECT_SECONDS)
        self.default_port = DEFAULT_PORTS[url.scheme]
        self.addresses = addresses or [url.host]
        self.context = context
        self.expired = False
        self._wire: socket.socket | None = None
        self.rested = 0.0
        self._seconds = float(CONNECT_SECONDS)

    def connect(self) -> None:
        """Raises OSError when no address takes us, or the server is not the one it should be."""
        sock = self._reach()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._wire = sock
        if self.context is not None:
            # the handshake comes after, so that whoever keeps time finds the socket here
            self.sock = self._wire = tls = self.context.wrap_socket(
                sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            tls.do_handshake()
        self.sock.settimeout(self._seconds)

    def _reach(self) -> socket.socket:
        seconds = min(CONNECT_SECONDS, self._seconds)
        failures = []
        for address in self.addresses:
            try:
                return socket.create_connection((address, self.port), timeout=seconds)
            except OSError as failure:
                failures.append(failure)
            if self.expired:
                break
        raise failures[0]

    @contextlib.contextmanager
    def bounded(self, seconds: float) -> Iterator[None]:
        """Break off after so long, whatever is under way; a socket's own timeout begins anew with
        each byte."""
        self._seconds = seconds
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _expire(self) -> None:
        """Shut down what is being read, though `http.client` has let go of it already where the
        server said that it would close the connection."""
        self.expired = True
        if self._wire is not None:
            with contextlib.suppress(OSError):  # not TLS's own, which another thread is reading by
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)

    @property
    def is_fresh(self) -> bool:
        """Whether the next request will be heard: nobody has closed it, nor is about to."""
        if self.sock is None or time.monotonic() - self.rested > IDLE_SECONDS:
            return False
        poll = select.poll()  # select() itself knows no descriptor above 1,023
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)


def is_direct(url: RemoteUrl) -> bool:
    """Whether a server is spoken to over http(s) and not through a proxy, as the environment has
    it; a proxy is left to git."""
    if url.scheme not in {"http", "https"}:
        return False
    proxies = getproxies_environment()
    proxied = bool(proxies.get(url.scheme) or proxies.get("all"))
    return not proxied or bool(proxy_bypass(url.host, proxies))


@functools.lru_cache(maxsize=64)
def _trust(ca: str) -> ssl.SSLContext:
    """Who may vouch for a server: the Secret's authority alone, or all that the system trusts.

    Raises SSLError or ValueError for what is no certificate.
    """
    context = ssl.create_default_context(cadata=ca or None)
    # As strict as git is: authorities of one's own often lack what Python 3.13 asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context

"""A reverse proxy before a git server that does to some answers what a test asks for."""

import contextlib
import http.client
import http.server
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Self

# Not `Host`: a client of S3 signs it.
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to requests whose `METHOD path?query` contains `on`.

    `status` is answered in the server's place, with `body`; `drop` lets the server do its work
    and closes the connection without a word of it, `cut` after half of what it says; `delay`
    holds the answer back.
    """

    on: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop: bool = False
    cut: bool = False
    delay: float = 0.0
    times: int = 1_000_000


class Gateway:
    """Passes everything on to `port` until it is given a fault, but for the header that it is
    `deaf_to`; counts connections, and keeps what it was `asked`."""

    def __init__(self, port: int) -> None:
        self.backend = port
        self.fault: Fault | None = None
        self.hits = 0
        self.struck: list[float] = []
        self.asked: list[str] = []
        self.connections = 0
        self.deaf_to = ""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_port

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/git/{name}"

    def suffer(self, fault: Fault | None) -> None:
        """From now on; None mends everything."""
        self.fault, self.hits, self.struck = fault, 0, []

    def strike(self, request: str) -> Fault | None:
        """The fault that this request meets."""
        fault = self.fault
        if fault is None or fault.on not in request or self.hits >= fault.times:
            return None
        self.hits += 1
        self.struck.append(time.monotonic())
        return fault

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(gateway: Gateway) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            gateway.connections += 1

        def do_GET(self) -> None:
            gateway.asked.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = gateway.strike(f"{self.command} {self.path}")
            if fault is not None and fault.status:
                self._send(fault.status, fault.headers, fault.body)
                return
            status, headers, answer = self._pass_on(body)
            if fault is not None and fault.drop:
                self.close_connection = True
                return
            time.sleep(fault.delay if fault is not None else 0)
            with contextlib.suppress(OSError):  # the client may have given up
                self._send(status, headers, answer, cut=fault is not None and fault.cut)

        do_POST = do_GET  # noqa: N815 - http.server's name
        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def _pass_on(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
            server = http.client.HTTPConnection("127.0.0.1", gateway.backend, timeout=30)
            with contextlib.closing(server):
                heard = {
                    k: v for k, v in _passing(self.headers).items() if k.lower() != gateway.deaf_to
                }
                server.request(self.command, self.path, body, heard)
                answer = server.getresponse()
                headers = {**_passing(answer.headers)}
                if self.command == "HEAD":
                    headers["Content-Length"] = answer.headers["Content-Length"] or "0"
                return answer.status, headers, answer.read()

        def _send(
            self, status: int, headers: Mapping[str, str], body: bytes, *, cut: bool = False
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = self.close_connection or cut

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    return Handler


def _passing(headers: Message) -> Mapping[str, str]:
    return {k: v for k, v in headers.items() if k.lower() not in _HOP_BY_HOP}

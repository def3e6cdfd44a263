"""Servers that misbehave on purpose."""

import http.server
import select
import socket
import threading
from typing import Self


class HangingServer:
    """Accepts connections and never says a word."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.close()

    @property
    def was_called(self) -> bool:
        """Whether anybody has connected whom nobody has asked for before."""
        return bool(select.select([self._listener], [], [], 0)[0])


class AnsweringServer:
    """Answers every request with one status, headers and text."""

    def __init__(self, status: int, *, headers: dict[str, str] | None = None) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET  # noqa: N815 - http.server's name

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

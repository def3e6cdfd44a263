"""A door before the API server: it holds one request, or is shut for all of them.

The operator is given a kubeconfig that leads here, over plain http; the door has the real
credentials. Each request has a connection of its own, so that it can be told from others.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml
from tests.cluster.kubectl import eventually

LOCAL = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    line: str
    head: bytes
    body: bytes


@dataclass(slots=True)
class Held:
    """A request that is waited for; once it is there it waits for `let_go`."""

    line: str
    words: str
    landed: bool
    door: ApiGate
    reached: bool = False
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def fits(self, asked: Asked) -> bool:
        words, body = (text.replace(b" ", b"") for text in (self.words.encode(), asked.body))
        return self.line in asked.line and words in body and not self.reached

    def arrives(self) -> None:
        """Wait until it is there."""
        eventually(lambda: self.reached)

    def let_go(self) -> None:
        self.door.call(self.release.set)


class ApiGate:
    """Stands between one operator and the API server of `kubeconfig`."""

    def __init__(self, kubeconfig: Path, directory: Path) -> None:
        self._server, self._tls = _access(yaml.safe_load(kubeconfig.read_text()))
        self._directory = directory
        self._held: list[Held] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._shut = False
        self._port = 0
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event

    @property
    def kubeconfig(self) -> Path:
        """The way through the door."""
        path = self._directory / "through-the-door.yaml"
        named = [{"name": "door", "cluster": {"server": f"http://{LOCAL}:{self._port}"}}]
        context = [{"name": "door", "context": {"cluster": "door", "user": "nobody"}}]
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": named,
                    "contexts": context,
                    "current-context": "door",
                    "users": [{"name": "nobody", "user": {}}],
                }
            )
        )
        return path

    def hold(self, line: str, words: str = "", *, landed: bool = False) -> Held:
        """Hold the next request whose first line has `line` and whose body has `words`: before
        the API server hears of it, or when it has answered and nobody knows."""
        held = Held(line, words, landed, self)
        self._held.append(held)
        return held

    def shut(self) -> None:
        """End all connections, and take no new ones."""
        self._shut = True
        self.call(self._hang_up)

    def _hang_up(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    def open(self) -> None:
        self._shut = False

    def call(self, work: Callable[[], Any]) -> None:
        self._loop.call_soon_threadsafe(work)

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started)), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *exception: object) -> None:
        self.call(self._over.set)
        self._thread.join(10)

    async def _run(self, started: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda *_: None)  # of connections that were cut
        server = await asyncio.start_server(self._serve, LOCAL, 0)
        self._port = server.sockets[0].getsockname()[1]
        started.set()
        await self._over.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if not self._shut:
                await self._pass_on(await _read(reader), reader, writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass  # somebody has hung up
        finally:
            self._open.discard(writer)
            writer.transport.abort() if self._shut else writer.close()

    async def _pass_on(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        held = next((each for each in self._held if each.fits(asked)), None)
        if held is not None:
            held.reached = not held.landed
            if held.reached:
                await held.release.wait()
        back, forth = await asyncio.open_connection(*self._server, ssl=self._tls)
        try:
            forth.write(asked.head + asked.body)
            if held is not None and held.landed:
                answer = await back.read()
                held.reached = True
                await held.release.wait()
                writer.write(answer)
                await writer.drain()
                return
            hung_up = asyncio.ensure_future(reader.read(1))
            passing = asyncio.ensure_future(_copy(back, writer))
            await asyncio.wait({hung_up, passing}, return_when=asyncio.FIRST_COMPLETED)
            for each in (hung_up, passing):
                each.cancel()
        finally:
            with suppress(OSError):
                forth.close()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[:-2]
    named = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    body = await reader.readexactly(int(named.get("content-length", 0)))
    kept = [line for line in lines if not line.lower().startswith("connection:")]
    return Asked(lines[0], "\r\n".join([*kept, "Connection: close", "", ""]).encode(), body)


async def _copy(back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await back.read(1 << 16):
        writer.write(chunk)
        await writer.drain()


def _access(config: dict[str, Any]) -> tuple[tuple[str, int], ssl.SSLContext]:
    """Address and credentials of a kubeconfig's only cluster and user."""
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    address = urlsplit(cluster["server"])
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    tls = ssl.create_default_context(cadata=authority)
    with tempfile.NamedTemporaryFile() as pair:
        for part in ("client-certificate-data", "client-key-data"):
            pair.write(base64.b64decode(user[part]) + b"\n")
        pair.flush()
        tls.load_cert_chain(pair.name)
    return (address.hostname or LOCAL, address.port or 443), tls

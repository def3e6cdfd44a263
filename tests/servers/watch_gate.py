"""A door before the API server that breaks watches, each kind's for itself, and counts requests."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import repeat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.cluster.kubectl import eventually
from tests.servers.api_gate import ApiGate, Asked

FAILURE = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
TOO_OLD = FAILURE | {
    "message": "too old resource version: 1 (2)",
    "reason": "Expired",
    "code": 410,
}
"""As the API server says it. A young one remembers all that it ever wrote, and cannot be asked."""


class Reply(Enum):
    """How a watch is answered."""

    PASSED_ON = auto()
    EXPIRED = auto()
    """200, and a 410 as its only event."""
    GONE = auto()
    """410 as the status of HTTP."""
    NOT_SERVED = auto()
    """404, as if there were no such kind."""
    UNAUTHORIZED = auto()
    """401, as for a token whose time is over."""
    FAILED = auto()
    """200, and an error other than 410 as its only event."""
    NOTHING = auto()
    """200, and the end of it."""
    SHORT = auto()
    """The API server is asked to end it soon; it sends a bookmark before it does."""


class End(Enum):
    """How a watch ends, apart from what the API server does."""

    RESET = auto()
    SILENCE = auto()
    """Nothing comes any more, and the connection stays."""
    HALF_A_LINE = auto()
    """The next event comes by half, and the answer ends as if that had been all."""
    HALF_A_CHUNK = auto()
    """The next event comes by half, and the connection is closed."""


@dataclass(eq=False, slots=True)
class Watch:
    """A watch as the operator asked for it, and what came of it."""

    since: str
    writer: asyncio.StreamWriter
    end: End | None = None
    bookmarks: list[str] = field(default_factory=list)
    """The resourceVersions that came without an object."""


class WatchGate(ApiGate):
    """Stands between one operator and the API server; kinds go by their plurals."""

    def __init__(self, kubeconfig: Path, directory: Path) -> None:
        super().__init__(kubeconfig, directory)
        self.lists: dict[str, int] = defaultdict(int)
        """How often all objects of a kind were listed."""
        self.watches: dict[str, list[Watch]] = defaultdict(list)
        """All there ever were, as they came."""
        self.writes: list[str] = []
        self._replies: dict[str, Iterator[Reply]] = {}
        self._away: dict[str, asyncio.Event] = {}

    def answer(self, plural: str, reply: Reply, *, times: int = 1) -> None:
        """How the next watches of a kind are answered."""
        self._replies[plural] = repeat(reply, times)

    def end(self, plural: str, end: End) -> None:
        """End the watch that is under way: now, or as its next event comes."""
        watch = self.watches[plural][-1]
        watch.end = end
        if end is End.RESET:
            self.call(watch.writer.transport.abort)

    @contextmanager
    def away(self, plural: str) -> Iterator[None]:
        """Without a watch: the one under way is reset, and the next waits here for its answer."""
        known = len(self.watches[plural])
        self._away[plural] = asyncio.Event()
        self.end(plural, End.RESET)
        eventually(lambda: len(self.watches[plural]) > known)
        yield
        self.call(self._away.pop(plural).set)

    async def _pass_on(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        verb, target, _ = asked.line.split(" ")
        address = urlsplit(target)
        plural, query = address.path.rpartition("/")[2], parse_qs(address.query)
        if "watch" in query:
            watch = Watch(query.get("resourceVersion", [""])[0], writer)
            await self._watch(plural, asked, watch, reader)
            return
        if verb != "GET":
            self.writes.append(asked.line)
        elif "limit" in query and "fieldSelector" not in query:
            self.lists[plural] += 1
        await super()._pass_on(asked, reader, writer)

    async def _watch(
        self, plural: str, asked: Asked, watch: Watch, reader: asyncio.StreamReader
    ) -> None:
        self.watches[plural].append(watch)
        if plural in self._away:
            await self._away[plural].wait()
        head = asked.head.decode()
        match next(self._replies.get(plural, iter(())), Reply.PASSED_ON):
            case Reply.EXPIRED:
                return _answer(watch.writer, "200 OK", {"type": "ERROR", "object": TOO_OLD})
            case Reply.GONE:
                return _answer(watch.writer, "410 Gone", TOO_OLD)
            case Reply.NOT_SERVED:
                return _answer(watch.writer, "404 Not Found", FAILURE | {"code": 404})
            case Reply.UNAUTHORIZED:
                return _answer(watch.writer, "401 Unauthorized", FAILURE | {"code": 401})
            case Reply.FAILED:
                event = {"type": "ERROR", "object": FAILURE | {"code": 500}}
                return _answer(watch.writer, "200 OK", event)
            case Reply.NOTHING:
                return _answer(watch.writer, "200 OK")
            case Reply.SHORT:
                head = _with(head, "timeoutSeconds", "600", "4")
        hung_up = asyncio.ensure_future(reader.read(1))
        passing = asyncio.ensure_future(self._stream(head, watch))
        await asyncio.wait({hung_up, passing}, return_when=asyncio.FIRST_COMPLETED)
        for each in (hung_up, passing):
            each.cancel()
        return None

    async def _stream(self, head: str, watch: Watch) -> None:
        """Pass on event by event; the API server sends each as one chunk (RFC 9112, 7.1)."""
        back, forth = await asyncio.open_connection(*self._server, ssl=self._tls)
        with closing(forth):
            forth.write(head.encode())
            watch.writer.write(await back.readuntil(b"\r\n\r\n"))
            while size := int(await back.readuntil(b"\r\n"), 16):
                event = (await back.readexactly(size + 2))[:-2]
                match watch.end:
                    case None:
                        _note(event, watch)
                        watch.writer.write(_chunk(event))
                    case End.HALF_A_LINE:
                        watch.writer.write(_chunk(event[: size // 2]) + b"0\r\n\r\n")
                        return
                    case End.HALF_A_CHUNK:
                        watch.writer.write(_chunk(event)[: size // 2])
                        return
            watch.writer.write(b"0\r\n\r\n")


def _with(head: str, name: str, value: str, other: str) -> str:
    assert f"{name}={value}" in head, head
    return head.replace(f"{name}={value}", f"{name}={other}")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _note(event: bytes, watch: Watch) -> None:
    if event.startswith(b'{"type":"BOOKMARK"'):
        watch.bookmarks.append(json.loads(event)["object"]["metadata"]["resourceVersion"])


def _answer(writer: asyncio.StreamWriter, status: str, said: object = None) -> None:
    body = "" if said is None else json.dumps(said, separators=(",", ":")) + "\n"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(f"{head}\r\nConnection: close\r\n\r\n{body}".encode())

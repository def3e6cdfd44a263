"""The connections that Kopf lists and watches over, made such that it survives all that may come.

An expired resourceVersion, told by an event, makes Kopf list anew; a lost connection makes it try
again. Much else ends it as a whole: 410 as the status of HTTP, half a line (nolar/kopf#839), an
error of another code. So all of these become one of those two here.

When Kopf has listed anew it tells of all there is, and not of what is gone: `listed` hears of each
listing. And it asks again at once whatever ends at once: here it waits, each time for longer.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Container
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
import kopf

SHORTEST_PAUSE = 1.0
"""Between two listings of a kind, or two watches; a listing's pages follow each other at once."""
LONGEST_PAUSE = 30.0
LEFT_TO_KOPF = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)
"""It logs in again, and comes again when it is told to."""
ERROR = b'{"type":"ERROR"'
EXPIRED = ERROR + b',"object":{"code":410}}\n'


def session(
    info: kopf.ConnectionInfo,
    *,
    kinds: Container[str],
    listed: Callable[[str], None],
    turns: Turns,
) -> kopf.AiohttpSession:
    """For a handler of `kopf.on.login`. `kinds` are the paths that are listed and watched, and
    `turns` are those of the sessions before it as well.

    `listed` is told of the path before Kopf reads any of it: what is listed from then on is newer.
    """
    requests = _Requests(kinds, listed, turns)
    connections = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        proxy=info.proxy_url,
        middlewares=(requests.send,),
    )
    requests.connections = connections
    return kopf.AiohttpSession(server=info.server, aiohttp_session=connections)


@dataclass(slots=True)
class Turn:
    """When the next request for the same may be sent."""

    earliest: float = 0.0
    pause: float = SHORTEST_PAUSE

    async def take(self) -> None:
        """Wait for it; who had to wait waits for longer the next time."""
        now = asyncio.get_running_loop().time
        early = self.earliest - now()
        self.pause = min(2 * self.pause, LONGEST_PAUSE) if early > 0 else SHORTEST_PAUSE
        await asyncio.sleep(early)
        self.earliest = now() + self.pause


Turns = defaultdict[tuple[str, bool], Turn]
"""By path, and whether it is watched."""


class _Requests:
    connections: aiohttp.ClientSession

    def __init__(self, kinds: Container[str], listed: Callable[[str], None], turns: Turns) -> None:
        self._kinds = kinds
        self._listed = listed
        self._turns = turns

    async def send(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request when it is time, and make of the answer what Kopf can bear."""
        path, watches = request.url.path, "watch" in request.url.query
        if path not in self._kinds:
            return await send(request)
        if "continue" not in request.url.query:
            await self._turns[path, watches].take()
        if self.connections.closed:
            # Another was answered 401 meanwhile, and Kopf has logged in anew. By these very words
            # it knows that this request has to be sent again; aiohttp fails in a way that ends it.
            raise RuntimeError("Session is closed")
        answer = await send(request)
        if answer.status in LEFT_TO_KOPF:
            return answer
        if answer.status >= HTTPStatus.BAD_REQUEST and answer.status != HTTPStatus.GONE:
            answer.close()
            raise aiohttp.ClientConnectionError(f"{answer.status} {answer.reason}")
        if watches:
            return _bearable(answer)
        if answer.status == HTTPStatus.GONE:
            answer.close()
            raise aiohttp.ClientPayloadError("a page was asked for too late")
        self._listed(path)
        return answer


def _bearable(answer: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """The answer to a watch, as whole lines of which none tells of another error than 410."""
    gone = answer.status == HTTPStatus.GONE
    if gone:
        answer.close()
        answer.status = HTTPStatus.OK
    answer.content = _Lines(answer.content, gone=gone)  # type: ignore[assignment]
    return answer


class _Lines:
    """A stream of which Kopf reads in chunks; whoever else has to do with it finds it unchanged."""

    def __init__(self, content: aiohttp.StreamReader, *, gone: bool) -> None:
        self._content = content
        self._gone = gone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        if self._gone:
            yield EXPIRED
            return
        rest = b""
        async for data in self._content.iter_chunked(size):
            lines, newline, rest = (rest + data).rpartition(b"\n")
            if b"\n" + ERROR in b"\n" + lines:
                yield EXPIRED
                return
            if newline:
                yield lines + newline

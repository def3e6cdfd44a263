"""`POST /hooks/<token>`: the git server tells of a push, and the repository is looked at at once.

Each ModelRepository with a webhook has a path of its own, which only who knows its Secret can
tell, and the event must bear a signature or the token besides (GitHub and Gitea sign by
HMAC-SHA256, GitLab sends the token). What an event says is not believed: it only has us look.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from playbill.controllers.inventory.keys import ObjectKey

LARGEST_EVENT = 25 << 20
"""Bytes; GitHub sends no more."""

EVENT_HEADERS = ("X-GitHub-Event", "X-Gitea-Event", "X-Gitlab-Event")
SIGNATURE_HEADERS = ("X-Hub-Signature-256", "X-Gitea-Signature")
EVENTS = frozenset({"push", "create", "delete", "push hook", "tag push hook"})
"""Those that may have moved a branch or a tag; others are taken and nothing is done."""

logger = logging.getLogger("playbill.hooks")


def hook_path(key: ObjectKey, token: str) -> str:
    """The path for a ModelRepository; without the token nobody can tell it."""
    digest = hashlib.sha256(f"{token}\n{key.namespace}/{key.name}".encode()).hexdigest()
    return f"/hooks/{digest}"


def is_genuine(headers: Mapping[str, str], body: bytes, token: str) -> bool:
    """Whether the event bears the token, or a signature by it; in constant time."""
    given = headers.get("X-Gitlab-Token")
    if given is not None:
        return hmac.compare_digest(_sent(given), token.encode())
    signature = next((headers[name] for name in SIGNATURE_HEADERS if name in headers), "")
    wanted = hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(_sent(signature.removeprefix("sha256=")), wanted.encode())


def _sent(text: str) -> bytes:
    """The bytes of a header or a path, which need be no UTF-8."""
    return text.encode(errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class Hook:
    """Where one ModelRepository hears of pushes, and by what it knows the git server."""

    path: str
    token: str


class Hooks:
    """The hooks of all ModelRepositories; `look` has the repository of one looked at."""

    def __init__(self, look: Callable[[ObjectKey], None]) -> None:
        self._look = look
        self._hooks: dict[ObjectKey, Hook] = {}
        self.open = False

    def put(self, key: ObjectKey, token: str) -> str:
        """Listen for a ModelRepository; gives the path."""
        hook = self._hooks[key] = Hook(hook_path(key, token), token)
        return hook.path

    def drop(self, key: ObjectKey) -> None:
        """Listen no longer."""
        self._hooks.pop(key, None)

    async def answer(self, request: web.Request) -> web.Response:
        """Check the event and have the repository looked at."""
        if not self.open:
            return _said(503, "this replica does not lead; send it again")
        found = self._find(request.path)
        if found is None:
            return _said(404, "no such hook")
        key, hook = found
        if not is_genuine(request.headers, await request.read(), hook.token):
            logger.warning("an event for %s had no valid signature", key)
            return _said(401, "the signature or token is not the one in the Secret")
        event = next((request.headers[h] for h in EVENT_HEADERS if h in request.headers), "")
        if event.lower() not in EVENTS:
            return _said(200, "nothing to do for this event")
        self._look(key)
        return _said(202, "the repository is looked at")

    def _find(self, path: str) -> tuple[ObjectKey, Hook] | None:
        """Every path is compared, so that the time tells nothing of any."""
        given = _sent(path)
        fitting = [
            (key, hook)
            for key, hook in self._hooks.items()
            if hmac.compare_digest(hook.path.encode(), given)
        ]
        return fitting[0] if fitting else None


def _said(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")


def application(hooks: Hooks) -> web.Application:
    """What answers the git servers."""
    app = web.Application(client_max_size=LARGEST_EVENT)
    app.router.add_post("/hooks/{token}", hooks.answer)
    return app

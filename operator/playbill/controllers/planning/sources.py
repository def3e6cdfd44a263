"""Reading a repository with the user's own access, and never writing to it.

The Secret that the operator uses, if the user may read it; else git as the user has set it up,
with its credential helpers and ssh agent, which clones into a private directory first.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from playbill.api.errors import Retry, Stalled, Trouble
from playbill.controllers.inventory.repository_state import RepositoryState
from playbill.git.command import Git, GitSettings
from playbill.git.credentials import ANONYMOUS, Credentials
from playbill.git.mirror import Mirror
from playbill.git.scrub import scrub
from playbill.git.url import RemoteUrl, UrlPolicy
from playbill.kube.client import Kube
from playbill.kube.secrets import read_secret

CLONE_SECONDS = 900


@dataclass(slots=True)
class Sources:
    """Mirrors below a private directory; `say` tells the user by whose access they were read."""

    kube: Kube
    directory: Path
    policy: UrlPolicy
    say: Callable[[str], None]
    _count: int = field(default=0)

    async def credentials(self, state: RepositoryState) -> Credentials | None:
        """Those of the Secret; None when the user may not read it, or there is none."""
        if not state.key.secret:
            return ANONYMOUS
        try:
            data = await read_secret(self.kube, state.key.namespace, state.key.secret)
        except Stalled:
            data = None
        return Credentials.from_secret(data) if data is not None else None

    def mirror(self, state: RepositoryState, credentials: Credentials | None) -> Mirror:
        """A mirror that was read once. Raises Trouble."""
        self._count += 1
        home = self.directory / str(self._count)
        git = Git(GitSettings(home=home / "home", policy=self.policy))
        if credentials is not None:
            mirror = Mirror(home / "mirror", state.url, credentials, git)
            try:
                mirror.list_refs()
            except Trouble:
                if credentials is not ANONYMOUS:
                    raise
            else:
                return mirror
        self.say(f"{state.url.text} is read with your own git credentials")
        clone = _cloned(state.url, home / "clone.git")
        return Mirror(home / "mirror", clone, ANONYMOUS, git)


def _cloned(url: RemoteUrl, place: Path) -> RemoteUrl:
    """A clone that git makes for its user; it asks for nothing."""
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    environment.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    command = ["git", "clone", "--quiet", "--mirror", "--", url.text, str(place)]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=CLONE_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Retry("RemoteUnavailable", f"git could not clone {url.text}: {error}") from None
    if done.returncode != 0:
        last = scrub(done.stderr).strip().splitlines()[-1:] or ["no reason given"]
        raise Stalled("RepositoryNotFound", f"git could not clone {url.text}: {last[0]}")
    return replace(
        url, text=f"file://{place}", scheme="file", user="", host="", port=None, path=str(place)
    )

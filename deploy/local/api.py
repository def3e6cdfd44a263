"""The little of the Kubernetes API that bringing up a cluster needs."""

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from deploy.local.errors import ClusterError
from deploy.local.layout import API_PORT, State

URL = f"https://127.0.0.1:{API_PORT}"
POLL_SECONDS = 0.05


class Api:
    """The cluster's API server, asked as its administrator."""

    def __init__(self, state: State) -> None:
        self._pki = state.pki

    def ready(self) -> bool:
        """Whether it says so itself."""
        return self._answers(f"{URL}/readyz")

    def get(self, path: str) -> Any:
        """An object or a list; None if there is none."""
        return self._ask("GET", path)

    def apply(self, path: str, body: Mapping[str, Any]) -> None:
        """Server-side apply: making it twice is making it once."""
        self._ask("PATCH", f"{path}?fieldManager=local-cluster&force=true", body)

    def delete(self, path: str) -> None:
        """Delete, if it is there."""
        self._ask("DELETE", path)

    def _answers(self, url: str) -> bool:
        try:
            with _open(url, self._tls, 2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310
            URL + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/apply-patch+yaml"} if body is not None else {},
        )
        try:
            with _open(request, self._tls, 10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise ClusterError(f"{method} {path}: {error.code} {error.read().decode()}") from error
        except OSError as error:
            raise ClusterError(f"{method} {path}: {error}") from error

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._pki / "ca.crt"))
        context.load_cert_chain(self._pki / "admin.crt", self._pki / "admin.key")
        return context


def healthy(url: str, authority: str | None = None) -> bool:
    """Whether a component's health endpoint answers 200."""
    context = ssl.create_default_context(cafile=authority) if authority else None
    if url.startswith("https") and context is None:
        # The component made its certificate itself, a moment ago, on loopback.
        context = ssl._create_unverified_context()  # noqa: S323
    try:
        with _open(url, context, 2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _open(what: str | urllib.request.Request, tls: ssl.SSLContext | None, seconds: float) -> Any:
    # A proxy that the user has set is for the world, not for this machine.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
    )
    return opener.open(what, timeout=seconds)


def wait(ready: Callable[[], bool], check: Callable[[], None], seconds: float) -> bool:
    """Poll until ready; `check` raises as soon as waiting makes no sense any more."""
    deadline = time.monotonic() + seconds
    while not ready():
        check()
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True

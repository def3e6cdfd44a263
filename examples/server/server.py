"""Serve one version of the digits model over http; the standard library is all it takes.

The environment says which bytes to serve: `MODEL_DIGEST` (`md5:` and 32 hex digits, as DVC
records it) is fetched from the DVC store at `MODEL_REMOTE`. Bytes with another digest are never
served: the process ends, its pod never becomes ready, and the rollout stops there.

    GET  /healthz  200 once the model is loaded (before that nothing listens)
    GET  /version  {"model", "version", "commit", "digest"}
    POST /predict  {"pixels": [64 numbers from 0 to 16]} -> {"digit", "confidence", "version"}
"""

import base64
import hashlib
import json
import math
import os
import re
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn

PIXELS = 64
BODY_LIMIT = 64 * 1024  # bytes
DRAIN = 1.0  # seconds: a Service forgets a pod a moment after the pod is told to stop


class RefusedError(Exception):
    """The model cannot be served; the message says why."""


class BadRequestError(Exception):
    """The client's mistake; the message is the answer."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What this process serves: the answer of `/version`."""

    model: str
    version: str
    commit: str
    digest: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Identity":
        return cls(
            model=environment.get("MODEL_NAME", ""),
            version=environment.get("MODEL_VERSION", ""),
            commit=environment.get("MODEL_COMMIT", ""),
            digest=environment.get("MODEL_DIGEST", ""),
        )


@dataclass(frozen=True)
class Layer:
    """`weights` has a row for each input, `bias` a number for each output."""

    weights: Sequence[Sequence[float]]
    bias: Sequence[float]

    def __call__(self, inputs: Sequence[float]) -> list[float]:
        columns = zip(*self.weights, strict=True)
        return [
            bias + sum(map(float.__mul__, inputs, column))
            for column, bias in zip(columns, self.bias, strict=True)
        ]


@dataclass(frozen=True)
class Network:
    """Layers with rectifiers between them and a softmax at the end."""

    layers: Sequence[Layer]
    brightest: float

    @classmethod
    def load(cls, content: bytes) -> "Network":
        described = json.loads(content)
        return cls(
            [
                Layer(
                    [[float(number) for number in row] for row in layer["weights"]],
                    [float(number) for number in layer["bias"]],
                )
                for layer in described["layers"]
            ],
            float(described["brightest"]),
        )

    def __call__(self, pixels: Sequence[float]) -> list[float]:
        """How likely each digit is, from 0 to 1."""
        *hidden, last = self.layers
        signals = [pixel / self.brightest for pixel in pixels]
        for layer in hidden:
            signals = [max(0.0, value) for value in layer(signals)]
        scores = last(signals)
        powers = [math.exp(score - max(scores)) for score in scores]
        return [power / sum(powers) for power in powers]


def location(remote: str, digest: str) -> str:
    """Where a DVC 3 store keeps the bytes with this digest.

    Raises RefusedError for anything but `md5:` and 32 hex digits.
    """
    match = re.fullmatch(r"md5:([0-9a-f]{2})([0-9a-f]{30})", digest)
    if not match:
        raise RefusedError(f"MODEL_DIGEST is {digest!r}, not md5: and 32 hex digits")
    return f"{remote.rstrip('/')}/files/md5/{match[1]}/{match[2]}"


def checked(content: bytes, digest: str) -> bytes:
    """The content, when its digest is the one that was asked for.

    Raises RefusedError when it is another.
    """
    found = "md5:" + hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != digest:
        raise RefusedError(f"the store gave {found} where {digest} was asked for")
    return content


def fetch(url: str, *, user: str, password: str) -> bytes:
    """Raises RefusedError when the store does not give the file."""
    if not url.startswith(("http://", "https://")):
        raise RefusedError("MODEL_REMOTE is not a http(s) url")
    request = urllib.request.Request(url)  # noqa: S310
    if user:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return bytes(answer.read())
    except OSError as problem:
        raise RefusedError(f"{url}: {problem}") from problem


def read_pixels(body: bytes) -> list[float]:
    """Raises BadRequestError unless the body holds 64 numbers from 0 to 16."""
    try:
        pixels = [float(pixel) for pixel in json.loads(body)["pixels"]]
    except (ValueError, TypeError, KeyError):
        raise BadRequestError('expected {"pixels": [64 numbers from 0 to 16]}') from None
    if len(pixels) != PIXELS or not all(0 <= pixel <= 16 for pixel in pixels):
        raise BadRequestError(f"expected {PIXELS} numbers from 0 to 16, not {len(pixels)} values")
    return pixels


class ModelServer(ThreadingHTTPServer):
    daemon_threads = False  # requests that are under way are answered before the process ends

    def __init__(self, port: int, *, identity: Identity, network: Network) -> None:
        super().__init__(("", port), Handler)
        self.identity = identity
        self.network = network


class Handler(BaseHTTPRequestHandler):
    server: ModelServer
    timeout = 10

    def do_GET(self) -> None:
        match self.path:
            case "/healthz":
                self.answer(200, {"status": "ok"})
            case "/version":
                self.answer(200, vars(self.server.identity))
            case _:
                self.answer(404, {"error": "ask /version, /healthz or POST /predict"})

    def do_POST(self) -> None:
        try:
            if self.path != "/predict":
                self.answer(404, {"error": "POST goes to /predict"})
                return
            self.answer(200, self.predict(read_pixels(self.body())))
        except BadRequestError as problem:
            self.answer(400, {"error": str(problem)})

    def body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BODY_LIMIT:
            raise BadRequestError(f"send a Content-Length of at most {BODY_LIMIT}")
        return self.rfile.read(int(length))

    def predict(self, pixels: list[float]) -> dict[str, Any]:
        likely = self.server.network(pixels)
        best = max(range(len(likely)), key=likely.__getitem__)
        version = self.server.identity.version
        return {"digit": best, "confidence": round(likely[best], 3), "version": version}

    def answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
        if self.path != "/healthz":
            print(f"{self.command} {self.path} {code}", flush=True)


def main() -> None:
    # The first process of a container has no default handlers: it would not hear SIGTERM.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        identity = Identity.read(os.environ)
        url = location(os.environ.get("MODEL_REMOTE", ""), identity.digest)
        content = fetch(
            url,
            user=os.environ.get("MODEL_REMOTE_USER", ""),
            password=os.environ.get("MODEL_REMOTE_PASSWORD", ""),
        )
        network = Network.load(checked(content, identity.digest))
    except RefusedError as problem:
        sys.exit(f"not served: {problem}")
    server = ModelServer(int(os.environ.get("PORT", "8080")), identity=identity, network=network)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    print(f"serving {identity.model} {identity.version} ({identity.digest})", flush=True)
    try:
        thread.join()
    finally:
        time.sleep(DRAIN)
        server.shutdown()
        server.server_close()


def end(number: int, frame: object) -> NoReturn:  # noqa: ARG001
    raise SystemExit(0)


if __name__ == "__main__":
    main()

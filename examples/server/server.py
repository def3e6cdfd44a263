"""Serve one version of the digits model over http; the standard library is all it takes.

The weights are in the file that `MODEL_FILE` names, where `rollout.fetch` has put and checked them.

    GET  /healthz  200 once the model is loaded (before that nothing listens)
    GET  /version  {"model", "version", "commit", "digest"}
    POST /predict  {"pixels": [64 numbers from 0 to 16]} -> {"digit", "confidence", "version"}
"""

import hashlib
import json
import math
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

PIXELS = 64
BODY_LIMIT = 64 * 1024  # bytes
DRAIN = 1.0  # seconds: a Service forgets a pod a moment after the pod is told to stop


class BadRequestError(Exception):
    """The client's mistake; the message is the answer."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What this process serves, the answer of `/version`; `digest` is that of the very bytes."""

    model: str
    version: str
    commit: str
    digest: str

    @classmethod
    def of(cls, content: bytes, environment: Mapping[str, str]) -> "Identity":
        return cls(
            model=environment.get("MODEL_NAME", ""),
            version=environment.get("MODEL_VERSION", ""),
            commit=environment.get("MODEL_COMMIT", ""),
            digest="md5:" + hashlib.md5(content, usedforsecurity=False).hexdigest(),
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
    content = Path(os.environ.get("MODEL_FILE", "/model/digits.json")).read_bytes()
    identity, network = Identity.of(content, os.environ), Network.load(content)
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

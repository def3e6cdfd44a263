"""One child process: bounded in time and in output, and gone with all its children.

GitPython's `execute` (3.2.1) was tried for this and left out. It gives git the operator's whole
environment, whatever `env` says; takes no bytes for standard input; has no cap on output; and
its `kill_after_timeout` finds children with `pgrep` or `ps`, without which, as in a small image,
they live on and it waits for them. Here the child leads a session of its own, and the whole
process group is signalled.
"""

import contextlib
import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

STDERR_KEPT = 64 * 1024
CHUNK = 1 << 16
GRACE_SECONDS = 1.0  # git removes its lock files when it is asked to end

Consume = Callable[[bytes], object]
"""Takes the next bytes of standard output, at least one. What it raises ends the process."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` of wall time, `stdout` bytes, `file` bytes of any one file it writes."""

    seconds: float
    stdout: int
    file: int


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended. `stderr` is its last 64 KiB; `code` is negative after a signal."""

    how: Literal["exited", "timeout", "flooded"]
    code: int
    stdout: bytes
    stderr: bytes


def run(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    stdin: bytes,
    limits: Limits,
    consume: Consume | None = None,
) -> Finished:
    """Run a program to its end or to its limits. Raises OSError when it cannot be started.

    Standard output is collected, or handed to `consume` as it comes while the program goes on;
    then none is in the answer, and the answer says whether what was handed over is all.
    """
    process = subprocess.Popen(
        list(arguments),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )
    with contextlib.suppress(OSError):  # it may have ended already
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limits.file, limits.file))
    out = bytearray()
    exchange = _Exchange(process, stdin=stdin, limits=limits, consume=consume or out.extend)
    how: Literal["exited", "timeout", "flooded"] = "timeout"
    try:
        how = exchange.run()
    finally:
        if how != "exited":
            _end_group(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    code = process.returncode
    return Finished(how=how, code=code, stdout=bytes(out), stderr=bytes(exchange.err))


@dataclass(slots=True)
class _Exchange:
    """Feeds and drains the three pipes at once, as any of them may fill first."""

    process: subprocess.Popen[bytes]
    stdin: bytes
    limits: Limits
    consume: Consume
    err: bytearray = field(default_factory=bytearray)
    sent: int = 0
    received: int = 0

    def run(self) -> Literal["exited", "timeout", "flooded"]:
        deadline = time.monotonic() + self.limits.seconds
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while selector.get_map():
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                # also when there is more to read: a consumer takes time, too
                if time.monotonic() >= deadline:
                    return "timeout"
                for key, _ in ready:
                    if not self._step(key.fileobj):  # type: ignore[arg-type]
                        selector.unregister(key.fileobj)
                if self.received > self.limits.stdout:
                    return "flooded"
        return self._wait(deadline)

    def _register(self, selector: selectors.BaseSelector) -> None:
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ)
        if self.process.stdin is not None:
            os.set_blocking(self.process.stdin.fileno(), False)
            selector.register(self.process.stdin, selectors.EVENT_WRITE)

    def _step(self, pipe: IO[bytes]) -> bool:
        """Move one chunk; False when this pipe is done."""
        if pipe is self.process.stdin:
            return self._feed(pipe)
        chunk = os.read(pipe.fileno(), CHUNK)
        if pipe is self.process.stderr:
            self._complain(chunk)
        elif chunk:
            self.received += len(chunk)
            self.consume(chunk)
        return bool(chunk)

    def _complain(self, chunk: bytes) -> None:
        self.err += chunk
        if len(self.err) > 2 * STDERR_KEPT:
            del self.err[:-STDERR_KEPT]

    def _feed(self, pipe: IO[bytes]) -> bool:
        try:
            self.sent += os.write(pipe.fileno(), self.stdin[self.sent : self.sent + CHUNK])
        except BrokenPipeError:  # it ended without reading all: its exit code says why
            self.sent = len(self.stdin)
        if self.sent < len(self.stdin):
            return True
        pipe.close()
        return False

    def _wait(self, deadline: float) -> Literal["exited", "timeout"]:
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return "timeout"
        return "exited"


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

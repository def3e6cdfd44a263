"""The real operator as a process of its own: started, killed, asked for its metrics."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from tests.servers.program import free_port

START_SECONDS = 60.0


@dataclass(slots=True)
class OperatorProcess:
    """`playbill run` for one namespace, out of the cluster, with a cache of its own."""

    kubeconfig: Path
    namespace: str
    directory: Path
    options: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.directory / "operator.log"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the operator is not running"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def command(self) -> list[str]:
        return [
            sys.executable, "-m", "playbill.cli", "run",
            "--kubeconfig", str(self.kubeconfig),
            "--namespace", self.namespace,
            "--cache-dir", str(self.directory / "cache"),
            "--metrics-address", f"127.0.0.1:{self.port}",
            "--cluster-name", "test",
            "--allow-private-addresses", "--allow-file-urls",
            "--no-leader-election", "--log-format", "text",
            *self.options,
        ]  # fmt: skip

    def start(self) -> OperatorProcess:
        """Start it, in a process group of its own, and wait until it serves."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=os.environ | self.environment, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while self._readyz() != 200:
            assert self.alive, f"the operator ended:\n{self.tail()}"
            assert time.monotonic() < deadline, f"the operator is not ready:\n{self.tail()}"
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """End it as Kubernetes does, and wait."""
        if self._process is not None and self.alive:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
        self._process = None

    def kill(self, *, alone: bool = False) -> None:
        """`kill -9` of the operator and of every process it has started, as a pod's end is.

        `alone` spares the others: what they were about to do may still land.
        """
        if self._process is not None:
            victims = [self._process.pid, *([] if alone else descendants(self._process.pid))]
            for pid in victims:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait(10)
        self._process = None

    def children(self) -> list[int]:
        """The processes it has started that still run."""
        return descendants(self.pid)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that bear these labels; 0 without any."""
        return sum(
            value
            for sample, its, value in self.samples()
            if sample == name and labels.items() <= its.items()
        )

    def samples(self) -> list[tuple[str, dict[str, str], float]]:
        """All that it measures now: name, labels, value."""
        url = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            text = answer.read().decode()
        families = text_string_to_metric_families(text)
        return [(s.name, s.labels, s.value) for family in families for s in family.samples]

    def tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _readyz(self) -> int:
        try:
            url = f"http://127.0.0.1:{self.port}/readyz"
            with urllib.request.urlopen(url, timeout=2) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


def descendants(pid: int) -> list[int]:
    """A process's children and theirs, by Linux's own account of them."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found

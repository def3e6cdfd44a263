"""kubectl, as tests speak to it: answers, refusals, and what comes in its own time."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Manifest = Mapping[str, Any]
State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Answer:
    """What kubectl came to."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl against the cluster under test; `user` impersonates one."""

    program: str
    kubeconfig: Path
    user: str = ""

    def as_user(self, user: str) -> "Kubectl":
        return Kubectl(self.program, self.kubeconfig, user)

    def answer(self, *arguments: str, manifest: Manifest | None = None) -> Answer:
        """Runs it, whatever comes; `manifest` goes to stdin, for `-f -`."""
        impersonation = [f"--as={self.user}"] if self.user else []
        done = subprocess.run(
            [self.program, f"--kubeconfig={self.kubeconfig}", *impersonation, *arguments],
            input=None if manifest is None else json.dumps(manifest),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: str, manifest: Manifest | None = None) -> str:
        """Its output; a failure fails the test with kubectl's own words."""
        answer = self.answer(*arguments, manifest=manifest)
        assert answer.code == 0, f"kubectl {' '.join(arguments)}\n{answer.err}"
        return answer.out

    def refusal(self, *arguments: str, manifest: Manifest | None = None) -> str:
        """The words with which it is refused."""
        answer = self.answer(*arguments, manifest=manifest)
        assert answer.code != 0, f"kubectl {' '.join(arguments)} was not refused\n{answer.out}"
        return answer.err

    def json(self, *arguments: str, manifest: Manifest | None = None) -> dict[str, Any]:
        """Its output with `-o json`."""
        found: dict[str, Any] = json.loads(self(*arguments, "-o", "json", manifest=manifest))
        return found


PATIENCE = 90.0
"""Seconds for what takes a few on a machine with nothing else to do."""


def eventually(condition: Callable[[], bool], *, patience: float = PATIENCE) -> None:
    """Waits for what the API server does in its own time; `patience` in seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {patience} s"
        time.sleep(0.1)


STANDS_SECONDS = 2.5
"""Longer than the shortest interval at which tests have a repository looked at."""


def at_rest(read: Callable[[], State], *, seconds: float = STANDS_SECONDS) -> State:
    """What is read once it stands still: it is the same after so many seconds."""
    states = [read()]

    def stands() -> bool:
        time.sleep(seconds)
        states.append(read())
        return states[-1] == states[-2]

    eventually(stands)
    return states[-1]

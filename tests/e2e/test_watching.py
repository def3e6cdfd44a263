"""`kubectl get stage -w` reads like a story."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.cluster.kubectl import eventually
from tests.e2e.serving import V1, V2, Served

NEVER = {"image": "localhost/nobody-has-this:1", "imagePullPolicy": "Never"}


@contextmanager
def watching(served: Served) -> Iterator[Path]:
    """A file with what a person sees from now on."""
    world, kubectl = served.world, served.world.kubectl
    path = world.directory / f"{served.name}.story"
    with path.open("w") as lines:
        watch = subprocess.Popen(
            [kubectl.program, f"--kubeconfig={kubectl.kubeconfig}", "get", "stage", served.name,
             "-n", world.namespace, "--watch"],
            stdout=lines,
        )  # fmt: skip
        try:
            eventually(lambda: path.read_text() != "")
            yield path
        finally:
            watch.terminate()
            watch.wait(10)


@dataclass(frozen=True, slots=True)
class Row:
    """What one line says."""

    version: str
    ready: str
    status: str


def told(path: Path) -> list[Row]:
    _, *lines = path.read_text().splitlines()
    columns = (re.split(r" {2,}", line.rstrip()) for line in lines)
    return [Row(version=c[3], ready=c[6], status=c[7]) for c in columns if len(c) == 9]


def in_turn(rows: list[Row], of: str) -> list[str]:
    return [value for value, _ in groupby(getattr(row, of) for row in rows)]


def test_a_promotion_that_is_taken_back(served: Served) -> None:
    served.register()
    served.assign()
    served.ready()
    served.answers(V1)
    served.world.await_ready("mver", f"{served.model}-v2")
    with watching(served) as path:
        served.change(version=V2, rollout={"template": served.template(**NEVER)})
        served.world.await_reason("stage", served.name, "RolledBack")
        served.answers(V1)
        eventually(lambda: len(served.pods()) == 1)
    rows = told(path)
    assert in_turn(rows, "version") == [V1, V2, V1]
    assert in_turn(rows, "ready") == ["True", "Unknown", "False"]
    said = in_turn(rows, "status")
    assert said[0] == f"{V1} holds prod; 1 of 1 pod ready"
    begun = next(i for i, text in enumerate(said) if text.startswith(f"{V2} holds prod; "))
    going = next(i for i, text in enumerate(said) if text.endswith(f"going back to {V1}"))
    assert begun < going < len(said) - 1
    assert said[-1].startswith(f"{V2} failed and was taken back, {V1} serves (ImageUnavailable: ")

"""A project made with the real DVC, and what the real DVC then says of it."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo
from tests.servers import Remote
from tests.servers.remote import ENVIRONMENT


@dataclass(frozen=True, slots=True)
class DvcProject:
    """A clone in which `dvc init` was run; stages belong to the directory `sub`."""

    path: Path
    remote: Remote
    environment: dict[str, str]

    @classmethod
    def make(cls, directory: Path, remote: Remote) -> "DvcProject":
        environment = {**ENVIRONMENT, "HOME": str(directory), "DVC_NO_ANALYTICS": "1"}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        made = cls(directory / "work", remote, environment)
        (made.path / "sub").mkdir(parents=True)
        made.run("git", "init", "-q", "-b", "main")
        made.run("dvc", "init", "-q")
        made.run("git", "commit", "-q", "-m", "DVC")
        return made

    def run(self, *command: str, where: str = ".") -> str:
        done = subprocess.run(
            command, cwd=self.path / where, env=self.environment,
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    def write(self, path: str, text: str, *, append: bool = False) -> None:
        with (self.path / path).open("a" if append else "w") as file:
            file.write(text)

    def track(self, path: str, text: str) -> None:
        self.write(path, text)
        self.run("dvc", "add", "-q", path)

    def stage(self, name: str, *arguments: str, where: str = "sub") -> None:
        self.run("dvc", "stage", "add", "-q", "--run", "-n", name, *arguments, where=where)

    def python(self, program: str) -> None:
        self.run(sys.executable, "-c", program)

    def push(self) -> str:
        """Commit all there is and push it; the commit."""
        self.run("git", "add", ".")
        self.run("git", "commit", "-q", "-m", "x")
        self.run("git", "push", "-q", self.remote.url, "main")
        return self.run("git", "rev-parse", "main")

    def metrics(self, below: str) -> dict[str, str]:
        """`dvc.api.metrics_show` of the files below a path, without their names."""
        with Repo(str(self.path)) as repo:
            files = repo.metrics.show(revs=["main"], hide_workspace=False)["main"]["data"]
        return _flat(files, below)

    def params(self, below: str) -> dict[str, str]:
        """What `dvc.api.params_show` comes from, of the files below a path."""
        with Repo(str(self.path)) as repo:
            files = repo.params.show(revs=["main"], hide_workspace=False)["main"]["data"]
        return _flat(files, below)

    def artifact_path(self, name: str) -> str:
        """Where DVC finds an artifact at main, without any version of it."""
        with Repo(str(self.path), rev="main") as repo:
            return str(repo.artifacts.get_path(name))

    def digest_of(self, path: str) -> str:
        """The hash that DVC gives an output."""
        with Repo(str(self.path)) as repo:
            (output,) = repo.find_outs_by_path(str(self.path / path))
            return f"{output.hash_info.name}:{output.hash_info.value}"


def _flat(files: dict[str, Any], below: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, result in files.items():
        if path.startswith(below):
            found |= dict(_leaves("", result["data"]))
    return found


def _leaves(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, child in pairs:
            yield from _leaves(f"{key}.{name}" if key else str(name), child)
    elif isinstance(value, float) and not math.isfinite(value):
        yield key, str(value)
    elif isinstance(value, str):
        yield key, value
    else:
        yield key, yaml.safe_dump(value).splitlines()[0]

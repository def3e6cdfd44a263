"""A project made with the real DVC, that of the image, which knows S3."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.fetch.program import VENV
from tests.servers.remote import ENVIRONMENT, Remote


@dataclass(frozen=True, slots=True)
class Project:
    """A clone in which `dvc init` was run."""

    path: Path
    remote: Remote
    environment: dict[str, str]

    @classmethod
    def make(cls, directory: Path, remote: Remote) -> Project:
        """`dvc init` in a clone of nothing yet."""
        path = f"{VENV / 'bin'}{os.pathsep}{ENVIRONMENT['PATH']}"
        environment = {
            **ENVIRONMENT, "HOME": str(directory), "DVC_NO_ANALYTICS": "1", "PATH": path,
        }  # fmt: skip
        made = cls(directory / "work", remote, environment)
        made.path.mkdir(parents=True)
        made.run("git", "init", "-q", "-b", "main")
        made.run("dvc", "init", "-q")
        return made

    def copy(self, directory: Path, remote: Remote) -> Project:
        """The same for another test, as `dvc init` takes a second."""
        shutil.copytree(self.path, directory / "work")
        environment = self.environment | {"HOME": str(directory)}
        return Project(directory / "work", remote, environment)

    def run(self, *command: str, **environment: str) -> str:
        done = subprocess.run(
            command, cwd=self.path, env=self.environment | environment, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, path: str, content: bytes) -> None:
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def track(self, path: str, content: bytes | dict[str, bytes]) -> str:
        """Have DVC track a file or a directory; gives its digest."""
        files = {"": content} if isinstance(content, bytes) else content
        for name, each in files.items():
            self.write(f"{path}/{name}" if name else path, each)
        self.run("dvc", "add", "-q", path)
        recorded = re.search(r"md5: ([0-9a-f.dir]+)$", self.read(f"{path}.dvc"), re.MULTILINE)
        assert recorded is not None
        return f"md5:{recorded[1]}"

    def read(self, path: str) -> str:
        return (self.path / path).read_text()

    def store(self, name: str, url: str, **options: str) -> None:
        """A remote of DVC's, written down as `dvc remote add` does; the first is the default."""
        config = self.read(".dvc/config")
        default = "" if "remote =" in config else f"[core]\n    remote = {name}\n"
        lines = [f"    {key} = {value}\n" for key, value in {"url": url, **options}.items()]
        text = f"{config}{default}['remote \"{name}\"']\n{''.join(lines)}"
        self.write(".dvc/config", text.encode())

    def push_data(self, name: str, **environment: str) -> None:
        self.run("dvc", "push", "-q", "-r", name, **environment)

    def push(self) -> str:
        """Commit all there is and push it; the commit."""
        self.run("git", "add", ".")
        self.run("git", "commit", "-q", "-m", "x")
        self.run("git", "push", "-q", self.remote.url, "main")
        return self.run("git", "rev-parse", "main")

"""A bare repository that plays the remote: commits, tags and hooks, by plain git."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}


class Remote:
    """`filters` says whether the server lets a client leave blobs out."""

    def __init__(self, path: Path, *, filters: bool = True, object_format: str = "sha1") -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._run(
            "git", "init", "-q", "--bare", "--initial-branch=main",
            f"--object-format={object_format}", str(path),
        )  # fmt: skip
        self.git("config", "uploadpack.allowFilter", str(filters).lower())
        self.git("config", "http.receivepack", "true")
        self._clock = 1_700_000_000

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        return self._run("git", f"--git-dir={self.path}", *arguments, stdin=stdin).strip()

    def commit(
        self,
        files: Mapping[str, bytes | str] | None = None,
        *,
        branch: str = "main",
        links: Mapping[str, str] | None = None,
        root: bool = False,
    ) -> str:
        """A commit on top of the branch (or, with `root`, in its place); gives its id."""
        self._clock += 1
        ref = f"refs/heads/{branch}"
        lines = [
            f"commit {ref}\ncommitter Ada <ada@example.com> {self._clock} +0000\n".encode(),
            _data(f"change {self._clock}"),
        ]
        tip = "" if root else self.git("for-each-ref", "--format=%(objectname)", ref)
        lines += [f"from {tip}\n".encode()] if tip else []
        for mode, entries in (("100644", files or {}), ("120000", links or {})):
            for path, content in entries.items():
                lines += [f"M {mode} inline {path}\n".encode(), _data(content)]
        self.git("fast-import", "--quiet", "--force", stdin=b"".join(lines))
        return self.git("rev-parse", ref)

    def tag(self, name: str, target: str = "refs/heads/main", message: str = "a tag") -> str:
        """An annotated tag, forced; gives the tag object's id."""
        self.git("tag", "-f", "-a", "-m", message, name, target)
        return self.git("rev-parse", f"refs/tags/{name}")

    def tags(self) -> dict[str, str]:
        lines = self.git("for-each-ref", "--format=%(objectname) %(refname:strip=2)", "refs/tags")
        return {name: oid for oid, name in (line.split(" ", 1) for line in lines.splitlines())}

    def hook(self, name: str, script: str) -> None:
        """Put a program there, whether or not the one before runs just now."""
        path = self.path / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(f"#!/bin/sh\n{script}\n")
        new.chmod(0o755)
        new.replace(path)

    def _run(self, *command: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            command, input=stdin, capture_output=True, env=ENVIRONMENT, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="replace")


def _data(content: bytes | str) -> bytes:
    body = content.encode() if isinstance(content, str) else content
    return f"data {len(body)}\n".encode() + body + b"\n"

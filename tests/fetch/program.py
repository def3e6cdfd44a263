"""`playbill fetch` as its image has it: a process, in an environment of its own lock."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv-fetch"
PYTHON = VENV / "bin/python"
READY = VENV / ".ready"


def make_environment() -> None:
    """What requirements-fetch.lock names, and nothing of the tests' own environment."""
    lock = ROOT / "requirements-fetch.lock"
    with lock.open() as alone:  # tests run side by side
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not READY.exists() or READY.stat().st_mtime < lock.stat().st_mtime:
            _make_environment(lock)
            READY.touch()


def _make_environment(lock: Path) -> None:
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, VENV], check=True)
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", PYTHON, "--require-hashes", "-r", lock], check=True
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: the exit code, the last word and the log."""

    code: int
    word: dict[str, Any]
    log: str

    @property
    def message(self) -> str:
        return str(self.word.get("message", ""))


@dataclass(slots=True)
class Fetcher:
    """Runs the program into `volume`, again and again as the kubelet does."""

    directory: Path
    volume: Path
    options: tuple[str, ...] = ("--allow-private-addresses", "--allow-file-urls", "--patience=0")
    secrets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    name: str = "v1.0.0-0123456789abcdef"

    @property
    def into(self) -> Path:
        """Where the artifact is to be."""
        return self.volume / self.name

    def start(self, *arguments: str, **options: str) -> subprocess.Popen[bytes]:
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        for kind in ("git", "store"):
            mounted = self.directory / f"{kind}-secret"
            mounted.mkdir(exist_ok=True)
            for key, value in self.secrets.get(kind, {}).items():
                (mounted / key).write_bytes(value)
            words.append(f"--{kind}-secret={mounted}")
        word = self.directory / "word"
        word.unlink(missing_ok=True)
        return subprocess.Popen(
            [PYTHON, "-m", "playbill.cli", "fetch", f"--into={self.into}",
             f"--termination-log={word}", *self.options, *arguments, *words],
            env={
                "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "operator"),
                "HOME": "/nonexistent", "TMPDIR": str(self.directory), "PYTHONUNBUFFERED": "1",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def ended(self, process: subprocess.Popen[bytes]) -> Ended:
        try:
            out, _ = process.communicate(timeout=120)
        finally:
            process.kill()
        word = self.directory / "word"
        said = word.read_text() if word.exists() else "{}"
        return Ended(process.returncode, json.loads(said), out.decode())

    def __call__(self, *arguments: str, **options: str) -> Ended:
        return self.ended(self.start(*arguments, **options))

    def told_to_end(self, process: subprocess.Popen[bytes]) -> Ended:
        process.send_signal(signal.SIGTERM)
        return self.ended(process)

    def files(self) -> dict[str, bytes]:
        """What a server would see; nothing when the directory is not there."""
        found = self.into.rglob("*") if self.into.exists() else ()
        return {
            path.relative_to(self.into).as_posix(): path.read_bytes()
            for path in found
            if path.is_file()
        }

"""Long-running processes that outlive the command which started them.

Each is known by a record of its pid together with its start time, so that a pid the
kernel has given to somebody else is never taken for ours, and of a fingerprint of what
it was started with, so that a change of its flags or files restarts it.
"""

import hashlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import NotReadyError

TAIL_LINES = 15

# The process itself writes its record, before it becomes what it shall be: a command
# that dies half-way leaves no process that nobody knows. `exec` keeps pid and start time.
LAUNCH = """
record=$1 fingerprint=$2 cgroup=$3; shift 3
echo 0 > "$cgroup"
started=$(cut -d' ' -f22 /proc/$$/stat)
printf '{"pid": %d, "start_time": %d, "fingerprint": "%s"}' \\
    $$ "$started" "$fingerprint" > "$record.new"
mv "$record.new" "$record"
exec "$@"
"""


@dataclass(frozen=True)
class Daemon:
    """What to run, and the files that decide how it behaves."""

    name: str
    argv: tuple[str, ...]
    inputs: tuple[Path, ...] = ()
    netns: Path | None = None

    def fingerprint(self) -> str:
        """Changes whenever a running process would no longer be the wanted one."""
        digest = hashlib.sha256("\0".join([*self.argv, str(self.netns)]).encode())
        for path in self.inputs:
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Record:
    """A process as it was when it was started."""

    pid: int
    start_time: int
    fingerprint: str

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        return start_time(self.pid) == self.start_time


def start_time(pid: int) -> int | None:
    """When a live process started, in ticks since boot; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return None if fields[0] in "ZX" else int(fields[19])


@dataclass(frozen=True)
class Processes:
    """The processes of one cluster: `pids` holds their records, `log` their output."""

    pids: Path
    log: Path
    path: str
    cgroup: Path | None = None  # the `cgroup.procs` that they join

    def running(self, name: str) -> Record | None:
        """The live process of that name."""
        try:
            record = Record(**json.loads(self._file(name).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return record if record.alive() else None

    def names(self) -> list[str]:
        """All that were ever started and not forgotten."""
        return sorted(path.stem for path in self.pids.glob("*.json"))

    def current(self, daemon: Daemon) -> bool:
        """Whether it runs, and as it is wanted."""
        record = self.running(daemon.name)
        return record is not None and record.fingerprint == daemon.fingerprint()

    def ensure(self, daemon: Daemon) -> bool:
        """Run it, unless it already does; says whether anything was started."""
        if self.current(daemon):
            return False
        self.stop(daemon.name)
        self._start(daemon)
        return True

    def stop(self, name: str, grace: float = 10.0) -> None:
        """End one process, gently at first, and forget it."""
        record = self.running(name)
        if record:
            for what in (signal.SIGTERM, signal.SIGKILL):
                os.kill(record.pid, what)
                if _gone(record, grace):
                    break
        self._file(name).unlink(missing_ok=True)

    def tail(self, name: str) -> str:
        """The last words of a process, and where the rest is."""
        path = self.log / f"{name}.log"
        lines = path.read_text(errors="replace").splitlines()[-TAIL_LINES:] if path.exists() else []
        return "\n".join([*(f"  | {line}" for line in lines), f"  the whole log: {path}"])

    def demand(self, name: str) -> None:
        """Complain, with its last words, if the process is not there any more."""
        if self.running(name) is None:
            raise NotReadyError(f"{name} ended at once:\n{self.tail(name)}")

    def _start(self, daemon: Daemon) -> None:
        self.pids.mkdir(parents=True, exist_ok=True)
        self.log.mkdir(parents=True, exist_ok=True)
        record = self._file(daemon.name)
        launch = [
            "sh", "-ec", LAUNCH, "sh",
            str(record), daemon.fingerprint(), str(self.cgroup or "/dev/null"),
        ]  # fmt: skip
        # `ip netns exec` would also mount a fresh /sys, which hides the cgroups.
        enter = ["nsenter", f"--net={daemon.netns}", "--"] if daemon.netns else []
        with (self.log / f"{daemon.name}.log").open("ab") as log:
            child = subprocess.Popen(
                [*launch, *enter, *daemon.argv],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd="/", start_new_session=True,
                env={"PATH": self.path, "HOME": "/", "LC_ALL": "C.UTF-8"},
            )  # fmt: skip
        while not record.exists() and child.poll() is None:
            time.sleep(0.005)
        # Without this the interpreter complains that a child outlives it, as it shall.
        child.returncode = 0

    def _file(self, name: str) -> Path:
        return self.pids / f"{name}.json"


def _gone(record: Record, grace: float) -> bool:
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline:
        if not record.alive():
            return True
        time.sleep(0.02)
    return False

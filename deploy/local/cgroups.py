"""One cgroup over everything that a cluster runs: its own processes and its pods.

It is how the cluster's processes are found when no record of them is left: a shim or a
container that outlived a `kill -9` of all the rest is in it, whatever its name. Cgroup
v1 has a tree for each controller, v2 has one for all.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import ClusterError
from deploy.local.layout import CGROUP

KILL_SECONDS = 10.0


@dataclass(frozen=True)
class Hierarchy:
    """A mounted tree of cgroups."""

    mount: Path
    controllers: frozenset[str]

    @property
    def ours(self) -> Path:
        """The cluster's part of it."""
        return self.mount / CGROUP


def hierarchies() -> list[Hierarchy]:
    """Every tree on this machine; on v1 also the empty v2 tree beside it."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        head, _, tail = line.partition(" - ")
        kind, _, options = tail.split(" ", 2)
        if kind in {"cgroup", "cgroup2"}:
            found.append(Hierarchy(Path(head.split(" ")[4]), frozenset(options.split(","))))
    return found


def prepare() -> Path:
    """Make the cluster's cgroup in every tree; returns what daemons write to, to join it."""
    trees = hierarchies()
    if not trees:
        raise ClusterError("no cgroups are mounted, and pods need them")
    # One tree is enough to know our processes by.
    tracking = next((tree for tree in trees if "pids" in tree.controllers), trees[0])
    for tree in trees:
        tree.ours.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):  # v1 leaves them empty, and then unusable
            source, target = tree.mount / name, tree.ours / name
            if "cpuset" in tree.controllers and not target.read_text().strip():
                target.write_text(source.read_text())
    if (tracking.ours / "cgroup.subtree_control").exists():
        _delegate(tracking.mount)
        _delegate(tracking.ours)
    # A v2 cgroup holds processes or children, never both: ours have a leaf of their own.
    leaf = tracking.ours / "system"
    leaf.mkdir(exist_ok=True)
    return leaf / "cgroup.procs"


def processes() -> list[int]:
    """All that run in the cluster's cgroup, pods included."""
    found: set[int] = set()
    for tree in hierarchies():
        for procs in tree.ours.rglob("cgroup.procs"):
            try:
                found.update(int(pid) for pid in procs.read_text().split())
            except OSError:  # it went away while we looked
                continue
    return sorted(found)


def kill_all() -> None:
    """End all of them; repeats, since one may fork while another dies."""
    deadline = time.monotonic() + KILL_SECONDS
    while left := processes():
        if time.monotonic() > deadline:
            raise ClusterError(f"these processes of the cluster cannot be killed: {left}")
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def remove() -> None:
    """Remove the cgroups, which must be empty; the kernel takes a moment to agree."""
    for tree in hierarchies():
        if not tree.ours.exists():
            continue
        folders = [path.parent for path in tree.ours.rglob("cgroup.procs")]
        for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
            _rmdir(folder)


def leftovers() -> list[Path]:
    """The cgroups of the cluster that exist."""
    return [tree.ours for tree in hierarchies() if tree.ours.exists()]


def _delegate(folder: Path) -> None:
    control = folder / "cgroup.subtree_control"
    for controller in (folder / "cgroup.controllers").read_text().split():
        if controller not in control.read_text().split():
            try:
                control.write_text(f"+{controller}")
            except OSError as error:
                raise ClusterError(f"{control} cannot be given {controller}: {error}") from error


def _rmdir(folder: Path) -> None:
    deadline = time.monotonic() + KILL_SECONDS
    while folder.exists():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)

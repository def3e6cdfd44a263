"""Whose cluster it is: one runs on a machine at a time, and the second is told so.

The names that the cluster takes (interface, addresses, cgroup, ports) exist once on a
machine. A record under /run says which checkout has them. It counts only while one of
its processes lives: what a dead cluster left behind is nobody's, and is cleared away.
"""

import json
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local import cgroups, cleanup, locks
from deploy.local.errors import HeldElsewhereError
from deploy.local.layout import CHECKOUT, HOLDER, MACHINE_LOCK, RUN, State, is_root


@dataclass(frozen=True)
class Holder:
    """A checkout, and where its cluster's data is."""

    checkout: str
    state: str


def exclusive(state: State) -> AbstractContextManager[None]:
    """One command at a time: on the machine as root, else on the data."""
    path = MACHINE_LOCK if is_root() else state.root / "lock"
    return locks.held(path, meanwhile="another command is at work on the cluster")


def holder() -> Holder | None:
    """Who took the names last."""
    try:
        return Holder(**json.loads(HOLDER.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def held_by_other(state: State) -> Holder | None:
    """Another cluster that lives."""
    other = holder()
    if other is None or Path(other.state) == state.root:
        return None
    # One whose folder was deleted under it cannot be taken down by anyone else.
    return other if Path(other.state).exists() and cgroups.processes() else None


def claim(state: State) -> None:
    """Take the names, or say who has them."""
    other = held_by_other(state)
    if other:
        pid = cgroups.processes()[0]
        raise HeldElsewhereError(
            f"the cluster of {other.checkout} runs on this machine (its data: {other.state}; "
            f"one of its processes: {pid}, {_name(pid)}). Take it down there with "
            "`make cluster-down`, or use it: "
            f"KUBECONFIG={other.state}/kubeconfig"
        )
    last = holder()
    if last and Path(last.state) != state.root:
        print(f"clearing away what the cluster of {last.checkout} left behind", flush=True)
        cleanup.sweep(Path(last.state))
    mine = Holder(str(CHECKOUT), str(state.root))
    if last != mine:
        RUN.mkdir(parents=True, exist_ok=True)
        HOLDER.write_text(json.dumps(asdict(mine)))


def release() -> None:
    """Give the names back."""
    cleanup.remove_tree(RUN)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone by now"

"""Who listens on a port that the cluster needs."""

import socket
from pathlib import Path

from deploy.local.errors import HeldElsewhereError

LISTEN = "0A"


def demand_free(port: int, what: str) -> None:
    """Complain, naming the holder where the kernel lets us see it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise HeldElsewhereError(
                f"port {port}, which {what} needs, is held by {_holder(port)}"
            ) from None


def _holder(port: int) -> str:
    inodes = {f"socket:[{inode}]" for inode in _listening(port)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(fd.readlink()) in inodes for fd in (process / "fd").iterdir()):
                argv = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                return f"process {process.name}: {argv[:120]}"
        except OSError:
            continue
    return "a process of another user"


def _listening(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found

"""The node's network namespace, and the veth pair that joins it to the host.

All that kube-proxy and the pods do to iptables, routes and bridges happens inside it;
the host gets one interface. The namespace is pinned to a file of ours and not made by
`ip netns add`, which would leave a shared mount on /run/netns behind for good.
"""

import subprocess
from pathlib import Path

from deploy.local.errors import ClusterError
from deploy.local.layout import (
    HOST_ADDRESS,
    HOST_LINK,
    NETNS,
    NODE_ADDRESS,
    NODE_LINK,
    NODE_PREFIX,
    POD_RANGE,
    SERVICE_RANGE,
)


def create() -> None:
    """Make the namespace and both ends of the pair."""
    NETNS.parent.mkdir(parents=True, exist_ok=True)
    NETNS.touch()
    _run("unshare", f"--net={NETNS}", "true")
    _run("ip", "link", "add", HOST_LINK, "type", "veth", "peer", "name", NODE_LINK,
         "netns", str(NETNS))  # fmt: skip
    _run("ip", "address", "add", f"{HOST_ADDRESS}/{NODE_PREFIX}", "dev", HOST_LINK)
    _run("ip", "link", "set", HOST_LINK, "up")
    # The API server reaches pods and Services (its proxies, webhooks) by the node and by no
    # other way. A host that has such a route already, as with podman's bridge, keeps it.
    for addresses in (POD_RANGE, SERVICE_RANGE):
        _run("ip", "route", "add", addresses, "via", NODE_ADDRESS, check=False)
    _inside("ip", "link", "set", "lo", "up")
    _inside("ip", "address", "add", f"{NODE_ADDRESS}/{NODE_PREFIX}", "dev", NODE_LINK)
    _inside("ip", "link", "set", NODE_LINK, "up")
    _inside("ip", "route", "add", "default", "via", HOST_ADDRESS)
    # /proc/sys/net shows the namespace of whoever asks, so a process inside must write.
    _inside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")


def remove() -> None:
    """Take both away; the namespace itself ends with its last process."""
    if link_exists():
        _run("ip", "link", "delete", HOST_LINK)
    if inode() is not None:
        _run("umount", str(NETNS))
    NETNS.unlink(missing_ok=True)


def link_exists() -> bool:
    """Whether the host's end of the pair is there."""
    return Path("/sys/class/net", HOST_LINK).exists()


def whole() -> bool:
    """Whether the namespace and the pair are all there."""
    if inode() is None or not link_exists():
        return False
    shown = _inside("ip", "-oneline", "-4", "address", "show", "dev", NODE_LINK, check=False)
    return f" {NODE_ADDRESS}/" in shown


def inode() -> int | None:
    """The identity of the pinned namespace; None if the file pins none."""
    try:
        found = NETNS.stat()
    except FileNotFoundError:
        return None
    # A file that pins nothing is an ordinary one, on another device than namespaces are.
    return found.st_ino if found.st_dev == Path("/proc/self/ns/net").stat().st_dev else None


def inode_of(pid: int) -> int | None:
    """The identity of the namespace that a process is in."""
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except (FileNotFoundError, ProcessLookupError):
        return None


def _inside(*argv: str, check: bool = True) -> str:
    return _run("nsenter", f"--net={NETNS}", "--", *argv, check=check)


def _run(*argv: str, check: bool = True) -> str:
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    if check and result.returncode:
        raise ClusterError(f"`{' '.join(argv)}`: {result.stderr.strip()}")
    return result.stdout

"""Removing what a cluster leaves in the kernel and outside its own folders.

Everything is found by where it is (our cgroup, our folders, our interface) and never by
the name of a process, so it works the same for a cluster that is up, one that died
half-way, and one whose checkout is not ours.
"""

import contextlib
import json
import shutil
import socket
import subprocess
from pathlib import Path

from deploy.local import cgroups, network
from deploy.local.errors import ClusterError
from deploy.local.layout import CNI_NETWORK, CONTAINERD_RUN, NETNS, RUN, SYSCTLS

# The kubelet sets these for the whole machine when it starts.
KUBELET_SYSCTLS = (
    "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
)  # fmt: skip
# What the programs write outside the folders that they are told to keep to.
SHIM_SOCKETS = Path("/run/containerd/s")
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
CNI_RESULTS = Path("/var/lib/cni/results")
CONTAINER_LOGS = Path("/var/log/containers")


def sweep(state_root: Path) -> None:
    """End every process, then take away mounts, namespace, interface and cgroups."""
    cgroups.kill_all()
    unmount_below(RUN, state_root)
    network.remove()
    cgroups.remove()
    for folder in (SHIM_SOCKETS, DEVICE_PLUGINS):
        _remove_dead_sockets(folder)
    _remove_cni_results()
    _remove_log_links(state_root)
    restore_sysctls()
    for folder in (CONTAINERD_RUN, RUN / "runc"):
        remove_tree(folder)


def unmount_below(*roots: Path) -> None:
    """Unmount all that is mounted below any of the folders, the latest first."""
    for point in reversed(mounts_below(*roots)):
        if point != NETNS:  # `network` takes that one away
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
    left = [point for point in mounts_below(*roots) if point != NETNS]
    if left:
        raise ClusterError(f"these cannot be unmounted: {', '.join(map(str, left))}")


def mounts_below(*roots: Path) -> list[Path]:
    """Mount points under the folders, in the order in which they were mounted."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [Path(line.split(" ")[4].encode().decode("unicode_escape")) for line in lines]
    return [point for point in points if any(root in point.parents for root in roots)]


def remove_tree(folder: Path) -> None:
    """Delete a file or a folder; refuses where deleting would reach into a mount."""
    if mounts_below(folder.parent / folder.name):
        raise ClusterError(f"{folder} is not deleted: something is still mounted there")
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


def save_sysctls() -> None:
    """Remember what the kubelet is going to change, before it does."""
    if not SYSCTLS.exists():
        paths = {name: Path("/proc/sys", name) for name in KUBELET_SYSCTLS}
        values = {name: path.read_text().strip() for name, path in paths.items() if path.exists()}
        SYSCTLS.write_text(json.dumps(values))


def restore_sysctls() -> None:
    """Put it back as it was."""
    if SYSCTLS.exists():
        for name, value in json.loads(SYSCTLS.read_text()).items():
            Path("/proc/sys", name).write_text(value)
        SYSCTLS.unlink()


def _remove_dead_sockets(folder: Path) -> None:
    # Nothing tells our sockets from another containerd's or kubelet's, but one that
    # nobody listens on is of no use to anyone.
    for path in folder.iterdir() if folder.exists() else ():
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                continue
    _remove_if_empty(folder, folder.parent)


def _remove_cni_results() -> None:
    for path in CNI_RESULTS.glob(f"{CNI_NETWORK}-*"):
        path.unlink(missing_ok=True)
    _remove_if_empty(CNI_RESULTS, CNI_RESULTS.parent)


def _remove_log_links(state_root: Path) -> None:
    if not CONTAINER_LOGS.exists():
        return
    for link in CONTAINER_LOGS.iterdir():
        if link.is_symlink() and state_root in link.readlink().parents:
            link.unlink()
    _remove_if_empty(CONTAINER_LOGS)


def _remove_if_empty(*folders: Path) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()

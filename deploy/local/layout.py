"""Where everything lies, and every name and address that the cluster takes on a machine.

Data of a cluster lies in its checkout, under `.local/`; what is worth keeping between
checkouts lies in the user's cache. What the kernel knows by one name only (interfaces,
addresses, cgroups, sockets) is listed here as constants: one such cluster runs on a
machine at a time, and `ownership` says whose it is.
"""

import os
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

API_PORT = 6443
ETCD_PORT = 22379
ETCD_PEER_PORT = 22380

# The node lives behind a veth pair, as kind's node lives in a container.
HOST_ADDRESS = "10.87.0.1"
NODE_ADDRESS = "10.87.0.2"
NODE_PREFIX = 24
POD_RANGE = "10.88.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
FIRST_SERVICE_ADDRESS = "10.96.0.1"
NODE_NAME = "playbill-node"
HOST_LINK = "playbill0"
NODE_LINK = "eth0"
CNI_NETWORK = "playbill"

# Sockets, the network namespace and containers' mounts: paths here are short, which
# unix sockets need, and they go away with a reboot, as what they stand for does.
RUN = Path("/run/playbill")
NETNS = RUN / "netns"
HOLDER = RUN / "holder.json"
SYSCTLS = RUN / "sysctls.json"
CONTAINERD_RUN = RUN / "containerd"
CONTAINERD_SOCKET = RUN / "containerd.sock"
MACHINE_LOCK = Path("/run/lock/playbill-cluster.lock")

CGROUP = "playbill"


def cache_dir() -> Path:
    """The user's cache: programs, the base image, layers."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "playbill"


def is_root() -> bool:
    """Whether a real node is possible at all."""
    return os.geteuid() == 0


@dataclass(frozen=True)
class State:
    """The data of one cluster: everything under one directory, most often `.local/`."""

    root: Path

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def facts(self) -> Path:
        """What other tools want to know of the cluster."""
        return self.root / "cluster.json"

    @property
    def bin(self) -> Path:
        """Stable links to the programs that people call."""
        return self.root / "bin"

    @property
    def pki(self) -> Path:
        """Keys, certificates and the kubeconfigs of the components."""
        return self.root / "pki"

    @property
    def config(self) -> Path:
        """Generated configuration files."""
        return self.root / "config"

    @property
    def pids(self) -> Path:
        """One record for each process that was started."""
        return self.root / "pids"

    @property
    def log(self) -> Path:
        """One log for each process; it survives `down`, for whoever wonders why."""
        return self.root / "log"

    @property
    def etcd(self) -> Path:
        """The cluster's own state."""
        return self.root / "etcd"

    @property
    def containerd(self) -> Path:
        """Images and snapshots."""
        return self.root / "containerd"

    @property
    def kubelet(self) -> Path:
        """Volumes and logs of pods, and the addresses they were given."""
        return self.root / "kubelet"

    @property
    def images(self) -> Path:
        """Which build of which image is loaded."""
        return self.root / "images"

    def owned(self) -> list[Path]:
        """All that `down` deletes; other tools keep theirs under `.local/` too."""
        return [
            self.kubeconfig, self.facts, self.bin, self.pki, self.config, self.pids,
            self.etcd, self.containerd, self.kubelet, self.images,
        ]  # fmt: skip


def default_state() -> State:
    """This checkout's."""
    return State(CHECKOUT / ".local")

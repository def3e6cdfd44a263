"""The real node: containerd, kubelet, kube-proxy and CoreDNS in the node's namespace.

Builders of configuration and of command lines; `cluster` writes and runs them.
"""

import json
from typing import Any

import yaml
from deploy.local.binaries import CONTAINERD, COREDNS, NODE, program
from deploy.local.layout import (
    CGROUP,
    CNI_NETWORK,
    CONTAINERD_RUN,
    CONTAINERD_SOCKET,
    NETNS,
    NODE_ADDRESS,
    NODE_NAME,
    POD_RANGE,
    RUN,
    State,
)
from deploy.local.packages import CNI_PLUGINS
from deploy.local.processes import Daemon

PAUSE_IMAGE = "localhost/pause:1"
DNS_READY = f"http://{NODE_ADDRESS}:8181/ready"
KUBELET_HEALTH = f"http://{NODE_ADDRESS}:10248/healthz"
PROXY_HEALTH = f"http://{NODE_ADDRESS}:10256/healthz"

COREFILE = f"""\
cluster.local in-addr.arpa {{
    bind {NODE_ADDRESS}
    errors
    ready {NODE_ADDRESS}:8181
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig %s
        pods verified
        ttl 5
    }}
}}
. {{
    bind {NODE_ADDRESS}
    # The node has no way out: other names do not exist, which is better heard at once.
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""

# What CoreDNS may read, as its own documentation asks for.
DNS_RULES = [
    {"apiGroups": [""], "resources": ["services", "pods", "namespaces"],
     "verbs": ["list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"],
     "verbs": ["list", "watch"]},
]  # fmt: skip


def configure(state: State) -> None:
    """Write every file that the node's processes read."""
    folder = state.config
    (folder / "cni").mkdir(parents=True, exist_ok=True)
    state.kubelet.mkdir(parents=True, exist_ok=True)
    files = {
        "containerd.toml": containerd_config(state),
        "cni/10-playbill.conflist": json.dumps(_cni(state), indent=2),
        "kubelet.yaml": yaml.safe_dump(kubelet_config(state)),
        "resolv.conf": f"nameserver {NODE_ADDRESS}\n",
        "Corefile": COREFILE % (state.pki / "dns.kubeconfig"),
    }
    for name, text in files.items():
        (folder / name).write_text(text)


def containerd_config(state: State) -> str:
    """In containerd's words, which are TOML; JSON's strings are TOML's too."""
    text = json.dumps
    return f"""\
version = 3
root = {text(str(state.containerd))}
state = {text(str(CONTAINERD_RUN))}

[grpc]
address = {text(str(CONTAINERD_SOCKET))}

[plugins."io.containerd.internal.v1.opt"]
path = {text(str(state.containerd / "opt"))}

[plugins."io.containerd.nri.v1.nri"]
disable = true

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = {text(PAUSE_IMAGE)}

[plugins."io.containerd.cri.v1.runtime"]
# Without CAP_SYS_RESOURCE, lowering a score is refused and no sandbox starts.
restrict_oom_score_adj = true
# Elsewhere they would outlive us unseen.
netns_mounts_under_state_dir = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = [{text(str(CNI_PLUGINS))}]
conf_dir = {text(str(state.config / "cni"))}
use_internal_loopback = true

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
Root = {text(str(RUN / "runc"))}
SystemdCgroup = false
"""


def _cni(state: State) -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,  # or a pod cannot reach itself through its Service
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": POD_RANGE}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(state.kubelet / "addresses"),
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": CNI_NETWORK, "plugins": [bridge, portmap]}


def kubelet_config(state: State) -> dict[str, Any]:
    """Frugal, and without anything that reaches outside our own folders."""
    pki = state.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / "node.crt"),
        "tlsPrivateKeyFile": str(pki / "node.key"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "healthzBindAddress": NODE_ADDRESS,
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "oomScoreAdj": 0,  # its own default takes CAP_SYS_RESOURCE
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": str(state.config / "resolv.conf"),
        "podLogsDir": str(state.kubelet / "pod-logs"),
        "volumePluginDir": str(state.kubelet / "volume-plugins"),
        "serializeImagePulls": False,
        # Images came by hand: what is thrown away cannot be pulled again.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        # How soon a changed Secret or ConfigMap reaches its pods.
        "syncFrequency": "10s",
    }


def containerd(state: State) -> Daemon:
    """The container runtime."""
    config = state.config / "containerd.toml"
    argv = (program(CONTAINERD, "containerd"), f"--config={config}", "--log-level=warn")
    return Daemon("containerd", argv, inputs=(config,), netns=NETNS)


def kubelet(state: State) -> Daemon:
    """The node's agent."""
    config, access = state.config / "kubelet.yaml", state.pki / "node.kubeconfig"
    argv = (
        program(NODE, "kubelet"),
        f"--config={config}",
        f"--kubeconfig={access}",
        f"--root-dir={state.kubelet}",
        f"--cert-dir={state.pki}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
    )
    return Daemon("kubelet", argv, inputs=(config, access), netns=NETNS)


def kube_proxy(state: State) -> Daemon:
    """Services, by the iptables of the node's namespace."""
    access = state.pki / "proxy.kubeconfig"
    argv = (
        program(NODE, "kube-proxy"),
        f"--kubeconfig={access}",
        f"--hostname-override={NODE_NAME}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={POD_RANGE}",
        f"--healthz-bind-address={NODE_ADDRESS}:10256",
        "--metrics-bind-address=127.0.0.1:10249",
        "--oom-score-adj=0",
        # The limits belong to the whole machine, so none is touched.
        "--conntrack-max-per-core=0",
        "--conntrack-min=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
        "--conntrack-udp-timeout=0s",
        "--conntrack-udp-timeout-stream=0s",
    )
    return Daemon("kube-proxy", argv, inputs=(access,), netns=NETNS)


def coredns(state: State) -> Daemon:
    """The cluster's names, at the node's own address: no Service, no pod, no image."""
    config, access = state.config / "Corefile", state.pki / "dns.kubeconfig"
    argv = (program(COREDNS, "coredns"), f"-conf={config}")
    return Daemon("coredns", argv, inputs=(config, access), netns=NETNS)

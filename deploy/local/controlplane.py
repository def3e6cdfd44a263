"""What runs on the host: etcd, the API server, the controllers, the scheduler.

Builders of command lines and nothing else; `cluster` runs them.
"""

from deploy.local.binaries import KUBERNETES, program
from deploy.local.layout import (
    API_PORT,
    ETCD_PEER_PORT,
    ETCD_PORT,
    HOST_ADDRESS,
    SERVICE_RANGE,
    State,
)
from deploy.local.processes import Daemon

CONTROLLER_MANAGER_HEALTH = "https://127.0.0.1:10257/healthz"
SCHEDULER_HEALTH = "https://127.0.0.1:10259/healthz"
ISSUER = "https://kubernetes.default.svc.cluster.local"


def etcd(state: State) -> Daemon:
    """The store. It does not wait for the disk: this cluster is not for keeping."""
    pki = state.pki
    clients, peers = f"https://127.0.0.1:{ETCD_PORT}", f"https://127.0.0.1:{ETCD_PEER_PORT}"
    argv = [
        program(KUBERNETES, "etcd"),
        "--name=playbill",
        f"--data-dir={state.etcd}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=playbill={peers}",
        # On a machine with other users, an open etcd would be an open cluster.
        "--client-cert-auth",
        f"--trusted-ca-file={pki / 'ca.crt'}",
        f"--cert-file={pki / 'etcd.crt'}",
        f"--key-file={pki / 'etcd.key'}",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={pki / 'ca.crt'}",
        f"--peer-cert-file={pki / 'etcd.crt'}",
        f"--peer-key-file={pki / 'etcd.key'}",
        "--log-level=warn",
    ]
    return Daemon("etcd", tuple(argv), inputs=(pki / "etcd.crt",))


def apiserver(state: State, *, real_node: bool) -> Daemon:
    """The API server, with the default admission plugins and NodeRestriction."""
    pki = state.pki
    argv = [
        program(KUBERNETES, "kube-apiserver"),
        f"--secure-port={API_PORT}",
        f"--etcd-servers=https://127.0.0.1:{ETCD_PORT}",
        f"--etcd-cafile={pki / 'ca.crt'}",
        f"--etcd-certfile={pki / 'etcd.crt'}",
        f"--etcd-keyfile={pki / 'etcd.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        f"--service-account-key-file={pki / 'service-accounts.key'}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        f"--kubelet-client-certificate={pki / 'admin.crt'}",
        f"--kubelet-client-key={pki / 'admin.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--profiling=false",
    ]
    if real_node:
        # Pods find it at the host's end of the veth pair, people on loopback.
        argv += ["--bind-address=0.0.0.0", f"--advertise-address={HOST_ADDRESS}"]
    else:
        # Nobody would follow the `kubernetes` Service, and loopback may not be its endpoint.
        argv += ["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"]
        argv += ["--endpoint-reconciler-type=none"]
    return Daemon("kube-apiserver", tuple(argv), inputs=(pki / "apiserver.crt",))


def controller_manager(state: State) -> Daemon:
    """All controllers, each with the rights of its own service account."""
    pki = state.pki
    argv = [
        program(KUBERNETES, "kube-controller-manager"),
        f"--kubeconfig={pki / 'controller-manager.kubeconfig'}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--use-service-account-credentials",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--service-account-private-key-file={pki / 'service-accounts.key'}",
        f"--flex-volume-plugin-dir={state.kubelet / 'volume-plugins'}",
        *_unthrottled(),
    ]
    config = pki / "controller-manager.kubeconfig"
    return Daemon("kube-controller-manager", tuple(argv), inputs=(config,))


def scheduler(state: State) -> Daemon:
    """The stock scheduler."""
    config = state.pki / "scheduler.kubeconfig"
    argv = [
        program(KUBERNETES, "kube-scheduler"),
        f"--kubeconfig={config}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        *_unthrottled(),
    ]
    return Daemon("kube-scheduler", tuple(argv), inputs=(config,))


def _unthrottled() -> list[str]:
    # The defaults protect shared control planes; here they only make tests wait.
    return ["--kube-api-qps=300", "--kube-api-burst=600", "--profiling=false"]

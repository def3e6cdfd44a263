"""Bringing the cluster up, taking it down, telling how it is.

`up` reads as what a cluster is made of. Each of its steps finds out whether its part is
there and right, and does only what is missing: a second `up` changes nothing, and one
after a crash repairs.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from deploy.local import (
    binaries,
    cgroups,
    cleanup,
    controlplane,
    kwok,
    network,
    node,
    ownership,
    packages,
    pki,
    ports,
    runtime,
)
from deploy.local.api import URL, Api, healthy, wait
from deploy.local.errors import ClusterError, NotReadyError
from deploy.local.layout import (
    API_PORT,
    CGROUP,
    CONTAINERD_SOCKET,
    ETCD_PEER_PORT,
    ETCD_PORT,
    HOST_ADDRESS,
    NETNS,
    NODE_ADDRESS,
    NODE_NAME,
    POD_RANGE,
    SERVICE_RANGE,
    State,
    is_root,
)
from deploy.local.processes import Processes
from deploy.local.progress import Progress

PATIENCE = 90.0
NODE_DAEMONS = ("coredns", "containerd", "kubelet", "kube-proxy")
START_STEPS = 9


@dataclass(frozen=True)
class Cluster:
    """One cluster: its data, and whether it has a real node."""

    state: State
    real_node: bool

    @cached_property
    def api(self) -> Api:
        """Its API server, once the certificates are made."""
        return Api(self.state)

    @cached_property
    def processes(self) -> Processes:
        """Its processes, started so that containerd finds its shim, and all find runc."""
        folders = [str(binaries.directory(binaries.CONTAINERD)), packages.SYSTEM_PATH]
        join = cgroups.prepare() if self.real_node else None
        return Processes(self.state.pids, self.state.log, ":".join(folders), join)

    def up(self, nodes: int | None) -> None:
        """Make it run, whatever is there now; `nodes` of kwok, None for as many as before."""
        simulated = self._simulated(nodes)
        modules = binaries.CONTROL_PLANE
        modules += binaries.REAL_NODE if self.real_node else ()
        modules += (binaries.KWOK,) if simulated else ()
        progress = Progress(binaries.missing(modules) + START_STEPS)
        if self.real_node:
            packages.ensure(packages.NODE_TOOLS, progress)
        binaries.build(modules, progress)
        if self.real_node:
            self._ground(progress)
        self._configure()
        self._control_plane(progress)
        if self.real_node:
            self._node(progress)
        self._simulate(simulated, progress)
        self._publish(simulated)
        print(f"the cluster is up ({progress.elapsed()})")
        print(f"  export KUBECONFIG={self.state.kubeconfig}")

    def down(self) -> None:
        """Leave nothing of it but the logs."""
        processes = Processes(self.state.pids, self.state.log, "")
        if not self.real_node:
            for name in processes.names():
                processes.stop(name)
        else:
            holder = ownership.holder()
            if holder is None or Path(holder.state) == self.state.root:
                cleanup.sweep(self.state.root)
                ownership.release()
            cleanup.unmount_below(self.state.root)
        for path in self.state.owned():
            cleanup.remove_tree(path)

    def _ground(self, progress: Progress) -> None:
        """The namespace and the cgroups under the node; what is broken is made anew."""
        with progress.step("claiming the machine's names"):
            ownership.claim(self.state)
        if not self._ground_is_whole():
            with progress.step("making the node's network namespace and cgroups"):
                cleanup.sweep(self.state.root)
                network.create()
                cgroups.prepare()
                cleanup.save_sysctls()

    def _ground_is_whole(self) -> bool:
        running = {name: self.processes.running(name) for name in self.processes.names()}
        # With no record alive, what lives in our cgroup is what nobody can manage any more.
        if not any(running.values()) or not network.whole():
            return False
        inside = [record for name in NODE_DAEMONS if (record := running.get(name))]
        return all(network.inode_of(record.pid) == network.inode() for record in inside)

    def _configure(self) -> None:
        state = self.state
        if not state.pki.exists():
            shutil.rmtree(state.log, ignore_errors=True)  # of the cluster before this one
        pki.ensure(state)
        for folder in (state.config, state.bin, state.etcd):
            folder.mkdir(parents=True, exist_ok=True)
        state.etcd.chmod(0o700)
        _write_if_changed(state.kubeconfig, (state.pki / "admin.kubeconfig").read_text())
        _link(state.bin / "kubectl", binaries.program(binaries.KUBERNETES, "kubectl"))
        if self.real_node:
            node.configure(state)

    def _control_plane(self, progress: Progress) -> None:
        state = self.state
        etcd = controlplane.etcd(state)
        apiserver = controlplane.apiserver(state, real_node=self.real_node)
        needs = ((etcd, (ETCD_PORT, ETCD_PEER_PORT)), (apiserver, (API_PORT,)))
        for daemon, numbers in needs:
            if not self.processes.running(daemon.name):
                for number in numbers:
                    ports.demand_free(number, daemon.name)
            self.processes.ensure(daemon)
        with progress.step("waiting for the API server"):
            self._await(self.api.ready, "kube-apiserver", "etcd")
        manager, scheduler = controlplane.controller_manager(state), controlplane.scheduler(state)
        for daemon in (manager, scheduler):
            self.processes.ensure(daemon)
        with progress.step("waiting for the controllers and the scheduler"):
            self._await(_serves(controlplane.CONTROLLER_MANAGER_HEALTH), manager.name)
            self._await(_serves(controlplane.SCHEDULER_HEALTH), scheduler.name)

    def _node(self, progress: Progress) -> None:
        state = self.state
        self._let_dns_read()
        self.processes.ensure(node.containerd(state))
        with progress.step("waiting for containerd"):
            self._await(runtime.available, "containerd")
            runtime.load_pause(state)
        for daemon in (node.coredns(state), node.kubelet(state), node.kube_proxy(state)):
            self.processes.ensure(daemon)
        with progress.step("waiting for the node"):
            self._await(_serves(node.KUBELET_HEALTH), "kubelet", "containerd")
            self._await(self._node_is_ready, "kubelet", "containerd")
        with progress.step("waiting for Services and names"):
            self._await(_serves(node.DNS_READY), "coredns")
            self._await(_serves(node.PROXY_HEALTH), "kube-proxy")
            # The API server refuses pods until this one is made.
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            self._await(lambda: self.api.get(account) is not None, "kube-controller-manager")

    def _simulate(self, nodes: int, progress: Progress) -> None:
        if nodes:
            self.processes.ensure(kwok.daemon(self.state))
        if nodes or self.processes.running("kwok"):
            kwok.set_nodes(self.api, nodes, tainted=self.real_node)
        if nodes:
            with progress.step(f"waiting for {nodes} simulated nodes"):
                self._await(lambda: kwok.all_ready(self.api), "kwok")
        else:
            self.processes.stop("kwok")

    def _simulated(self, nodes: int | None) -> int:
        if nodes is not None:
            return nodes
        # Without a real node, one simulated one is the least that shows anything.
        return int(read_facts(self.state).get("kwokNodes", 0 if self.real_node else 1))

    def _let_dns_read(self) -> None:
        rbac, name = "rbac.authorization.k8s.io", "system:coredns"
        kinds = f"/apis/{rbac}/v1"
        role = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": name}}
        self.api.apply(f"{kinds}/clusterroles/{name}", {**role, "rules": node.DNS_RULES})
        binding = {
            **role,
            "kind": "ClusterRoleBinding",
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": rbac, "kind": "User", "name": name}],
        }
        self.api.apply(f"{kinds}/clusterrolebindings/{name}", binding)

    def _node_is_ready(self) -> bool:
        found = self.api.get(f"/api/v1/nodes/{NODE_NAME}")
        return found is not None and kwok.is_ready(found)

    def _await(self, ready: Callable[[], bool], *names: str) -> None:
        def check() -> None:
            for name in names:
                self.processes.demand(name)

        if not wait(ready, check, PATIENCE):
            raise NotReadyError(
                f"{names[0]} is not ready after {PATIENCE:.0f} seconds:\n"
                f"{self.processes.tail(names[0])}"
            )

    def _publish(self, simulated: int) -> None:
        facts: dict[str, Any] = {
            "api": URL,
            "kubeconfig": str(self.state.kubeconfig),
            "kubectl": str(self.state.bin / "kubectl"),
            "kwokNodes": simulated,
            "node": None,
        }
        if self.real_node:
            facts |= {
                "node": NODE_NAME,
                "nodeAddress": NODE_ADDRESS,
                "hostAddress": HOST_ADDRESS,
                "podRange": POD_RANGE,
                "serviceRange": SERVICE_RANGE,
                "netns": str(NETNS),
                "containerdSocket": str(CONTAINERD_SOCKET),
                "cgroup": f"/{CGROUP}",
            }
        _write_if_changed(self.state.facts, json.dumps(facts, indent=2) + "\n")


def this_user(state: State) -> Cluster:
    """The cluster that this user can have: a real node takes root."""
    return Cluster(state, real_node=is_root())


def read_facts(state: State) -> dict[str, Any]:
    """What was published of a cluster that is, or was, up."""
    try:
        facts: dict[str, Any] = json.loads(state.facts.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return facts


def demand_up(state: State) -> None:
    """Complain unless the cluster of that data runs on a real node."""
    if not is_root():
        raise ClusterError("this takes a real node, and a real node takes root")
    other = ownership.held_by_other(state)
    if other:
        raise ClusterError(f"the cluster that runs here is that of {other.checkout}")
    if not runtime.available():
        raise ClusterError("no cluster is up: bring it up with `make cluster`")


def foreign_kubeconfig(state: State) -> str | None:
    """The KUBECONFIG that the user chose, unless it is this very cluster's."""
    chosen = os.environ.get("KUBECONFIG")
    if not chosen or Path(chosen).resolve() == state.kubeconfig.resolve():
        return None
    return chosen


def _serves(url: str) -> Callable[[], bool]:
    return lambda: healthy(url)


def _write_if_changed(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    path.touch(mode=0o600)
    path.write_text(text)


def _link(link: Path, target: str) -> None:
    if link.is_symlink() and str(link.readlink()) == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)

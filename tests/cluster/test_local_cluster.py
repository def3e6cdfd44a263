"""What a person fears of a cluster that takes their machine: debris, and half-broken states.

These tests take the names that exist once on a machine (interface, cgroup, ports), so they
run where no local cluster is up. Each one starts from a cluster that is up, whatever the
test before it did: that `up` repairs is what is tested here.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
IMAGE = "localhost/local-cluster-probe:1"
DOCKERFILE = """\
ARG BASE=python:3.13-slim
FROM ${BASE}
COPY index.html /srv/
USER 65532:65532
CMD ["python3", "-m", "http.server", "--directory", "/srv", "8080"]
"""
ASK = "import urllib.request as u; print(u.urlopen('http://web.probe.svc.cluster.local').read())"

pytestmark = [
    pytest.mark.localcluster,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node takes root"),
]


@dataclass(frozen=True)
class Local:
    """A cluster with its data in a folder of its own."""

    state: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
        return subprocess.run(
            [sys.executable, "-m", "deploy.local", "--state", str(self.state), *arguments],
            cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def demand(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        result = subprocess.run(
            [self.state / "bin/kubectl", f"--kubeconfig={self.state / 'kubeconfig'}", *arguments],
            input=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def daemons(self) -> dict[str, int]:
        records = (self.state / "pids").glob("*.json")
        return {path.stem: json.loads(path.read_text())["pid"] for path in records}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> "Footprint":
    status = Local(CHECKOUT / ".local").run("status").stdout
    if in_cgroup():
        pytest.skip(f"a local cluster is up (take it down with `make cluster-down`): {status}")
    # A cluster that was killed, of whatever checkout, leaves marks that `down` clears away too.
    Local(tmp_path_factory.mktemp("before")).demand("down", "--whoever")
    return footprint()


@pytest.fixture(scope="module")
def machine(before: "Footprint", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    local = Local(tmp_path_factory.mktemp("cluster") / "state")
    local.demand("up")
    context = tmp_path_factory.mktemp("image")
    (context / "index.html").write_text("curtain up")
    (context / "Dockerfile").write_text(DOCKERFILE)
    file = str(context / "Dockerfile")
    local.demand("image", IMAGE, "--file", file, "--context", str(context))
    local.kubectl("apply", "-f", "-", stdin=WORKLOAD)
    yield local
    local.demand("down")


@pytest.fixture
def cluster(machine: Local) -> Local:
    machine.demand("up")
    return machine


def test_a_pod_is_reached_through_its_service_by_its_name(cluster: Local) -> None:
    assert answers(cluster)


def test_a_pods_logs_can_be_read(cluster: Local) -> None:
    assert answers(cluster)
    assert "GET / HTTP" in cluster.kubectl("-n=probe", "logs", "deploy/web")


def test_a_service_can_be_asked_from_inside_the_nodes_network(cluster: Local) -> None:
    address = cluster.kubectl("-n=probe", "get", "svc/web", "-o=jsonpath={.spec.clusterIP}")
    asking = f"import urllib.request as u; print(u.urlopen('http://{address}').read())"
    assert answers(cluster)
    assert "curtain up" in cluster.demand("nsenter", "--", sys.executable, "-c", asking)


def test_an_image_of_an_unchanged_context_is_not_built_again(
    cluster: Local, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY kept /\n")
    (tmp_path / ".dockerignore").write_text("*\n!kept\n")
    (tmp_path / "kept").write_text("one")
    file, context = str(tmp_path / "Dockerfile"), str(tmp_path)
    build = ("image", "local-cluster-empty:1", "--file", file, "--context", context)
    assert "is loaded (" in cluster.demand(*build)
    (tmp_path / "ignored").write_text("x")
    assert "nothing that it is built from has changed" in cluster.demand(*build)
    (tmp_path / "kept").write_text("two")
    assert "is loaded (" in cluster.demand(*build)


def test_pods_on_simulated_nodes_are_ready(cluster: Local) -> None:
    cluster.demand("up", "--kwok", "3")
    cluster.kubectl("apply", "-f", "-", stdin=SIMULATED)
    cluster.kubectl("-n=probe", "rollout", "status", "deploy/crowd", "--timeout=60s")
    assert "kwok-2" in cluster.kubectl("get", "nodes")
    cluster.kubectl("-n=probe", "delete", "deploy/crowd")
    cluster.demand("up", "--kwok", "0")
    assert "kwok" not in cluster.kubectl("get", "nodes")


def test_a_second_up_changes_nothing(cluster: Local) -> None:
    daemons, here = cluster.daemons(), footprint()
    cluster.demand("up")
    assert cluster.daemons() == daemons
    assert footprint() == here
    assert cluster.run("status").returncode == 0


def test_a_kubeconfig_of_the_users_own_is_used_as_it_is(cluster: Local, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "deploy.local", "--state", str(tmp_path / "other"), "up"],
        cwd=CHECKOUT, env={**os.environ, "KUBECONFIG": "/some/where"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "nothing is started" in result.stdout
    assert not (tmp_path / "other").exists()


def test_a_second_checkout_is_told_who_holds_what(cluster: Local, tmp_path: Path) -> None:
    daemons = cluster.daemons()
    other = Local(tmp_path / "other")
    refused = other.run("up")
    assert refused.returncode == 1
    assert str(cluster.state) in refused.stderr
    assert "Traceback" not in refused.stderr
    other.demand("down")
    assert cluster.daemons() == daemons
    assert answers(cluster)


@pytest.mark.parametrize("victims", [("containerd", "kubelet"), ("etcd", "kube-apiserver")])
def test_what_died_alone_is_started_again(cluster: Local, victims: tuple[str, ...]) -> None:
    daemons = cluster.daemons()
    for name in victims:
        os.kill(daemons[name], signal.SIGKILL)
    cluster.demand("up")
    survivors = {name: pid for name, pid in daemons.items() if name not in victims}
    assert survivors.items() <= cluster.daemons().items()
    assert answers(cluster)


def test_a_lost_network_is_made_again(cluster: Local) -> None:
    subprocess.run(["ip", "link", "delete", "playbill0"], check=True)
    cluster.demand("up")
    assert answers(cluster)


def test_all_is_repaired_after_every_process_was_killed(cluster: Local) -> None:
    kill_everything()
    cluster.demand("up")
    assert answers(cluster)


def test_a_cluster_whose_folder_was_deleted_under_it_is_replaced(cluster: Local) -> None:
    shutil.rmtree(cluster.state / "pids")
    shutil.rmtree(cluster.state / "pki")
    cluster.demand("up")
    assert "Ready" in cluster.kubectl("get", "nodes")


def test_an_up_that_died_half_way_is_repaired(cluster: Local) -> None:
    cluster.demand("down")
    argv = [sys.executable, "-m", "deploy.local", "--state", str(cluster.state), "up"]
    with subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.DEVNULL) as half:
        assert eventually(lambda: "etcd" in cluster.daemons())
        half.kill()
    cluster.demand("up")
    assert "Ready" in cluster.kubectl("get", "nodes")


def test_what_another_dead_checkout_left_is_cleared_away(
    cluster: Local, before: "Footprint", tmp_path: Path
) -> None:
    kill_everything()
    other = Local(tmp_path / "other")
    assert str(CHECKOUT) in other.demand("up")
    assert "Ready" in other.kubectl("get", "nodes")
    cluster.demand("down", "--whoever")
    assert footprint() == before
    assert not (other.state / "kubeconfig").exists()


def test_down_leaves_nothing_behind(cluster: Local, before: "Footprint") -> None:
    taken = namespaces(in_cgroup())
    assert taken
    cluster.demand("down")
    assert footprint() == before
    assert not taken & namespaces(path.name for path in Path("/proc").glob("[0-9]*"))
    assert {path.name for path in cluster.state.iterdir()} <= {"log"}
    cluster.demand("down")  # and has nothing to complain about when nothing is up


@dataclass(frozen=True)
class Footprint:
    """All of a machine that a cluster could leave its marks on."""

    processes: frozenset[int]
    mounts: frozenset[str]
    interfaces: frozenset[str]
    routes: str
    iptables: str
    cgroups: frozenset[str]
    sysctls: tuple[str, ...]
    run: frozenset[str]


def footprint() -> Footprint:
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    names = "playbill containerd netns log/containers cni kubelet kubernetes"
    marks = tuple(f"/{name}" for name in names.split())
    return Footprint(
        processes=frozenset(in_cgroup()),
        mounts=frozenset(line.split()[4] for line in mounts),
        interfaces=frozenset(path.name for path in Path("/sys/class/net").iterdir()),
        routes=routes,
        iptables="\n".join(line for line in rules.splitlines() if not line.startswith("#")),
        cgroups=frozenset(str(path) for path in Path("/sys/fs/cgroup").glob("**/playbill")),
        sysctls=tuple(
            Path("/proc/sys", name).read_text()
            for name in ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
        ),
        run=frozenset(
            str(path)
            for folder in map(Path, ("/run", "/var/log", "/var/lib", "/usr/libexec"))
            for path in (folder.iterdir() if folder.exists() else ())
            if str(path).endswith(marks)
        ),
    )


def namespaces(processes: Iterable[object]) -> set[str]:
    """The network namespaces of some processes, less the one that we are in ourselves."""
    found: set[str] = set()
    for pid in processes:
        with contextlib.suppress(OSError):
            found.add(str(Path(f"/proc/{pid}/ns/net").readlink()))
    return found - {str(Path("/proc/self/ns/net").readlink())}


def in_cgroup() -> set[int]:
    found: set[int] = set()
    for procs in Path("/sys/fs/cgroup").glob("**/playbill/**/cgroup.procs"):
        with contextlib.suppress(OSError):
            found |= {int(pid) for pid in procs.read_text().split()}
    return found


def kill_everything() -> None:
    while victims := in_cgroup():
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def answers(cluster: Local) -> bool:
    """Whether one pod reaches another; for a while after a repair, it does not yet."""
    asking = ("-n=probe", "exec", "deploy/visitor", "--", "python3", "-c", ASK)

    def asked() -> bool:
        with contextlib.suppress(AssertionError):
            return "curtain up" in cluster.kubectl(*asking)
        return False

    # A kubelet lets containers that died again and again wait before their next start.
    if not eventually(asked, seconds=240):
        pods = cluster.kubectl("-n=probe", "get", "pods", "-o", "wide")
        events = cluster.kubectl("-n=probe", "get", "events", "--sort-by=.lastTimestamp")
        pytest.fail(f"no pod reaches another:\n{pods}\n{events}")
    return True


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.2)
    return False


WORKLOAD = """
apiVersion: v1
kind: Namespace
metadata: {name: probe, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: probe}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
""" + "".join(
    f"""
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: probe}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
        - name: main
          image: {IMAGE}
          imagePullPolicy: {policy}
          resources: {{limits: {{memory: 128Mi}}}}
          readinessProbe: {{httpGet: {{port: 8080}}, periodSeconds: 1}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{drop: [ALL]}}
"""
    for name, policy in (("web", "Never"), ("visitor", "IfNotPresent"))
)

SIMULATED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: crowd, namespace: probe}
spec:
  replicas: 20
  selector: {matchLabels: {app: crowd}}
  template:
    metadata: {labels: {app: crowd}}
    spec:
      nodeSelector: {type: kwok}
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]
      securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: main
          image: nothing.invalid/nothing
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""

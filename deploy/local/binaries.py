"""Building the programs, each once for one set of pins.

A folder under `go/` is a Go module of ours that pins one family of programs. What is
built from it lies in the user's cache under a hash of all that decides the result, so
checkouts with the same pins share it, and a changed pin never meets an old program.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deploy.local import locks
from deploy.local.errors import ClusterError, MissingToolError
from deploy.local.layout import cache_dir
from deploy.local.progress import Progress

SOURCES = Path(__file__).parent / "go"


@dataclass(frozen=True)
class Module:
    """A folder under `go/`, and the programs that it pins: name -> Go package."""

    name: str
    programs: dict[str, str]

    @property
    def source(self) -> Path:
        """Where its go.mod lies."""
        return SOURCES / self.name

    def missing(self) -> list[str]:
        """The programs that are not built yet."""
        return [name for name in self.programs if not (directory(self) / name).exists()]


KUBERNETES = Module(
    "kubernetes",
    {
        # The API server first: most of what it compiles, the others share.
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
        "etcd": "go.etcd.io/etcd/server/v3",
    },
)
NODE = Module(
    "kubernetes",
    {
        "kubelet": "k8s.io/kubernetes/cmd/kubelet",
        "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    },
)
CONTAINERD = Module(
    "containerd",
    {
        name: f"github.com/containerd/containerd/v2/cmd/{name}"
        for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    },
)
COREDNS = Module("coredns", {"coredns": "."})
PAUSE = Module("pause", {"pause": "."})
KWOK = Module("kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"})

CONTROL_PLANE: tuple[Module, ...] = (KUBERNETES,)
REAL_NODE: tuple[Module, ...] = (NODE, CONTAINERD, COREDNS, PAUSE)
STAGES = ("pod/fast", "node/fast", "node/heartbeat")


def directory(module: Module) -> Path:
    """Where the programs of a module are, or will be."""
    return cache_dir() / "bin" / f"{module.name}-{_key(module.name)}"


def program(module: Module, name: str) -> str:
    """The path of one program."""
    return str(directory(module) / name)


def stages() -> list[Path]:
    """What kwok does to simulated pods and nodes; it ships as files of its module."""
    return sorted((directory(KWOK) / "stages").glob("*.yaml"))


def missing(modules: tuple[Module, ...]) -> int:
    """How many programs would have to be built."""
    return sum(len(module.missing()) for module in modules)


def build(modules: tuple[Module, ...], progress: Progress) -> None:
    """Build what is missing; a second builder waits, and then finds everything there."""
    if not missing(modules):
        return
    with locks.held(cache_dir() / "build.lock", meanwhile="another build is at work"):
        for module in modules:
            for name in module.missing():
                with progress.step(f"building {name}"):
                    _build(module, name)


def _build(module: Module, name: str) -> None:
    target = directory(module)
    target.mkdir(parents=True, exist_ok=True)
    if module is KWOK:
        _copy_stages(target / "stages")
    draft = target / f".{name}.new"
    _go(module.source, "build", "-mod=readonly", "-trimpath", "-buildvcs=false",
        f"-ldflags={_ldflags(module.name)}", "-o", str(draft), module.programs[name])  # fmt: skip
    draft.rename(target / name)


def _copy_stages(target: Path) -> None:
    shipped = _go(KWOK.source, "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok").strip()
    target.mkdir(exist_ok=True)
    for folder in STAGES:
        for source in Path(shipped, "kustomize/stage", folder).glob("*.yaml"):
            if source.name != "kustomization.yaml":
                shutil.copyfile(source, target / f"{folder.replace('/', '-')}-{source.name}")


@cache
def _key(module: str) -> str:
    source = SOURCES / module
    digest = hashlib.sha256(f"{_go_version()} {platform.machine()} {_ldflags(module)}".encode())
    for path in sorted(source.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _go_version() -> str:
    return _go(SOURCES / "kubernetes", "env", "GOVERSION").strip()


@cache
def _ldflags(module: str) -> str:
    if module != "kubernetes":
        return "-s -w"
    # Without these the server calls itself v0.0.0, and kubectl complains.
    pinned = (SOURCES / module / "go.mod").read_text()
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", pinned)
    if not found:
        raise ClusterError(f"{SOURCES / module / 'go.mod'} does not pin k8s.io/kubernetes")
    values = {"gitVersion": found[1], "gitMajor": found[2], "gitMinor": found[3]}
    sets = [f"-X k8s.io/component-base/version.{key}={value}" for key, value in values.items()]
    return " ".join(["-s -w", *sets])


def _go(folder: Path, *args: str) -> str:
    # The caller's Go settings (proxy, toolchain, caches) are right for this machine;
    # only what would change the result is fixed here.
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    try:
        result = subprocess.run(
            ["go", *args], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise MissingToolError("`go`, which builds the cluster, is not on PATH") from None
    if result.returncode:
        raise ClusterError(f"`go {' '.join(args)}` in {folder}:\n{result.stderr.strip()}")
    return result.stdout

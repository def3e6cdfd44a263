"""`make test`: lint and every test, in the order in which trouble is cheapest to find.

Brings up what it needs and takes down what it brought up. A cluster that was up before, or
one that KUBECONFIG names, is used and left as it was; then the tests that take the local
cluster down and up again are left out, and it says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCAL_KUBECONFIG = ROOT / ".local/kubeconfig"
PYTEST = (sys.executable, "-m", "pytest", "-q")
# A file's tests share a server, and those of an operator a namespace; most of their time they wait.
SIDE_BY_SIDE = (*PYTEST, "-n", "3", "--dist", "loadfile")
LOCAL = (sys.executable, "-m", "deploy.local")
DEMO = (sys.executable, "-m", "examples.demo")
PACKAGES = {
    "lighttpd": "lighttpd",
    "/usr/lib/lighttpd/mod_openssl.so": "lighttpd-mod-openssl",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "openssl": "openssl",
}
"""What the tests' servers are made of: a program or file, and the Debian package that has it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A command of the run; the stages after a `needed` one make no sense without it."""

    name: str
    command: Sequence[str]
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """How a stage ended, and how many seconds it took."""

    name: str
    passed: bool
    seconds: float


def main() -> int:
    """Run all stages; 0 when every one passed."""
    ours, was_up = _kubeconfig() == LOCAL_KUBECONFIG, _cluster_is_up()
    if was_up and _demo_is_up():
        print("a demo is running in this cluster and would take part: `make demo-down` first")
        return 1
    results: list[Result] = []
    try:
        for stage in stages(ours=ours, was_up=was_up):
            results.append(_run(stage))
            if stage.needed and not results[-1].passed:
                break
    finally:
        if ours and not was_up:
            results.append(_run(Stage("take the cluster down", (*LOCAL, "down"))))
    _summarise(results)
    return 0 if all(result.passed for result in results) else 1


def stages(*, ours: bool, was_up: bool) -> list[Stage]:
    """The run, cheapest first."""
    found = [
        Stage("lint", ("make", "lint")),
        Stage("packages", (sys.executable, "-m", "tests.run", "packages"), needed=True),
        Stage("unit", (*SIDE_BY_SIDE, "tests/unit", "tests/simulation")),
        Stage("git and GTO", (*SIDE_BY_SIDE, "tests/git", "tests/conformance", "tests/examples")),
        Stage("fetching", (*SIDE_BY_SIDE, "tests/fetch")),
    ]
    if ours and not was_up:
        found.append(Stage("build Kubernetes", (*LOCAL, "build"), needed=True))
        found.append(
            Stage("local cluster", (*PYTEST, "-m", "localcluster", "tests/cluster"), needed=True)
        )
    if ours:
        found.append(Stage("cluster", (*LOCAL, "up"), needed=True))
        found.append(Stage("image", ("make", "image"), needed=True))
    found += [
        Stage("API server", (*PYTEST, "-m", "not localcluster", "tests/cluster")),
        Stage("operator", (*SIDE_BY_SIDE, "tests/operator")),
        Stage("pods", (*SIDE_BY_SIDE, "tests/e2e")),
    ]
    if ours:
        found += [
            Stage("demo", (*DEMO, "up")),
            Stage("take the demo down", (*DEMO, "down")),
        ]
    return found


def install_packages() -> int:
    """Install what the tests' servers need, or name it."""
    missing = sorted({package for what, package in PACKAGES.items() if not _is_there(what)})
    if not missing:
        return 0
    if os.geteuid() != 0:
        print(f"not there, and not root: apt-get install {' '.join(missing)}")
        return 1
    print(f"--> apt-get install {' '.join(missing)}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        done = subprocess.run(
            ["apt-get", "-qq", *command], env=environment, stdin=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            return done.returncode
    return 0


def _is_there(what: str) -> bool:
    """Daemons live in sbin, which is not on everybody's PATH."""
    if what.startswith("/"):
        return Path(what).exists()
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return shutil.which(what, path=path) is not None


def _cluster_is_up() -> bool:
    kubectl = _kubectl()
    return kubectl is not None and _answers([*kubectl, "get", "--raw", "/readyz"])


def _demo_is_up() -> bool:
    kubectl = _kubectl()
    return kubectl is not None and _answers([*kubectl, "get", "namespace", "playbill-demo"])


def _kubeconfig() -> Path:
    given = os.environ.get("KUBECONFIG")
    return Path(given).absolute() if given else LOCAL_KUBECONFIG


def _kubectl() -> list[str] | None:
    kubeconfig = _kubeconfig()
    ours = ROOT / ".local/bin/kubectl"
    program = str(ours) if ours.exists() else shutil.which("kubectl")
    if program is None or not kubeconfig.exists():
        return None
    return [program, "--kubeconfig", str(kubeconfig), "--request-timeout=3s"]


def _answers(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(stage: Stage) -> Result:
    print(f"\n==> {stage.name}: {' '.join(_short(word) for word in stage.command)}", flush=True)
    started = time.monotonic()
    done = subprocess.run(stage.command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    return Result(stage.name, done.returncode == 0, time.monotonic() - started)


def _short(word: str) -> str:
    return "python" if word == sys.executable else word


def _summarise(results: Sequence[Result]) -> None:
    print()
    for result in results:
        print(f"  {'ok    ' if result.passed else 'FAILED'} {result.seconds:7.1f} s  {result.name}")
    failed = sum(not result.passed for result in results)
    print(f"{len(results) - failed} passed, {failed} failed", flush=True)


if __name__ == "__main__":
    sys.exit(install_packages() if sys.argv[1:] == ["packages"] else main())

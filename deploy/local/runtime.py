"""The node's image store, by containerd's own client."""

import subprocess
from pathlib import Path

from deploy.local.binaries import CONTAINERD, PAUSE, program
from deploy.local.errors import ClusterError
from deploy.local.layout import CONTAINERD_SOCKET, State
from deploy.local.node import PAUSE_IMAGE
from deploy.local.pause import write_archive


def available() -> bool:
    """Whether containerd answers."""
    return CONTAINERD_SOCKET.exists() and _ctr("version").returncode == 0


def has_image(name: str) -> bool:
    """Whether pods could use that image now."""
    return name in _demand("images", "list", "--quiet", f"name=={name}").split()


def blobs() -> set[str]:
    """The content that is there already, by its SHA-256."""
    return {name.removeprefix("sha256:") for name in _demand("content", "list", "-q").split()}


def load(archive: Path) -> None:
    """Import an archive; its images carry their names in it."""
    _demand("images", "import", str(archive))


def load_pause(state: State) -> None:
    """The one image that the node itself needs."""
    if has_image(PAUSE_IMAGE):
        return
    archive = state.config / "pause.tar"
    write_archive(Path(program(PAUSE, "pause")), PAUSE_IMAGE, archive)
    load(archive)


def _demand(*args: str) -> str:
    result = _ctr(*args)
    if result.returncode:
        raise ClusterError(f"`ctr {' '.join(args)}`: {result.stderr.strip()}")
    return result.stdout


def _ctr(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program(CONTAINERD, "ctr"), f"--address={CONTAINERD_SOCKET}", "--namespace=k8s.io", *args],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

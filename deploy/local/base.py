"""The base that images get here: Debian with Python, git and ssh, from packages alone.

Made once and kept in the user's cache. It is Debian's own release where the machine
runs Debian, since its package lists and keys are there, and this one otherwise.
"""

import hashlib
import platform
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.local.errors import ClusterError
from deploy.local.progress import Progress

FALLBACK_RELEASE = "bookworm"
PACKAGES = ("ca-certificates", "git", "openssh-client", "python3", "python3-venv")
EXCLUDED = ("doc", "info", "locale", "man")
# Where this machine's packages come from is nobody's business in the image.
FORGOTTEN = ("etc/apt/sources.list*", "var/lib/apt/lists/*", "etc/resolv.conf", "etc/hostname")
OPTIONS = (
    "--variant=minbase",
    f"--include={','.join(PACKAGES)}",
    '--aptopt=APT::Install-Recommends "false"',
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in EXCLUDED),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    *(f'--customize-hook=rm -rf "$1"/{path}' for path in FORGOTTEN),
)
SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))


def _release() -> str:
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return FALLBACK_RELEASE
    return system.get("VERSION_CODENAME", "") if system["ID"] == "debian" else FALLBACK_RELEASE


_KEY = hashlib.sha256(repr((_release(), OPTIONS)).encode()).hexdigest()[:12]
REFERENCE = f"localhost/playbill-base:{_release()}-{_KEY}"


def ensure(buildah: Callable[..., str], progress: Progress) -> None:
    """Have it in buildah's store."""
    if REFERENCE in buildah("images", "--format={{.Name}}:{{.Tag}}").split():
        return
    with (
        progress.step("making the base image from Debian packages"),
        tempfile.TemporaryDirectory() as folder,
    ):
        _bootstrap(Path(folder, "base.tar"))
        Path(folder, "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
        buildah("build", "--tag", REFERENCE, folder)


def _bootstrap(target: Path) -> None:
    sources = next((path for path in SOURCES if path.exists()), None)
    arguments = ["mmdebstrap", *OPTIONS, _release(), str(target)]
    if sources and platform.freedesktop_os_release()["ID"] == "debian":
        arguments.append(str(sources))
    result = subprocess.run(
        arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if result.returncode:
        tail = "\n".join(f"  | {line}" for line in result.stderr.splitlines()[-15:])
        raise ClusterError(f"mmdebstrap failed:\n{tail}")

"""The programs that come from the distribution, installed when that is possible."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.local.errors import MissingToolError
from deploy.local.layout import is_root
from deploy.local.progress import Progress

CNI_PLUGINS = Path("/usr/lib/cni")
# Daemons and this package look here too: Debian users have no sbin on their PATH.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

NODE_TOOLS = {
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "nsenter": "util-linux",
    "mount": "mount",
    str(CNI_PLUGINS / "bridge"): "containernetworking-plugins",
}
IMAGE_TOOLS = {"buildah": "buildah", "mmdebstrap": "mmdebstrap"}


def absent(tools: Mapping[str, str]) -> list[str]:
    """The packages to install for the tools that are not there."""
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    return sorted({tools[tool] for tool in tools if not shutil.which(tool, path=path)})


def ensure(tools: Mapping[str, str], progress: Progress) -> None:
    """Install what is absent, or name it in one line."""
    packages = absent(tools)
    if not packages:
        return
    wanted = f"apt-get install {' '.join(packages)}"
    if not is_root() or not shutil.which("apt-get"):
        raise MissingToolError(f"these packages are needed (as Debian names them): {wanted}")
    with progress.step(f"installing {' '.join(packages)}"):
        # A machine with fresh package lists is spared the update.
        if _apt("install", packages) and (_apt("update", []) or _apt("install", packages)):
            raise MissingToolError(f"the packages cannot be installed; try by hand: {wanted}")


def _apt(verb: str, packages: list[str]) -> int:
    result = subprocess.run(
        ["apt-get", verb, "--yes", "--no-install-recommends", *packages],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    return result.returncode

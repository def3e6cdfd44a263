"""Where the demo keeps its things, and what it finds on the machine.

All that it makes lies in `.local/demo/`, so that `down` is the removal of one directory, one
process and what it applied to the cluster.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
NAMESPACE = "playbill-demo"


class MissingError(Exception):
    """Something that the demo needs is not there; the message says how to get it."""


@dataclass(frozen=True)
class Places:
    """Paths of the demo in one checkout."""

    checkout: Path = CHECKOUT

    @property
    def local(self) -> Path:
        return self.checkout / ".local"

    @property
    def root(self) -> Path:
        return self.local / "demo"

    @property
    def server(self) -> Path:
        return self.root / "server"

    @property
    def project(self) -> Path:
        return self.root / "digits"

    @property
    def manifests(self) -> Path:
        return self.root / "manifests"

    @property
    def clones(self) -> Path:
        return self.root / "clones"

    @property
    def kubeconfig(self) -> Path:
        """A copy of the user's, with the demo's namespace as its default."""
        return self.root / "kubeconfig"

    def users_kubeconfig(self) -> str:
        """The cluster to use: the user's own by KUBECONFIG, or the local one.

        Raises MissingError when there is neither.
        """
        chosen = os.environ.get("KUBECONFIG", "")
        local = self.local / "kubeconfig"
        if not chosen and not local.exists():
            raise MissingError("no cluster: run `make cluster`, or set KUBECONFIG to yours")
        return chosen or str(local)

    def address(self) -> str:
        """The address by which pods reach this machine.

        Raises MissingError for a cluster of the user's own when it is not said.
        """
        said = os.environ.get("DEMO_ADDRESS")
        if said:
            return said
        if os.environ.get("KUBECONFIG"):
            raise MissingError(
                "KUBECONFIG is set: say in DEMO_ADDRESS by which address of this machine pods "
                "reach it (for kind: the gateway of its Docker network)"
            )
        facts = json.loads((self.local / "cluster.json").read_text())
        if not facts.get("hostAddress"):
            raise MissingError("this cluster has no real node (it takes root): no pod can serve")
        return str(facts["hostAddress"])

    def environment(self) -> dict[str, str]:
        """What commands of the story run with: no settings of the user's git, no prompts."""
        programs = (self.local / "bin", Path(sys.executable).parent)
        return {
            **os.environ,
            "PATH": os.pathsep.join([*map(str, programs), os.environ.get("PATH", "")]),
            "KUBECONFIG": str(self.kubeconfig),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "DVC_NO_ANALYTICS": "1",
        }

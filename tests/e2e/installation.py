"""The operator in pods, installed from `deploy/base` beside whatever else runs in the cluster."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.kubectl import Kubectl, eventually
from tests.e2e.serving import ask_in_node
from tests.operator.process import OperatorProcess

BASE = Path(__file__).parents[2] / "deploy/base"

OVERLAY = """\
resources: [{base}]
namespace: {namespace}
nameSuffix: "-{suffix}"
images: [{{name: playbill, newName: localhost/playbill, newTag: dev}}]
patches:
  # The cluster has these once, whoever's operators run in it.
  - target:
      kind: CustomResourceDefinition|ValidatingAdmissionPolicy|ValidatingAdmissionPolicyBinding
    patch: &gone |-
      $patch: delete
      kind: Any
      metadata: {{name: any}}
  - target: {{kind: ClusterRole|ClusterRoleBinding, name: playbill-.*}}
    patch: *gone
  - target: {{kind: Deployment, name: playbill}}
    patch: |-
      - {{op: add, path: /spec/template/spec/containers/0/imagePullPolicy, value: Never}}
      - {{op: replace, path: /spec/template/spec/containers/0/args/1, value: --cluster-name=e2e}}
      - {{op: add, path: /spec/template/spec/containers/0/args/-, value: --allow-private-addresses}}
      - {{op: add, path: /spec/template/spec/containers/0/args/-, value: --namespace={served}}}
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """A Deployment `name` in `namespace`, which serves the namespace `served`."""

    kubectl: Kubectl
    namespace: str
    served: str
    suffix: str

    @property
    def name(self) -> str:
        return f"playbill-{self.suffix}"

    def pods(self) -> dict[str, dict[str, Any]]:
        """Those that are not going, by name."""
        found = self.kubectl.json("get", "pods", "-n", self.namespace)["items"]
        return {
            pod["metadata"]["name"]: pod
            for pod in found
            if "deletionTimestamp" not in pod["metadata"]
        }

    def holder(self) -> str:
        """The pod that holds the Lease, empty while none does."""
        answer = self.kubectl.answer(
            "get",
            "lease",
            "playbill",
            "-n",
            self.namespace,
            "-o",
            "jsonpath={.spec.holderIdentity}",
        )
        return answer.out.rpartition("_")[0]

    def leader(self) -> str:
        """Waits for one that lives."""
        eventually(lambda: self.holder() in self.pods())
        return self.holder()

    def ask(self, path: str, *, pod: str = "") -> str:
        """What the leader's pod, or another, answers on its http port."""
        address = self.pods()[pod or self.leader()]["status"]["podIP"]
        return ask_in_node(f"http://{address}:8080{path}")

    def log(self, pod: str = "") -> str:
        return self.kubectl("logs", "-n", self.namespace, pod or self.leader())

    def scale(self, replicas: int) -> None:
        deployment = f"deployment/{self.name}"
        self.kubectl("scale", "-n", self.namespace, deployment, f"--replicas={replicas}")
        self.kubectl("rollout", "status", "-n", self.namespace, deployment, "--timeout=60s")


@dataclass(slots=True)
class Pods(OperatorProcess):
    """Stands where the operator as a process stands elsewhere: its log is the leader's."""

    installation: Installation | None = None

    def tail(self, lines: int = 40) -> str:
        assert self.installation is not None
        return "\n".join(self.installation.log().splitlines()[-lines:])


@contextmanager
def installed(kubectl: Kubectl, directory: Path) -> Iterator[Installation]:
    """Installs it with its real account and rights, and takes all of it away again."""
    suffix = secrets.token_hex(4)
    found = Installation(kubectl, f"operator-{suffix}", f"served-{suffix}", suffix)
    overlay = OVERLAY.format(
        base=os.path.relpath(BASE, directory),
        namespace=found.namespace,
        suffix=suffix,
        served=found.served,
    )
    (directory / "kustomization.yaml").write_text(overlay)
    try:
        kubectl("create", "namespace", found.served)
        kubectl("apply", "--server-side", "-k", str(directory))
        rollout = ("rollout", "status", "-n", found.namespace, f"deployment/{found.name}")
        kubectl(*rollout, "--timeout=50s")
        yield found
    finally:
        kubectl.answer("delete", "namespace", found.served, "--ignore-not-found", "--timeout=30s")
        kubectl("delete", "-k", str(directory), "--ignore-not-found", "--wait=false")

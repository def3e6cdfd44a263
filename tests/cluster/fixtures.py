"""The cluster under test: KUBECONFIG as the user gave it, else the local one (`make cluster`)."""

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.kubectl import Kubectl, eventually

from playbill.api.base import API_VERSION

ROOT = Path(__file__).parents[2]
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
OURS = "app.kubernetes.io/part-of=playbill"
STAMPED = ("RegisteredModel", "ModelVersion", "StageAssignment")
"""The kinds that deploy/actor is about."""


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """How to reach it; without one there is nothing to test against."""
    path = Path(os.environ.get("KUBECONFIG") or ROOT / ".local/kubeconfig")
    if not path.exists():
        pytest.fail("no cluster to test against: run `make cluster`", pytrace=False)
    return path


@pytest.fixture(scope="session")
def kubectl(kubeconfig: Path) -> Kubectl:
    """kubectl as the kubeconfig's user; the local cluster's, else the one on PATH."""
    ours = ROOT / ".local/bin/kubectl"
    program = str(ours) if ours.exists() else shutil.which("kubectl")
    if program is None:
        pytest.fail("no kubectl: run `make cluster`, which brings one", pytrace=False)
    found = Kubectl(program, kubeconfig)
    if found.answer("get", "--raw", "/readyz").code != 0:
        pytest.fail(f"the cluster of {kubeconfig} is down: run `make cluster`", pytrace=False)
    return found


@pytest.fixture(scope="session")
def cluster(kubectl: Kubectl) -> Kubectl:
    """The cluster with our kinds, policies and roles, as the checkout has them; they stay there."""
    for part in ("cluster", *(["actor"] if names_actors(kubectl) else [])):
        kubectl("apply", "--server-side", "--force-conflicts", "-k", str(ROOT / "deploy" / part))
    kubectl("wait", "--for=condition=Established", "crd", "-l", OURS)
    eventually(lambda: all(is_known_to_policies(kubectl, kind) for kind in STAMPED))
    return kubectl


def is_known_to_policies(kubectl: Kubectl, kind: str) -> bool:
    """Whether objects of the kind could be created. For a moment after the kind itself is served,
    a MutatingAdmissionPolicy refuses them all, as it does not know their fields yet."""
    empty = {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": "probe", "namespace": "default"},
    }
    answer = kubectl.answer("create", "--dry-run=server", "-f", "-", manifest=empty)
    return f"Kind={kind} not found" not in answer.err


def names_actors(kubectl: Kubectl) -> bool:
    """Whether the cluster knows MutatingAdmissionPolicies, which Kubernetes 1.36 does."""
    return kubectl.answer("get", "--raw", f"{ADMISSION}/mutatingadmissionpolicies").code == 0


@pytest.fixture
def actors(cluster: Kubectl) -> None:
    """Who asked is stamped on each object."""
    if not names_actors(cluster):
        pytest.skip("this cluster knows no MutatingAdmissionPolicies: they take Kubernetes 1.36")


@pytest.fixture(scope="module")
def namespace(cluster: Kubectl) -> Iterator[str]:
    """A namespace for the tests of one file, which goes with them."""
    name = f"test-{secrets.token_hex(4)}"
    cluster("create", "namespace", name)
    yield name
    cluster("delete", "namespace", name, "--wait=false")

"""Real pods on the local cluster: the image that they run."""

import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.local import cluster as local
from deploy.local.layout import default_state, is_root
from tests.cluster.kubectl import Kubectl
from tests.e2e.serving import Served
from tests.operator.world import World
from tests.servers.program import find_program

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("server")


def load_image(name: str, *, file: Path, context: Path, target: str = "") -> None:
    """Build an image and load it into the node; an unchanged one is there already."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.local", "image", name,
         "--file", str(file), "--context", str(context), f"--target={target}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def node(cluster: Kubectl) -> None:
    """A node that runs pods, and takes images that were built here."""
    if local.foreign_kubeconfig(default_state()):
        pytest.skip("KUBECONFIG is set: these tests bring images, and know no way into its nodes")
    if not is_root():
        pytest.skip("a node that really runs pods takes root")


@pytest.fixture(scope="session")
def image(node: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A server of a few bytes that answers with its arguments (`server/serve`)."""
    context = tmp_path_factory.mktemp("image") / "server"
    shutil.copytree(SERVER, context)
    shutil.copy(find_program("busybox"), context / "busybox")
    load_image("playbill-e2e-server:1", file=context / "Dockerfile", context=context)
    return "localhost/playbill-e2e-server:1"


@pytest.fixture
def served(shared_world: World, image: str) -> Iterator[Served]:
    """A model of the test's own, beside others, under an operator that must not stumble."""
    yield Served(shared_world, f"model-{secrets.token_hex(3)}", image)
    operator = shared_world.operator
    assert operator.alive, f"the operator ended:\n{operator.tail()}"
    log = operator.log.read_text(errors="replace")
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:5000]

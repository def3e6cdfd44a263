"""The files of `examples/`, as a reader would apply them."""

from pathlib import Path

import pytest
from tests.cluster.kubectl import Kubectl

EXAMPLES = Path(__file__).parents[2] / "examples"
MANIFESTS = sorted(path for path in EXAMPLES.glob("*.yaml") if path.stem != "namespace")


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_the_api_server_takes_every_example_without_a_warning(
    cluster: Kubectl, namespace: str, manifest: Path
) -> None:
    options = ("--dry-run=server", "--validate=strict", "--warnings-as-errors", "-n", namespace)
    cluster("create", *options, "-f", str(manifest))

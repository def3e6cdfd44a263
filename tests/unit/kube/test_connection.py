"""Which cluster is worked on: named by hand, then by the environment, then the pod's own."""

from pathlib import Path

import pytest

from playbill.api.errors import Stalled
from playbill.kube.connection import Source
from playbill.kube.resources import DEPLOYMENTS, NAMESPACES, SECRETS, STAGE_ASSIGNMENTS


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without a kubeconfig, in no pod."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return tmp_path


def default_kubeconfig(home: Path) -> str:
    path = home / ".kube" / "config"
    path.parent.mkdir()
    path.touch()
    return str(path)


def test_what_is_named_wins_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/environment")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")

    assert Source.find(Path("/named"), "blue") == Source("/named", "blue")


def test_the_environment_wins_over_the_pods_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/one:/two")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")

    assert Source.find() == Source("/one:/two")


def test_the_pods_account_wins_over_the_default(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    default_kubeconfig(home)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")

    assert Source.find() == Source(None)


def test_the_default_is_in_the_home(home: Path) -> None:
    path = default_kubeconfig(home)

    assert Source.find(context="blue") == Source(path, "blue")


def test_without_any_cluster_it_is_said_how_to_name_one() -> None:
    with pytest.raises(Stalled, match="KUBECONFIG") as trouble:
        Source.find()

    assert trouble.value.reason == "NoCluster"


def test_resources_have_the_paths_that_kubernetes_gives_them() -> None:
    assert NAMESPACES.path(None, "ml") == "/api/v1/namespaces/ml"
    assert SECRETS.path("ml", "a") == "/api/v1/namespaces/ml/secrets/a"
    assert DEPLOYMENTS.path() == "/apis/apps/v1/deployments"
    assert (
        STAGE_ASSIGNMENTS.path("ml", "a", "status")
        == "/apis/playbill.dev/v1alpha1/namespaces/ml/stageassignments/a/status"
    )


def test_a_name_cannot_lead_elsewhere() -> None:
    assert SECRETS.path("ml", "../x?y") == "/api/v1/namespaces/ml/secrets/..%2Fx%3Fy"


KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: blue
clusters: [{name: one, cluster: {server: "https://one.example.com"}}]
users: [{name: ada, user: {token: t}}]
contexts:
- {name: blue, context: {cluster: one, user: ada, namespace: ml}}
- {name: green, context: {cluster: one, user: ada}}
"""


@pytest.mark.parametrize(("context", "namespace"), [(None, "ml"), ("green", "default")])
def test_the_namespace_is_the_contexts(home: Path, context: str | None, namespace: str) -> None:
    path = home / "config"
    path.write_text(KUBECONFIG)

    assert Source.find(path, context).namespace() == namespace


def test_a_kubeconfig_that_cannot_be_read_is_said(home: Path) -> None:
    with pytest.raises(Stalled, match="cannot use"):
        Source.find(home / "missing").namespace()

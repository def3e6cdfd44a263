"""One operator for all tests of a file: each has a repository and a model of its own there.

After each test the operator must be alive, its log without a traceback, and a healthy model
beside those in trouble must still be served.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.cluster.kubectl import Kubectl
from tests.operator.fixtures import project, release
from tests.operator.process import OperatorProcess
from tests.operator.world import World
from tests.servers.remote import Remote

ACCURACIES = ("0.91", "0.94", "0.96")


@dataclass(slots=True)
class House:
    """A namespace with an operator, and as many worlds in it as are asked for."""

    kubectl: Kubectl
    namespace: str
    operator: OperatorProcess
    directory: Path
    _control: World | None = field(default=None)

    def world(self, name: str, *, url: str = "") -> World:
        """A repository with three commits on main, for a model object of this name."""
        remote = self.remote(name)
        directory = self.directory / name
        directory.mkdir()
        url = url or remote.url
        return World(self.kubectl, self.namespace, remote, self.operator, directory, url, name)

    def remote(self, name: str) -> Remote:
        """The repository that `world` serves, as a directory under `served`."""
        remote = Remote(self.served / f"{name}.git")
        for accuracy in ACCURACIES:
            remote.commit(project(accuracy))
        return remote

    @property
    def served(self) -> Path:
        """The root of all repositories, for servers."""
        return self.directory / "srv"

    def check(self) -> None:
        """The operator lives, has not stumbled, and records a promotion of the healthy model."""
        assert self.operator.alive, f"the operator ended:\n{self.operator.tail()}"
        log = self.operator.log.read_text(errors="replace")
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:5000]
        control = self._healthy()
        other = {"v1.0.0": "v2.0.0", "v2.0.0": "v1.0.0"}[
            control.status("stage", "control-prod")["current"]["version"]
        ]
        control.patch("stage", "control-prod", {"version": other})
        assert control.await_ready("stage", "control-prod")["current"]["version"] == other

    def _healthy(self) -> World:
        if self._control is None:
            control = self._control = self.world("control")
            control.model()
            control.version("control-v1", version="v1.0.0", revision="main~1")
            control.version("control-v2", version="v2.0.0", revision="main")
            control.stage(version="v1.0.0")
            control.await_ready("stage", "control-prod")
        return self._control


@pytest.fixture(scope="module")
def shared_house(cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running operator for the tests of one file; its git gives up after 5 s."""
    name = f"house-{secrets.token_hex(4)}"
    directory = tmp_path_factory.mktemp("house")
    cluster("create", "namespace", name)
    operator = OperatorProcess(
        cluster.kubeconfig, name, directory / "operator", options=("--git-timeout", "5")
    )
    built = House(cluster, name, operator.start(), directory)
    yield built
    operator.stop()
    control = World(cluster, name, Remote(directory / "end.git"), operator, directory, "")
    release(control)


@pytest.fixture
def house(shared_house: House) -> Iterator[House]:
    """The same for one test, which must not have harmed it."""
    yield shared_house
    shared_house.check()

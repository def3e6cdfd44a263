"""A stage with a workload of real pods: declared with kubectl, asked as a client would ask."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.layout import NETNS
from tests.cluster.kubectl import at_rest, eventually
from tests.operator.world import Object, World

OFTEN = {"interval": "2s"}
V1, V2 = "v1.0.0", "v2.0.0"


@dataclass(frozen=True, slots=True)
class Served:
    """The stage prod of one model; its pods answer with the arguments they were started with."""

    world: World
    model: str
    image: str

    @property
    def name(self) -> str:
        """Of the assignment, the Deployment and the Service."""
        return f"{self.model}-prod"

    def register(self, **repository: Any) -> None:
        """The model, whose repository is looked at often, and two versions of it."""
        self.world.model(self.model, repository={**OFTEN, **repository})
        self.world.version(f"{self.model}-v1", model=self.model, version=V1, revision="main~2")
        self.world.version(f"{self.model}-v2", model=self.model, version=V2, revision="main~1")

    def assign(self, version: str | None = V1, *, suspend: bool = False, **rollout: Any) -> None:
        """A StageAssignment with a workload; without a version the ledger decides."""
        spec: dict[str, Any] = {"model": self.model, "suspend": suspend}
        spec |= {"version": version} if version else {}
        self.world.stage(self.name, rollout={**self.rollout(), **rollout}, **spec)

    def rollout(self, *arguments: str, **container: Any) -> dict[str, Any]:
        """One pod with a named port; `container` changes or adds fields of its container."""
        return {"replicas": 1, "template": self.template(*arguments, **container)}

    def template(self, *arguments: str, **container: Any) -> dict[str, Any]:
        server = {
            "name": "server",
            "image": self.image,
            "args": list(arguments or ("${version}",)),
            "ports": [{"name": "http", "containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
            **container,
        }
        return {"spec": {"terminationGracePeriodSeconds": 1, "containers": [server]}}

    def change(self, **spec: Any) -> None:
        """Change the assignment's spec; None takes a field out."""
        self.world.patch("stage", self.name, spec)

    def ready(self, version: str = V1) -> Object:
        """The status once the stage is Ready with this version, and no pod of another is left."""
        status = self.world.await_ready("stage", self.name)
        assert status["current"]["version"] == version
        return status

    def outcomes(self) -> list[tuple[str, str | None]]:
        """Each version of the history with its outcome, newest first."""
        history = self.world.status("stage", self.name)["history"]
        return [(entry["version"], entry.get("outcome")) for entry in history]

    def stalled(self, reason: str) -> str:
        """What Ready says once it gives this reason."""
        message: str = self.world.await_reason("stage", self.name, reason)["message"]
        return message

    def conditions(self) -> dict[str, Object]:
        return {c["type"]: c for c in self.world.status("stage", self.name)["conditions"]}

    def answer(self) -> str:
        """What the Service answers, asked in the node's network; empty when nobody does."""
        spec = self.world.get("service", self.name)["spec"]
        url = f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}/"
        return ask_in_node(url)

    def answers(self, expected: str) -> None:
        """It comes to answer so: endpoints follow the pods in their own time."""
        eventually(lambda: self.exists("service") and self.answer() == expected)

    def deployment(self) -> Object:
        return self.world.get("deployment", self.name)

    def container(self) -> Object:
        """The container as the Deployment has it."""
        (found,) = self.deployment()["spec"]["template"]["spec"]["containers"]
        return dict(found)

    def exists(self, kind: str) -> bool:
        return self.world.exists(kind, self.name)

    def gone(self) -> None:
        """The workload goes, pods and all."""
        for kind in ("deployment", "service"):
            eventually(lambda kind=kind: not self.exists(kind))  # type: ignore[misc]
        eventually(lambda: self.pods() == [])

    def pods(self) -> list[Object]:
        return self.world.items("pods", selector=f"playbill.dev/assignment={self.name}")

    def written(self) -> dict[str, tuple[str, int]]:
        """The resourceVersions and generations of all that the operator writes to."""
        metas = {kind: self.world.get(kind, self.name)["metadata"] for kind in WRITTEN}
        return {
            kind: (meta["resourceVersion"], meta.get("generation", 0))
            for kind, meta in metas.items()
        }

    def settled(self) -> dict[str, tuple[str, int]]:
        """What is `written` once that stands still; Kubernetes' own controllers write there too."""
        return at_rest(self.written)

    @contextmanager
    def watched(self) -> Iterator[Path]:
        """A file to which kubectl writes each state that the assignment goes through from now."""
        path, kubectl = self.world.directory / f"{self.name}.watch", self.world.kubectl
        with path.open("w") as lines:
            watch = subprocess.Popen(
                [kubectl.program, f"--kubeconfig={kubectl.kubeconfig}", "get", "stage", self.name,
                 "-n", self.world.namespace, "--watch", "-o", "json"],
                stdout=lines,
            )  # fmt: skip
            try:
                eventually(lambda: states(path) != [])
                yield path
            finally:
                watch.terminate()
                watch.wait(10)


def states(path: Path) -> list[dict[str, str]]:
    """The states that a watch wrote down, each as its conditions and their statuses."""
    text, found, decoder = path.read_text(), [], json.JSONDecoder()
    while text.strip():
        try:
            state, end = decoder.raw_decode(text.lstrip())
        except ValueError:  # one that is being written
            break
        text = text.lstrip()[end:]
        conditions = state.get("status", {}).get("conditions", [])
        found.append({c["type"]: c["status"] for c in conditions})
    return found


ASK = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).read().decode())"


def ask_in_node(url: str) -> str:
    """The body that comes from there, without the machine's own proxies; empty without any."""
    command = ["nsenter", f"--net={NETNS}", "--", sys.executable, "-S", "-c", ASK, url]
    env = {"PATH": "/usr/bin:/bin"}  # stderr is left to whoever wonders why the test failed
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=False)
    return done.stdout.decode().strip()


WRITTEN = ("deployment", "service", "stage")


def foreign(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """An object that somebody made by hand."""
    version = "apps/v1" if kind == "Deployment" else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}

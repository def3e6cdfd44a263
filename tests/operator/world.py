"""A namespace, a repository and kubectl: what a story about the operator needs."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.kubectl import PATIENCE, Kubectl, eventually
from tests.cluster.manifests import model_version, registered_model, stage_assignment
from tests.cluster.reader import PLACES, reader
from tests.operator.process import OperatorProcess
from tests.servers.remote import Remote

Object = dict[str, Any]


@dataclass(slots=True)
class World:
    """One model in one repository, in a namespace where one operator works; for git it is
    `digits`, whatever its object is called."""

    kubectl: Kubectl
    namespace: str
    remote: Remote
    operator: OperatorProcess
    directory: Path
    url: str
    name: str = "digits"

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        together = {"apiVersion": "v1", "kind": "List", "items": manifests}
        self.kubectl("apply", "-n", self.namespace, "-f", "-", manifest=together)

    def model(self, name: str = "", **spec: Any) -> None:
        """A RegisteredModel of the repository."""
        repository = {"url": self.url, "branch": "main", "interval": "5s", "maxTagsPerPush": 0}
        repository |= spec.pop("repository", {})
        if not name and self.name != "digits":
            spec.setdefault("artifact", "digits")
        self.apply(registered_model(name or self.name, repository=repository, **spec))

    def version(self, name: str, **spec: Any) -> None:
        self.apply(model_version(name, **{"model": self.name, **spec}))

    def stage(self, name: str = "", **spec: Any) -> None:
        name = name or f"{self.name}-prod"
        self.apply(stage_assignment(name, **{"model": self.name, **spec}))

    def patch(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        body = json.dumps({"spec": spec})
        self.kubectl("patch", "-n", self.namespace, kind, name, "--type=merge", "-p", body)

    def look(self) -> None:
        """Have the operator look at the repository now, as any change of the model does."""
        self.patch("rmodel", self.name, {"description": secrets.token_hex(4)})

    def delete(self, kind: str, name: str, *, wait: bool = True) -> None:
        self.kubectl("delete", "-n", self.namespace, kind, name, f"--wait={str(wait).lower()}")

    def get(self, kind: str, name: str) -> Object:
        found = self._find(kind, name)
        assert found is not None, f"there is no {kind} {name} in {self.namespace}"
        return found

    def exists(self, kind: str, name: str) -> bool:
        return self._find(kind, name) is not None

    def _find(self, kind: str, name: str) -> Object | None:
        if kind in PLACES:
            return reader(self.kubectl.kubeconfig).get(kind, self.namespace, name)
        answer = self.kubectl.answer("get", "-n", self.namespace, kind, name, "-o", "json")
        assert answer.code == 0 or "(NotFound)" in answer.err, answer.err
        return json.loads(answer.out) if answer.code == 0 else None

    def items(self, *kinds: str, selector: str = "") -> list[Object]:
        """All objects of these kinds in the namespace, or those whose labels are selected."""
        read = reader(self.kubectl.kubeconfig)
        return [item for kind in kinds for item in read.list(kind, self.namespace, selector)]

    def status(self, kind: str, name: str) -> Object:
        found: Object = self.get(kind, name).get("status", {})
        return found

    def condition(self, kind: str, name: str, type_: str = "Ready") -> Object:
        """The condition, empty while it does not speak of the present generation."""
        found = self.get(kind, name)
        for condition in found.get("status", {}).get("conditions", []):
            current = condition["observedGeneration"] == found["metadata"]["generation"]
            if condition["type"] == type_ and current:
                return dict(condition)
        return {}

    def await_ready(self, kind: str, name: str, *, patience: float = PATIENCE) -> Object:
        """The status once Ready is True for the present generation."""
        self._await(kind, name, lambda c: c.get("status") == "True", patience)
        return self.status(kind, name)

    def await_reason(
        self, kind: str, name: str, reason: str, *, patience: float = PATIENCE
    ) -> Object:
        """The condition Ready once it gives this reason for the present generation."""
        self._await(kind, name, lambda c: c.get("reason") == reason, patience)
        return self.condition(kind, name)

    def await_said(
        self, kind: str, name: str, reason: str, *words: str, patience: float = PATIENCE
    ) -> None:
        """Wait until Ready gives this reason, and a message with all of these words."""

        def fits(condition: Object) -> bool:
            said = condition.get("message", "")
            return condition.get("reason") == reason and all(word in said for word in words)

        self._await(kind, name, fits, patience)

    def _await(self, kind: str, name: str, fits: Any, patience: float) -> None:
        try:
            eventually(lambda: fits(self.condition(kind, name)), patience=patience)
        except AssertionError as error:
            seen = self.get(kind, name).get("status")
            raise AssertionError(
                f"{error}: {kind} {name} is {json.dumps(seen, indent=1)}\n{self.operator.tail()}"
            ) from None

    def tags(self) -> list[str]:
        """The names of all tags on the remote."""
        return sorted(self.remote.tags())

    def message(self, tag: str) -> str:
        return self.remote.git("for-each-ref", "--format=%(contents)", f"refs/tags/{tag}")

    def clone(self) -> Path:
        """A fresh clone, as a colleague has it."""
        number = len(list(self.directory.glob("clone-*")))
        path = self.directory / f"clone-{number}"
        subprocess.run(["git", "clone", "-q", self.remote.url, str(path)], check=True)
        for key, value in (("user.name", "Ada"), ("user.email", "ada@example.com")):
            subprocess.run(["git", "-C", str(path), "config", key, value], check=True)
        return path

    def gto(self, *arguments: str, clone: Path | None = None) -> str:
        """The real gto on a clone (a fresh one unless one is given); its output."""
        program = Path(sys.executable).with_name("gto")
        where = clone or self.clone()
        done = subprocess.run(
            [str(program), *arguments, "--repo", str(where)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"gto {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def gto_json(self, *arguments: str) -> Any:
        return json.loads(self.gto(*arguments, "--json"))

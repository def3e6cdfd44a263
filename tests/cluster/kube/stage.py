"""A StageAssignment with a template, and the Deployment that it should have."""

from __future__ import annotations

from typing import Any

from playbill.api.stage_assignment import StageAssignment
from playbill.kube.answers import Conflict
from playbill.kube.client import Kube, Object
from playbill.kube.resources import DEPLOYMENTS, STAGE_ASSIGNMENTS
from playbill.kube.workload import bring_in_step
from playbill.rollout.facts import Facts
from playbill.rollout.render import Rendering, render

NAME = "digits-prod"
NOWHERE = {"kubernetes.io/hostname": "no-such-node"}
POD: dict[str, Any] = {
    "nodeSelector": NOWHERE,
    "containers": [
        {
            "name": "server",
            "image": "server:${version}",
            "args": ["--model", "$(MODEL)"],
            "env": [{"name": "MODEL", "value": "${model}"}, {"name": "COLOR", "value": "red"}],
            "ports": [{"name": "http", "containerPort": 8080}],
        }
    ],
}


class Stage:
    """A StageAssignment in the cluster and the workload that it should have."""

    def __init__(self, kube: Kube, assignment: StageAssignment) -> None:
        self.kube = kube
        self.assignment = assignment

    @classmethod
    async def create(cls, kube: Kube, namespace: str, **rollout: Any) -> Stage:
        body = {
            "metadata": {"namespace": namespace, "name": NAME},
            "spec": {
                "model": "digits",
                "stage": "prod",
                "version": "v1.0.0",
                "rollout": {"template": {"spec": POD}, **rollout},
            },
        }
        created = await kube.create(STAGE_ASSIGNMENTS, body, manager="person")
        return cls(kube, StageAssignment.model_validate(created))

    @property
    def namespace(self) -> str:
        return self.assignment.metadata.namespace

    def change(self, **rollout: Any) -> None:
        spec = self.assignment.spec
        assert spec.rollout is not None
        given = spec.rollout.model_dump(by_alias=True, exclude_unset=True) | rollout
        whole = self.assignment.model_dump(by_alias=True)
        self.assignment = StageAssignment.model_validate(
            {**whole, "spec": {**whole["spec"], "rollout": given}}
        )

    def rendered(self, version: str = "v1.0.0") -> Rendering:
        facts = Facts(model="digits", version=version, commit="c" * 40, stage="prod")
        return render(self.assignment, facts)

    async def live(self) -> Object:
        found = await self.kube.get(DEPLOYMENTS, self.namespace, NAME)
        assert found is not None
        return found

    async def bring_in_step(self, version: str = "v1.0.0") -> bool:
        """Whether anything was written.

        The Deployment's controller writes to it too: a conflict means looking again.
        """
        deployment = self.rendered(version).deployment
        while True:
            live = await self.kube.get(DEPLOYMENTS, self.namespace, NAME)
            try:
                return (await bring_in_step(self.kube, DEPLOYMENTS, deployment, live))[1]
            except Conflict:
                continue

    async def image(self) -> str:
        live = await self.live()
        return str(live["spec"]["template"]["spec"]["containers"][0]["image"])

"""Our writer on a real repository: what resources ask, planned by the plan, written as tags.

A desk stands in for the API server, with the part of each status that deciding looks at;
everything else is the product's own: the fold, the plan, the bytes of the tags.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from playbill.api.errors import Trouble
from playbill.ledger.decisions import Decision, Settled, Withdraw
from playbill.ledger.events import Assignment, LedgerEvent, Registration
from playbill.ledger.fold import fold
from playbill.ledger.intents import AnyIntent, Asker, ModelIntent, StageIntent, VersionIntent
from playbill.ledger.plan import make_plan
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import Author, View

from .repositories import EPOCH, Repository

AUTHOR = Author(cluster="here", name="Playbill", email="playbill@playbill.dev")
MOST_PASSES = 12


@dataclass(frozen=True)
class Version:
    """A ModelVersion: this number, or the next by `bump`, on the commit of this number."""

    artifact: str
    number: str | None
    on: int
    bump: Literal["Major", "Minor", "Patch"] = "Patch"
    deregistered: bool = False
    message: str | None = None
    pinned: bool = False
    trouble: Trouble | None = None

    @property
    def name(self) -> str:
        return f"{self.artifact} {self.number or self.on}"


@dataclass(frozen=True)
class Stage:
    """A StageAssignment; with `leaving` it is being deleted."""

    artifact: str
    stage: str
    version: str | None = None
    leaving: bool = False
    message: str | None = None

    @property
    def name(self) -> str:
        return f"{self.artifact} {self.stage}"


@dataclass(frozen=True)
class Model:
    """A RegisteredModel."""

    artifact: str
    deprecated: bool = False

    @property
    def name(self) -> str:
        return self.artifact


Spec = Version | Stage | Model


@dataclass
class Held:
    """An object at the API server: its spec, and what its status remembers."""

    spec: Spec
    generation: int = 1
    recorded: str | None = None
    was_recorded: bool = False
    allotted: str | None = None


@dataclass
class Desk:
    """All objects of one repository, and the writing of what they ask."""

    repository: Repository
    now: int = EPOCH + 100
    objects: dict[tuple[type[Spec], str], Held] = field(default_factory=dict)
    written: list[TagObject] = field(default_factory=list)

    def ask(self, *specs: Spec) -> dict[str, Decision]:
        """Apply these, then pass over the repository until there is nothing left to write."""
        for spec in specs:
            self._apply(spec)
        for _ in range(MOST_PASSES):
            decisions, wrote = self._pass()
            if not wrote:
                return decisions
        raise AssertionError("the passes do not come to an end")

    def _apply(self, spec: Spec) -> None:
        key = type(spec), spec.name
        held = self.objects.get(key)
        if held is None:
            self.objects[key] = Held(spec)
            return
        if held.spec != spec:
            held.spec = spec
            held.generation += 1
            if isinstance(spec, Stage):
                held.recorded = None

    def _pass(self) -> tuple[dict[str, Decision], bool]:
        records = self.repository.records()
        view = View(fold(records), {r.name: r.oid for r in records}, author=AUTHOR)
        plan = make_plan([self._intent(held) for held in self.objects.values()], view, self.now)
        for step in plan.steps:
            if isinstance(step.decision, Withdraw):
                self.repository.git("update-ref", "-d", f"refs/tags/{step.decision.tag}")
        tags = [tag for step in plan.steps for tag in step.tags]
        self.repository.push(tags)
        self.written += tags
        decisions = {}
        for key, held in list(self.objects.items()):
            decision = plan.decisions[_uid(held.spec)]
            decisions[held.spec.name] = decision
            if isinstance(decision, Settled):
                self._settle(key, held, decision.event)
        return decisions, bool(plan.steps)

    def _settle(self, key: tuple[type[Spec], str], held: Held, event: LedgerEvent | None) -> None:
        if isinstance(held.spec, Stage) and held.spec.leaving:
            del self.objects[key]
            return
        held.recorded = event.tag if event else None
        held.was_recorded = held.was_recorded or isinstance(event, Assignment)
        if isinstance(event, Registration):
            held.allotted = event.version

    def _intent(self, held: Held) -> AnyIntent:
        spec = held.spec
        match spec:
            case Version():
                return self._version(spec, held)
            case Stage():
                return StageIntent(
                    asker=_asker(held),
                    artifact=spec.artifact,
                    message=spec.message,
                    recorded=held.recorded,
                    stage=spec.stage,
                    version=spec.version,
                    leaving=spec.leaving,
                    was_recorded=held.was_recorded,
                )
            case Model():
                return ModelIntent(
                    asker=_asker(held), artifact=spec.artifact, deprecated=spec.deprecated
                )

    def _version(self, spec: Version, held: Held) -> VersionIntent:
        commit = self.repository.commits[spec.on - 1]
        number = spec.number or held.allotted
        users = [
            other.spec.name
            for other in self.objects.values()
            if isinstance(other.spec, Stage)
            and (other.spec.artifact, other.spec.version) == (spec.artifact, number)
        ]
        return VersionIntent(
            asker=_asker(held),
            artifact=spec.artifact,
            message=spec.message,
            recorded=held.recorded,
            version=spec.number,
            status_version=held.allotted,
            bump=spec.bump,
            revision=commit if spec.pinned else None,
            commit=spec.trouble or commit,
            deregistered=spec.deregistered,
            users=tuple(users),
        )


def _uid(spec: Spec) -> str:
    return f"{type(spec).__name__} {spec.name}"


def _asker(held: Held) -> Asker:
    return Asker(
        kind={Version: "ModelVersion", Stage: "StageAssignment", Model: "RegisteredModel"}[
            type(held.spec)
        ],
        namespace="ns",
        name=held.spec.name,
        uid=_uid(held.spec),
        generation=held.generation,
    )


def names(tags: Iterable[TagObject]) -> list[str]:
    """The names of tags, in the order in which they were written."""
    return [tag.name for tag in tags]

"""What each object of a repository comes to, round by round, until nothing more would be written.

A round's tags are taken for written in the next, so that a version and its promotion in one
change are told together, as they would come about.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from playbill.api.errors import Stalled, Trouble
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.keys import ObjectKey
from playbill.controllers.inventory.repository_state import RepositoryState
from playbill.controllers.inventory.running import running
from playbill.controllers.inventory.snapshot import Snapshot
from playbill.controllers.inventory.store import Asking, Store
from playbill.controllers.repository.git_remote import GitRemote
from playbill.ledger.aliases import Alias
from playbill.ledger.decisions import Decision, Repeat, Write
from playbill.ledger.events import TagRecord
from playbill.ledger.following import asked_version
from playbill.ledger.grammar import RegistrationTag, parse_tag
from playbill.ledger.intents import AnyIntent, StageIntent, VersionIntent
from playbill.ledger.plan import make_plan
from playbill.ledger.policies.permitting import check, following, promotion, verdict
from playbill.ledger.policies.policy import EvidenceNotRead, Finding
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import View

MOST_ROUNDS = 8

Outcome = Literal["write", "nothing", "wait", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What one object comes to; `before` and `after` are who holds the stage, or the version."""

    key: ObjectKey
    outcome: Outcome
    model: str = ""
    stage: str = ""
    before: str | None = None
    after: str | None = None
    tags: tuple[TagObject, ...] = ()
    reason: str = ""
    message: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class Round:
    """One look at all objects of a repository, with the ledger as it would be then."""

    catalogue: Catalogue
    store: Store
    state: RepositoryState
    remote: GitRemote
    previews: dict[ObjectKey, Preview] = field(default_factory=dict)

    async def run(self, keys: Sequence[ObjectKey]) -> dict[ObjectKey, Preview]:
        """The previews of these objects."""
        snapshot = await self.remote.read()
        self.remote.report()
        self.state.look(snapshot)
        for _ in range(MOST_ROUNDS):
            written, aliases = await self._round(keys)
            if not written:
                break
            await self._learn(aliases)
            snapshot = self._with(snapshot, written)
            self.state.look(snapshot)
        return self.previews

    async def _round(
        self, keys: Sequence[ObjectKey]
    ) -> tuple[list[TagObject], list[tuple[Alias, str]]]:
        """The tags that this round would write, and the aliases with their artifacts."""
        intents = {key: self._intend(key) for key in keys if not self._is_done(key)}
        asked = [each for each in intents.values() if isinstance(each, AnyIntent)]
        view = self._view()
        resolved = await self.remote.gather(await self.remote.resolve(asked), view)
        by_uid = {each.asker.uid: each for each in resolved}
        now = int(time.time())
        plan = make_plan(resolved, self._view(), now)
        for key, intent in intents.items():
            if isinstance(intent, Trouble):
                self.previews[key] = _troubled(key, intent)
            elif intent is not None:
                decision = plan.decisions[intent.asker.uid]
                found = by_uid[intent.asker.uid]
                findings = self._findings(key, found, view, now)
                self.previews[key] = _preview(key, found, decision, view, findings)
        tags = [tag for step in plan.steps for tag in step.tags]
        return tags, [
            (alias, step.intent.artifact) for step in plan.steps for alias in step.aliases
        ]

    def _is_done(self, key: ObjectKey) -> bool:
        return key in self.previews and self.previews[key].outcome == "write"

    def _intend(self, key: ObjectKey) -> AnyIntent | Trouble | None:
        resource = self.store.get(key)
        if not isinstance(resource, Asking):
            return None
        try:
            intent = self.catalogue.intend(resource)
        except Trouble as trouble:
            return trouble
        return None if intent is None or intent.read_only else intent

    def _view(self) -> View:
        assert self.state.snapshot is not None  # noqa: S101 - it was read before the first round
        snapshot, counters = self.state.snapshot, self.state.counters
        return View(
            snapshot.ledger,
            snapshot.oids,
            author=self.state.author,
            counters=counters,
            stages=snapshot.stages,
        )

    def _with(self, snapshot: Snapshot, tags: Iterable[TagObject]) -> Snapshot:
        new = [TagRecord.of(tag) for tag in tags]
        oids = {**snapshot.oids, **{record.name: record.oid for record in new}}
        book = self.state.book = self.state.book.next(oids, new)
        return replace(snapshot, ledger=book.ledger, oids=oids)

    async def _learn(self, aliases: Sequence[tuple[Alias, str]]) -> None:
        """An alias that is not made has the files of what it stands for."""
        found = await self.remote.facts([(alias.source, artifact) for alias, artifact in aliases])
        for alias, artifact in aliases:
            self.state.learn({(alias.oid, artifact): found[alias.source, artifact]})

    def _findings(
        self, key: ObjectKey, intent: AnyIntent, view: View, now: int
    ) -> tuple[Finding, ...]:
        """What the policies say of the version that is asked for, or of the workload that is to
        follow a tag that is there."""
        assignment = self.store.get(key)
        if not isinstance(intent, StageIntent) or not isinstance(assignment, StageAssignment):
            return ()
        over, version = intent.oversight, _asked(intent, view)
        if over is None or intent.leaving:
            return ()
        winner = view.artifact(intent.artifact).winner(intent.stage)
        case = None
        if version is not None and (winner is None or winner.version != version):
            case = promotion(intent, over, view, version=version, now=now)
        elif assignment.spec.rollout is not None:
            case = following(intent, view, running=running(assignment.status), now=now)
        try:
            return tuple(check(over.rules, case)) if case is not None else ()
        except EvidenceNotRead:
            return ()


def _troubled(key: ObjectKey, trouble: Trouble) -> Preview:
    outcome: Outcome = "refused" if isinstance(trouble, Stalled) else "wait"
    return Preview(key=key, outcome=outcome, reason=trouble.reason, message=trouble.message)


def _preview(
    key: ObjectKey,
    intent: AnyIntent,
    decision: Decision,
    view: View,
    findings: tuple[Finding, ...],
) -> Preview:
    plain = replace(_described(key, intent, decision, view), findings=findings)
    if isinstance(decision, Write | Repeat):
        return replace(plain, outcome="write", tags=decision.tags)
    against = decision if isinstance(decision, Trouble) else verdict(findings)
    if against is None:
        return plain
    told = _troubled(key, against)
    return replace(plain, outcome=told.outcome, reason=told.reason, message=told.message)


def _described(key: ObjectKey, intent: AnyIntent, decision: Decision, view: View) -> Preview:
    """From what to what; nothing is to be done unless the decision says so."""
    artifact = view.artifact(intent.artifact)
    plain = Preview(key=key, outcome="nothing", model=intent.artifact)
    if isinstance(intent, StageIntent):
        winner = artifact.winner(intent.stage)
        before = winner.version if winner else None
        return replace(
            plain, stage=intent.stage, before=before, after=_asked(intent, view) or before
        )
    if isinstance(intent, VersionIntent):
        tags = decision.tags if isinstance(decision, Write | Repeat) else ()
        names = [parse_tag(tag.name) for tag in tags]
        new = next((n.version for n in names if isinstance(n, RegistrationTag)), None)
        return replace(plain, after=new or intent.version or intent.status_version)
    return plain


def _asked(intent: StageIntent, view: View) -> str | None:
    if intent.leaving:
        return None
    try:
        return asked_version(intent, view.artifact(intent.artifact))
    except Trouble:
        return intent.version

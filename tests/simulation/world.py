"""A world for the repository pass: a remote and an API server that fail in every way, seeded.

The pass, the plan and the fold are the real ones. Simulated are a git server whose pushes
are lost, late or unanswered, an API server with optimistic locking, a clock, users who
change their minds, people who write with GTO, and operators that die between any two calls.
Everything that is random comes from one seed, so a failure can be run again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from playbill.api.errors import Retry, Trouble
from playbill.controllers.inventory.snapshot import Snapshot
from playbill.controllers.repository.repository_pass import Terms, repository_pass
from playbill.git.porcelain import AlreadyThere, Exists, NotTried, Pushed, Result
from playbill.ledger.aliases import Alias, Base
from playbill.ledger.decisions import Settled
from playbill.ledger.events import LedgerEvent, Registration, TagRecord
from playbill.ledger.fold import fold
from playbill.ledger.grammar import AssignmentTag, RegistrationTag, UnassignmentTag
from playbill.ledger.intents import AnyIntent, Asker, Reservation, StageIntent, VersionIntent
from playbill.ledger.plan import decide
from playbill.ledger.state import Ledger
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import Author, View

ARTIFACT = "m"
CLUSTER = "sim"


class Crash(BaseException):
    """The operator's process is gone."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How often things go wrong; all 0 is a perfect world."""

    crash: float = 0.03
    lost: float = 0.08
    late: float = 0.08
    unanswered: float = 0.08
    foreign: float = 0.0
    edits: float = 0.05
    deletes: float = 0.01
    aliases: bool = False
    signs: bool = False


@dataclass(slots=True)
class SimObject:
    """A resource in the API server: spec, status and the version of both."""

    intent: AnyIntent
    resource_version: int = 0
    gone: bool = False


@dataclass(slots=True)
class World:
    """The remote, the API server and the clock, with everything that ever happened."""

    seed: int
    chances: Chances = field(default_factory=Chances)
    rng: random.Random = field(init=False)
    tags: dict[str, TagObject] = field(default_factory=dict)
    commits: set[str] = field(default_factory=set)
    objects: dict[str, SimObject] = field(default_factory=dict)
    in_flight: list[tuple[int, Sequence[TagObject]]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    time: int = 1_000_000
    writes: int = 0
    listings: int = 0
    settled: bool = False
    calm: bool = False
    _folded: tuple[int, Ledger] | None = None

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)  # noqa: S311 - a simulation, not a secret

    async def tick(self) -> None:
        """Let others run, and the clock with them; late pushes land when their time comes."""
        for _ in range(self.rng.randrange(4)):
            await asyncio.sleep(0)
        self.time += self.rng.choice((0, 0, 0, 1, 2))
        due = [tags for when, tags in self.in_flight if when <= self.time or self.calm]
        self.in_flight = [(w, t) for w, t in self.in_flight if w > self.time and not self.calm]
        for tags in due:
            self.land(tags)

    def land(self, tags: Sequence[TagObject]) -> Mapping[str, Result]:
        """What the server does with an atomic push of tags that must not exist."""
        clashes = {t.name for t in tags if t.name in self.tags and self.tags[t.name] != t}
        if clashes:
            return {t.name: Exists() if t.name in clashes else NotTried() for t in tags}
        results: dict[str, Result] = {
            t.name: AlreadyThere() if t.name in self.tags else Pushed() for t in tags
        }
        for tag in tags:
            self.log.append(f"{self.time} lands {tag.name}->{tag.target}@{tag.seconds}")
            self.tags[tag.name] = tag
            self.commits.add(tag.target)
        self.writes += 1
        return results

    def snapshot(self) -> Snapshot:
        """The ledger of the remote as it is now."""
        return Snapshot(self.ledger(), {name: tag.oid for name, tag in self.tags.items()})

    def ledger(self) -> Ledger:
        """The remote's tags, folded by the real fold."""
        if self._folded is None or self._folded[0] != self.writes:
            self._folded = self.writes, fold(map(TagRecord.of, self.tags.values()))
        return self._folded[1]

    def apply(self, intent: AnyIntent) -> None:
        """Create or change a resource, as `kubectl apply` does."""
        uid = intent.asker.uid
        held = self.objects.get(uid)
        self.log.append(f"{self.time} applies {intent.asker.name} g{intent.asker.generation}")
        if held is None:
            self.objects[uid] = SimObject(intent)
            return
        held.intent = replace(intent, pending=held.intent.pending)
        held.resource_version += 1


def commit(number: int) -> str:
    """A commit's id that can be told from others at a glance."""
    return f"{number:040x}"


def asker(kind: str, name: str, uid: str, generation: int = 1) -> Asker:
    """Who asks."""
    return Asker(kind=kind, namespace="ns", name=name, uid=uid, generation=generation)


@dataclass(slots=True)
class Operator:
    """One incarnation of the operator; after a crash it does nothing any more."""

    world: World
    reserving: bool = True
    dead: bool = False
    made: set[str] = field(default_factory=set)

    async def _call(self) -> None:
        if self.dead:
            raise Crash
        await self.world.tick()
        if not self.world.calm and self.world.rng.random() < self.world.chances.crash:
            self.dead = True
        if self.dead:
            raise Crash

    async def read(self) -> Sequence[AnyIntent]:
        await self._call()
        return [o.intent for o in self.world.objects.values() if not o.gone]

    async def reserve(
        self, intent: AnyIntent, tags: Sequence[TagObject], aliases: Sequence[Alias]
    ) -> bool:
        await self._call()
        held = self.world.objects[intent.asker.uid]
        asked = replace(intent, base=None) if isinstance(intent, VersionIntent) else intent
        if held.gone or held.intent != asked:
            return False
        reservation = Reservation(
            generation=intent.asker.generation, tags=tuple(tags), aliases=tuple(aliases)
        )
        if self.reserving:
            held.intent = replace(held.intent, pending=reservation)
            held.resource_version += 1
            self.world.log.append(f"{self.world.time} reserves {[t.name for t in tags]}")
        await self._call()
        return True

    async def resolve(self, intents: Sequence[AnyIntent]) -> Sequence[AnyIntent]:
        await self._call()
        return [
            replace(i, base=Base(str(i.commit), "0" * 40, 1)) if _may_alias(i) else i
            for i in intents
        ]

    async def make(self, aliases: Sequence[Alias]) -> None:
        await self._call()
        self.made |= {alias.oid for alias in aliases}

    async def push(self, tags: Sequence[TagObject]) -> Mapping[str, Result]:
        await self._call()
        nowhere = {tag.target for tag in tags} - self.made - self.world.commits
        assert not nowhere, f"pushes tags on {nowhere}, which nobody made since the last crash"
        world, fate = self.world, self.world.rng.random()
        if world.calm:
            return world.land(tags)
        chances = world.chances
        if fate < chances.lost:
            raise Retry("PushUnanswered", "lost")
        if fate < chances.lost + chances.late:
            world.in_flight.append((world.time + world.rng.randrange(1, 40), tags))
            raise Retry("PushUnanswered", "late")
        results = world.land(tags)
        if fate < chances.lost + chances.late + chances.unanswered:
            raise Retry("PushUnanswered", "landed, but nobody said so")
        await self._call()
        return results

    async def withdraw(self, tag: str, oid: str) -> bool:
        await self._call()
        held = self.world.tags.get(tag)
        if held is None or held.oid != oid:
            return False
        self.world.log.append(f"{self.world.time} withdraws {tag}")
        del self.world.tags[tag]
        self.world.writes += 1
        return True

    async def run_once(self) -> None:
        """A repository pass, then an object pass for each resource."""
        terms = Terms(
            author=Author(cluster=CLUSTER),
            clock=lambda: self.world.time,
            sign=self._sign if self.world.chances.signs else None,
        )
        remote = _Remote(self)
        try:
            outcome = await repository_pass(self, remote, terms)
        except Trouble:
            return
        view = View(outcome.snapshot.ledger, outcome.snapshot.oids, author=terms.author)
        for uid in list(self.world.objects):
            await self._object_pass(uid, view)

    async def _sign(self, tags: Sequence[tuple[str, TagObject]]) -> Sequence[TagObject]:
        """As some kinds of key do it: never twice alike."""
        await self._call()
        sign = f"-----BEGIN SSH SIGNATURE-----\n{self.world.rng.random()}\n"
        return [replace(tag, message=tag.message + sign) for _, tag in tags]

    async def _object_pass(self, uid: str, view: View) -> None:
        held = self.world.objects[uid]
        seen, version = held.intent, held.resource_version
        if held.gone:
            return
        decision = decide(seen, view, self.world.time)
        if not isinstance(decision, Settled):
            return
        await self._call()
        if held.resource_version != version:
            return
        settled = _as_recorded(seen, decision.event)
        if isinstance(seen, StageIntent) and seen.leaving:
            held.gone = True
        if settled != seen:
            held.intent = settled
            held.resource_version += 1


def _may_alias(intent: AnyIntent) -> TypeGuard[VersionIntent]:
    return isinstance(intent, VersionIntent) and intent.may_alias


def _as_recorded(intent: AnyIntent, event: LedgerEvent | None) -> AnyIntent:
    """The resource as it is once its status says what the ledger says."""
    recorded = event.tag if event else None
    match intent:
        case VersionIntent():
            version = event.version if isinstance(event, Registration) else None
            return replace(intent, pending=None, recorded=recorded, status_version=version)
        case StageIntent():
            return replace(intent, pending=None, recorded=recorded, was_recorded=True)
        case _:
            return replace(intent, pending=None, recorded=recorded)


@dataclass(slots=True)
class _Remote:
    """The operator's own calls, under the names that the pass gives them."""

    operator: Operator
    seen: dict[str, TagObject] = field(default_factory=dict)

    async def confirm(self, tags: Sequence[TagObject]) -> Snapshot:  # noqa: ARG002 - the Protocol has it
        return await self.read()

    async def read(self) -> Snapshot:
        await self.operator._call()
        self.operator.world.listings += 1
        self.seen = dict(self.operator.world.tags)
        snapshot = self.operator.world.snapshot()
        await self.operator._call()
        return snapshot

    async def resolve(self, intents: Sequence[AnyIntent]) -> Sequence[AnyIntent]:
        return await self.operator.resolve(intents)

    async def make(self, aliases: Sequence[Alias]) -> None:
        await self.operator.make(aliases)

    async def lacks(self, commits: Collection[str]) -> Collection[str]:
        return set(commits) - self.operator.made - self.operator.world.commits

    async def push(self, tags: Sequence[TagObject]) -> Mapping[str, Result]:
        return await self.operator.push(tags)

    async def withdraw(self, tag: str, oid: str) -> bool:
        return await self.operator.withdraw(tag, oid)


def foreign_write(world: World) -> None:
    """What a person with GTO does: registers a free commit, assigns, unassigns."""
    state = world.ledger().artifacts.get(ARTIFACT)
    counter = (state.counter if state else 0) + 1
    versions = [v for v in state.versions.values() if v.active] if state else []
    # GTO checks that a commit has one version only before it tags it.
    versions = [v for v in versions if state and len(state.by_commit[v.commit]) == 1]
    choice = world.rng.randrange(3)
    if choice == 0 or not versions:
        number = world.rng.randrange(200)
        target = commit(world.rng.randrange(12))
        if state and state.by_commit.get(target):
            return
        name = RegistrationTag(ARTIFACT, f"v9.{number}.0").format()
    else:
        version = world.rng.choice(versions)
        target = version.commit
        form = AssignmentTag if choice == 1 else UnassignmentTag
        name = form(ARTIFACT, world.rng.choice(("dev", "prod")), counter).format()
    world.land([TagObject(name, target, "Ada", "ada@example.org", world.time, "by hand")])

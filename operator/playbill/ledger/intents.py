"""What the resources ask of the ledger, stripped of everything that deciding does not need.

The shell makes one intent of each resource (`controllers/inventory/intents.py`); the plan and the
judgement of a single object both start from it, so they cannot disagree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from playbill.api.errors import Trouble
from playbill.ledger.aliases import Alias, Base
from playbill.ledger.policies.policy import Oversight
from playbill.ledger.tagobject import TagObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """The resource that asks: who it is, and which state of its spec.

    `requested_by` is the account whose request that state is, as far as the API server vouches
    for it; `change` is what people say about where it comes from, such as a pull request.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    created: str = ""
    spec_hash: str = ""
    requested_by: str = ""
    change: str = ""

    @property
    def resource(self) -> str:
        """`Kind/namespace/name`, the value of the trailer Playbill-Resource."""
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def request(self) -> str:
        """`uid/generation`, the value of the trailer Playbill-Request."""
        return f"{self.uid}/{self.generation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Tags whose names and bytes are written down before they are pushed (`status.pending`),
    with the bytes of the commits that were to be made for them."""

    generation: int
    tags: tuple[TagObject, ...]
    aliases: tuple[Alias, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What all three kinds share.

    `recorded` is the tag that the status names as the record of the present generation:
    if it is gone from git, somebody removed it, and it is not written again by itself.
    `read_only` is an adopted object, which shows what the ledger says and never writes.
    """

    asker: Asker
    artifact: str
    message: str | None = None
    pending: Reservation | None = None
    recorded: str | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionIntent(Intent):
    """A ModelVersion. `commit` is its revision resolved, the trouble with that, or None
    while nobody has asked; `pinned` says that the spec names the commit by its 40 digits;
    `status_version` is the number that was allotted before; `users` are live assignments
    that name this version, `runners` those whose workload needs it; `uri` and `digest` tell of
    bytes outside of git. `may_alias` says that a taken commit may be replaced by an alias,
    `was_alias` that the version was recorded on one before; `base` is `commit` as an alias would
    stand on it, None while nobody has asked."""

    version: str | None = None
    status_version: str | None = None
    bump: Literal["Major", "Minor", "Patch"] = "Patch"
    revision: str | None = None
    commit: str | Trouble | None = None
    deregistered: bool = False
    users: tuple[str, ...] = field(default=())
    runners: tuple[str, ...] = field(default=())
    uri: str | None = None
    digest: str | None = None
    may_alias: bool = False
    was_alias: bool = False
    base: Base | None = None

    @property
    def pinned(self) -> bool:
        """Whether the spec names the commit itself."""
        return self.revision is not None and re.fullmatch("[0-9a-f]{40}", self.revision) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """What a StageAssignment follows: a range of versions, with or without pre-releases, of
    all that are registered or of what holds another stage."""

    range: str = "*"
    prereleases: bool = False
    stage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """A rollout that failed: `version`, which `tag` had put on stage, has given way to `to`, at
    `commit`. The workload has gone back already; the ledger is to say so."""

    version: str
    tag: str
    to: str
    commit: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageIntent(Intent):
    """A StageAssignment. Without `version` and `follow` the ledger decides; `leaving` means
    that the object is being deleted and the stage is to be emptied; `was_recorded` that this
    assignment has been on record before; `recorded_version` is what `recorded` put there;
    `rollback` is what became of the present generation's rollout, if it was taken back;
    `oversight` the policies that it is under, if any selects it."""

    stage: str
    version: str | None = None
    follow: Follow | None = None
    recorded_version: str | None = None
    leaving: bool = False
    was_recorded: bool = False
    rollback: Rollback | None = None
    oversight: Oversight | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIntent(Intent):
    """A RegisteredModel: all that it records is its deprecation, and its return."""

    deprecated: bool = False


AnyIntent = VersionIntent | StageIntent | ModelIntent

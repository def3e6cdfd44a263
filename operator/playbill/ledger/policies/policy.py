"""What the platform team asks of a promotion, the case that is judged by it, and the findings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from playbill.api.errors import Retry, Trouble
from playbill.ledger.events import LedgerEvent
from playbill.ledger.policies.evidence import Evidence
from playbill.ledger.policies.gates import Gate
from playbill.ledger.policies.windows import Window
from playbill.ledger.view import ArtifactView

_CURRENT = re.compile(r"\bcurrent\b")


@dataclass(frozen=True, slots=True)
class After:
    """A stage that the version must have held first, without a break for so many seconds."""

    stage: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What one policy asks of one stage of one model.

    `signers` are public keys in base64, None when no signature is asked for; `allowed` the stages
    that may be used at all, None for any. With a `fault` the policy cannot be understood, and
    lets nothing pass.
    """

    policy: str
    after: tuple[After, ...] = ()
    gates: tuple[Gate, ...] = ()
    windows: tuple[Window, ...] = ()
    digest: bool = False
    signers: frozenset[str] | None = None
    allowed: frozenset[str] | None = None
    fault: str | None = None

    @property
    def wants_traits(self) -> bool:
        """Whether what the version carries has to be known."""
        return bool(self.gates) or self.digest

    @property
    def wants_current(self) -> bool:
        """Whether what the present holder carries has to be known."""
        return any(_CURRENT.search(gate.expression) for gate in self.gates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One promotion to be judged. `commit` is None while the version is not registered; `holder`
    is the version and the commit that it takes the place of, if anybody's; `assignment` is the
    tag that decides, if it is a tag alone that does. `moves` is false for what is put on record
    anew: windows and times on other stages do not matter then. `late` is for how many seconds
    after a window's end it still counts as open; `put` are the seconds at which the version was
    put on the stage, where a window that was open then will do."""

    model: str
    stage: str
    version: str
    commit: str | None
    artifact: ArtifactView
    evidence: Evidence
    now: int
    holder: tuple[str, str] | None = None
    assignment: LedgerEvent | None = None
    moves: bool = True
    late: int = 0
    put: tuple[int, ...] = ()


Kind = Literal["policy", "stage", "digest", "signature", "gate", "after", "window"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule has to say; `against` is the trouble that it makes of it, None if it holds."""

    policy: str
    kind: Kind
    words: str
    name: str = ""
    against: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Needed:
    """What has to be read before a case can be judged: commits, and tag objects."""

    commits: frozenset[str] = field(default_factory=frozenset)
    tags: frozenset[str] = field(default_factory=frozenset)

    def lacking(self, evidence: Evidence) -> Needed:
        """What of it the evidence does not hold."""
        return Needed(self.commits - evidence.facts.keys(), self.tags - evidence.signatures.keys())

    def __bool__(self) -> bool:
        return bool(self.commits or self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversight:
    """What an assignment is under: the rules of each policy that selects it, and what they judge
    by. `model` is the RegisteredModel's name."""

    model: str
    rules: tuple[Rules, ...]
    evidence: Evidence = field(default_factory=Evidence)


class EvidenceNotRead(Retry):
    """A pass over the repository has to read something first; nobody is told of it."""

    def __init__(self, needed: Needed) -> None:
        super().__init__("EvidenceNotRead", "what the policies ask for is being read")
        self.needed = needed

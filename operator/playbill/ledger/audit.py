"""What becomes of each assignment, as lines of git notes: their grammar, and which are due.

    2026-05-03T12:00:07Z prod recorded digits v1.2.0 · tag=digits#prod#4 · cluster=demo · …

A line is a head of five words, then parts `key=value`, all separated by ` · `. Lines are only
ever added. Which are due follows from the ledger, from what assignments show and from the
lines that are there: a line is the same one whenever outcome, tag and cluster are, so that
none is lost by a crash at any point, and none is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, get_args

from playbill.api.times import timestamp
from playbill.ledger.events import Assignment, LedgerEvent, Registration
from playbill.ledger.message import CHANGE, CLUSTER, REASON, REQUESTED_BY, RESOURCE
from playbill.ledger.rollbacks import Told as RollbackTold
from playbill.ledger.rollbacks import told_by as rollback_told_by
from playbill.ledger.state import ArtifactState
from playbill.ledger.story import Tenure, timelines

Outcome = Literal["recorded", "available", "failed", "rolled-back", "replaced", "unassigned"]
Told = Mapping["Identity", str]
"""The lines of one cluster that are there, with the resource that each speaks of."""

VALUE_MAX_LENGTH: Final = 256
LONG_MAX_LENGTH: Final = 1024
LONG_KEYS: Final = frozenset({"tag", "by-tag", "images"})
"""What must not be cut: a tag without its number is another one's."""

MOST_IMAGES: Final = 8
SEPARATOR: Final = " · "
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"

_OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
_HEAD = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z) "
    rf"([A-Za-z0-9/_-]+) ({'|'.join(_OUTCOMES)}) ([A-Za-z0-9/._:-]+) ([A-Za-z0-9.+-]+)"
)
_PART = re.compile(r"([a-z][a-z-]*)=([^·]*)")
# Controls, lone surrogates, and marks that have a terminal show text in another order.
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u200b-\u200f\u202a-\u202e\u2066-\u2069]+"
)


class Identity(NamedTuple):
    """What makes two lines the same one."""

    outcome: str
    tag: str
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line; `seconds` since the epoch, `details` in the order in which they are written.

    The keys that we write: tag, after (seconds, with an `s`), by and by-tag (what came after it),
    asked-by, change, reason, message, images, digest, cluster, resource.
    """

    seconds: int
    stage: str
    outcome: Outcome
    artifact: str
    version: str
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> Identity:
        """By what it is recognised."""
        return identity(self.outcome, self.details.get("tag", ""), self.details.get("cluster", ""))

    def format(self) -> str:
        """The line, without its end. Values are cleaned and cut; empty ones are left out."""
        time = timestamp(self.seconds)
        head = f"{time} {self.stage} {self.outcome} {self.artifact} {self.version}"
        cleaned = ((key, clean(value, key)) for key, value in self.details.items())
        return SEPARATOR.join([head, *(f"{key}={value}" for key, value in cleaned if value)])

    def with_details(self, details: Mapping[str, str]) -> Line:
        """The same with more of them, before cluster and resource."""
        kept = dict(self.details)
        last: dict[str, str] = {k: kept.pop(k) for k in ("cluster", "resource") if k in kept}
        return replace(self, details={**kept, **details, **last})


def parse_line(text: str) -> Line | None:
    """Read one line; None for what is none of ours."""
    head, *parts = text.split(SEPARATOR)
    match = _HEAD.fullmatch(head)
    pairs = [_PART.fullmatch(part) for part in parts]
    if match is None or not all(pairs):
        return None
    details = {pair[1]: pair[2] for pair in pairs if pair}
    time, stage, outcome, artifact, version = match.groups()
    try:
        seconds = int(datetime.strptime(time, _TIME).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None
    if len(details) != len(pairs) or "tag" not in details or "cluster" not in details:
        return None
    return Line(
        seconds=seconds,
        stage=stage,
        outcome=next(known for known in _OUTCOMES if known == outcome),
        artifact=artifact,
        version=version,
        details=details,
    )


def parse_note(note: bytes) -> list[Line]:
    """Our lines of a note; people may have written others between them."""
    lines = map(parse_line, note.decode(errors="replace").split("\n"))
    return [line for line in lines if line is not None]


def told_by(lines: Iterable[Line], *, cluster: str, namespace: str) -> dict[Identity, str]:
    """What one namespace of one cluster has told."""
    return {
        line.identity: line.details.get("resource", "")
        for line in lines
        if line.details["cluster"] == clean(cluster)
        and _is_from(line.details.get("resource", ""), namespace)
    }


def clean(value: str, key: str = "") -> str:
    """A value that can end neither its part nor its line, in at most 256 characters (1,024 of
    tags and images)."""
    length = LONG_MAX_LENGTH if key in LONG_KEYS else VALUE_MAX_LENGTH
    plain = visible(value).replace("·", ".")
    return plain if len(plain) <= length else f"{plain[: length - 1]}…"


def visible(text: str) -> str:
    """One line without what a terminal would obey: whoever may push has written it."""
    return " ".join(_UNSEEN.sub(" ", text).split())


def identity(outcome: str, tag: str, cluster: str) -> Identity:
    """The identity of a line, as it reads when the line has been written."""
    return Identity(outcome, clean(tag, "tag"), clean(cluster, "cluster"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What an assignment shows of the tag that it stands for; no outcome while it is under way.

    `seconds` is when the outcome came; `reason` and `message` tell of a failure.
    """

    stage: str
    tag: str
    resource: str
    outcome: Literal["available", "failed"] | None = None
    seconds: int = 0
    reason: str = ""
    message: str = ""

    def identities(self, cluster: str) -> Iterator[Identity]:
        """The lines that tell of it."""
        yield identity("recorded", self.tag, cluster)
        if self.outcome:
            yield identity(self.outcome, self.tag, cluster)


class Due(NamedTuple):
    """A line that is missing, and the commit whose note it belongs to."""

    commit: str
    line: Line


def due_lines(
    artifact: ArtifactState,
    *,
    cluster: str,
    namespace: str,
    served: Iterable[Served],
    told: Told,
) -> list[Due]:
    """The lines about an artifact that one namespace of one cluster has yet to write, by time.

    It writes about the tags that its assignments asked for, about whatever they show, and about
    the end of what it wrote about before.
    """
    shown = {each.tag: each for each in served}
    found: dict[Identity, Due] = {}
    for tenures in timelines(artifact).values():
        versions = {tenure.assignment.tag: tenure.version for tenure in tenures}
        for tenure in tenures:
            tag = tenure.assignment.tag
            resource = _resource(tenure.assignment, cluster, namespace)
            resource = resource or told.get(identity("recorded", tag, cluster), "")
            if tag in shown:
                resource = shown[tag].resource
            if resource:
                teller = _Teller(cluster, resource, versions)
                for line in teller.lines(tenure, shown.get(tag)):
                    found.setdefault(line.identity, Due(tenure.commit, line))
    missing = [due for known, due in found.items() if known not in told]
    return sorted(missing, key=lambda due: (due.line.seconds, _OUTCOMES.index(due.line.outcome)))


Mark = tuple[int, tuple[str, ...]]


def mark(artifact: ArtifactState) -> Mark:
    """What changes whenever lines about an artifact come to be due, told at a glance.

    A registration alone makes none due, but by bringing a version back to a stage.
    """
    events = sum(not isinstance(event, Registration) for event in artifact.events)
    winners = (stage.winner for stage in artifact.stages.values())
    return events, tuple(winner.assignment.tag for winner in winners if winner)


def _resource(assignment: Assignment, cluster: str, namespace: str) -> str:
    """Which assignment of ours asked for the tag, by its own word."""
    if cluster not in assignment.record.message:  # most tags' words need not be taken apart
        return ""
    trailers = assignment.trailers
    resource = trailers.get(RESOURCE, "")
    ours = trailers.get(CLUSTER) == cluster and _is_from(resource, namespace)
    return resource if ours else ""


def _is_from(resource: str, namespace: str) -> bool:
    parts = resource.split("/")
    return len(parts) == 3 and parts[0] == "StageAssignment" and parts[1] == namespace


@dataclass(frozen=True, slots=True)
class _Teller:
    """Puts tenures of one stage into lines; `versions` names them by their tags."""

    cluster: str
    resource: str
    versions: Mapping[str, str]

    def lines(self, tenure: Tenure, served: Served | None) -> Iterator[Line]:
        begun = tenure.assignment.seconds
        yield self._line("recorded", tenure, begun, asked(tenure.assignment))
        if served is not None and served.outcome:
            ended = max(served.seconds, begun)
            said = {
                "after": f"{ended - begun}s",
                "reason": served.reason,
                "message": served.message,
            }
            yield self._line(served.outcome, tenure, ended, said)
        match tenure.ended_by:
            case None:
                pass
            case Assignment() as next_one:
                said = {"by": self.versions.get(next_one.tag, ""), "by-tag": next_one.tag}
                back = taken_back(tenure)
                said |= {"reason": back.reason, "message": back.message} if back else {}
                yield self._line("rolled-back" if back else "replaced",
                                 tenure, next_one.seconds, said)  # fmt: skip
            case event:
                said = {"by-tag": event.tag, **asked(event)}
                yield self._line("unassigned", tenure, event.seconds, said)

    def _line(
        self, outcome: Outcome, tenure: Tenure, seconds: int, said: Mapping[str, str]
    ) -> Line:
        given = {key: value for key, value in said.items() if value}
        tag, ours = tenure.assignment.tag, {"cluster": self.cluster, "resource": self.resource}
        return Line(
            seconds=seconds,
            stage=tenure.assignment.stage,
            outcome=outcome,
            artifact=tenure.assignment.artifact,
            version=tenure.version,
            details={"tag": tag, **given, **ours},
        )


def taken_back(tenure: Tenure) -> RollbackTold | None:
    """Why a tenure was ended by a rollback of this very version; None when it was not."""
    told = rollback_told_by(tenure.ended_by) if tenure.ended_by is not None else None
    return told if told is not None and told.version == tenure.version else None


def asked(event: LedgerEvent) -> dict[str, str]:
    """Who asked for a tag and why, as far as it tells: its tagger, where no resource did."""
    trailers = event.trailers
    person = f"{event.tagger} <{event.email}>" if event.email else event.tagger
    found = {
        "asked-by": trailers.get(REQUESTED_BY) or ("" if RESOURCE in trailers else person),
        "change": trailers.get(CHANGE, ""),
        "reason": trailers.get(REASON, ""),
    }
    return {key: value for key, value in found.items() if value}

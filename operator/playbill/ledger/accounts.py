"""Who was on a stage, by whose word, and whether it worked: tags and notes taken together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from playbill.api.times import timestamp
from playbill.ledger.artifact_bytes import bytes_of
from playbill.ledger.audit import Line, taken_back
from playbill.ledger.events import Assignment, Deregistration, LedgerEvent
from playbill.ledger.message import (
    CHANGE,
    CLUSTER,
    REASON,
    REQUESTED_BY,
    RESOURCE,
)
from playbill.ledger.state import ArtifactState
from playbill.ledger.story import Tenure, timelines


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One tenure, and all lines about its tag, of whatever cluster; `successor` is the version
    that replaced it. `digest` is empty where neither notes nor tags tell it."""

    stage: str
    tenure: Tenure
    successor: str = ""
    digest: str = ""
    lines: tuple[Line, ...] = ()

    @property
    def artifact(self) -> str:
        """GTO's name of the model."""
        return self.tenure.assignment.artifact

    def to_json(self) -> dict[str, Any]:
        """The same for programs; times in RFC 3339, UTC; what is not known is left out."""
        tenure, tag = self.tenure, self.tenure.assignment
        found = {
            "model": self.artifact,
            "stage": self.stage,
            "version": tenure.version,
            "commit": tenure.commit,
            "digest": self.digest,
            "tag": tag.tag,
            "since": timestamp(tenure.since),
            "until": None if tenure.until is None else timestamp(tenure.until),
            "endedBy": self._ended(),
            "recordedBy": recorded_by(tag),
            "available": [_outcome(line) for line in self.lines if line.outcome == "available"],
            "failed": [_outcome(line) for line in self.lines if line.outcome == "failed"],
        }
        return {key: value for key, value in found.items() if value or key == "until"}

    def _ended(self) -> dict[str, str]:
        event, back = self.tenure.ended_by, taken_back(self.tenure)
        if event is None:
            return {}
        found = {
            "tag": event.tag,
            "how": how_ended(self.tenure),
            "version": self.successor,
            "reason": back.reason if back else "",
            "message": back.message if back else "",
        }
        return {key: value for key, value in found.items() if value}


def accounts(
    artifact: ArtifactState, stage: str, lines: Mapping[str, Iterable[Line]]
) -> list[Account]:
    """All tenures of a stage, oldest first; `lines` are those of the notes, by tag."""
    tenures = timelines(artifact).get(stage, ())
    versions = {tenure.assignment.tag: tenure.version for tenure in tenures}
    found = []
    for tenure in tenures:
        about = tuple(sorted(lines.get(tenure.assignment.tag, ()), key=lambda x: x.seconds))
        ended_by = tenure.ended_by
        found.append(
            Account(
                stage=stage,
                tenure=tenure,
                successor=versions.get(ended_by.tag, "") if ended_by else "",
                digest=_digest(artifact, tenure, about),
                lines=about,
            )
        )
    return found


def by_tag(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """The lines of all notes, by the tag that they speak of."""
    found: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        found[line.details["tag"]].append(line)
    return dict(found)


def recorded_by(event: LedgerEvent) -> dict[str, str]:
    """Whose word a tag was, as far as it tells."""
    trailers = event.trailers
    found = {
        "tagger": f"{event.tagger} <{event.email}>" if event.email else event.tagger,
        "requestedBy": trailers.get(REQUESTED_BY, ""),
        "change": trailers.get(CHANGE, ""),
        "reason": trailers.get(REASON, ""),
        "resource": trailers.get(RESOURCE, ""),
        "cluster": trailers.get(CLUSTER, ""),
    }
    return {key: value for key, value in found.items() if value}


def how_ended(tenure: Tenure) -> str:
    """What the tag that ended a tenure did to it."""
    match tenure.ended_by:
        case Assignment():
            return "rolled-back" if taken_back(tenure) else "replaced"
        case Deregistration():
            return "deregistered"
        case _:
            return "unassigned"


def _digest(artifact: ArtifactState, tenure: Tenure, lines: Iterable[Line]) -> str:
    """What was meant at the time goes before what a tag of the version says."""
    known = artifact.version_at(tenure.commit)
    said = [line.details.get("digest", "") for line in lines]
    return next(filter(None, said), "") or bytes_of(known, None, None).digest or ""


def _outcome(line: Line) -> dict[str, Any]:
    keys: Iterator[tuple[str, str]] = (
        (key, line.details.get(key, "")) for key in ("cluster", "resource", "reason", "message")
    )
    found: dict[str, Any] = {"at": timestamp(line.seconds), **{k: v for k, v in keys if v}}
    after, images = line.details.get("after", ""), line.details.get("images", "")
    if after.removesuffix("s").isdigit():
        found["afterSeconds"] = int(after.removesuffix("s"))
    if images:
        found["images"] = images.split(",")
    return found

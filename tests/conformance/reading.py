"""What our fold says of a repository, in the words in which the real GTO says it."""

from collections.abc import Iterable, Mapping
from typing import Any

import gto.api

from playbill.ledger.events import (
    Assignment,
    Deprecation,
    Deregistration,
    LedgerEvent,
    Registration,
    Unassignment,
)
from playbill.ledger.fold import ArtifactState, Ledger, fold
from playbill.ledger.grammar import (
    AssignmentTag,
    DeprecationTag,
    DeregistrationTag,
    RegistrationTag,
    UnassignmentTag,
    parse_tag,
)
from playbill.ledger.tagobject import TagObject

from .repositories import Repository

Show = dict[str, dict[str, Any]]
Meant = Mapping[str, tuple[str | None, Mapping[str, str]]]
"""By active artifact: the latest version, and who is on each stage that is held."""

EVENTS = {
    RegistrationTag: "registration",
    DeregistrationTag: "deregistration",
    AssignmentTag: "assignment",
    UnassignmentTag: "unassignment",
    DeprecationTag: "deprecation",
}


def show_of(ledger: Ledger, *, holders: int | None = 1, deprecated: bool = False) -> Show:
    """What `gto show --json` prints; `holders` is its --versions-per-stage, None for -1."""
    used = stages_of(ledger)
    return {
        name: {
            "version": artifact.latest,
            "stage": {stage: column(artifact, stage, holders) for stage in used},
            "registered": True,
            "active": artifact.active,
        }
        for name, artifact in ledger.artifacts.items()
        if artifact.active or deprecated
    }


def stages_of(ledger: Ledger) -> list[str]:
    """What `gto stages` prints: those that anyone holds, in deprecated artifacts as well."""
    artifacts = ledger.artifacts.values()
    return sorted({s.stage for a in artifacts for s in a.stages.values() if s.winner})


def column(artifact: ArtifactState, stage: str, holders: int | None) -> str | None:
    """What stands in one cell of the table of `gto show`."""
    state = artifact.stages.get(stage)
    return ", ".join(h.version for h in state.holders[:holders]) or None if state else None


def history_of(ledger: Ledger) -> list[dict[str, Any]]:
    """What `gto history --json --ascending` prints, by artifact."""
    return [
        {
            "timestamp": event.seconds,
            "artifact": name,
            "event": type(event).__name__.lower(),
            "version": version_of(artifact, event),
            "stage": getattr(event, "stage", None),
            "commit": event.commit,
            "author": event.tagger,
            "author_email": event.email,
            "message": event.subject,
            "ref": event.tag,
        }
        for name, artifact in ledger.artifacts.items()
        for event in artifact.events
    ]


def version_of(artifact: ArtifactState, event: LedgerEvent) -> str | None:
    """The version that GTO prints beside an event."""
    if isinstance(event, Registration | Deregistration):
        return event.version
    if isinstance(event, Deprecation):
        return None
    bound = artifact.version_at(event.commit)
    void = [e for e in artifact.events if isinstance(e, Deregistration)]
    return (
        bound.version
        if bound
        else next((e.version for e in void if e.commit == event.commit), event.commit)
    )


def gto_history(repository: Repository) -> list[dict[str, Any]]:
    """GTO's history, oldest first, with times in seconds and its message's first line."""
    rows = gto.api.history(str(repository.path), ascending=True)
    return [
        {key: value for key, value in row.items() if key != "priority"}
        | {
            "timestamp": int(row["timestamp"].timestamp()),
            "message": row["message"].partition("\n")[0],
        }
        for row in rows
    ]


def gto_check_ref(repository: Repository, tag: str) -> list[dict[str, Any]]:
    """What `gto check-ref TAG` says, in the columns of its history."""
    return [
        {
            "timestamp": int(event.created_at.timestamp()),
            "artifact": event.artifact,
            "event": type(event).__name__.lower(),
            "version": getattr(event, "version", None),
            "stage": getattr(event, "stage", None),
            "commit": event.commit_hexsha,
            "author": event.author,
            "author_email": event.author_email,
            "message": event.message.partition("\n")[0],
            "ref": event.ref,
        }
        for event in gto.api.check_ref(str(repository.path), tag)
    ]


def by_artifact(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Order what GTO leaves open: artifacts among each other, and ties of time and action."""
    actions = (Deprecation, Registration, Deregistration, Assignment, Unassignment)
    priority = {action.__name__.lower(): i for i, action in enumerate(actions)}
    return sorted(
        rows, key=lambda r: (r["artifact"], r["timestamp"], priority[r["event"]], r["ref"])
    )


def assert_gto_agrees(repository: Repository, *, singly: int | None = None) -> None:
    """All that GTO says, our fold says as well.

    So many artifacts and tags are asked for one by one, each at the cost of the whole.
    """
    ledger = fold(repository.records())
    path = str(repository.path)
    assert show_of(ledger) == gto.api.show(path)
    assert show_of(ledger, holders=None) == gto.api.show(path, versions_per_stage=-1)
    assert show_of(ledger, deprecated=True) == gto.api.show(path, deprecated=True)
    assert stages_of(ledger) == gto.api.get_stages(path, used=True)
    ours = history_of(ledger)
    assert ours == by_artifact(gto_history(repository))
    for name, artifact in list(ledger.artifacts.items())[:singly]:
        assert_versions_agree(artifact, gto.api.show(path, name, deprecated=True))
    for ref in list(ledger.refs)[:singly]:
        assert gto_check_ref(repository, ref) == [row for row in ours if row["ref"] == ref]


def assert_versions_agree(artifact: ArtifactState, rows: list[dict[str, Any]]) -> None:
    """Compare what `gto show NAME --json --deprecated` says of each registered version."""
    theirs = {
        (row["version"], row["commit_hexsha"]): (
            row["is_active"],
            [event["tag"] for event in row["registrations"]],
            [event["tag"] for event in row["deregistrations"]],
        )
        for row in rows
        if row["registrations"]
    }
    ours = {
        (state.version, state.commit): (
            state.active,
            [event.tag for event in state.registrations],
            [event.tag for event in state.deregistrations],
        )
        for states in artifact.by_commit.values()
        for state in states
    }
    assert ours == theirs


def meaning(repository: Repository) -> Meant:
    """What `gto show` says, short: the latest version, and who is on the stages that are held."""
    shown = gto.api.show(str(repository.path))
    return {
        name: (row["version"], {s: v for s, v in row["stage"].items() if v is not None})
        for name, row in shown.items()
    }


def assert_gto_reads(
    repository: Repository, written: list[TagObject], *, tables: bool = False
) -> None:
    """Every command works, and each tag is the event that its name and message tell of."""
    path = str(repository.path)
    ours = {tag.name for tag in written}
    gto.api.show(path, table=True)
    gto.api.history(path, table=True)
    rows = gto.api.history(path)
    assert {row["ref"] for row in rows} >= ours
    assert gto.api.get_stages(path, used=True) == sorted(
        {stage for row in gto.api.show(path, deprecated=True).values() for stage in row["stage"]}
    )
    for tag in written:
        (event,) = gto_check_ref(repository, tag.name)
        assert (event["ref"], event["commit"], event["timestamp"]) == (
            tag.name,
            tag.target,
            tag.seconds,
        )
        name = parse_tag(tag.name)
        assert name is not None
        assert event["artifact"] == name.artifact
        assert event["event"] == EVENTS[type(name)]
        assert event["stage"] == getattr(name, "stage", None)
        assert event["version"] is None or event["version"] in tag.message
    for name in {row["artifact"] for row in rows}:
        gto.api.show(path, name, table=tables)

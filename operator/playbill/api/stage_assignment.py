"""StageAssignment: who is on a stage, and the workload that serves it."""

# ruff: noqa: RUF012 - pydantic copies the default of a field for each instance

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from playbill.api.base import (
    LIST_ATOMIC,
    LongText,
    Model,
    PrinterColumn,
    Resource,
    ResourceInfo,
    Rule,
    ShortText,
    Status,
    Time,
    cel,
    matching,
    ready_column,
)
from playbill.api.patterns import (
    SEMVER,
    SEMVER_MAX_LENGTH,
    STAGE_MAX_LENGTH,
    STAGE_NAME,
)
from playbill.api.registered_model import ModelName
from playbill.api.rollout import ROLLOUT_RULES, Rollout

RANGE = r"^[-0-9A-Za-z.*^~<>=| +]+$"
COMMIT = r"^[0-9a-f]{40}$"
ORIGIN = r"^[0-9a-f]{16}$"

MOST_OBJECTS = 64
"""Of rollout.manifests, with those of rollouts before that are still to be removed."""


class Follow(Model):
    """Which versions are promoted as soon as they are there."""

    range: Annotated[
        str,
        Field(
            max_length=256,
            pattern=RANGE,
            description="A SemVer range as npm has it: ^1.2, ~1.4.0, 1.x, >=1.2 <3 || 5.x.",
            json_schema_extra=cel(
                matching(RANGE, "use a SemVer range, such as ^1.2, ~1.4.0, 1.x or >=1.2.0 <3.0.0")
            ),
        ),
    ] = "*"
    prereleases: Annotated[
        bool,
        Field(description="Whether pre-releases count, as the releases that they lead up to."),
    ] = False
    stage: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=STAGE_MAX_LENGTH,
            pattern=STAGE_NAME,
            description="Only what holds this other stage of the model.",
            json_schema_extra=cel(
                matching(
                    STAGE_NAME,
                    "use letters, digits, '-', '_' and '/', with a letter or digit first and last",
                )
            ),
        ),
    ] = None


class StageAssignmentSpec(Model):
    """Who is on a stage."""

    model: ModelName
    stage: Annotated[
        str,
        Field(
            min_length=1,
            max_length=STAGE_MAX_LENGTH,
            pattern=STAGE_NAME,
            description="The stage, such as prod.",
            json_schema_extra=cel(
                matching(
                    STAGE_NAME,
                    "use letters, digits, '-', '_' and '/', with a letter or digit first and last",
                ),
                Rule("self == oldSelf", "stage cannot change: create another StageAssignment"),
            ),
        ),
    ]
    version: Annotated[
        str | None,
        Field(
            max_length=SEMVER_MAX_LENGTH,
            pattern=SEMVER,
            description="The version that holds the stage: change this line to promote. Left "
            "out, and without follow, the ledger decides: whoever assigns with GTO promotes.",
            json_schema_extra=cel(
                matching(SEMVER, "use SemVer, such as 1.2.3, v1.2.3 or 1.2.3-rc.1")
            ),
        ),
    ] = None
    follow: Annotated[
        Follow | None,
        Field(description="In place of version: the highest that fits is promoted by itself."),
    ] = None
    rollout: Annotated[
        Rollout | None,
        Field(
            description="The workload that serves what holds the stage.",
            json_schema_extra=ROLLOUT_RULES,
        ),
    ] = None
    message: Annotated[
        LongText | None, Field(description="Goes into the tag's message, as one paragraph.")
    ] = None
    suspend: Annotated[
        bool, Field(description="True stops all work on this stage; its workload stays.")
    ] = False
    deletion_policy: Annotated[
        Literal["Record", "Retain"],
        Field(
            description="What deleting this object means to the ledger: Record empties the "
            "stage, Retain leaves the history as it is.",
        ),
    ] = "Record"


class CurrentVersion(Model):
    """The version that holds the stage, by the ledger."""

    version: Annotated[str, Field(max_length=256, description="The version, with its v.")]
    commit: Annotated[str, Field(max_length=64, description="The commit it is pinned to.")]
    tag: Annotated[str, Field(max_length=512, description="The tag that put it there.")]
    since: Annotated[Time, Field(description="When that was, as the tag says.")]
    by: Annotated[str | None, Field(max_length=512, description="Who did it, as the tag says.")] = (
        None
    )


class WorkloadObject(Model):
    """An object that the rollout made."""

    api_version: Annotated[str, Field(max_length=317, description="Its API.")]
    kind: Annotated[str, Field(max_length=63, description="Its kind.")]
    name: Annotated[str, Field(max_length=253, description="Its name.")]


class WorkloadStatus(Model):
    """What serves the stage."""

    kind: Annotated[
        str, Field(max_length=63, description="Deployment, or the kind of the first manifest.")
    ] = "Deployment"
    name: Annotated[str, Field(max_length=253, description="Its name: the assignment's own.")]
    version: Annotated[
        str | None, Field(max_length=256, description="The version that its pods are to run.")
    ] = None
    commit: Annotated[
        str | None,
        Field(
            max_length=40,
            pattern=COMMIT,
            description="The commit of that version: policies are not asked again about what "
            "runs already, and a version's tag can be moved.",
        ),
    ] = None
    origin: Annotated[
        str | None,
        Field(
            max_length=16,
            pattern=ORIGIN,
            description="A hash of what that version's tags say of its bytes, where they say "
            "anything beside the commit: tags can be moved, and added.",
        ),
    ] = None
    pods: Annotated[
        str | None, Field(max_length=32, description="Ready and updated pods of those wanted.")
    ] = None
    revision: Annotated[
        str | None,
        Field(
            max_length=63,
            description="The ControllerRevision that holds the last healthy state: what a "
            "rollback goes back to.",
        ),
    ] = None
    digest: Annotated[
        str | None, Field(max_length=256, description="What rollout.fetch found the bytes to be.")
    ] = None
    sha256: Annotated[
        str | None, Field(max_length=64, description="The same bytes by SHA-256, in hex.")
    ] = None
    objects: Annotated[
        list[WorkloadObject],
        Field(
            max_length=MOST_OBJECTS,
            json_schema_extra=LIST_ATOMIC,
            description="What rollout.manifests made, to be removed when it leaves the list.",
        ),
    ] = []


class RolledBack(Model):
    """A rollout that failed and was taken back: it is not tried again until the spec changes, or
    until the annotation playbill.dev/requested-at is set anew."""

    version: Annotated[str, Field(max_length=256, description="The version that failed.")]
    to: Annotated[str, Field(max_length=256, description="The version that serves instead.")]
    commit: Annotated[str, Field(max_length=64, description="That version's commit.")]
    revision: Annotated[
        str, Field(max_length=253, description="The ControllerRevision that was gone back to.")
    ]
    tag: Annotated[
        str, Field(max_length=512, description="The tag that had put the failed version there.")
    ]
    reason: Annotated[str, Field(max_length=253, description="Why, in one CamelCase word.")]
    message: Annotated[str, Field(max_length=1024, description="Why, for people.")]
    at: Annotated[Time, Field(description="When.")]
    generation: Annotated[int, Field(description="The generation of the spec that failed.")]
    spec: Annotated[
        str, Field(max_length=64, description="The hash of that spec, as its tags carry it.")
    ]


class HistoryEntry(Model):
    """One thing that happened to the stage, newest first."""

    event: Annotated[
        Literal["Assigned", "Unassigned"],
        Field(description="Whether the version got the stage or left it."),
    ]
    version: Annotated[str, Field(max_length=256, description="The version, with its v.")]
    at: Annotated[Time, Field(description="When, as the tag says.")]
    by: Annotated[str | None, Field(max_length=512, description="Who did it, as the tag says.")] = (
        None
    )
    tag: Annotated[str, Field(max_length=512, description="The tag that records it.")]
    outcome: Annotated[
        Literal["Available", "Failed", "RolledBack"] | None,
        Field(description="What became of its rollout, once that is known."),
    ] = None
    duration: Annotated[
        str | None,
        Field(max_length=32, description="How long that took from the tag on, such as 1m12s."),
    ] = None
    reason: Annotated[
        str | None, Field(max_length=1024, description="Why it failed, or why it was recorded.")
    ] = None


class StageAssignmentStatus(Status):
    """What the ledger and the workload say of the stage."""

    current: Annotated[
        CurrentVersion | None, Field(description="Who holds the stage, by the ledger.")
    ] = None
    workload: WorkloadStatus | None = None
    rolled_back: Annotated[
        RolledBack | None,
        Field(description="The last rollout that was taken back, while that still stands."),
    ] = None
    history: Annotated[
        list[HistoryEntry],
        Field(
            max_length=10,
            json_schema_extra=LIST_ATOMIC,
            description="What happened to the stage, newest first, at most ten entries.",
        ),
    ] = []
    note: Annotated[
        ShortText | None, Field(description="What is worth knowing and no trouble.")
    ] = None


class StageAssignment(Resource):
    """Who is on a stage, and the workload that serves it."""

    INFO: ClassVar[ResourceInfo] = ResourceInfo(
        kind="StageAssignment",
        plural="stageassignments",
        singular="stageassignment",
        short_names=("stage",),
        description="Who is on a stage, and the workload that serves it. Changing spec.version "
        "promotes: an annotated tag (model#prod#4) records it, then the workload rolls out.",
        columns=(
            PrinterColumn("Model", ".spec.model", description="The model."),
            PrinterColumn("Stage", ".spec.stage", description="The stage."),
            PrinterColumn(
                "Version", ".status.current.version", description="Who holds it, by the ledger."
            ),
            PrinterColumn(
                "Since",
                ".status.current.since",
                type="date",
                description="How long it has held the stage.",
            ),
            PrinterColumn("Pods", ".status.workload.pods", description="Ready of those wanted."),
            *ready_column("stage"),
            PrinterColumn("By", ".status.current.by", description="Who put it there.", priority=1),
            PrinterColumn(
                "Tag", ".status.current.tag", description="The tag that records it.", priority=1
            ),
        ),
        selectable=(".spec.model", ".spec.stage", ".spec.version"),
        rules=(
            Rule(
                "self.metadata.name.size() <= 63 && "
                "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                "the name is also the name of a Deployment and a Service: use at most 63 lower "
                "case letters, digits and '-', with a letter first and no '-' at the end",
                ".metadata.name",
            ),
            Rule(
                "!(has(self.spec.version) && has(self.spec.follow))",
                "give at most one of version, which promotes this one, and follow, which promotes "
                "the highest that fits; with neither the ledger decides",
                ".spec.follow",
            ),
            Rule(
                "!has(self.spec.follow) || !has(self.spec.follow.stage) || "
                "self.spec.follow.stage != self.spec.stage",
                "a stage cannot follow itself: name another one",
                ".spec.follow.stage",
            ),
        ),
    )

    spec: StageAssignmentSpec
    status: StageAssignmentStatus = StageAssignmentStatus()


FINALIZER = "playbill.dev/stage"
"""On StageAssignments alone: deleting one empties the stage in git."""

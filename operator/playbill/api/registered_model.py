"""RegisteredModel: what a model is, and in which repository its history lives."""

# ruff: noqa: RUF012 - pydantic copies the default of a field for each instance

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from playbill.api.adoption import Adopt
from playbill.api.base import (
    LIST_ATOMIC,
    LocalReference,
    LongText,
    Model,
    ObjectName,
    PrinterColumn,
    Resource,
    ResourceInfo,
    Rule,
    ShortText,
    Status,
    Time,
    cel,
    list_map,
    matching,
    ready_column,
)
from playbill.api.patterns import ARTIFACT_MAX_LENGTH, ARTIFACT_NAME
from playbill.api.repository import Repository


class RegisteredModelSpec(Model):
    """What a model is, and where."""

    repository: Annotated[
        Repository | None, Field(description="Where the model's history lives.")
    ] = None
    repository_ref: Annotated[
        LocalReference | None,
        Field(
            description="A ModelRepository in this namespace, in place of repository: one place "
            "for the url, credentials and limits of many models.",
        ),
    ] = None
    artifact: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=ARTIFACT_MAX_LENGTH,
            pattern=ARTIFACT_NAME,
            description="GTO's name of the model, with its directory in a monorepo "
            "(models/nlp:sentiment); the resource's own name when left out.",
            json_schema_extra=cel(
                matching(
                    ARTIFACT_NAME,
                    "use letters, digits, '-', '_' and '/', with a letter or digit first and "
                    "last; in a monorepo put the directory of its dvc.yaml and ':' before it, "
                    "as in models/nlp:sentiment",
                ),
                Rule(
                    "!self.matches('[.]lock[/:]')",
                    "git keeps names that end in .lock for itself: rename that directory",
                ),
            ),
        ),
    ] = None
    description: Annotated[
        LongText | None,
        Field(description="For people; wins over the desc in dvc.yaml."),
    ] = None
    labels: Annotated[
        list[Annotated[str, Field(max_length=128)]] | None,
        Field(
            max_length=64,
            json_schema_extra=LIST_ATOMIC,
            description="Words to find it by; win over the labels in dvc.yaml.",
        ),
    ] = None
    task: Annotated[
        ShortText | None, Field(description="What it does, such as image-classification.")
    ] = None
    on_commit_taken: Annotated[
        Literal["Refuse", "Alias"],
        Field(
            description="What becomes of a version on a commit that is another version of this "
            "model already, as when a release candidate becomes the release: Refuse, for GTO "
            "cannot read that, or Alias, which registers a child commit with the same files.",
        ),
    ] = "Refuse"
    adopt: Annotated[
        Adopt | None,
        Field(
            description="Makes objects of versions and stages that others wrote to the ledger; "
            "the ModelRepository's own when left out.",
        ),
    ] = None
    deprecated: Annotated[
        bool,
        Field(
            description="True records that the model is not to be used any more; "
            "setting it back records its return.",
        ),
    ] = False
    suspend: Annotated[
        bool, Field(description="True stops all work on this model, its versions and stages.")
    ] = False


class NextVersions(Model):
    """The numbers that the next registration would get."""

    major: Annotated[
        str, Field(max_length=256, description="When the model breaks who uses it, as v2.0.0.")
    ]
    minor: Annotated[str, Field(max_length=256, description="When it learns more, as v1.3.0.")]
    patch: Annotated[str, Field(max_length=256, description="When it only gets better, as v1.2.1.")]


class VersionCounts(Model):
    """How many versions the ledger knows."""

    registered: Annotated[int, Field(ge=0, description="Versions that are registered now.")] = 0
    deregistered: Annotated[int, Field(ge=0, description="Versions that were deregistered.")] = 0


class StageSummary(Model):
    """Who is on a stage, by the ledger."""

    name: Annotated[str, Field(max_length=256, description="The stage.")]
    version: Annotated[str, Field(max_length=256, description="The version that holds it.")]
    since: Annotated[Time, Field(description="Since when, by the tag.")]


class LedgerProblem(Model):
    """A tag that was skipped, and why."""

    tag: Annotated[str, Field(max_length=512, description="The tag, without refs/tags/.")]
    reason: Annotated[str, Field(max_length=128, description="Why, in one CamelCase word.")]
    message: Annotated[ShortText, Field(description="Why, for people, and how to mend it.")]


class LedgerSpan(Model):
    """The time that the ledger covers, as far as this model is concerned."""

    since: Annotated[Time, Field(description="When the ledger began, by its oldest tag.")]
    until: Annotated[Time, Field(description="The newest tag of this model that was seen.")]


class RegisteredModelStatus(Status):
    """What the ledger says of the model."""

    artifact: Annotated[
        str | None, Field(max_length=256, description="GTO's name of it, as its tags have it.")
    ] = None
    repository: Annotated[
        str | None, Field(max_length=2048, description="The URL of its repository.")
    ] = None
    latest_version: Annotated[
        str | None,
        Field(max_length=256, description="The highest registered version by SemVer."),
    ] = None
    next_versions: NextVersions | None = None
    versions: VersionCounts | None = None
    stages: Annotated[
        list[StageSummary],
        Field(
            max_length=100,
            json_schema_extra=list_map("name"),
            description="Who is on which stage, by the ledger.",
        ),
    ] = []
    on_stage: Annotated[
        str | None,
        Field(max_length=1024, description="The same on one line: prod=v1.2.0 staging=v1.3.0."),
    ] = None
    branch: Annotated[
        str | None,
        Field(max_length=255, description="The branch that is read: the spec's or the remote's."),
    ] = None
    head_commit: Annotated[
        str | None, Field(max_length=64, description="The tip of that branch.")
    ] = None
    deprecated: Annotated[
        bool | None, Field(description="Whether the ledger says that it is deprecated.")
    ] = None
    description: Annotated[
        LongText | None, Field(description="For people: the spec's, or the desc in dvc.yaml.")
    ] = None
    labels: Annotated[
        list[Annotated[str, Field(max_length=128)]],
        Field(
            max_length=64,
            json_schema_extra=LIST_ATOMIC,
            description="Words to find it by: the spec's, or the labels in dvc.yaml.",
        ),
    ] = []
    type: Annotated[ShortText | None, Field(description="Its type, by dvc.yaml.")] = None
    path: Annotated[
        ShortText | None, Field(description="Where it lies in the repository, by dvc.yaml.")
    ] = None
    history: Annotated[
        LedgerSpan | None,
        Field(
            description="What time the ledger covers: one that is younger altogether stands in "
            "its place, and is written in full."
        ),
    ] = None
    problems: Annotated[
        list[LedgerProblem],
        Field(
            max_length=20,
            json_schema_extra=LIST_ATOMIC,
            description="Tags of this model that were skipped, at most 20 of them.",
        ),
    ] = []
    audit_note: Annotated[
        ShortText | None,
        Field(description="Why outcomes are not written as git notes, and how to mend that."),
    ] = None


class RegisteredModel(Resource):
    """A model: what it is, and the git repository that holds its history."""

    INFO: ClassVar[ResourceInfo] = ResourceInfo(
        kind="RegisteredModel",
        plural="registeredmodels",
        singular="registeredmodel",
        short_names=("rmodel",),
        description="A model: what it is, and the git repository that holds its history. "
        "Its versions are ModelVersions, its stages StageAssignments; every action on them "
        "is an annotated tag in that repository.",
        columns=(
            PrinterColumn(
                "Latest", ".status.latestVersion", description="The highest version by SemVer."
            ),
            PrinterColumn(
                "Versions",
                ".status.versions.registered",
                type="integer",
                description="How many versions are registered.",
            ),
            PrinterColumn("On stage", ".status.onStage", description="Who is on which stage."),
            *ready_column("model"),
            PrinterColumn(
                "Repository",
                ".status.repository",
                description="Where its history lives.",
                priority=1,
            ),
            PrinterColumn(
                "Artifact", ".status.artifact", description="GTO's name of it.", priority=1
            ),
        ),
        selectable=(".spec.repository.url", ".spec.repositoryRef.name", ".spec.artifact"),
        rules=(
            Rule(
                "has(self.spec.repository) != has(self.spec.repositoryRef)",
                "give either repository, with its url, or repositoryRef, the name of a "
                "ModelRepository in this namespace (as a model has that was discovered there)",
                ".spec.repository",
            ),
            Rule(
                "has(self.spec.artifact) || self.metadata.name.matches('^[a-z0-9-]+$')",
                "GTO allows no dot in a name: set spec.artifact to the model's name in git, "
                "or choose a resource name without dots",
                ".spec.artifact",
            ),
            Rule(
                f"has(self.spec.artifact) || self.metadata.name.size() <= {ARTIFACT_MAX_LENGTH}",
                f"a name in git has at most {ARTIFACT_MAX_LENGTH} characters: set spec.artifact "
                "to the model's name in git, or choose a shorter resource name",
                ".spec.artifact",
            ),
            Rule(
                "(has(self.spec.artifact) ? self.spec.artifact : self.metadata.name) == "
                "(has(oldSelf.spec.artifact) ? oldSelf.spec.artifact : oldSelf.metadata.name)",
                "spec.artifact is the model's identity in git and cannot change: "
                "create a RegisteredModel with the other name",
                ".spec.artifact",
            ),
        ),
    )

    spec: RegisteredModelSpec
    status: RegisteredModelStatus = RegisteredModelStatus()

    @property
    def artifact(self) -> str:
        """GTO's name of it."""
        return self.spec.artifact or self.metadata.name


ModelName = Annotated[
    ObjectName,
    Field(
        description="The RegisteredModel, by name, in this namespace.",
        json_schema_extra=cel(
            Rule("self == oldSelf", "model cannot change: create another object")
        ),
    ),
]

"""ModelVersion: one version of a model, pinned to one commit."""

# ruff: noqa: RUF012 - pydantic copies the default of a field for each instance

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from playbill.api.base import (
    LIST_ATOMIC,
    LIST_SET,
    MAP_ATOMIC,
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
from playbill.api.patterns import SEMVER, SEMVER_MAX_LENGTH
from playbill.api.registered_model import ModelName
from playbill.api.structural import PRESERVE

Values = Annotated[
    dict[
        Annotated[str, Field(max_length=253)],
        Annotated[str, Field(max_length=256)],
    ],
    Field(max_length=100, json_schema_extra=MAP_ATOMIC),
]
"""Metrics or parameters as decimal strings: dvclive writes NaN, which JSON has not."""

DIGEST = r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}(\.dir)?|git:[0-9a-f]{40})$"
URI = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
REVISION = r"^([0-9a-f]{40}|[A-Za-z0-9_][A-Za-z0-9_./@#!=+-]*(~[0-9]{1,4})?)$"


class ArtifactReference(Model):
    """Where the bytes are, for a model that DVC does not track."""

    uri: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2048,
            pattern=URI,
            description="Where the bytes are, such as s3://bucket/key.",
            json_schema_extra=cel(
                matching(
                    URI,
                    "leave out control characters and spaces at the ends: the tag's message "
                    "carries this on one line",
                )
            ),
        ),
    ]
    digest: Annotated[
        str | None,
        Field(
            max_length=71,
            pattern=DIGEST,
            description="What the bytes must hash to: sha256:<64 hex>, md5:<32 hex> (a directory "
            "of DVC's ends in .dir) or git:<40 hex>, a blob.",
            json_schema_extra=cel(
                matching(
                    DIGEST,
                    "use sha256: and 64, md5: and 32, or git: and 40 lower case hex digits",
                )
            ),
        ),
    ] = None


class Source(Model):
    """The experiment that a version came from."""

    kind: Annotated[str, Field(max_length=63, description="Such as mlflow, wandb or dvc.")]
    url: Annotated[
        str | None, Field(max_length=2048, description="Where to look at the experiment.")
    ] = None
    run_id: Annotated[
        str | None, Field(max_length=253, description="The run, by the tracker's own name.")
    ] = None


class Link(Model):
    """A place to read more."""

    name: Annotated[str, Field(max_length=128, description="What is found there.")]
    url: Annotated[str, Field(max_length=2048, description="Where it is.")]


class ModelVersionSpec(Model):
    """One version, pinned to one commit."""

    model: ModelName
    version: Annotated[
        str | None,
        Field(
            max_length=SEMVER_MAX_LENGTH,
            pattern=SEMVER,
            description="SemVer, with or without the v; the next number by bump when left out.",
            json_schema_extra=cel(
                matching(SEMVER, "use SemVer, such as 1.2.3, v1.2.3 or 1.2.3-rc.1")
            ),
        ),
    ] = None
    bump: Annotated[
        Literal["Major", "Minor", "Patch"],
        Field(description="Which part of the latest version grows when version is left out."),
    ] = "Patch"
    revision: Annotated[
        str | None,
        Field(
            max_length=255,
            pattern=REVISION,
            description="40 hex digits, a branch, a tag, or one of these with ~n; the branch's "
            "tip when first seen if left out. Pinned in status.commit.",
            json_schema_extra=cel(
                matching(
                    REVISION,
                    "use 40 lower case hex digits, a branch, a tag, or a branch or tag with ~n",
                )
            ),
        ),
    ] = None
    deregistered: Annotated[
        bool,
        Field(
            description="True records that the version is withdrawn, once no stage uses it; set "
            "back to false by the same object, it is registered again.",
        ),
    ] = False
    message: Annotated[
        LongText | None, Field(description="Goes into the tag's message, as one paragraph.")
    ] = None
    artifact: Annotated[
        ArtifactReference | None,
        Field(description="Where the bytes are, for a model that DVC does not track."),
    ] = None
    metrics: Annotated[
        Values | None, Field(description="Metrics, as strings; those in git win over them.")
    ] = None
    params: Annotated[
        Values | None, Field(description="Parameters, as strings; those in git win over them.")
    ] = None
    source: Annotated[Source | None, Field(description="The experiment it came from.")] = None
    links: Annotated[
        list[Link] | None,
        Field(max_length=20, json_schema_extra=LIST_ATOMIC, description="Places to read more."),
    ] = None


class ArtifactStatus(Model):
    """What the version is made of, as dvc.yaml and DVC say at its commit."""

    path: Annotated[ShortText | None, Field(description="Where it lies in the repository.")] = None
    type: Annotated[ShortText | None, Field(description="Its type, by dvc.yaml.")] = None
    uri: Annotated[
        str | None, Field(max_length=2048, description="Where its bytes are, outside of git.")
    ] = None
    digest: Annotated[
        str | None, Field(max_length=256, description="md5: by DVC, git: the blob, sha256:.")
    ] = None
    size: Annotated[int | None, Field(description="Its size in bytes.", ge=0)] = None
    files: Annotated[
        int | None, Field(description="How many files, when it is a directory.", ge=0)
    ] = None
    description: Annotated[
        LongText | None, Field(description="For people: the desc in dvc.yaml at this commit.")
    ] = None
    labels: Annotated[
        list[Annotated[str, Field(max_length=128)]],
        Field(
            max_length=64,
            json_schema_extra=LIST_ATOMIC,
            description="Words to find it by: the labels in dvc.yaml at this commit.",
        ),
    ] = []
    meta: Annotated[
        Any,
        Field(
            description="The meta in dvc.yaml at this commit, up to 8 KiB as JSON; nulls are "
            "left out.",
            json_schema_extra={PRESERVE: True},
        ),
    ] = None


class LineageInput(Model):
    """What the stage read, as dvc.lock says."""

    path: Annotated[ShortText, Field(description="Its path in the repository, or its address.")]
    digest: Annotated[
        str | None, Field(max_length=256, description="What it hashed to then, such as md5:<hex>.")
    ] = None
    size: Annotated[int | None, Field(description="Its size in bytes.", ge=0)] = None
    files: Annotated[
        int | None, Field(description="How many files, when it is a directory.", ge=0)
    ] = None


class LineageStatus(Model):
    """How the artifact was made, as dvc.lock says at the commit."""

    stage: Annotated[
        ShortText, Field(description="The stage of the pipeline, as dir/dvc.yaml:name below a dir.")
    ]
    command: Annotated[LongText | None, Field(description="What the stage ran.")] = None
    inputs: Annotated[
        list[LineageInput],
        Field(
            max_length=100,
            json_schema_extra=LIST_ATOMIC,
            description="What it read; its parameters are among params.",
        ),
    ] = []


class ModelVersionStatus(Status):
    """What the ledger and the commit say of the version."""

    version: Annotated[
        str | None, Field(max_length=256, description="The version, with its v, as the tag has it.")
    ] = None
    commit: Annotated[
        str | None, Field(max_length=64, description="The commit that the tag points at.")
    ] = None
    source_commit: Annotated[
        str | None, Field(max_length=64, description="The commit whose files these are.")
    ] = None
    tag: Annotated[str | None, Field(max_length=512, description="The tag that registered it.")] = (
        None
    )
    registered_at: Annotated[Time | None, Field(description="When, as the tag says.")] = None
    registered_by: Annotated[
        str | None, Field(max_length=512, description="Who registered it, as the tag says.")
    ] = None
    registered: Annotated[
        bool | None, Field(description="Whether the ledger holds it as registered.")
    ] = None
    stages: Annotated[
        list[Annotated[str, Field(max_length=256)]],
        Field(
            max_length=100,
            json_schema_extra=LIST_SET,
            description="The stages that this version holds now.",
        ),
    ] = []
    on_stages: Annotated[
        str | None, Field(max_length=1024, description="The same on one line.")
    ] = None
    artifact: ArtifactStatus | None = None
    lineage: LineageStatus | None = None
    metrics: Annotated[
        Values | None, Field(description="Metrics at its commit, as decimal strings.")
    ] = None
    params: Annotated[Values | None, Field(description="Parameters at its commit, as strings.")] = (
        None
    )
    note: Annotated[ShortText | None, Field(description="What was cut or could not be read.")] = (
        None
    )


class ModelVersion(Resource):
    """One version of a model, pinned to one commit."""

    INFO: ClassVar[ResourceInfo] = ResourceInfo(
        kind="ModelVersion",
        plural="modelversions",
        singular="modelversion",
        short_names=("mver",),
        description="One version of a model, pinned to one commit. Creating it registers the "
        "version with an annotated tag (model@v1.2.3); deleting it only forgets the object.",
        columns=(
            PrinterColumn("Model", ".spec.model", description="The model it is a version of."),
            PrinterColumn("Version", ".status.version", description="Its number, as registered."),
            PrinterColumn("Stages", ".status.onStages", description="The stages it holds."),
            *ready_column("version"),
            PrinterColumn(
                "Commit", ".status.commit", description="The commit it is pinned to.", priority=1
            ),
            PrinterColumn(
                "By", ".status.registeredBy", description="Who registered it.", priority=1
            ),
            PrinterColumn(
                "Digest",
                ".status.artifact.digest",
                description="What its bytes hash to.",
                priority=1,
            ),
        ),
        selectable=(".spec.model", ".spec.version"),
        rules=(
            Rule(
                "!has(oldSelf.status) || !has(oldSelf.status.tag) || "
                "(has(self.spec.version) ? "
                "((has(oldSelf.spec.version) && self.spec.version == oldSelf.spec.version) || "
                "self.spec.version == oldSelf.status.version || "
                "'v' + self.spec.version == oldSelf.status.version) : !has(oldSelf.spec.version))",
                "the version is registered and its number cannot change (it may be set to "
                "status.version): create another ModelVersion",
                ".spec.version",
            ),
            Rule(
                "!has(oldSelf.status) || !has(oldSelf.status.tag) || "
                "(has(self.spec.revision) ? "
                "((has(oldSelf.spec.revision) && self.spec.revision == oldSelf.spec.revision) || "
                "self.spec.revision == oldSelf.status.commit || "
                "(has(oldSelf.status.sourceCommit) && "
                "self.spec.revision == oldSelf.status.sourceCommit)) "
                ": !has(oldSelf.spec.revision))",
                "the version is registered and its commit cannot change (revision may be set to "
                "status.commit or status.sourceCommit): create another ModelVersion",
                ".spec.revision",
            ),
        ),
    )

    spec: ModelVersionSpec
    status: ModelVersionStatus = ModelVersionStatus()

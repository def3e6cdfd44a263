"""ModelRepository: one repository of many models, with discovery and adoption."""

# ruff: noqa: RUF012 - pydantic copies the default of a field for each instance

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from playbill.api.adoption import Adopt, Discover
from playbill.api.base import (
    LIST_ATOMIC,
    LocalReference,
    Model,
    PrinterColumn,
    Resource,
    ResourceInfo,
    ShortText,
    Status,
    ready_column,
)
from playbill.api.repository import Repository


class Webhook(Model):
    """Lets the git server tell of a push."""

    secret_ref: Annotated[
        LocalReference,
        Field(
            description="A Secret with token: what the git server signs its events with (GitHub, "
            "Gitea), or sends along (GitLab). status.webhookPath says where to send them.",
        ),
    ]


class ModelRepositorySpec(Repository):
    """Where the repository is, and what is made of its content."""

    discover: Annotated[
        Discover | None,
        Field(description="Makes a RegisteredModel of each artifact that dvc.yaml lists."),
    ] = None
    adopt: Annotated[
        Adopt | None,
        Field(description="Makes objects of what others wrote to the ledger, with GTO or Studio."),
    ] = None
    webhook: Annotated[
        Webhook | None,
        Field(description="Has the repository looked at as soon as the git server says so."),
    ] = None
    suspend: Annotated[
        bool, Field(description="True stops all work on the models that name this repository.")
    ] = False


class FileProblem(Model):
    """A file that could not be read, or a tag of no model that is in the way."""

    place: Annotated[str, Field(max_length=512, description="The file, or the tag.")]
    reason: Annotated[str, Field(max_length=128, description="Why, in one CamelCase word.")]
    message: Annotated[ShortText, Field(description="Why, for people, and how to mend it.")]


class ModelRepositoryStatus(Status):
    """What was found there."""

    branch: Annotated[
        str | None,
        Field(max_length=255, description="The branch that is read: the spec's or the remote's."),
    ] = None
    head_commit: Annotated[
        str | None, Field(max_length=64, description="The tip of that branch.")
    ] = None
    models: Annotated[
        int, Field(ge=0, description="How many RegisteredModels name this repository.")
    ] = 0
    artifacts: Annotated[
        int | None, Field(ge=0, description="How many artifacts dvc.yaml lists on the branch.")
    ] = None
    stages: Annotated[
        list[Annotated[str, Field(max_length=256)]],
        Field(
            max_length=100,
            json_schema_extra=LIST_ATOMIC,
            description="The stages that .gto allows; any when empty.",
        ),
    ] = []
    webhook_path: Annotated[
        str | None, Field(max_length=256, description="Where the git server sends its events.")
    ] = None
    problems: Annotated[
        list[FileProblem],
        Field(
            max_length=20,
            json_schema_extra=LIST_ATOMIC,
            description="What could not be read, at most 20 of it.",
        ),
    ] = []


class ModelRepository(Resource):
    """A git repository that many models share."""

    INFO: ClassVar[ResourceInfo] = ResourceInfo(
        kind="ModelRepository",
        plural="modelrepositories",
        singular="modelrepository",
        short_names=("mrepo",),
        description="A git repository that many models share: its url, credentials and limits in "
        "one place, discovery of the models that dvc.yaml lists, and adoption of what others "
        "wrote to its tags.",
        columns=(
            PrinterColumn("Url", ".spec.url", description="Where it is."),
            PrinterColumn(
                "Models", ".status.models", type="integer", description="Models that name it."
            ),
            PrinterColumn("Head", ".status.headCommit", description="The tip of its branch."),
            *ready_column("repository"),
        ),
        selectable=(".spec.url",),
    )

    spec: ModelRepositorySpec
    status: ModelRepositoryStatus = ModelRepositoryStatus()

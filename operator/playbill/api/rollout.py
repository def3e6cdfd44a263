"""spec.rollout of a StageAssignment: the workload that follows a stage, and what it must prove."""

# ruff: noqa: RUF012 - pydantic copies the default of a field for each instance

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from playbill.api.base import LIST_ATOMIC, LIST_SET, LocalReference, Model, Rule, cel, list_map
from playbill.api.structural import PRESERVE

PATH = r"^/[^\x00-\x1f\x7f]*$"
MOUNT_PATH = r"^(/[-A-Za-z0-9._]+)+$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?([KMGTPE]i?|[kmun])?$"


class OpenModel(Model):
    """A piece of another API, passed on as it is: the API server checks it by a dry run.

    Its keys are read as that API writes them: `init_containers` is none of its fields.
    """

    model_config = ConfigDict(
        extra="allow",
        populate_by_name=False,
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )


class Container(OpenModel):
    """A container of the pod, as core/v1 has it."""

    name: Annotated[str, Field(max_length=63, description="The container's name.")]


class Volume(OpenModel):
    """A volume of the pod, as core/v1 has it."""

    name: Annotated[str, Field(max_length=63, description="The volume's name.")]


class PodSpec(OpenModel):
    """The pod's spec, as core/v1 has it."""

    containers: Annotated[
        list[Container],
        Field(
            min_length=1,
            max_length=32,
            json_schema_extra=list_map("name"),
            description="The containers that serve the model.",
        ),
    ]
    init_containers: Annotated[
        list[Container] | None,
        Field(
            max_length=32,
            json_schema_extra=list_map("name"),
            description="Containers that run, one after another, before the others start.",
        ),
    ] = None
    volumes: Annotated[
        list[Volume] | None,
        Field(
            max_length=64,
            json_schema_extra=list_map("name"),
            description="Volumes that the containers may mount.",
        ),
    ] = None


class TemplateMeta(Model):
    """Labels and annotations of the pods."""

    labels: Annotated[
        dict[Annotated[str, Field(max_length=317)], Annotated[str, Field(max_length=63)]] | None,
        Field(max_length=64, description="Labels that the pods get beside our own."),
    ] = None
    annotations: Annotated[
        dict[Annotated[str, Field(max_length=317)], Annotated[str, Field(max_length=4096)]] | None,
        Field(max_length=64, description="Annotations that the pods get beside our own."),
    ] = None


class PodTemplate(Model):
    """A pod template, as apps/v1 has it."""

    metadata: TemplateMeta | None = None
    spec: Annotated[
        PodSpec,
        Field(
            description="A pod's spec. In its strings ${model}, ${version}, ${commit}, ${digest}, "
            "${stage}, ${path} and ${uri} are replaced; nothing else is evaluated.",
        ),
    ]


class VolumeMount(OpenModel):
    """A volume mount, as core/v1 has it."""

    name: Annotated[str, Field(max_length=63, description="The volume of the template.")]
    mount_path: Annotated[str, Field(max_length=1024, description="Where it is mounted.")]


class Fetch(Model):
    """Brings the version's artifact into a volume before the containers start; nothing starts
    unless its digest is the recorded one."""

    mount_path: Annotated[
        str,
        Field(
            max_length=1024,
            pattern=MOUNT_PATH,
            description="Where the containers find the artifact, read-only.",
        ),
    ] = "/model"
    containers: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=63)]],
        Field(
            max_length=32,
            json_schema_extra=LIST_SET,
            description="The containers that see the artifact; all of them when left out.",
        ),
    ] = []
    volume: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=63,
            description="A volume of the template to keep it in; an emptyDir when left out.",
        ),
    ] = None
    size_limit: Annotated[
        str | None,
        Field(max_length=32, pattern=QUANTITY, description="The most that the emptyDir may hold."),
    ] = None
    remote: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=253,
            description="The DVC remote; the project's default when left out.",
        ),
    ] = None
    endpoint: Annotated[
        str | None,
        Field(
            max_length=2048,
            pattern=r"^https?://[^\s@]+$",
            description="The server that s3:// means, if it is not Amazon's.",
        ),
    ] = None
    secret_ref: Annotated[
        LocalReference | None,
        Field(
            description="Credentials of the store: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
            "AWS_SESSION_TOKEN and AWS_REGION; or username and password, or bearerToken; ca.crt.",
        ),
    ] = None
    volume_mounts: Annotated[
        list[VolumeMount],
        Field(
            max_length=16,
            json_schema_extra=LIST_ATOMIC,
            description="Volumes of the template that fetching needs, such as a DVC remote on a "
            "disk.",
        ),
    ] = []
    resources: Annotated[
        dict[str, Any] | None,
        Field(
            json_schema_extra={PRESERVE: True},
            description="What the init container may use, as core/v1 has it.",
        ),
    ] = None
    image: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=512,
            description="An image that has `playbill fetch`, in place of the operator's choice.",
        ),
    ] = None


class HttpCheck(Model):
    """A request to the new version, once all of its pods are ready."""

    port: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=15,
            description="A named port of the template; the first one when left out.",
        ),
    ] = None
    path: Annotated[
        str,
        Field(max_length=2048, pattern=PATH, description="The path, with its query."),
    ] = "/"
    status: Annotated[
        int, Field(ge=100, le=599, description="The status code of a good answer.")
    ] = 200
    contains: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=1024,
            description="Text that a good answer holds; ${version} and the other tokens are "
            "replaced.",
        ),
    ] = None


class VerifyJob(Model):
    """A Job that finds out whether the new version is good: it is when the Job completes."""

    template: Annotated[
        PodTemplate,
        Field(
            description="Its pods, with the same tokens. The new version answers at the Service "
            "of the assignment's own name.",
        ),
    ]
    backoff_limit: Annotated[
        int, Field(ge=0, le=20, description="How many pods may fail before the Job has.")
    ] = 0


class Verify(Model):
    """What a new version must pass before it counts as good."""

    http: HttpCheck | None = None
    job: VerifyJob | None = None
    timeout_seconds: Annotated[
        int, Field(ge=1, le=86400, description="After how long an unfinished check has failed.")
    ] = 300


class ManifestMeta(OpenModel):
    """Name, labels and annotations of an object."""

    name: Annotated[str, Field(min_length=1, max_length=253, description="The object's name.")]


class Manifest(OpenModel):
    """An object of any kind in the assignment's namespace."""

    api_version: Annotated[str, Field(min_length=1, max_length=317, description="Its API.")]
    kind: Annotated[str, Field(min_length=1, max_length=63, description="Its kind.")]
    metadata: ManifestMeta


class Rollout(Model):
    """The workload that follows the stage."""

    template: Annotated[
        PodTemplate | None,
        Field(
            description="The pods of a Deployment of the assignment's own name; a Service of "
            "that name comes with it when ports are named.",
        ),
    ] = None
    manifests: Annotated[
        list[Manifest] | None,
        Field(
            min_length=1,
            max_length=32,
            json_schema_extra=LIST_ATOMIC,
            description="In place of a template: any objects, with the same tokens in their "
            "strings, applied as the account playbill-rollout of this namespace. What leaves the "
            "list is removed.",
        ),
    ] = None
    replicas: Annotated[
        int | None,
        Field(ge=0, le=10000, description="How many pods; left out when an autoscaler decides."),
    ] = None
    progress_deadline_seconds: Annotated[
        int,
        Field(ge=1, le=86400, description="After how long without progress a rollout has failed."),
    ] = 600
    on_failure: Annotated[
        Literal["Rollback", "Hold"],
        Field(
            description="Rollback goes back to the last version that was healthy, and records "
            "it; Hold leaves the old pods serving and waits for somebody.",
        ),
    ] = "Rollback"
    fetch: Annotated[
        Fetch | None,
        Field(description="Bring the artifact into the pods, and check it, before they start."),
    ] = None
    verify: Annotated[
        Verify | None,
        Field(
            description="What a new version must pass before it counts as good.",
            json_schema_extra=cel(
                Rule("has(self.http) != has(self.job)", "give exactly one of http and job")
            ),
        ),
    ] = None


ROLLOUT_RULES = cel(
    Rule(
        "has(self.template) != has(self.manifests)",
        "give exactly one of template, for pods, and manifests, for any other objects",
    ),
    Rule(
        "has(self.template) || (!has(self.replicas) && !has(self.fetch))",
        "replicas and fetch go with template: manifests say for themselves what they run",
    ),
    Rule(
        "has(self.template) || !has(self.verify) || !has(self.verify.http)",
        "verify.http asks a named port of the template: with manifests use verify.job",
    ),
)

"""PromotionPolicy: the platform team's rules for what may take a stage."""

# ruff: noqa: RUF012 - pydantic copies the default of a field for each instance

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from playbill.api.base import (
    LIST_ATOMIC,
    LIST_SET,
    Duration,
    Model,
    PrinterColumn,
    Resource,
    ResourceInfo,
    Rule,
    ShortText,
    Status,
    cel,
    list_map,
    matching,
    ready_column,
)
from playbill.api.patterns import STAGE_MAX_LENGTH, STAGE_NAME

MODEL_PATTERN = r"^[-a-z0-9.*?]+$"
STAGE_PATTERN = r"^[-a-zA-Z0-9_/*?]+$"
TIME_OF_DAY = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
TIME_ZONE = r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$"
GATE_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
PUBLIC_KEY = (
    r"^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|"
    r"sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh[.]com) [A-Za-z0-9+/]+={0,2}( [^\x00-\x1f]*)?$"
)

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

_STAGE_RULE = matching(
    STAGE_NAME, "use letters, digits, '-', '_' and '/', with a letter or digit first and last"
)
StageName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=STAGE_MAX_LENGTH,
        pattern=STAGE_NAME,
        json_schema_extra=cel(_STAGE_RULE),
    ),
]
TimeOfDay = Annotated[
    str,
    Field(
        max_length=5,
        pattern=TIME_OF_DAY,
        json_schema_extra=cel(matching(TIME_OF_DAY, "use hours and minutes, from 00:00 to 24:00")),
    ),
]


class HeldBefore(Model):
    """A stage that the version must have held."""

    stage: Annotated[StageName, Field(description="The stage, such as staging.")]
    for_: Annotated[
        Duration,
        Field(
            alias="for",
            description="For how long without a break; the longest stay counts, and it need not "
            "go on still.",
        ),
    ]


class Gate(Model):
    """A condition that the version must meet."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            pattern=GATE_NAME,
            description="What to call it by.",
            json_schema_extra=cel(
                matching(GATE_NAME, "use lower case letters, digits and '-' between them")
            ),
        ),
    ]
    expression: Annotated[
        str,
        Field(
            min_length=1,
            max_length=512,
            description="CEL that gives true or false, over metrics, params, meta, labels, "
            "digest, model, stage, version, commit and current, who holds the stage now: "
            "metrics.accuracy >= 0.95.",
        ),
    ]
    message: Annotated[
        ShortText | None, Field(description="What to tell people when it does not hold.")
    ] = None


class Window(Model):
    """A time at which a stage may change."""

    days: Annotated[
        list[Day],
        Field(
            max_length=7,
            json_schema_extra=LIST_SET,
            description="The days on which it opens; every day when left out.",
        ),
    ] = []
    from_: Annotated[
        TimeOfDay, Field(alias="from", description="When it opens, such as 09:00.")
    ] = "00:00"
    to: Annotated[
        TimeOfDay,
        Field(description="When it closes; a time before that of opening is one of the next day."),
    ] = "24:00"
    time_zone: Annotated[
        str,
        Field(
            min_length=1,
            max_length=64,
            pattern=TIME_ZONE,
            description="Whose clocks these are, by IANA's name, such as Europe/Berlin.",
            json_schema_extra=cel(
                matching(TIME_ZONE, "use IANA's name of a time zone, such as Europe/Berlin or UTC")
            ),
        ),
    ] = "UTC"


class SignedTag(Model):
    """Whose signatures count."""

    signers: Annotated[
        list[
            Annotated[
                str,
                Field(
                    min_length=1,
                    max_length=2048,
                    pattern=PUBLIC_KEY,
                    json_schema_extra=cel(
                        matching(
                            PUBLIC_KEY,
                            "give an ssh public key on one line, as in a .pub file: ssh-ed25519 "
                            "AAAA... name",
                        )
                    ),
                ),
            ]
        ],
        Field(
            min_length=1,
            max_length=32,
            json_schema_extra=LIST_ATOMIC,
            description="Public keys of ssh, a line each.",
        ),
    ]


class PromotionPolicySpec(Model):
    """Of which stages of which models it speaks, and what it asks of a promotion to them."""

    models: Annotated[
        list[
            Annotated[
                str,
                Field(
                    min_length=1,
                    max_length=253,
                    pattern=MODEL_PATTERN,
                    json_schema_extra=cel(
                        matching(
                            MODEL_PATTERN,
                            "use names of RegisteredModels, with * for any text and ? for any "
                            "letter",
                        )
                    ),
                ),
            ]
        ],
        Field(
            max_length=64,
            json_schema_extra=LIST_SET,
            description="RegisteredModels by name, with * and ? as in a shell; all when left out.",
        ),
    ] = []
    stages: Annotated[
        list[
            Annotated[
                str,
                Field(
                    min_length=1,
                    max_length=STAGE_MAX_LENGTH,
                    pattern=STAGE_PATTERN,
                    json_schema_extra=cel(
                        matching(
                            STAGE_PATTERN,
                            "use names of stages, with * for any text and ? for any letter",
                        )
                    ),
                ),
            ]
        ],
        Field(
            min_length=1,
            max_length=64,
            json_schema_extra=LIST_SET,
            description="The stages that the rules are for, by name, with * and ? as in a shell.",
        ),
    ]
    after: Annotated[
        list[HeldBefore],
        Field(
            max_length=8,
            json_schema_extra=list_map("stage"),
            description="Stages that the version must have held first, and for how long.",
        ),
    ] = []
    gates: Annotated[
        list[Gate],
        Field(
            max_length=32,
            json_schema_extra=list_map("name"),
            description="Conditions that the version must meet, all of them.",
        ),
    ] = []
    windows: Annotated[
        list[Window],
        Field(
            max_length=16,
            json_schema_extra=LIST_ATOMIC,
            description="When the stage may change: in any of these; at any time when left out.",
        ),
    ] = []
    require_digest: Annotated[
        bool, Field(description="True asks for the digest of the version's bytes to be known.")
    ] = False
    require_signed_tag: Annotated[
        SignedTag | None,
        Field(
            description="Asks for the registration's tag to be signed with ssh by one of these, "
            "and for the assignment's where a tag and no spec decides.",
        ),
    ] = None
    allowed_stages: Annotated[
        list[StageName],
        Field(
            max_length=64,
            json_schema_extra=LIST_SET,
            description="The only stages that the models may hold, whatever stages says; any when "
            "left out.",
        ),
    ] = []


class PromotionPolicyStatus(Status):
    """Whether the policy is understood."""

    assignments: Annotated[
        int, Field(ge=0, description="How many StageAssignments it speaks of.")
    ] = 0


class PromotionPolicy(Resource):
    """The platform team's rules for what may take a stage."""

    INFO: ClassVar[ResourceInfo] = ResourceInfo(
        kind="PromotionPolicy",
        plural="promotionpolicies",
        singular="promotionpolicy",
        short_names=("policy",),
        description="The platform team's rules for what may take which stage in this namespace: "
        "time on another stage, gates over metrics, windows of time, digests and signatures. They "
        "hold for every promotion, by spec, by follow or by a tag; not for rollbacks.",
        columns=(
            PrinterColumn("Stages", ".spec.stages", description="The stages it is for."),
            PrinterColumn(
                "Assignments",
                ".status.assignments",
                type="integer",
                description="StageAssignments that it speaks of.",
            ),
            *ready_column("policy"),
            PrinterColumn(
                "Models", ".spec.models", description="The models it is for.", priority=1
            ),
        ),
        rules=(
            Rule(
                "!has(self.spec.windows) || self.spec.windows.all(w, w.from != w.to)",
                "a window has to close at another time than it opens: for a whole day use from "
                "00:00 to 24:00",
                ".spec.windows",
            ),
        ),
    )

    spec: PromotionPolicySpec
    status: PromotionPolicyStatus = PromotionPolicyStatus()

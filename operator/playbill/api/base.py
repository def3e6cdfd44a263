"""What every resource of the API is made of: naming, bounds, CEL rules, conditions.

The CRDs are generated from these models (`crd.py`), so a bound or a message is
written once, next to the field that it belongs to. Models ignore fields they do
not know: an older operator must read objects that a newer CRD allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP = "playbill.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

REQUESTED_AT = f"{GROUP}/requested-at"
"""An annotation: any new value asks for what the spec says once more."""

REQUESTED_BY = f"{GROUP}/requested-by"
"""An annotation: whose request the spec is. The API server writes it, where it is told to."""

CHANGE = f"{GROUP}/change"
"""An annotation: where the spec comes from, such as a pull request; whoever may write an object
may write anything here."""


class Model(BaseModel):
    """A camelCase, immutable, forward-compatible piece of the API."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True
    )


class Rule(NamedTuple):
    """A CEL rule, the message that says how to mend a breach, and the field it speaks of."""

    rule: str
    message: str
    field_path: str = ""

    def schema(self) -> dict[str, str]:
        """The rule as `x-kubernetes-validations` holds it."""
        place = {"fieldPath": self.field_path} if self.field_path else {}
        return {"rule": self.rule, "message": self.message, **place}


def cel(*rules: Rule) -> dict[str, Any]:
    """Schema extra with CEL rules."""
    return {"x-kubernetes-validations": [rule.schema() for rule in rules]}


def matching(pattern: str, message: str) -> Rule:
    """Says in words what `pattern` asks for; by itself it would only show the expression."""
    return Rule(f"self.matches(r'{pattern}')", message)


def list_map(*keys: str) -> dict[str, Any]:
    """Schema extra: a list that server-side apply merges by these keys (KEP-555)."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


LIST_SET: dict[str, Any] = {"x-kubernetes-list-type": "set"}
LIST_ATOMIC: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}
MAP_ATOMIC: dict[str, Any] = {"x-kubernetes-map-type": "atomic"}

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, max_length=64)]
"""RFC 3339 in UTC with seconds, as Kubernetes writes its own times."""

DURATION = r"^([0-9]{1,5}(s|m|h)){1,3}$"
Duration = Annotated[
    str,
    Field(
        pattern=DURATION,
        max_length=18,
        json_schema_extra=cel(
            matching(DURATION, "use whole hours, minutes and seconds, such as 90s or 1h30m"),
            Rule(
                f"!self.matches(r'{DURATION}') || duration(self) >= duration('1s')",
                "use at least 1s",
            ),
        ),
    ),
]
"""A Go-style duration of whole hours, minutes and seconds, such as `90s` or `1h30m`."""

ObjectName = Annotated[str, Field(min_length=1, max_length=253)]
ShortText = Annotated[str, Field(max_length=1024)]
LongText = Annotated[str, Field(max_length=4096)]


class Condition(Model):
    """A condition as metav1.Condition has it, read by kstatus, Flux and Argo CD."""

    type: Annotated[str, Field(max_length=316, description="What the condition is about.")]
    status: Annotated[
        Literal["True", "False", "Unknown"], Field(description="True, False or Unknown.")
    ]
    reason: Annotated[
        str, Field(max_length=1024, description="Why, in one CamelCase word for programs.")
    ]
    message: Annotated[
        str, Field(max_length=32768, description="Why, for people, and what to do about it.")
    ]
    last_transition_time: Annotated[Time, Field(description="When the status last changed.")]
    observed_generation: Annotated[
        int, Field(ge=0, description="The metadata.generation that this speaks of.")
    ] = 0


Conditions = Annotated[
    list[Condition],
    Field(
        max_length=16,
        json_schema_extra=list_map("type"),
        description="Ready always; Reconciling and Stalled only while they are true.",
    ),
]


class LocalReference(Model):
    """An object in the same namespace, by name."""

    name: Annotated[ObjectName, Field(description="The object's name, in this namespace.")]


class PendingTag(Model):
    """A tag whose name and bytes are reserved until git is known to hold them."""

    name: Annotated[str, Field(max_length=512, description="The tag, without refs/tags/.")]
    object: Annotated[str, Field(max_length=16384, description="The bytes of the tag object.")]
    commit: Annotated[
        str | None,
        Field(
            max_length=8192,
            description="The bytes of the commit that the tag is on, if it was made for it.",
        ),
    ] = None


class Pending(Model):
    """The reservation that is written before a tag whose name the spec does not determine.

    Until the name is seen to hold other bytes, or the spec changes, these bytes and
    no others are pushed: a push that was thought lost cannot land beside another.
    """

    generation: Annotated[int, Field(description="The generation that asked for the tags.")] = 0
    tags: Annotated[
        list[PendingTag],
        Field(max_length=20, json_schema_extra=LIST_ATOMIC, description="The reserved tags."),
    ] = []


PendingField = Annotated[
    Pending | None,
    Field(
        json_schema_extra=MAP_ATOMIC,
        description="A tag that is reserved and not yet seen in git; written by the operator.",
    ),
]


class Status(Model):
    """What every status has."""

    observed_generation: Annotated[
        int,
        Field(description="The last metadata.generation that ended in Ready or in Stalled."),
    ] = -1
    conditions: Conditions = []
    pending: PendingField = None

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type, such as Ready; None while there is none."""
        return next((each for each in self.conditions if each.type == type_), None)

    def is_true(self, type_: str) -> bool:
        """Whether there is such a condition, and its status is True."""
        found = self.condition(type_)
        return found is not None and found.status == "True"


class ObjectMeta(Model):
    """The part of metadata that the operator reads."""

    name: str
    namespace: str
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    finalizers: list[str] = []
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    """A column of `kubectl get`; priority 1 shows it with `-o wide` only."""

    name: str
    json_path: str
    type: str = "string"
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceInfo:
    """What a CustomResourceDefinition says beside its schema."""

    kind: str
    plural: str
    singular: str
    short_names: Sequence[str]
    description: str
    columns: Sequence[PrinterColumn]
    selectable: Sequence[str] = ()
    rules: Sequence[Rule] = ()

    @property
    def path(self) -> str:
        """`plural.group`, the CRD's name."""
        return f"{self.plural}.{GROUP}"


class Resource(Model):
    """A kind of ours: spec and status are the subclass's own."""

    INFO: ClassVar[ResourceInfo]

    metadata: ObjectMeta


def ready_column(kind: str) -> tuple[PrinterColumn, ...]:
    """The columns that end every table: is it ready, in words, and how old it is."""
    return (
        PrinterColumn(
            "Ready",
            '.status.conditions[?(@.type=="Ready")].status',
            description=f"Whether the {kind} is as its spec asks.",
        ),
        PrinterColumn(
            "Status",
            '.status.conditions[?(@.type=="Ready")].message',
            description="The same in words.",
        ),
        PrinterColumn(
            "Age",
            ".metadata.creationTimestamp",
            type="date",
            description="How old the object is.",
        ),
    )

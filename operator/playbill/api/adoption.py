"""Adoption: which objects are made of what others wrote to a ledger."""

# ruff: noqa: RUF012 - pydantic copies the default of a field for each instance

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from playbill.api.base import LIST_ATOMIC, LIST_SET, Model

ADOPTED_LABEL = "playbill.dev/adopted"
"""On objects that the operator made of what it found in git: they show, and never write."""

Type = Annotated[str, Field(max_length=63)]
Types = Annotated[list[Type], Field(max_length=16, json_schema_extra=LIST_SET)]


class Discover(Model):
    """Which artifacts of dvc.yaml become RegisteredModels."""

    include: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=253)]],
        Field(
            max_length=64,
            json_schema_extra=LIST_ATOMIC,
            description="Names to look for, with * and ? as in a shell: nlp-* or models/nlp:*. "
            "Everything when left out.",
        ),
    ] = []
    types: Annotated[
        Types,
        Field(description="Types of artifacts, as dvc.yaml gives them; an empty list means any."),
    ] = ["model"]


class Adopt(Model):
    """Of which tags objects are made when nobody has declared them."""

    models: Annotated[
        bool,
        Field(
            description="RegisteredModels of artifacts that have tags; on a ModelRepository only."
        ),
    ] = True
    versions: Annotated[bool, Field(description="ModelVersions of registered versions.")] = True
    stages: Annotated[
        bool,
        Field(description="StageAssignments, without a workload, of stages that are held."),
    ] = True
    types: Annotated[
        Types,
        Field(
            description="Only models of these types, as dvc.yaml gives them; an empty list "
            "means any.",
        ),
    ] = []
    keep: Annotated[
        int,
        Field(
            ge=0,
            le=1000,
            description="How many versions of a model, the highest ones; those that hold a stage "
            "are there in any case.",
        ),
    ] = 50

"""How a deprecated artifact returns with one more tag, by what GTO and DVC make of each way.

The tag that disturbs nothing is an unassignment from a stage that nobody holds, and the
name that reads best in a history is `deprecated`: `N#deprecated!#k`.
"""

from types import SimpleNamespace
from typing import Any

import gto.api
import pytest
from dvc.exceptions import ArtifactNotFoundError
from dvc.repo.artifacts import Artifacts
from dvc.scm import Git
from gto.exceptions import NotImplementedInGTO, TagExists

from playbill.ledger.fold import fold

from .repositories import MakeRepository, Repository, Tag

WITH_A_WINNER = [
    Tag("m@v1.0.0", 1, 1),
    Tag("m@v2.0.0", 2, 2),
    Tag("m#prod#1", 1, 3),
    Tag("m#dev#2", 2, 4),
    Tag("m#prod#3", 2, 5),
    Tag("m#prod#4", 1, 6),
]
WITHOUT_STAGES = [Tag("m@v1.0.0", 1, 1), Tag("m@v2.0.0", 2, 2)]
WITH_NOTHING_LEFT = [
    Tag("m@v1.0.0", 1, 1),
    Tag("m#prod#1", 1, 2),
    Tag("m#prod!#2", 1, 3),
    Tag("m@v1.0.0!", 1, 4),
]
SITUATIONS = pytest.mark.parametrize(
    ("tags", "commit"),
    [
        pytest.param(WITH_A_WINNER, 2, id="a winner"),
        pytest.param(WITHOUT_STAGES, 2, id="no stage"),
        pytest.param(WITH_NOTHING_LEFT, 1, id="nothing left"),
    ],
)
DEPRECATION = Tag("m@deprecated", 1, 10)


def shown(repository: Repository) -> dict[str, Any]:
    """Everything that GTO shows of the registry and the artifact, but its history."""
    path = str(repository.path)
    return {
        "registry": gto.api.show(path),
        "table": gto.api.show(path, "m", table=True),
        "versions": [
            {key: row[key] for key in ("version", "is_active", "stages", "ref", "created_at")}
            for row in gto.api.show(path, "m")
        ],
        "stages": gto.api.get_stages(path, used=True),
    }


def dvc_commit(repository: Repository, **wanted: str) -> str | None:
    """The commit from which `dvc artifacts get m [--rev V | --stage S]` downloads."""
    artifacts = Artifacts(SimpleNamespace(scm=Git(str(repository.path))))
    try:
        return str(artifacts.get_rev("m", **wanted))
    except ArtifactNotFoundError:
        return None


def dvc_commits(repository: Repository) -> list[str | None]:
    wanted: list[dict[str, str]] = [
        {},
        {"version": "v1.0.0"},
        {"version": "v2.0.0"},
        {"stage": "dev"},
        {"stage": "prod"},
    ]
    return [dvc_commit(repository, **which) for which in wanted]


@SITUATIONS
def test_leaving_the_stage_deprecated_restores_and_changes_nothing_else(
    tags: list[Tag], commit: int, make_repository: MakeRepository
) -> None:
    before = make_repository(tags)
    restored = make_repository([*tags, DEPRECATION, Tag("m#deprecated!#9", commit, 11)])
    assert gto.api.show(str(restored.path))["m"]["active"]
    assert shown(restored) == shown(before)
    assert dvc_commits(restored) == dvc_commits(before)
    state = fold(restored.records()).artifacts["m"]
    assert state.active
    assert state.stages["deprecated"].winner is None


@SITUATIONS
def test_after_restoring_gto_registers_assigns_and_deprecates(
    tags: list[Tag], commit: int, make_repository: MakeRepository
) -> None:
    repository = make_repository([*tags, DEPRECATION, Tag("m#deprecated!#9", commit, 11)])
    path = str(repository.path)
    number = gto.api.register(path, "m", repository.commits[2]).version
    assert gto.api.assign(path, "m", "qa", version=number).tag == "m#qa#10"
    with pytest.raises(TagExists):  # as after every way back: the simple name is taken
        gto.api.deprecate(path, "m")
    assert gto.api.deprecate(path, "m", force=True).tag == "m@deprecated#11"


def test_a_list_of_allowed_stages_does_not_mind_the_stage_deprecated(
    make_repository: MakeRepository,
) -> None:
    tags = [*WITH_A_WINNER, DEPRECATION, Tag("m#deprecated!#9", 2, 11)]
    repository = make_repository(tags)
    (repository.path / ".gto").write_text("stages: [dev, prod]\n")
    state = gto.api.show(str(repository.path))["m"]
    assert (state["active"], state["stage"]) == (True, {"dev": "v2.0.0", "prod": "v1.0.0"})


@SITUATIONS
def test_registering_again_breaks_the_table_of_versions(
    tags: list[Tag], commit: int, make_repository: MakeRepository
) -> None:
    """Defect (d)."""
    version = "v2.0.0" if commit == 2 else "v1.0.0"
    repository = make_repository([*tags, DEPRECATION, Tag(f"m@{version}#9", commit, 11)])
    with pytest.raises(NotImplementedInGTO):
        gto.api.show(str(repository.path), "m", table=True)


def test_assigning_again_rewrites_when_the_stage_was_taken(
    make_repository: MakeRepository,
) -> None:
    """And to whatever deploys on tags it is one more promotion."""
    before = make_repository(WITH_A_WINNER)
    again = make_repository([*WITH_A_WINNER, DEPRECATION, Tag("m#prod#9", 1, 11)])
    assert shown(again) != shown(before)
    (row,) = gto.api.show(str(again.path), "m#prod")
    assert [stage["ref"] for stage in row["stages"]] == ["m#prod#9"]


def test_unassigning_from_a_stage_that_others_hold_misleads_dvc(
    make_repository: MakeRepository,
) -> None:
    """Defect (e): DVC takes the newest tag of the stage, whatever it says."""
    before = make_repository(WITH_A_WINNER)
    after = make_repository([*WITH_A_WINNER, DEPRECATION, Tag("m#dev!#9", 1, 11)])
    assert shown(after) == shown(before)
    assert dvc_commit(before, stage="dev") == before.commits[1]
    assert dvc_commit(after, stage="dev") == after.commits[0]

"""Case 23: `gto … --delete` removes tags. We read what is left, and write nothing of it again."""

from collections.abc import Callable

import gto.api
import pytest

from playbill.api.errors import Stalled

from .reading import assert_gto_agrees
from .repositories import MakeRepository
from .writing import Desk, Stage, Version

STORY = (
    Version("m", "v1.0.0", 1),
    Version("m", "v2.0.0", 2),
    Stage("m", "prod", "v1.0.0"),
    Stage("m", "dev", "v1.0.0"),
)
DELETIONS: dict[str, tuple[Callable[[str], object], set[str], dict[str, str]]] = {
    "a stage": (
        lambda path: gto.api.unassign(path, "m", stage="prod", version="v1.0.0", delete=True),
        {"m@v1.0.0", "m@v2.0.0", "m#dev#1"},
        {"m prod": "TagVanished"},
    ),
    "a version": (
        lambda path: gto.api.deregister(path, "m", version="v1.0.0", delete=True),
        {"m@v2.0.0"},
        {"m v1.0.0": "TagVanished", "m prod": "TagVanished", "m dev": "TagVanished"},
    ),
    "an artifact": (
        lambda path: gto.api.deprecate(path, "m", delete=True),
        set(),
        dict.fromkeys(("m v1.0.0", "m v2.0.0", "m prod", "m dev"), "TagVanished"),
    ),
}


@pytest.mark.parametrize("what", DELETIONS)
def test_what_gto_deleted_is_told_and_not_written_again(
    what: str, make_repository: MakeRepository
) -> None:
    delete, left, told = DELETIONS[what]
    desk = Desk(make_repository())
    desk.ask(*STORY)
    delete(str(desk.repository.path))
    assert {record.name for record in desk.repository.records()} == left
    assert_gto_agrees(desk.repository)
    decisions = desk.ask()
    reasons = {name: d.reason for name, d in decisions.items() if isinstance(d, Stalled)}
    assert reasons == told
    assert {record.name for record in desk.repository.records()} == left

"""What GTO and DVC make of a version that was withdrawn and came back.

Defect (d): `gto show NAME` as a table fails as long as a version has two registrations;
everything else reads it as the version that it is again, by the tag `N@vX.Y.Z#k` that GTO
itself would write. There is no other way back: GTO looks at registrations alone.
"""

from types import SimpleNamespace

import gto.api
import pytest
from dvc.repo.artifacts import Artifacts
from dvc.scm import Git
from gto.exceptions import NotImplementedInGTO

from .reading import assert_gto_agrees, gto_check_ref, meaning
from .repositories import MakeRepository
from .writing import Desk, Stage, Version, names

STAYS = Version("m", "v2.0.0", 2)
WITHDRAWN = Version("m", "v1.0.0", 1, deregistered=True)
RETURNED = Version("m", "v1.0.0", 1)


@pytest.fixture
def desk(make_repository: MakeRepository) -> Desk:
    """A model of two versions, the first of which has returned."""
    desk = Desk(make_repository())
    for specs in ([RETURNED, STAYS], [WITHDRAWN], [RETURNED]):
        desk.ask(*specs)
        desk.now += 5
    return desk


def test_it_returns_by_the_tag_that_gto_would_write(desk: Desk) -> None:
    assert names(desk.written) == ["m@v1.0.0", "m@v2.0.0", "m@v1.0.0!", "m@v1.0.0#1"]
    by_gto = Desk(desk.repository)
    by_gto.repository.git("tag", "-d", "m@v1.0.0#1")
    path, commit = str(by_gto.repository.path), by_gto.repository.commits[0]
    assert gto.api.register(path, "m", commit, "v1.0.0", simple=False).tag == "m@v1.0.0#1"


def test_gto_reads_it_everywhere_but_in_one_table(desk: Desk) -> None:
    path = str(desk.repository.path)
    assert_gto_agrees(desk.repository)
    rows = {row["version"]: row["ref"] for row in gto.api.show(path, "m")}
    assert rows == {"v1.0.0": "m@v1.0.0#1", "v2.0.0": "m@v2.0.0"}
    assert [row["version"] for row in gto.api.show(path, "m@v1.0.0")] == ["v1.0.0"]
    assert [row["version"] for row in gto.api.show(path, "m@latest")] == ["v2.0.0"]
    (event,) = gto_check_ref(desk.repository, "m@v1.0.0#1")
    assert (event["event"], event["version"]) == ("registration", "v1.0.0")
    with pytest.raises(NotImplementedInGTO):
        gto.api.show(path, "m", table=True)


def test_gto_registers_and_assigns_beside_it(desk: Desk) -> None:
    path = str(desk.repository.path)
    assert gto.api.assign(path, "m", "qa", version="v1.0.0").tag == "m#qa#2"
    assert gto.api.register(path, "m", desk.repository.commits[2]).tag == "m@v2.0.1"


def test_dvc_gets_it(desk: Desk) -> None:
    artifacts = Artifacts(SimpleNamespace(scm=Git(str(desk.repository.path))))
    assert artifacts.get_rev("m", version="v1.0.0") == desk.repository.commits[0]


def test_it_takes_a_stage_again(desk: Desk) -> None:
    desk.ask(Stage("m", "prod", "v1.0.0"))
    assert meaning(desk.repository) == {"m": ("v2.0.0", {"prod": "v1.0.0"})}


def test_withdrawn_once_more_it_is_gone_and_the_table_works_again(desk: Desk) -> None:
    desk.ask(WITHDRAWN)
    assert names(desk.written)[-1] == "m@v1.0.0!#2"
    path = str(desk.repository.path)
    assert [row["version"] for row in gto.api.show(path, "m")] == ["v2.0.0"]
    assert gto.api.show(path, "m", table=True)
    desk.now += 5
    desk.ask(RETURNED)
    assert names(desk.written)[-1] == "m@v1.0.0#3"
    assert_gto_agrees(desk.repository)

"""Who asked stands in every tag, and whoever reads the tags finds the change behind it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from tests.cluster.kubectl import eventually
from tests.cluster.people import await_promotion, await_right, bind
from tests.operator.house import House
from tests.operator.world import World

pytestmark = pytest.mark.usefixtures("actors")

PULL = "https://git.example.com/infra/pulls/7"
CHANGE = "playbill.dev/change"


def acting(world: World, user: str) -> World:
    """The same world in the hands of somebody with Kubernetes' role `edit`, who may promote."""
    for role in ("edit", "playbill-promoter"):
        bind(world.kubectl, world.namespace, user, role)
    kubectl = world.kubectl.as_user(user)
    await_right(kubectl, world.namespace, "create", "stageassignments.playbill.dev")
    await_promotion(kubectl, world.namespace, "prod")
    return replace(world, kubectl=kubectl)


def trailer(world: World, tag: str, key: str) -> str:
    """As plain git reads it."""
    fields = f"%(contents:trailers:key=Playbill-{key},valueonly)"
    return world.remote.git("for-each-ref", f"--format={fields}", f"refs/tags/{tag}").strip()


def test_each_tag_names_the_account_whose_request_it_answers(house: House) -> None:
    world = house.world("named")
    ada, bob = acting(world, "ada"), acting(world, "bob")
    ada.model()
    ada.version("named-v1", version="1.0.0", revision="main~1")
    bob.version("named-v2", version="2.0.0", revision="main")
    world.await_ready("mver", "named-v1")
    world.await_ready("mver", "named-v2")
    bob.stage(version="1.0.0")
    world.await_ready("stage", "named-prod")
    ada.patch("stage", "named-prod", {"version": "2.0.0"})
    current = world.await_ready("stage", "named-prod")["current"]
    ada.patch("mver", "named-v1", {"deregistered": True})
    eventually(lambda: "digits@v1.0.0!" in world.tags())
    bob.patch("rmodel", "named", {"deprecated": True})
    eventually(lambda: "digits@deprecated" in world.tags())
    asked = {tag: trailer(world, tag, "Requested-By") for tag in world.tags()}
    assert asked == {
        "digits@v1.0.0": "ada",
        "digits@v2.0.0": "bob",
        "digits#prod#1": "bob",
        "digits#prod#2": "ada",
        "digits@v1.0.0!": "ada",
        "digits@deprecated": "bob",
    }
    where = f"StageAssignment/{world.namespace}/named-prod (test)"
    assert current["by"] == f"{where} for ada"


def test_behind_gitops_the_change_leads_to_the_pull_request(house: House) -> None:
    world = house.world("gitops")
    flux = acting(world, "flux")
    flux.model()
    flux.version("gitops-v1", version="1.0.0", revision="main~1")
    world.await_ready("mver", "gitops-v1")
    assignment = {
        "apiVersion": "playbill.dev/v1alpha1",
        "kind": "StageAssignment",
        "metadata": {"name": "gitops-prod", "annotations": {CHANGE: PULL}},
        "spec": {"model": "gitops", "stage": "prod", "version": "1.0.0"},
    }
    flux.kubectl("apply", "-n", world.namespace, "--server-side", "-f", "-", manifest=assignment)
    world.await_ready("stage", "gitops-prod")
    assert trailer(world, "digits#prod#1", "Requested-By") == "flux"
    assert trailer(world, "digits#prod#1", "Change") == PULL
    told = audit(world)
    assert f"asked by     flux, StageAssignment/{world.namespace}/gitops-prod" in told
    assert f"change       {PULL}" in told


def audit(world: World) -> str:
    """`playbill audit` in a fresh clone."""
    command = ["-m", "playbill.cli", "audit", "--repo", str(world.clone())]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_who_applies_the_same_again_has_not_asked(house: House) -> None:
    world = house.world("again")
    ada, flux = acting(world, "ada-2"), acting(world, "flux-2")
    ada.model()
    world.await_ready("rmodel", "again")
    ada.stage(version="1.0.0")
    world.await_reason("stage", "again-prod", "DependencyNotFound")
    flux.kubectl("label", "-n", world.namespace, "stage", "again-prod", "synced=true")
    flux.version("again-v1", version="1.0.0", revision="main")
    world.await_ready("stage", "again-prod")
    assert trailer(world, "digits#prod#1", "Requested-By") == "ada-2"
    assert trailer(world, "digits@v1.0.0", "Requested-By") == "flux-2"


def test_a_forged_name_is_in_no_tag(house: House) -> None:
    world = house.world("forged")
    mallory = acting(world, "mallory")
    mallory.model()
    mallory.version("forged-v1", version="1.0.0", revision="main")
    world.await_ready("mver", "forged-v1")
    lie = {"playbill.dev/requested-by": "ada", CHANGE: "x\n\nPlaybill-Requested-By: ada"}
    mallory.apply(
        {
            "apiVersion": "playbill.dev/v1alpha1",
            "kind": "StageAssignment",
            "metadata": {"name": "forged-prod", "annotations": lie},
            "spec": {"model": "forged", "stage": "prod", "version": "1.0.0"},
        }
    )
    world.await_ready("stage", "forged-prod")
    assert trailer(world, "digits#prod#1", "Requested-By") == "mallory"
    assert trailer(world, "digits#prod#1", "Change") == "x Playbill-Requested-By: ada"


def test_who_deletes_is_nobody_for_the_api_server_tells_it_to_none(house: House) -> None:
    world = house.world("leaver")
    ada, bob = acting(world, "ada-3"), acting(world, "bob-3")
    ada.model()
    ada.version("leaver-v1", version="1.0.0", revision="main")
    ada.stage(version="1.0.0")
    world.await_ready("stage", "leaver-prod")
    bob.delete("stage", "leaver-prod")
    assert trailer(world, "digits#prod!#2", "Resource").endswith("/leaver-prod")
    assert trailer(world, "digits#prod!#2", "Requested-By") == ""
    assert trailer(world, "digits#prod#1", "Requested-By") == "ada-3"

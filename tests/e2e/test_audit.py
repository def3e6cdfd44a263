"""The audit trail of real pods: what a clone tells of them."""

import json
import subprocess
import sys
from typing import Any

from tests.cluster.kubectl import eventually
from tests.e2e.serving import V1, V2, Served
from tests.operator.world import World


def audit(world: World, *arguments: str) -> list[dict[str, Any]]:
    """The command on a fresh clone with its notes, as a process of its own."""
    clone = world.clone()
    fetch = ["git", "-C", str(clone), "fetch", "-q", "origin", "refs/notes/*:refs/notes/*"]
    subprocess.run(fetch, check=False, capture_output=True)
    command = [sys.executable, "-m", "playbill.cli", "audit", "--repo", str(clone)]
    words = [*command, *arguments, "--output", "json"]
    done = subprocess.run(words, capture_output=True, check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout)["tenures"]
    return found


def test_a_clone_tells_which_images_served_a_stage_and_by_whose_word(served: Served) -> None:
    served.register()
    served.assign()
    served.ready()
    asked = ("--model", served.model, "--stage", "prod")
    eventually(lambda: "available" in audit(served.world, *asked)[0])
    (pod,) = served.pods()
    (container,) = pod["status"]["containerStatuses"]

    (tenure,) = audit(served.world, *asked)
    assert (tenure["version"], tenure["until"]) == (V1, None)
    assert tenure["commit"] == served.world.status("stage", served.name)["current"]["commit"]
    (available,) = tenure["available"]
    assert available["images"] == [container["imageID"].rpartition("@")[2]]
    assert available["resource"] == f"StageAssignment/{served.world.namespace}/{served.name}"
    assert tenure["recordedBy"]["resource"] == available["resource"]

    served.change(version=V2)
    served.ready(V2)
    eventually(lambda: "available" in audit(served.world, *asked)[-1])
    first, second = audit(served.world, *asked)
    assert first["endedBy"] == {"tag": second["tag"], "how": "replaced", "version": V2}
    assert first["available"] == tenure["available"]

"""Policies hold for every source of a promotion: a spec, what is followed, a tag of GTO.

Each test has a repository and a model of its own; three commits with accuracies 0.91, 0.94 and
0.96 are on main.
"""

import json
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.kubectl import at_rest, eventually
from tests.cluster.manifests import manifest, rollout
from tests.cluster.model_service import grant
from tests.conformance.ssh_key import SshKey
from tests.operator.house import House
from tests.operator.person import Person
from tests.operator.world import World
from tests.servers.api_gate import ApiGate

Object = dict[str, Any]


@pytest.fixture
def registered(house: House) -> Callable[[str], World]:
    """A model with v1.0.0 (accuracy 0.91), v2.0.0 (0.94) and v3.0.0 (0.96)."""

    def make(name: str) -> World:
        world = house.world(name)
        world.model()
        for number, revision in ((1, "main~2"), (2, "main~1"), (3, "main")):
            world.version(f"{name}-v{number}", version=f"v{number}.0.0", revision=revision)
        for number in (1, 2, 3):
            world.await_ready("mver", f"{name}-v{number}")
        return world

    return make


def policy(world: World, **spec: Any) -> None:
    """A policy for prod of the world's model, named like it."""
    whole = {"models": [world.name], "stages": ["prod"], **spec}
    world.apply(manifest("PromotionPolicy", world.name, whole))


def gate(expression: str, **more: Any) -> Object:
    return {"gates": [{"name": "quality", "expression": expression, **more}]}


def stage_tags(world: World) -> list[str]:
    return [tag for tag in world.tags() if "#" in tag]


def condition(world: World, type_: str) -> tuple[str, str]:
    found = world.condition("stage", f"{world.name}-prod", type_)
    return found.get("status", ""), found.get("reason", "")


def served(world: World) -> str | None:
    """The version that the Deployment runs."""
    name = f"{world.name}-prod"
    if not world.exists("deployment", name):
        return None
    annotations: dict[str, str] = world.get("deployment", name)["metadata"]["annotations"]
    return annotations.get("playbill.dev/version")


def image(world: World) -> str:
    found = world.get("deployment", f"{world.name}-prod")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def claim(world: World, **annotations: str) -> None:
    """Somebody who may change Deployments says what this one runs."""
    said = [f"playbill.dev/{name}={value}" for name, value in annotations.items()]
    world.kubectl(
        "annotate", "-n", world.namespace, "deployment", f"{world.name}-prod", "--overwrite", *said
    )


def forget_commit(world: World) -> None:
    """The status as an operator wrote it that did not know of this field."""
    world.kubectl(
        "patch", "-n", world.namespace, "stage", f"{world.name}-prod", "--subresource=status",
        "--type=merge", "-p", json.dumps({"status": {"workload": {"commit": None}}}),
    )  # fmt: skip


def test_a_spec_is_refused_with_the_values_until_the_policy_changes(
    registered: Callable[[str], World],
) -> None:
    world = registered("spec")
    policy(world, **gate("metrics.accuracy >= 0.95", message="what we promise"))
    world.stage(version="v2.0.0")
    said = world.await_reason("stage", "spec-prod", "GateFailed")
    assert said["message"] == "policy spec: accuracy 0.94 < 0.95 (what we promise)"
    assert condition(world, "Stalled") == ("True", "GateFailed")
    assert stage_tags(world) == []

    policy(world, **gate("metrics.accuracy >= 0.93"))
    assert world.await_ready("stage", "spec-prod")["current"]["version"] == "v2.0.0"
    assert stage_tags(world) == ["digits#prod#1"]
    status = world.await_ready("policy", "spec")
    eventually(lambda: world.status("policy", "spec").get("assignments") == 1)
    assert status["conditions"][0]["reason"] == "InForce"


def test_what_is_followed_is_promoted_when_its_gate_holds(
    registered: Callable[[str], World],
) -> None:
    world = registered("follow")
    policy(world, **gate("metrics.accuracy >= 0.99"))
    world.stage(follow={"range": "*"})
    said = world.await_reason("stage", "follow-prod", "GateFailed")
    assert said["message"] == "policy follow: accuracy 0.96 < 0.99"
    assert stage_tags(world) == []
    policy(world, **gate("metrics.accuracy >= 0.95"))
    assert world.await_ready("stage", "follow-prod")["current"]["version"] == "v3.0.0"


@pytest.mark.parametrize("how", ["it is followed", "a person assigns it"])
def test_after_a_rollback_the_next_version_is_judged_and_served(house: House, how: str) -> None:
    world = house.world("followed" if how == "it is followed" else "assigned")
    world.model()
    policy(world, **gate("metrics.accuracy > 0.5"))
    bytes_ = {"uri": "s3://models/digits", "digest": f"sha256:{'0' * 64}"}
    template = {"containers": [{"name": "server", "image": "digits", "args": ["${uri}"]}]}
    wish: Object = {"follow": {"range": "*"}} if how == "it is followed" else {}
    for number, revision, given in (
        (1, "main~2", {"artifact": bytes_}),
        (2, "main~1", {}),  # the template asks for more than this one has
        (3, "main", {"artifact": bytes_}),
    ):
        name = f"{world.name}-v{number}"
        world.version(name, version=f"v{number}.0.0", revision=revision, **given)
        world.await_ready("mver", name)
        if how == "a person assigns it":
            ada = Person.of(world)
            ada.gto("assign", "digits", "--version", f"v{number}.0.0", "--stage", "prod")
        if number == 1:
            world.stage(rollout={"replicas": 0, "template": {"spec": template}}, **wish)
        if number == 2:
            world.await_reason("stage", f"{world.name}-prod", "RolledBack")
        else:
            world.await_ready("stage", f"{world.name}-prod")
            eventually(lambda n=number: served(world) == f"v{n}.0.0")  # type: ignore[misc]
    assert stage_tags(world) == [f"digits#prod#{number}" for number in (1, 2, 3, 4)]


def test_a_pushed_tag_deploys_nothing_that_a_policy_refuses(
    registered: Callable[[str], World],
) -> None:
    world = registered("pushed")
    policy(world, **gate("metrics.accuracy >= 0.93"))
    world.stage(rollout=rollout(replicas=0))
    ada = Person.of(world)
    ada.gto("assign", "digits", "--version", "v2.0.0", "--stage", "prod")
    world.look()
    world.await_ready("stage", "pushed-prod")
    eventually(lambda: served(world) == "v2.0.0")

    ada.gto("assign", "digits", "--version", "v1.0.0", "--stage", "prod")
    world.look()
    said = world.await_reason("stage", "pushed-prod", "GateFailed")
    assert said["message"] == (
        "v1.0.0 holds prod, but policy pushed: accuracy 0.91 < 0.93; v2.0.0 is served still"
    )
    assert condition(world, "Recorded") == ("True", "Assigned")
    assert condition(world, "RolledOut") == ("False", "GateFailed")
    assert served(world) == "v2.0.0"
    assert stage_tags(world) == ["digits#prod#1", "digits#prod#2"]

    claim(world, version="v1.0.0", commit=world.remote.git("rev-parse", "main~2"))
    world.patch("stage", "pushed-prod", {"message": "it runs already, does it not?"})
    world.await_said("stage", "pushed-prod", "GateFailed", "v1.0.0 holds prod")
    assert image(world) == "server:v2.0.0"

    world.delete("policy", "pushed")
    world.await_ready("stage", "pushed-prod")
    assert image(world) == "server:v1.0.0"


def test_the_first_tag_on_an_empty_stage_waits_as_a_spec_would(
    registered: Callable[[str], World],
) -> None:
    world = registered("first")
    policy(world, after=[{"stage": "staging", "for": "2s"}])
    world.stage(rollout=rollout(replicas=0))
    ada = Person.of(world)
    ada.gto("assign", "digits", "--version", "v1.0.0", "--stage", "prod")
    world.look()
    said = world.await_reason("stage", "first-prod", "NotHeldLongEnough")
    assert "v1.0.0 has to hold staging for 2s first, and never did" in said["message"]
    assert condition(world, "Recorded") == ("True", "Assigned")
    assert served(world) is None

    ada.gto("assign", "digits", "--version", "v1.0.0", "--stage", "staging")
    world.look()
    world.await_ready("stage", "first-prod")
    assert served(world) == "v1.0.0"


@pytest.mark.parametrize("what", ["deployment", "configmap"])
def test_a_version_whose_tag_was_moved_is_judged_as_another(house: House, what: str) -> None:
    """Nobody gets by the policies with other bytes under the name of what is served."""
    world = house.world(f"moved-{what}")
    name, good, bad = f"{world.name}-prod", "refs/heads/main", "refs/heads/main~2"
    if what == "configmap":
        grant(world.kubectl, world.namespace, "configmaps")
    values = {"version": "${version}", "commit": "${commit}"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": values}
    policy(world, **gate("metrics.accuracy >= 0.95"))
    for tag in ("digits@v1.0.0", "digits#prod#1"):
        world.remote.tag(tag, good)
    world.model()
    world.stage(rollout=rollout(replicas=0) if what == "deployment" else {"manifests": [config]})
    world.await_ready("stage", name)
    before = at_rest(lambda: world.get(what, name)["metadata"]["resourceVersion"])

    for tag in ("digits@v1.0.0", "digits#prod#2"):
        world.remote.tag(tag, bad)
    world.look()
    runs = world.remote.git("rev-parse", good)
    still = f"; v1.0.0 of commit {runs[:12]} is served still"
    world.await_said("stage", name, "GateFailed", "accuracy 0.91 < 0.95", still)
    assert world.get(what, name)["metadata"]["resourceVersion"] == before
    status = world.status("stage", name)
    assert status["workload"]["commit"] == runs
    assert [entry.get("outcome") for entry in status["history"]] == [None, "Available"]
    if what == "deployment":
        world.delete("deployment", name)
        world.patch("stage", name, {"message": "and now it is gone"})
        gone = f"; the workload of v1.0.0 of commit {runs[:12]} is gone"
        world.await_said("stage", name, "GateFailed", "accuracy 0.91 < 0.95", gone)
        assert not world.exists("deployment", name)


def stricter_than_what_runs(world: World) -> None:
    """v1.0.0 is ready, and a policy that it would not pass comes afterwards."""
    world.stage(version="v1.0.0", rollout=rollout(replicas=0))
    world.await_ready("stage", f"{world.name}-prod")
    policy(world, **gate("metrics.accuracy >= 0.95"))
    world.await_ready("policy", world.name)


def test_what_an_older_operator_had_ready_is_not_judged_again(
    registered: Callable[[str], World],
) -> None:
    world = registered("older")
    stricter_than_what_runs(world)
    world.operator.stop()
    world.delete("deployment", "older-prod")
    forget_commit(world)
    world.operator.start()
    world.look()
    eventually(lambda: served(world) == "v1.0.0")
    eventually(lambda: "commit" in world.status("stage", "older-prod")["workload"])
    world.await_ready("stage", "older-prod")


def test_what_was_removed_while_git_was_away_is_served_again_and_not_judged(
    registered: Callable[[str], World],
) -> None:
    world = registered("away")
    stricter_than_what_runs(world)
    world.operator.stop()
    world.delete("deployment", "away-prod")
    place = world.remote.path
    place.rename(place.with_name("elsewhere.git"))
    world.operator.start()
    world.await_reason("stage", "away-prod", "RepositoryNotFound")
    place.with_name("elsewhere.git").rename(place)
    world.look()
    eventually(lambda: served(world) == "v1.0.0")
    world.await_ready("stage", "away-prod")


def test_of_which_commit_a_workload_is_no_deployment_tells(house: House) -> None:
    """An older operator left a status that does not, and somebody may change Deployments."""
    world = house.world("claimed")
    policy(world, **gate("metrics.accuracy >= 0.95"))
    for tag in ("digits@v1.0.0", "digits#prod#1"):
        world.remote.tag(tag, "refs/heads/main")
    world.model()
    world.stage(rollout=rollout(replicas=0))
    world.await_ready("stage", "claimed-prod")
    for tag in ("digits@v1.0.0", "digits#prod#2"):
        world.remote.tag(tag, "refs/heads/main~2")
    world.look()
    world.await_reason("stage", "claimed-prod", "GateFailed")

    world.operator.stop()
    forget_commit(world)
    good, bad = (world.remote.git("rev-parse", f"refs/heads/{r}") for r in ("main", "main~2"))
    claim(world, commit=bad)
    world.operator.start()
    world.look()
    world.patch("stage", "claimed-prod", {"message": "it runs already, does it not?"})
    world.await_said("stage", "claimed-prod", "GateFailed", "accuracy 0.91 < 0.95")
    pods = world.get("deployment", "claimed-prod")["spec"]["template"]["metadata"]
    assert pods["annotations"]["playbill.dev/commit"] == good


def test_a_tag_that_pretends_to_be_a_rollback_deploys_nothing_that_a_policy_refuses(
    registered: Callable[[str], World],
) -> None:
    """Who may push can copy our trailers, and write what serves into them."""
    world = registered("pretended")
    policy(world, **gate("metrics.accuracy >= 0.95"))
    world.stage(version="v3.0.0", rollout=rollout(replicas=0))
    world.await_ready("stage", "pretended-prod")
    ours = world.message("digits#prod#1").strip()
    reason = "Playbill-Reason: rollback from v3.0.0 (CrashLoop): so they say"
    time.sleep(1.1)  # tags are told apart by the second
    world.remote.tag("digits#prod#2", "refs/heads/main~2", f"{ours}\n{reason}\n")
    world.look()
    world.await_said("stage", "pretended-prod", "RolledBack", "accuracy 0.91 < 0.95")
    assert served(world) == "v3.0.0"
    assert image(world) == "server:v3.0.0"


def test_a_tag_that_agrees_with_the_spec_authorises_nothing(
    registered: Callable[[str], World],
) -> None:
    """Ada writes the tag that the spec would have, so there is nothing left to record."""
    world = registered("agreeing")
    policy(world, **gate("metrics.accuracy >= 0.95"))
    Person.of(world).gto("assign", "digits", "--version", "v1.0.0", "--stage", "prod")
    world.look()
    world.stage(version="v1.0.0", rollout=rollout(replicas=0))
    said = world.await_reason("stage", "agreeing-prod", "GateFailed")
    assert "accuracy 0.91 < 0.95" in said["message"]
    assert served(world) is None


def test_what_runs_stays_when_the_policy_becomes_stricter_also_after_a_restart(
    registered: Callable[[str], World],
) -> None:
    world = registered("stricter")
    stricter_than_what_runs(world)
    world.operator.stop()
    world.operator.start()
    world.look()
    world.patch("stage", "stricter-prod", {"message": "still here"})
    world.await_ready("stage", "stricter-prod")
    assert served(world) == "v1.0.0"


def test_a_missing_metric_is_named_and_may_be_declared_but_not_overruled(
    registered: Callable[[str], World],
) -> None:
    world = registered("declared")
    policy(world, **gate("metrics.f1 >= 0.8 && metrics.accuracy >= 0.95"))
    world.stage(version="v3.0.0")
    said = world.await_reason("stage", "declared-prod", "GateFailed")
    assert said["message"] == "policy declared: v3.0.0 has no metric f1"
    world.patch("mver", "declared-v1", {"metrics": {"f1": "0.85", "accuracy": "0.99"}})
    world.patch("stage", "declared-prod", {"version": "v1.0.0"})
    world.await_said("stage", "declared-prod", "GateFailed", "declared: accuracy 0.91 < 0.95")
    world.patch("stage", "declared-prod", {"version": "v3.0.0"})
    world.await_said("stage", "declared-prod", "GateFailed", "v3.0.0 has no metric f1")
    world.patch("mver", "declared-v3", {"metrics": {"f1": "0.85"}})
    world.await_ready("stage", "declared-prod")


def test_what_is_declared_of_a_number_that_is_allotted_counts_as_soon_as_it_has_one(
    idle_world: World, tmp_path: Path
) -> None:
    """The tag is there before the status says whose number it is: so long nobody knows."""
    world = idle_world
    with ApiGate(world.operator.kubeconfig, tmp_path) as door:
        world.operator.kubeconfig = door.kubeconfig
        world.operator.start()
        policy(world, **gate("metrics.f1 > 0.5"))
        world.model()
        world.stage(follow={})
        world.await_reason("stage", "digits-prod", "Empty")
        told = door.hold("PATCH", '"version":"v0.0.1"')
        world.version("first", revision="main", metrics={"f1": "0.9"})
        told.arrives()
        world.await_said("stage", "digits-prod", "GateFailed", "v0.0.1 has no metric f1")
        told.let_go()
        assert world.await_ready("stage", "digits-prod")["current"]["version"] == "v0.0.1"
        world.operator.stop()


def test_a_challenger_is_compared_with_who_holds_the_stage(
    registered: Callable[[str], World],
) -> None:
    world = registered("challenger")
    policy(
        world,
        **gate("!has(current.version) || metrics.accuracy > current.metrics.accuracy"),
    )
    world.stage(version="v2.0.0")
    world.await_ready("stage", "challenger-prod")
    world.patch("stage", "challenger-prod", {"version": "v1.0.0"})
    said = world.await_reason("stage", "challenger-prod", "GateFailed")
    assert "accuracy 0.91, current accuracy 0.94" in said["message"].replace(
        "current version v2.0.0, ", ""
    )
    world.patch("stage", "challenger-prod", {"version": "v3.0.0"})
    world.await_ready("stage", "challenger-prod")


def test_a_version_is_promoted_when_it_has_been_on_staging_for_long_enough(
    registered: Callable[[str], World],
) -> None:
    world = registered("soak")
    policy(world, after=[{"stage": "staging", "for": "4s"}])
    world.stage(version="v1.0.0")
    said = world.await_reason("stage", "soak-prod", "NotHeldLongEnough")
    assert "v1.0.0 has to hold staging for 4s first, and never did" in said["message"]
    assert condition(world, "Ready") == ("False", "NotHeldLongEnough")

    world.stage("soak-staging", stage="staging", version="v1.0.0")
    began = world.await_ready("stage", "soak-staging")["current"]["since"]
    ready = world.await_ready("stage", "soak-prod")["current"]["since"]
    taken = datetime.fromisoformat(ready) - datetime.fromisoformat(began)
    assert taken >= timedelta(seconds=4)

    world.patch("stage", "soak-prod", {"version": "v2.0.0"})
    world.await_said("stage", "soak-prod", "NotHeldLongEnough", "never did")


def test_outside_of_its_windows_a_stage_stays_as_it_is(
    registered: Callable[[str], World],
) -> None:
    world = registered("window")
    now = datetime.now(UTC)
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    today, later = days[now.weekday()], days[(now.weekday() + 3) % 7]
    closed = {"days": [later], "from": "09:00", "to": "17:00", "timeZone": "Europe/Berlin"}
    policy(world, windows=[closed])
    world.stage(version="v1.0.0")
    said = world.await_reason("stage", "window-prod", "OutsideWindow")
    assert f"no window is open now; the next one opens {later} " in said["message"]
    assert said["message"].endswith("09:00 Europe/Berlin")
    assert stage_tags(world) == []
    yesterday = days[(now.weekday() - 1) % 7]
    policy(world, windows=[closed, {"days": [yesterday, today, days[(now.weekday() + 1) % 7]]}])
    world.await_ready("stage", "window-prod")


def test_what_is_unsigned_or_signed_by_a_stranger_is_refused(house: House, tmp_path: Path) -> None:
    world = house.world("signed")
    world.model()
    lead, stranger = (make_key(tmp_path, name) for name in ("lead", "stranger"))
    policy(world, requireSignedTag={"signers": [lead.public]})
    clone = world.clone()
    write_tag(clone, "digits@v1.0.0", "HEAD~2", None)
    write_tag(clone, "digits@v2.0.0", "HEAD~1", tmp_path / "stranger" / "key")
    write_tag(clone, "digits@v3.0.0", "HEAD", tmp_path / "lead" / "key")
    world.look()
    world.stage(version="v1.0.0")
    world.await_said(
        "stage", "signed-prod", "SignatureRequired",
        "policy signed: digits@v1.0.0 has no sound ssh signature",
    )  # fmt: skip
    world.patch("stage", "signed-prod", {"version": "v2.0.0"})
    world.await_said("stage", "signed-prod", "SignatureRequired", "signed by nobody whom")
    world.patch("stage", "signed-prod", {"version": "v3.0.0", "rollout": rollout(replicas=0)})
    world.await_ready("stage", "signed-prod")

    write_tag(clone, "digits@v4.0.0", tree_commit(world), tmp_path / "lead" / "key")
    write_tag(clone, "digits#prod#7", "digits@v4.0.0^{commit}", None)
    world.patch("stage", "signed-prod", {"version": None})
    world.await_said(
        "stage", "signed-prod", "SignatureRequired",
        "digits#prod#7 has no sound ssh signature", "v3.0.0 is served still",
    )  # fmt: skip
    assert stranger.public not in str(world.status("stage", "signed-prod"))
    write_tag(clone, "digits#prod#8", "digits@v4.0.0^{commit}", tmp_path / "lead" / "key")
    world.look()
    eventually(lambda: served(world) == "v4.0.0")


def test_a_digest_an_allowed_stage_and_a_sound_policy_are_asked_for(
    registered: Callable[[str], World],
) -> None:
    world = registered("various")
    policy(world, requireDigest=True)
    world.stage(version="v1.0.0")
    world.await_ready("stage", "various-prod")  # git holds model.bin

    policy(world, stages=["none"], allowedStages=["dev"])
    world.patch("stage", "various-prod", {"version": "v2.0.0"})
    said = world.await_reason("stage", "various-prod", "StageNotAllowed")
    assert "various may hold the stages dev only, and not prod" in said["message"]

    policy(world, **gate("metrc.accuracy > 1.0"), allowedStages=[])
    said = world.await_reason("stage", "various-prod", "PolicyInvalid")
    assert "gate quality cannot be used: 1:6: undeclared reference" in said["message"]
    assert world.await_reason("policy", "various", "PolicyInvalid")["status"] == "False"
    policy(world, windows=[{"timeZone": "Mars/Olympus"}], gates=[])
    world.await_said("stage", "various-prod", "PolicyInvalid", "no time zone Mars/Olympus")

    world.delete("policy", "various")
    assert world.await_ready("stage", "various-prod")["current"]["version"] == "v2.0.0"


def test_bytes_that_a_tag_puts_elsewhere_are_judged_as_others(
    registered: Callable[[str], World],
) -> None:
    """Whoever may push can register a version once more on its commit, and say where it lies."""
    world = registered("elsewhere")
    policy(world, requireDigest=True)
    world.stage(version="v1.0.0", rollout=rollout(replicas=0) | {"fetch": {}})
    world.await_ready("stage", "elsewhere-prod")
    before = world.get("deployment", "elsewhere-prod")["spec"]

    uri = "https://example.com/another.bin"
    world.remote.tag("digits@v1.0.0#2", "main~2", f"mine\n\nPlaybill-Artifact-Uri: {uri}")
    world.look()
    world.await_said("stage", "elsewhere-prod", "DigestRequired", "v1.0.0 has no digest")
    assert world.get("deployment", "elsewhere-prod")["spec"] == before

    world.delete("policy", "elsewhere")
    world.await_ready("stage", "elsewhere-prod")
    assert uri in str(world.get("deployment", "elsewhere-prod")["spec"])
    policy(world, requireDigest=True)
    world.await_ready("policy", "elsewhere")
    world.patch("stage", "elsewhere-prod", {"message": "what runs is not judged again"})
    world.await_ready("stage", "elsewhere-prod")


def make_key(directory: Path, name: str) -> SshKey:
    (directory / name).mkdir()
    return SshKey.make(directory / name)


def write_tag(clone: Path, name: str, target: str, key: Path | None) -> None:
    """A tag as a person writes it with git, signed if there is a key, in a second of its own."""
    time.sleep(1.1)
    subprocess.run(["git", "-C", clone, "fetch", "-q", "--tags"], check=True)
    signing = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"] if key else []
    how = "-s" if key else "-a"
    command = ["git", "-C", clone, *signing, "tag", how, "-m", "by hand", name, target]
    subprocess.run([str(part) for part in command], check=True)
    subprocess.run(["git", "-C", clone, "push", "-q", "origin", name], check=True)


def tree_commit(world: World) -> str:
    return world.remote.commit({"README.md": "more\n"})

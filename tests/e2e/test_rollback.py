"""A rollout that fails goes back by itself, git says so, and it is not tried again unasked."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.kubectl import eventually
from tests.e2e.serving import V1, V2, Served

NEVER = {"image": "localhost/nobody-has-this:1", "imagePullPolicy": "Never"}
CRASHES = {"command": ["/bin/busybox", "sh", "-c", "exit 7"]}
NOT_READY = {"readinessProbe": {"httpGet": {"path": "/nothing", "port": 8080}, "periodSeconds": 1}}
PATIENCE = 120.0


@pytest.fixture
def healthy(served: Served) -> Served:
    served.register()
    served.assign()
    served.ready()
    served.answers(V1)
    served.world.await_ready("mver", f"{served.model}-v2")
    return served


def promote(served: Served, **rollout: Any) -> None:
    """To v2.0.0 with a template that is changed so."""
    served.change(version=V2, rollout={**served.rollout(), **rollout})


def rolled_back(served: Served) -> dict[str, Any]:
    """The status once the rollout was taken back, and git says so."""
    served.world.await_reason("stage", served.name, "RolledBack", patience=PATIENCE)
    return served.world.status("stage", served.name)


def tags(served: Served) -> list[str]:
    return [tag for tag in served.world.tags() if tag.startswith(f"{served.model}#")]


def test_an_image_that_never_comes_is_taken_back_at_once_and_told_by_git(healthy: Served) -> None:
    served = healthy
    promote(served, template=served.template(**NEVER), progressDeadlineSeconds=600)
    rolled_back(served)
    served.answers(V1)
    # What was gone back to is told to be available when that has been looked at.
    story = [(V1, "Available"), (V2, "RolledBack"), (V1, "Available")]
    eventually(lambda: served.outcomes() == story)

    status = served.world.status("stage", served.name)
    conditions = {c["type"]: c for c in status["conditions"]}
    assert conditions["Stalled"]["status"] == conditions["Recorded"]["status"] == "True"
    assert conditions["Ready"]["message"].startswith(
        f"{V2} failed and was taken back, {V1} serves (ImageUnavailable"
    )
    assert "playbill.dev/requested-at" in conditions["Ready"]["message"]
    assert status["current"]["version"] == V1
    assert "ImageUnavailable" in status["history"][1]["reason"]
    assert status["rolledBack"]["version"] == V2
    assert served.world.get("stage", served.name)["spec"]["version"] == V2  # the spec is theirs

    artifact = served.model
    assert tags(served) == [f"{artifact}#prod#{n}" for n in (1, 2, 3)]
    said = served.world.message(f"{artifact}#prod#3")
    assert said.startswith(f"Assigning stage prod to artifact {artifact} version {V1}")
    assert f"Playbill-Reason: rollback from {V2} (ImageUnavailable): " in said
    shown = served.world.gto("show", f"{artifact}#prod")
    assert V1 in shown
    assert V2 not in shown


def test_a_crash_loop_is_taken_back_after_a_few_crashes(healthy: Served) -> None:
    promote(healthy, template=healthy.template(**CRASHES), progressDeadlineSeconds=600)
    status = rolled_back(healthy)
    assert status["rolledBack"]["reason"] == "CrashLoop"
    assert "exit code 7" in status["rolledBack"]["message"]
    healthy.answers(V1)


def test_pods_that_never_are_ready_are_taken_back_at_the_deadline(healthy: Served) -> None:
    promote(healthy, template=healthy.template(**NOT_READY), progressDeadlineSeconds=8)
    status = rolled_back(healthy)
    assert status["rolledBack"]["reason"] == "ProgressDeadlineExceeded"
    assert "not ready yet" in status["rolledBack"]["message"]
    eventually(lambda: len(healthy.pods()) == 1)
    healthy.answers(V1)


def test_a_template_that_is_refused_is_taken_back_at_once(healthy: Served) -> None:
    promote(healthy, template=healthy.template(imagePullPolicy="Sometimes"))
    status = rolled_back(healthy)
    assert status["rolledBack"]["reason"] == "Invalid"
    assert 'Unsupported value: "Sometimes"' in status["rolledBack"]["message"]
    healthy.answers(V1)


def test_hold_leaves_the_old_pods_serving_and_goes_on_when_it_can(healthy: Served) -> None:
    broken = healthy.template(**CRASHES)
    promote(healthy, template=broken, onFailure="Hold")
    healthy.world.await_reason("stage", healthy.name, "CrashLoop", patience=PATIENCE)
    assert len(tags(healthy)) == 2
    assert healthy.world.status("stage", healthy.name)["current"]["version"] == V2
    healthy.answers(V1)
    healthy.change(rollout=healthy.rollout())
    healthy.ready(V2)
    healthy.answers(V2)


def test_without_anything_to_go_back_to_the_failure_stands(served: Served) -> None:
    served.register()
    served.assign(template=served.template(**NEVER))
    assert "nobody-has-this" in served.stalled("ImageUnavailable")
    assert len(tags(served)) == 1
    served.change(rollout=served.rollout())
    served.ready()


def test_it_is_tried_again_when_asked_and_when_the_spec_changes(healthy: Served) -> None:
    served, world = healthy, healthy.world
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": served.name}}
    world.apply(settings)
    needs = {"valueFrom": {"configMapKeyRef": {"name": served.name, "key": "go"}}}
    template = served.template(env=[{"name": "GO", **needs}])
    promote(served, template=template, progressDeadlineSeconds=6)
    rolled_back(served)
    assert len(tags(served)) == 3

    patch = '{"data": {"go": "yes"}}'
    world.kubectl("patch", "-n", world.namespace, "cm", served.name, "--type=merge", "-p", patch)
    again = "playbill.dev/requested-at=now"
    world.kubectl("annotate", "-n", world.namespace, "stage", served.name, again)
    served.ready(V2)
    served.answers(V2)
    assert len(tags(served)) == 4
    assert "rolledBack" not in world.status("stage", served.name)

    served.change(version=V1, rollout={"template": served.template(**NEVER)})
    rolled_back(served)
    served.answers(V2)
    served.change(rollout=served.rollout())
    served.ready(V1)
    served.answers(V1)


def test_what_failed_by_the_template_alone_goes_back_to_the_template_before(
    healthy: Served,
) -> None:
    healthy.change(rollout={"template": healthy.template(**NEVER)})
    status = rolled_back(healthy)
    assert (status["rolledBack"]["version"], status["rolledBack"]["to"]) == (V1, V1)
    assert healthy.container()["image"] == healthy.image
    assert len(tags(healthy)) == 2
    healthy.answers(V1)


def test_what_somebody_assigned_with_gto_is_taken_back_as_well(served: Served) -> None:
    served.register()
    crash = "[ ${version} = v1.0.0 ] && exec /bin/busybox sh /bin/serve ${version}; exit 7"
    script = served.template(command=["/bin/busybox", "sh", "-c", crash])
    served.assign(version=None, template=script)
    world = served.world
    world.await_ready("mver", f"{served.model}-v2")
    clone = world.clone()
    for version in (V1, V2):
        world.gto("assign", served.model, "--version", version, "--stage", "prod", clone=clone)
        push(clone)
        if version == V1:
            eventually(lambda: served.exists("service") and served.answer() == V1, patience=30)
            served.ready()
    status = rolled_back(served)
    assert status["rolledBack"]["reason"] == "CrashLoop"
    assert status["current"]["version"] == V1
    served.answers(V1)


def push(clone: Path) -> None:
    subprocess.run(["git", "-C", str(clone), "push", "-q", "--tags"], check=True)

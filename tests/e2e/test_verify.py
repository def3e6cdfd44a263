"""A new version must prove itself: it is good when its Job completes, or goes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.e2e.conftest import ROOT, load_image
from tests.e2e.serving import V1, V2, Served
from tests.operator.fixtures import new_world
from tests.operator.world import Object, World

PATIENCE = 90.0
IMAGE = "playbill-fetch:dev"
ASK = "[ $(/bin/busybox wget -qO- http://{name}:8080/) = ${{version}} ]"
BY_VERSION = (
    "[ ${version} = v1.0.0 ] && exit 0; "
    "echo the accuracy of ${version} fell > /dev/termination-log; exit 3"
)
HANGS = "[ ${version} = v1.0.0 ] || exec /bin/busybox sleep 600"


@pytest.fixture(scope="module")
def shared_world(
    cluster: Kubectl, node: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """An operator that knows the image which has `playbill check`."""
    load_image(IMAGE, file=ROOT / "Dockerfile", context=ROOT, target="fetch")
    with new_world(cluster, tmp_path_factory.mktemp("verify")) as world:
        world.operator.environment["PLAYBILL_FETCH_IMAGE"] = f"localhost/{IMAGE}"
        world.operator.start()
        yield world


def job(served: Served, script: str, **template: Any) -> dict[str, Any]:
    """A check by a Job with this script."""
    command = ["/bin/busybox", "sh", "-c", script]
    container = {"name": "try", "image": served.image, "command": command}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"job": {"template": {"spec": spec, **template}}}


def serve(served: Served, **rollout: Any) -> None:
    """v1.0.0 on stage, and v2.0.0 at hand."""
    served.register()
    served.assign(**rollout)
    served.ready()
    served.world.await_ready("mver", f"{served.model}-v2")


def jobs(served: Served) -> list[Object]:
    return served.world.items("jobs", selector=f"playbill.dev/verifies={served.name}")


def uids(served: Served) -> list[str]:
    return [each["metadata"]["uid"] for each in jobs(served)]


def checking_pods(served: Served) -> list[Object]:
    return served.world.items("pods", selector=f"playbill.dev/verifies={served.name}")


def rolled_back(served: Served) -> dict[str, Any]:
    """What the status says once the check has failed and v1.0.0 is back."""
    served.world.await_reason("stage", served.name, "RolledBack", patience=PATIENCE)
    back: dict[str, Any] = served.world.status("stage", served.name)["rolledBack"]
    assert back["reason"] == "VerifyFailed"
    served.answers(V1)
    return back


def test_a_job_that_asks_the_new_version_lets_it_through(served: Served) -> None:
    serve(served, verify=job(served, ASK.format(name=served.name)))
    served.change(version=V2)
    served.ready(V2)
    served.answers(V2)
    (made,) = jobs(served)
    assert made["metadata"]["annotations"]["playbill.dev/version"] == V2


def test_a_job_that_fails_takes_the_version_back_in_its_own_words(served: Served) -> None:
    serve(served, verify=job(served, BY_VERSION))
    served.change(version=V2)
    said = rolled_back(served)["message"]
    assert said.startswith(f"Job {served.name}-verify-")
    assert "exit code 3" in said
    assert "the accuracy of v2.0.0 fell" in said
    world = served.world
    assert f"rollback from {V2} (VerifyFailed)" in world.message(f"{served.model}#prod#3")


def test_a_job_that_hangs_has_failed_when_its_time_is_over_and_is_asked_by_no_client(
    served: Served,
) -> None:
    ports = {"name": "http", "containerPort": 8080}
    verify = job(served, HANGS)
    verify["job"]["template"]["spec"]["containers"][0]["ports"] = [ports]
    serve(served, verify={**verify, "timeoutSeconds": 8})
    served.change(version=V2)
    eventually(lambda: any(running(pod) for pod in checking_pods(served)), patience=PATIENCE)
    hanging = {pod["status"]["podIP"] for pod in checking_pods(served)}
    assert hanging.isdisjoint(addresses(served))
    assert "is finding out whether it is good" in served.conditions()["Ready"]["message"]
    assert "longer than specified deadline" in rolled_back(served)["message"]
    eventually(lambda: not any(running(pod) for pod in checking_pods(served)))


def running(pod: Object) -> bool:
    return bool(pod["status"].get("phase") == "Running")


def addresses(served: Served) -> set[str]:
    """Where the Service sends requests."""
    slices = served.world.items(
        "endpointslices", selector=f"kubernetes.io/service-name={served.name}"
    )
    ends = [end for each in slices for end in each.get("endpoints") or ()]
    return {address for end in ends for address in end["addresses"]}


def test_an_http_check_lets_through_what_answers_well_and_takes_back_what_does_not(
    served: Served,
) -> None:
    check = {"http": {"port": "http", "contains": "I am ${version}"}, "timeoutSeconds": 60}
    served.register()
    served.assign(template=served.template("I am ${version}"), verify=check)
    served.ready()
    assert len(jobs(served)) == 1
    served.world.await_ready("mver", f"{served.model}-v2")
    rollout = {**served.rollout("somebody else"), "verify": check}
    served.change(version=V2, rollout=rollout)
    served.world.await_reason("stage", served.name, "RolledBack", patience=PATIENCE)
    said = served.world.status("stage", served.name)["rolledBack"]["message"]
    assert "its answer lacks 'I am v2.0.0': somebody else" in said
    served.answers(f"I am {V1}")


def test_what_was_good_before_is_not_asked_again(served: Served) -> None:
    serve(served, verify=job(served, "exit 0"))
    first = uids(served)
    assert len(first) == 1
    served.change(version=V2)
    served.ready(V2)
    second = uids(served)
    assert len(second) == 1
    assert second != first
    served.change(version=V1)
    served.ready(V1)
    assert uids(served) == second

    world = served.world
    world.operator.kill()
    wiped = ("--subresource=status", "--type=json", "-p", '[{"op": "remove", "path": "/status"}]')
    world.kubectl("patch", "-n", world.namespace, "stage", served.name, *wiped)
    world.operator.start()
    served.ready(V1)
    assert uids(served) == second


def test_a_crash_while_it_is_asked_begins_nothing_anew(served: Served) -> None:
    serve(served, verify=job(served, "[ ${version} = v1.0.0 ] || /bin/busybox sleep 6"))
    served.change(version=V2)
    eventually(lambda: any(running(pod) for pod in checking_pods(served)), patience=PATIENCE)
    begun = uids(served)
    served.world.operator.kill()
    served.world.operator.start()
    served.ready(V2)
    assert uids(served) == begun
    assert len(checking_pods(served)) == 1


def test_a_newer_spec_does_not_wait_for_the_check_of_the_one_before(served: Served) -> None:
    serve(served, verify={**job(served, HANGS), "timeoutSeconds": 600})
    served.change(version=V2)
    eventually(lambda: any(running(pod) for pod in checking_pods(served)), patience=PATIENCE)
    served.change(version=V1)
    served.ready(V1)
    served.answers(V1)
    assert "rolledBack" not in served.world.status("stage", served.name)
    eventually(lambda: jobs(served) == checking_pods(served) == [])


def test_a_check_ends_with_the_rollout_that_it_is_of(served: Served) -> None:
    serve(served, verify={**job(served, HANGS), "timeoutSeconds": 600})
    served.change(version=V2)
    eventually(lambda: any(running(pod) for pod in checking_pods(served)), patience=PATIENCE)
    served.change(rollout=None)
    served.gone()
    eventually(lambda: jobs(served) == checking_pods(served) == [])


def test_a_version_that_falls_over_while_it_is_asked_goes_back_and_its_check_ends(
    served: Served,
) -> None:
    script = "[ ${version} = v1.0.0 ] || (/bin/busybox sleep 3; kill 1) & "
    server = {
        "command": [
            "/bin/busybox",
            "sh",
            "-c",
            script + "exec /bin/busybox sh /bin/serve ${version}",
        ]
    }
    never = {"readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}}
    template = served.template(**server, **never)
    serve(served, template=template, verify={**job(served, HANGS), "timeoutSeconds": 600})
    served.change(version=V2)
    served.world.await_reason("stage", served.name, "RolledBack", patience=120)
    assert served.world.status("stage", served.name)["rolledBack"]["reason"] == "CrashLoop"
    served.answers(V1)
    eventually(lambda: jobs(served) == checking_pods(served) == [])


def test_a_check_that_failed_is_asked_again_when_that_is_asked_for(served: Served) -> None:
    world = served.world
    needs = {"configMapRef": {"name": served.name, "optional": True}}
    verify = job(served, "[ ${version} = v1.0.0 ] || [ $READY = yes ]")
    verify["job"]["template"]["spec"]["containers"][0]["envFrom"] = [needs]
    serve(served, verify=verify, onFailure="Hold")
    served.change(version=V2)
    world.await_reason("stage", served.name, "VerifyFailed", patience=PATIENCE)
    data = {"metadata": {"name": served.name}, "data": {"READY": "yes"}}
    world.apply({"apiVersion": "v1", "kind": "ConfigMap", **data})
    again = "playbill.dev/requested-at=now"
    world.kubectl("annotate", "-n", world.namespace, "stage", served.name, again)
    served.ready(V2)


@pytest.mark.parametrize(
    ("verify", "reason", "words"),
    [
        ({"http": {"port": "admin"}}, "VerifyInvalid", "no port admin"),
        ("pull", "Invalid", 'Unsupported value: "Sometimes"'),
        ("label", "VerifyInvalid", "take that label out"),
    ],
    ids=["a port that nobody names", "a template that is refused", "a label of the Service's"],
)
def test_a_check_that_cannot_be_says_so_and_the_version_goes_back(
    served: Served, verify: Any, reason: str, words: str
) -> None:
    if verify == "pull":
        verify = job(served, "exit 0")
        verify["job"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Sometimes"
    if verify == "label":
        labels = {"playbill.dev/assignment": served.name}
        verify = job(served, "exit 0", metadata={"labels": labels})
    serve(served)
    served.change(version=V2, rollout={"verify": verify})
    served.world.await_reason("stage", served.name, "RolledBack", patience=PATIENCE)
    back = served.world.status("stage", served.name)["rolledBack"]
    assert back["reason"] == reason
    assert words in back["message"]
    served.answers(V1)


def test_a_quota_that_has_no_room_for_the_job_is_said(served: Served) -> None:
    world = served.world
    serve(served)
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no-jobs"}}
    world.apply({**quota, "spec": {"hard": {"count/jobs.batch": "0"}}})
    try:
        counted = ("get", "-n", world.namespace, "quota", "no-jobs", "-o", "jsonpath={.status}")
        eventually(lambda: "count/jobs.batch" in world.kubectl(*counted))
        served.change(version=V2, rollout={"verify": job(served, "exit 0")})
        world.await_reason("stage", served.name, "RolledBack", patience=PATIENCE)
    finally:
        world.delete("quota", "no-jobs")
    back = world.status("stage", served.name)["rolledBack"]
    assert back["reason"] == "Refused"
    assert "exceeded quota: no-jobs" in back["message"]


def test_manifests_are_verified_too(served: Served) -> None:
    world, name = served.world, served.name
    allow(world)
    made = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"{name}-settings"},
        "data": {"version": "${version}"},
    }
    served.register()
    verify = job(served, BY_VERSION)
    spec = {"model": served.model, "version": V1}
    world.stage(name, rollout={"manifests": [made], "verify": verify}, **spec)
    served.ready()
    world.await_ready("mver", f"{served.model}-v2")
    served.change(version=V2)
    world.await_reason("stage", name, "RolledBack", patience=PATIENCE)
    assert world.status("stage", name)["rolledBack"]["reason"] == "VerifyFailed"
    eventually(lambda: world.get("configmap", f"{name}-settings")["data"] == {"version": V1})


def allow(world: World) -> None:
    """The rights of the account that applies manifests."""
    namespace, account = world.namespace, "playbill-rollout"
    world.kubectl("create", "serviceaccount", account, "-n", namespace)
    world.kubectl("create", "role", account, "-n", namespace,
                  "--verb=get,create,patch,delete", "--resource=configmaps")  # fmt: skip
    world.kubectl("create", "rolebinding", account, "-n", namespace,
                  f"--role={account}", f"--serviceaccount={namespace}:{account}")  # fmt: skip

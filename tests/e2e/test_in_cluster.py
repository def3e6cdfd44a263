"""The operator as a pod, with the account, the rights and the image that it is shipped with."""

import json
from collections.abc import Iterator

import pytest
from deploy.local.layout import HOST_ADDRESS
from tests.cluster.kubectl import Kubectl, eventually
from tests.e2e.conftest import ROOT, load_image
from tests.e2e.installation import Installation, Pods, installed
from tests.e2e.serving import V1, V2, Served
from tests.operator.fixtures import project
from tests.operator.world import World
from tests.servers import GitHttpServer, Remote

PASSWORD = "s3cret-of-the-team"
LEASE_AND_MORE = 45.0
"""A leader that is gone without a word is respected for 15 s, and its pod takes time to go."""


@pytest.fixture(scope="module")
def installation(
    cluster: Kubectl, node: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An installation that serves a namespace of its own."""
    load_image("playbill:dev", file=ROOT / "Dockerfile", context=ROOT)
    with installed(cluster, tmp_path_factory.mktemp("overlay")) as found:
        yield found


@pytest.fixture(scope="module")
def served(
    installation: Installation, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A model in a repository behind a password, on a server that pods can reach."""
    directory = tmp_path_factory.mktemp("git")
    remote = Remote(directory / "srv" / "models.git")
    for accuracy in ("0.91", "0.94", "0.96"):
        remote.commit(project(accuracy))
    server = GitHttpServer(
        directory / "srv", "team", PASSWORD, state=directory / "http", address=HOST_ADDRESS
    )
    kubectl, namespace = installation.kubectl, installation.served
    operator = Pods(kubectl.kubeconfig, namespace, directory, installation=installation)
    with server:
        url = server.url("models.git")
        world = World(kubectl, namespace, remote, operator, directory, url)
        found = Served(world, "digits", image)
        kubectl("create", "secret", "generic", "git", "-n", namespace,
                "--from-literal=username=team", f"--from-literal=password={PASSWORD}")  # fmt: skip
        found.register(secretRef={"name": "git"})
        yield found


def test_a_version_is_recorded_by_http_with_the_secret_and_rolled_out(served: Served) -> None:
    served.assign()
    served.ready()
    served.answers(V1)
    assert "Playbill-Cluster: e2e" in served.world.message("digits#prod#1")
    served.change(version=V2)
    served.ready(V2)
    served.answers(V2)
    assert served.world.gto_json("show")["digits"]["stage"] == {"prod": V2}


def test_what_happened_is_told_in_events(served: Served) -> None:
    world = served.world
    events = world.kubectl.json("get", "events", "-n", world.namespace)["items"]
    told = {(e["involvedObject"]["kind"], e["reason"], e["type"]) for e in events}
    assert ("StageAssignment", "RolledOut", "Normal") in told
    assert ("ModelVersion", "Registered", "Normal") in told


def test_the_pod_tells_its_health_and_its_metrics(
    installation: Installation, served: Served
) -> None:
    assert installation.ask("/readyz")
    assert installation.ask("/healthz")
    metrics = installation.ask("/metrics").splitlines()
    (stage,) = [line for line in metrics if line.startswith("playbill_stage_info{")]
    assert f'namespace="{served.world.namespace}"' in stage
    assert f'version="{V2}"' in stage
    refused = [line for line in metrics if 'code="403"' in line or 'code="401"' in line]
    assert refused == []


def test_its_namespace_enforces_the_restricted_standard(installation: Installation) -> None:
    labels = installation.kubectl.json("get", "namespace", installation.namespace)["metadata"]
    assert labels["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_deleting_a_stage_of_a_namespace_that_stays_empties_it(served: Served) -> None:
    served.world.stage("digits-dev", model="digits", stage="dev", version=V1)
    served.world.await_ready("stage", "digits-dev")
    served.world.delete("stage", "digits-dev")
    assert [tag for tag in served.world.tags() if "#dev" in tag] == [
        "digits#dev!#4",
        "digits#dev#3",
    ]


def test_one_of_two_leads_and_the_other_takes_over(
    installation: Installation, served: Served
) -> None:
    first = installation.leader()
    installation.scale(2)
    (standby,) = installation.pods().keys() - {first}
    assert installation.leader() == first
    assert installation.ask("/readyz", pod=standby)
    assert "waiting for the lease" in installation.log(standby)
    assert "Leading as" not in installation.log(standby)

    kubectl = installation.kubectl
    kubectl("delete", "pod", first, "-n", installation.namespace, "--grace-period=0", "--force")
    eventually(lambda: installation.holder() not in {"", first}, patience=LEASE_AND_MORE)
    assert installation.leader() in installation.pods()
    served.change(version=V1)
    served.ready(V1)
    served.answers(V1)
    promotions = [tag for tag in served.world.tags() if "#prod" in tag]
    assert promotions == ["digits#prod#1", "digits#prod#2", "digits#prod#5"]


def test_a_leader_that_ends_in_peace_hands_over_at_once(
    installation: Installation, served: Served
) -> None:
    first = installation.leader()
    installation.kubectl("delete", "pod", first, "-n", installation.namespace, "--wait=false")
    eventually(lambda: installation.holder() not in {"", first})
    served.change(version=V2)
    served.ready(V2)


def test_its_log_is_json_without_refusals_or_secrets(
    installation: Installation, served: Served
) -> None:
    for pod in installation.pods():
        log = installation.log(pod)
        entries = [json.loads(line) for line in log.splitlines()]
        assert all({"time", "level", "logger", "message"} <= entry.keys() for entry in entries)
        assert [e for e in entries if e["level"] in {"ERROR", "CRITICAL"}] == []
        assert "orbidden" not in log
        assert "has no right to" not in log
        assert "Traceback" not in log
        assert PASSWORD not in log


def test_a_namespace_goes_with_all_that_is_in_it_and_no_tag_is_written(
    installation: Installation, served: Served
) -> None:
    before = served.world.tags()
    installation.kubectl("delete", "namespace", installation.served, "--timeout=60s")
    assert served.world.tags() == before
    assert "has no right to" not in installation.log()

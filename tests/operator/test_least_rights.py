"""The operator under its own account, with the rights of `deploy/` and no more: it does all its
work, with every policy in place, and is refused nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.manifests import manifest, rollout
from tests.cluster.people import await_promotion, await_right, with_token
from tests.cluster.test_deploy import rendered
from tests.operator.fixtures import new_world, project
from tests.operator.person import Person
from tests.operator.world import World
from tests.servers import GitHttpServer
from tests.servers.git_ssh import new_key

PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def world(cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One namespace, installed as `deploy/overlays/namespaced` has it but for the pod."""
    directory = tmp_path_factory.mktemp("least")
    with new_world(cluster, directory) as world:
        install(cluster, world.namespace)
        account = with_token(cluster, world.namespace, "playbill", directory)
        await_right(account, world.namespace, "create", "leases.coordination.k8s.io")
        await_right(account, world.namespace, "list", "pods")
        await_promotion(account, world.namespace, "prod")
        world.operator.kubeconfig = account.kubeconfig
        world.operator.options = ("--leader-election", "--lease-namespace", world.namespace)
        world.operator.start()
        yield world


def install(cluster: Kubectl, namespace: str) -> None:
    for each in rendered(cluster, "overlays/namespaced"):
        each["metadata"]["namespace"] = namespace
        for subject in each.get("subjects", ()):
            subject["namespace"] = namespace
        if each["kind"] != "Deployment":
            cluster("apply", "-f", "-", manifest=each)


@pytest.fixture(autouse=True)
def unrefused(world: World) -> Iterator[None]:
    """Whatever it asked of the API server, it had the right to."""
    yield
    codes = {
        (labels["verb"], labels["resource"])
        for name, labels, _ in world.operator.samples()
        if name == "playbill_kube_requests_total" and labels["code"] == "403"
    }
    assert not codes, f"{codes}\n{world.operator.tail()}"
    assert "Forbidden" not in world.operator.log.read_text()


def secret(world: World, name: str, **data: str) -> None:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    meta = {"name": name}
    world.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded})


def test_it_registers_promotes_rolls_out_and_empties_a_stage(world: World) -> None:
    world.model()
    world.version("digits-v1", version="1.0.0", revision="main~1")
    world.version("digits-v2", version="2.0.0", revision="main")
    served = rollout(replicas=0, ports=[{"name": "http", "containerPort": 8080}])
    world.stage(version="1.0.0", rollout=served)
    world.await_ready("stage", "digits-prod")
    assert world.exists("service", "digits-prod")
    world.patch("stage", "digits-prod", {"version": "2.0.0"})
    assert world.await_ready("stage", "digits-prod")["current"]["version"] == "v2.0.0"
    world.patch("stage", "digits-prod", {"rollout": None})
    eventually(lambda: not world.exists("deployment", "digits-prod"))
    world.delete("stage", "digits-prod")
    assert "digits#prod!#3" in world.tags()
    world.patch("rmodel", "digits", {"deprecated": True})
    eventually(lambda: "digits@deprecated" in world.tags())


def test_it_reads_the_secrets_that_it_is_told_of(world: World, tmp_path: Path) -> None:
    root = world.remote.path.parent
    with GitHttpServer(root, state=tmp_path / "http", user="bot", password=PASSWORD) as server:
        new_key(tmp_path / "key")
        secret(world, "door", username="bot", password=PASSWORD)
        secret(world, "pen", identity=(tmp_path / "key").read_text())
        repository = {
            "url": server.url(world.remote.path.name),
            "secretRef": {"name": "door"},
            "signing": {"secretRef": {"name": "pen"}},
        }
        world.model("speech", repository=repository)
        world.version("speech-v1", model="speech", version="1.0.0", revision="main~2")
        world.await_ready("mver", "speech-v1")
        assert "BEGIN SSH SIGNATURE" in world.remote.git("cat-file", "tag", "speech@v1.0.0")


def test_it_makes_and_removes_objects_of_what_others_wrote(world: World) -> None:
    world.remote.commit(
        {**project("0.99"), "dvc.yaml": "artifacts:\n  found: {path: m.bin, type: model}\n"}
    )
    spec = {"url": world.url, "interval": "5s", "discover": {}, "adopt": {}}
    world.apply(manifest("ModelRepository", "home", spec))
    world.await_ready("mrepo", "home")
    ada = Person.of(world)
    ada.gto("register", "found", "HEAD", "--version", "v1.0.0")
    ada.gto("assign", "found", "--version", "v1.0.0", "--stage", "prod")
    eventually(lambda: len(adopted(world, "stage", "found")) == 1)
    (theirs,) = adopted(world, "stage", "found")
    world.await_ready("stage", theirs)
    world.stage("found-prod", model="found", version="v1.0.0")
    world.await_ready("stage", "found-prod")
    eventually(lambda: adopted(world, "stage", "found") == [])
    eventually(lambda: len(adopted(world, "mver", "found")) == 1)
    world.delete("stage", "found-prod")
    ada.gto("assign", "found", "--version", "v1.0.0", "--stage", "dev")
    world.patch("mrepo", "home", {"interval": "6s"})
    eventually(lambda: len(adopted(world, "stage", "found")) == 1)


def adopted(world: World, kind: str, model: str) -> list[str]:
    found = world.items(kind, selector="playbill.dev/adopted")
    items = [item for item in found if item["spec"]["model"] == model]
    return sorted(item["metadata"]["name"] for item in items)


def test_it_sees_by_itself_whether_the_cluster_names_who_asked(world: World, actors: None) -> None:
    assert "tags say who asked: the API server vouches for it" in world.operator.log.read_text()

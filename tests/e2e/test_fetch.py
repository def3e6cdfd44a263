"""The artifact of the version is in the pods before they serve, or they do not serve."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deploy.local.layout import HOST_ADDRESS
from tests.cluster.kubectl import Kubectl, eventually
from tests.e2e.conftest import ROOT, load_image
from tests.e2e.serving import V1, V2, Served, ask_in_node
from tests.fetch.program import make_environment
from tests.fetch.project import Project
from tests.operator.fixtures import new_world
from tests.operator.world import Object, World
from tests.servers import GitHttpServer
from tests.servers.files import FileServer
from tests.servers.remote import Remote
from tests.servers.s3 import S3Server

IMAGE = "playbill-fetch:dev"
WEIGHTS = {V1: b"weights of v1\n", V2: b"weights of v2\n"}
PASSWORD = "s3cret-of-git"
RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def fetch_image(node: None) -> str:
    load_image(IMAGE, file=ROOT / "Dockerfile", context=ROOT, target="fetch")
    return f"localhost/{IMAGE}"


@pytest.fixture(scope="module")
def world(
    cluster: Kubectl, fetch_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """An operator, and a repository behind a password on a server that pods can reach. The
    namespace lets no pod in that is not of the restricted Pod Security Standard."""
    make_environment()
    directory = tmp_path_factory.mktemp("fetch")
    with (
        new_world(cluster, directory) as world,
        GitHttpServer(
            directory / "srv", "team", PASSWORD, state=directory / "git", address=HOST_ADDRESS
        ) as git,
    ):
        world.url = git.url("models.git")
        world.operator.environment["PLAYBILL_FETCH_IMAGE"] = fetch_image
        world.operator.start()
        enforced = "pod-security.kubernetes.io/enforce=restricted"
        cluster("label", "namespace", world.namespace, enforced)
        secret(world, "git", {"username": b"team", "password": PASSWORD.encode()})
        yield world


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServer]:
    directory = tmp_path_factory.mktemp("web")
    with FileServer(directory / "www", state=directory, address=HOST_ADDRESS) as server:
        yield server


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    directory = tmp_path_factory.mktemp("s3")
    with S3Server(directory / "buckets", state=directory / "s3", address=HOST_ADDRESS) as server:
        (server.root / "models").mkdir()
        yield server


def secret(world: World, name: str, data: dict[str, bytes]) -> None:
    world.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "stringData": {key: value.decode() for key, value in data.items()},
        }
    )


def project(world: World, directory: Path) -> Project:
    """A DVC project in the world's repository, in place of what is there."""
    made = Project.make(directory, world.remote)
    made.write("dvc.yaml", b"artifacts:\n  digits:\n    path: model\n    type: model\n")
    return made


def released(
    world: World, made: Project, image: str, name: str, keys: dict[str, bytes] | None = None
) -> tuple[Served, dict[str, str]]:
    """Two versions of a directory that DVC tracks, and their digests; not yet on any stage."""
    served, digests = Served(world, name, image), {}
    repository = {"interval": "2s", "branch": name, "secretRef": {"name": "git"}}
    world.model(name, artifact=name, repository=repository)
    made.write("dvc.yaml", f"artifacts:\n  {name}:\n    path: model\n    type: model\n".encode())
    environment = {key: value.decode() for key, value in (keys or {}).items()}
    for version, content in WEIGHTS.items():
        digests[version] = made.track("model", {"weights.txt": content, "sub/name": b"digits"})
        made.push_data("storage", **environment)
        made.run("git", "add", ".")
        made.run("git", "commit", "-q", "-m", version)
        made.run("git", "push", "-q", world.remote.url, f"HEAD:refs/heads/{name}")
        commit = made.run("git", "rev-parse", "HEAD")
        world.version(f"{name}-{version[1]}", model=name, version=version, revision=commit)
    return served, digests


def rollout(served: Served, **fetch: Any) -> dict[str, Any]:
    """A web server of what is at /model, and of nothing else."""
    template = served.template(
        command=["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/model"],
        args=[],
        readinessProbe={"httpGet": {"path": "/weights.txt", "port": 8080}, "periodSeconds": 1},
        securityContext=RESTRICTED,
    )
    return {"template": template, "fetch": fetch, "onFailure": "Hold"}


def answer(served: Served, path: str) -> str:
    spec = served.world.get("service", served.name)["spec"]
    return ask_in_node(f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}/{path}")


def ready(served: Served, version: str) -> Object:
    """Ready with this version; an init container takes its time."""
    eventually(
        lambda: (
            served.world.status("stage", served.name).get("current", {}).get("version") == version
        )
    )
    status = served.world.await_ready("stage", served.name)
    assert status["current"]["version"] == version
    return status


def sha256(files: dict[str, bytes]) -> str:
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_what_dvc_tracks_is_served_and_told_by_the_pod_and_the_status(
    world: World, web: FileServer, image: str, tmp_path: Path
) -> None:
    made = project(world, tmp_path)
    made.store("storage", str(web.root / "right"))
    made.store("public", web.url("right"))
    served, digests = released(world, made, image, "right")
    served.assign(**rollout(served, remote="public"))

    status = ready(served, V1)

    eventually(lambda: answer(served, "weights.txt") == WEIGHTS[V1].decode().strip())
    assert answer(served, "sub/name") == "digits"
    (pod,) = served.pods()
    told = pod["metadata"]["annotations"]
    assert (told["playbill.dev/version"], told["playbill.dev/digest"]) == (V1, digests[V1])
    assert status["workload"]["digest"] == digests[V1]
    assert status["workload"]["sha256"] == sha256(
        {"weights.txt": WEIGHTS[V1], "sub/name": b"digits"}
    )

    served.change(version=V2)
    ready(served, V2)
    eventually(lambda: answer(served, "weights.txt") == WEIGHTS[V2].decode().strip())


def test_it_comes_from_s3_with_the_key_of_a_secret_that_only_the_fetch_sees(
    world: World, s3: S3Server, image: str, tmp_path: Path
) -> None:
    made = project(world, tmp_path)
    made.store("storage", "s3://models/dvc", endpointurl=s3.url)
    served, _ = released(world, made, image, "stored", s3.login)
    secret(world, "store", s3.login)
    served.assign(**rollout(served, secretRef={"name": "store"}))

    ready(served, V1)

    eventually(lambda: answer(served, "weights.txt") == WEIGHTS[V1].decode().strip())
    (pod,) = served.pods()
    (server,) = pod["spec"]["containers"]
    mounted = {mount["name"] for mount in server["volumeMounts"]}
    assert not mounted & {"playbill-fetch-store", "playbill-fetch-git"}


def test_other_bytes_than_the_recorded_ones_are_never_served(
    world: World, web: FileServer, image: str, tmp_path: Path
) -> None:
    made = project(world, tmp_path)
    made.store("storage", str(web.root / "wrong"))
    made.store("public", web.url("wrong"))
    served, _ = released(world, made, image, "wrong")
    served.assign(**rollout(served, remote="public"))
    ready(served, V1)
    expected = hashlib.md5(WEIGHTS[V2], usedforsecurity=False).hexdigest()
    found = hashlib.md5(b"tampered with\n", usedforsecurity=False).hexdigest()
    stored = web.root / "wrong/files/md5" / expected[:2] / expected[2:]
    stored.chmod(0o644)
    stored.write_bytes(b"tampered with\n")

    served.change(version=V2)

    words = f"expected md5:{expected}, found md5:{found}"
    world.await_said("stage", served.name, "DigestMismatch", words)
    assert answer(served, "weights.txt") == WEIGHTS[V1].decode().strip()


def test_a_file_that_git_holds_is_served(world: World, image: str) -> None:
    remote: Remote = world.remote
    served = Served(world, "plain", image)
    dvc = "artifacts:\n  plain:\n    path: weights.txt\n    type: model\n"
    commit = remote.commit({"dvc.yaml": dvc, "weights.txt": "in git"}, branch="plain")
    repository = {"interval": "2s", "branch": "plain", "secretRef": {"name": "git"}}
    world.model("plain", artifact="plain", repository=repository)
    world.version("plain-1", model="plain", version=V1, revision=commit)
    served.assign(**rollout(served))

    status = ready(served, V1)

    eventually(lambda: answer(served, "weights.txt") == "in git")
    blob = remote.git("rev-parse", f"{commit}:weights.txt")
    assert status["workload"]["digest"] == f"git:{blob}"

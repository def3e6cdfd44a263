"""Git servers that ask who is there: what works, what is said, and what never is."""

import base64
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.manifests import model_version, registered_model, stage_assignment
from tests.operator.fixtures import new_world
from tests.operator.witness import Witness
from tests.operator.world import World
from tests.servers import GitHttpServer, SshServer
from tests.servers.git_ssh import new_key
from tests.servers.remote import ENVIRONMENT

PASSWORD, MISTYPED = "correct-horse-battery", "mistyped-donkey-battery"
RENEWED = "renewed-zebra-battery"
TOKEN = "bearer-of-good-news-0123456789"


@pytest.fixture(scope="module")
def elsewhere(cluster: Kubectl) -> Iterator[str]:
    """Another namespace that the same operator serves."""
    name = f"elsewhere-{secrets.token_hex(4)}"
    cluster("create", "namespace", name)
    yield name
    cluster("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def shared_world(
    cluster: Kubectl, elsewhere: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """An operator that says all it can say."""
    with new_world(cluster, tmp_path_factory.mktemp("credentials")) as world:
        world.operator.options = ("--log-level", "debug", "--namespace", elsewhere)
        world.operator.start()
        yield world


@pytest.fixture(scope="module")
def witness(shared_world: World) -> Iterator[Witness]:
    with Witness(shared_world) as witness:
        yield witness


def keep(world: World, name: str, data: Mapping[str, bytes]) -> None:
    """Put a Secret, or put another in its place."""
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    meta = {"name": name}
    world.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded})


def record(world: World, name: str, url: str) -> None:
    """A model behind this door, with a version and a stage."""
    world.model(name, repository={"url": url, "secretRef": {"name": name}})
    world.version(f"{name}-v1", model=name, version="v1.0.0", revision="main~1")
    world.stage(f"{name}-prod", model=name, version="v1.0.0")


def assert_recorded(world: World, name: str) -> None:
    world.await_ready("rmodel", name)
    world.await_ready("stage", f"{name}-prod")
    assert {f"{name}@v1.0.0", f"{name}#prod#1"} <= set(world.tags())


def assert_silent(witness: Witness, *secrets: str) -> None:
    """No secret, in no form, is anywhere where it can be seen; and there was something to see."""
    # Tags go over the wire where they can; the notes, a moment later, are pushed by git.
    eventually(lambda: any(" push " in line for line in [*witness.command_lines]))
    heard = witness.heard()
    assert all(heard.values())
    forms = {*secrets, *(base64.b64encode(s.encode()).decode().rstrip("=") for s in secrets)}
    seen = [(where, form) for where, text in heard.items() for form in forms if form in text]
    assert seen == []


def test_a_password_is_mended_in_its_secret_without_a_restart(
    shared_world: World, witness: Witness, tmp_path: Path
) -> None:
    world = shared_world
    with GitHttpServer(world.remote.path.parent, "ada", PASSWORD, state=tmp_path) as server:
        keep(world, "http", server.secret | {"password": MISTYPED.encode()})
        record(world, "http", server.url("models.git"))
        said = world.await_reason("rmodel", "http", "AuthenticationFailed")["message"]
        assert "Check the Secret that secretRef names" in said
        assert world.await_reason("stage", "http-prod", "AuthenticationFailed")

        keep(world, "http", server.secret)
        assert_recorded(world, "http")

        server.password = RENEWED
        server.stop()
        server.start()
        world.patch("stage", "http-prod", {"message": "once more"})
        world.patch("rmodel", "http", {"description": "looked at now"})
        world.await_reason("rmodel", "http", "AuthenticationFailed")
        keep(world, "http", server.secret)
        world.version("http-v2", model="http", version="v2.0.0", revision="main")
        world.await_ready("mver", "http-v2")
        passwords = (PASSWORD, MISTYPED, RENEWED)
        assert_silent(witness, *passwords, *(f"ada:{password}" for password in passwords))


def test_a_token_is_borne_to_a_server_that_knows_it(
    shared_world: World, witness: Witness, tmp_path: Path
) -> None:
    world = shared_world
    with GitHttpServer(world.remote.path.parent, state=tmp_path, token=TOKEN) as server:
        keep(world, "bearer", {"bearerToken": b"of-bad-news"})
        record(world, "bearer", server.url("models.git"))
        assert world.await_reason("rmodel", "bearer", "AuthenticationFailed")
        keep(world, "bearer", server.secret)
        assert_recorded(world, "bearer")
        assert_silent(witness, TOKEN)


def test_what_a_namespace_may_read_no_other_namespace_gets(
    shared_world: World, elsewhere: str, tmp_path: Path
) -> None:
    """The same address, without a Secret, and with the name of the Secret that only we have."""
    world = shared_world
    commit = world.remote.commit({"secret": "of the first namespace"})
    with GitHttpServer(world.remote.path.parent, "ada", PASSWORD, state=tmp_path) as server:
        url = server.url("models.git")
        keep(world, "private", server.secret)
        record(world, "private", url)
        assert_recorded(world, "private")
        other = replace(world, namespace=elsewhere)
        reasons = {"bare": "AuthenticationFailed", "named": "SecretNotFound"}
        for name in reasons:
            secret = {"secretRef": {"name": "private"}} if name == "named" else {}
            other.apply(
                registered_model(
                    name, artifact="private", repository={"url": url, "branch": "main"} | secret
                ),
                model_version(f"{name}-v1", model=name, version="1.0.0"),
                stage_assignment(f"{name}-prod", model=name),
            )
        for name, reason in reasons.items():
            for kind, object_ in (("rmodel", ""), ("mver", "-v1"), ("stage", "-prod")):
                other.await_reason(kind, f"{name}{object_}", reason)
                status = other.status(kind, f"{name}{object_}")
                assert status.keys() <= {"conditions", "observedGeneration"}
    holders = [mirror for mirror in mirrors(world) if holds(mirror, commit)]
    assert len(holders) == 1
    assert not [*holders[0].parent.rglob("alternates")]


def mirrors(world: World) -> list[Path]:
    return [path.parent for path in (world.operator.directory / "cache").rglob("HEAD")]


def holds(mirror: Path, commit: str) -> bool:
    """Whether a mirror has this commit, without asking the server for it."""
    command = ["git", f"--git-dir={mirror}", "cat-file", "-e", commit]
    done = subprocess.run(
        command, capture_output=True, check=False, env=ENVIRONMENT | {"GIT_NO_LAZY_FETCH": "1"}
    )
    return done.returncode == 0


def test_a_private_authority_is_trusted_by_its_certificate_in_the_secret(
    shared_world: World, witness: Witness, tmp_path: Path
) -> None:
    world = shared_world
    server = GitHttpServer(world.remote.path.parent, "ada", PASSWORD, state=tmp_path, tls=True)
    with server:
        keep(world, "tls", {k: v for k, v in server.secret.items() if k != "ca.crt"})
        record(world, "tls", server.url("models.git"))
        said = world.await_reason("rmodel", "tls", "CertificateInvalid")["message"]
        assert "ca.crt" in said

        keep(world, "tls", server.secret)
        world.patch("rmodel", "tls", {"description": "looked at now"})
        assert_recorded(world, "tls")
        assert_silent(witness, PASSWORD, f"ada:{PASSWORD}")


def test_an_ssh_server_is_talked_to_only_if_its_key_is_the_known_one(
    shared_world: World, witness: Witness, tmp_path: Path
) -> None:
    world = shared_world
    new_key(tmp_path / "another")
    with SshServer(state=tmp_path / "server") as server:
        another = f"[127.0.0.1]:{server.port} {(tmp_path / 'another.pub').read_text()}"
        keep(world, "ssh", server.secret | {"known_hosts": another.encode()})
        record(world, "ssh", server.url(world.remote.path))
        said = world.await_reason("rmodel", "ssh", "HostKeyMismatch")["message"]
        assert "known_hosts" in said

        keep(world, "ssh", server.secret)
        world.patch("rmodel", "ssh", {"description": "looked at now"})
        assert_recorded(world, "ssh")
        old = server.secret
        new_key(tmp_path / "server" / "renewed")
        (tmp_path / "server" / "authorized").write_bytes(
            (tmp_path / "server" / "renewed.pub").read_bytes()
        )
        world.patch("rmodel", "ssh", {"description": "looked at again"})
        world.await_reason("rmodel", "ssh", "AuthenticationFailed")
        renewed = (tmp_path / "server" / "renewed").read_bytes()
        keep(world, "ssh", old | {"identity": renewed})
        world.version("ssh-v2", model="ssh", version="v2.0.0", revision="main")
        world.await_ready("mver", "ssh-v2")
        lines = [*server.identity.decode().splitlines(), *renewed.decode().splitlines()]
        assert_silent(witness, *(line for line in lines if not line.startswith("---")))


def test_a_secret_that_comes_later_is_waited_for_and_one_of_another_kind_explained(
    shared_world: World,
) -> None:
    world = shared_world
    record(world, "late", world.remote.url)
    said = world.await_reason("rmodel", "late", "SecretNotFound")["message"]
    assert f"no Secret late in namespace {world.namespace}" in said
    keep(world, "late", {"token": b"ghp_0123456789"})
    said = world.await_reason("rmodel", "late", "InvalidSecret")["message"]
    assert "username" in said
    assert "ghp_" not in said
    keep(world, "late", {"username": b"ada", "password": PASSWORD.encode()})
    assert_recorded(world, "late")

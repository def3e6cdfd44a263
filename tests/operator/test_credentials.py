"""Git servers that ask who is there: what works, what is said, and what never is."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.operator.witness import Witness
from tests.operator.world import World
from tests.servers import GitHttpServer, SshServer
from tests.servers.git_ssh import new_key

PASSWORD, MISTYPED = "correct-horse-battery", "mistyped-donkey-battery"


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
    heard = witness.heard()
    assert any(" push " in line for line in witness.command_lines)
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
        assert_silent(witness, PASSWORD, MISTYPED, f"ada:{PASSWORD}", f"ada:{MISTYPED}")


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
        key = server.identity.decode().splitlines()[1:-1]
        assert_silent(witness, *key)


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

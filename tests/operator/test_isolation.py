"""A git server that hangs never delays the work on another, however many models live there."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.cluster.manifests import model_version, registered_model, stage_assignment
from tests.operator.world import World
from tests.servers.broken import HangingServer
from tests.servers.git_http import GitHttpServer
from tests.servers.remote import Remote

HEALTHY = 20
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
"""Of the healthy ones; who hangs is on the first, at another port."""

FEW_SECONDS = 45.0
"""Ample for twenty repositories on a busy machine, and far below the git timeout of 300 s."""


@pytest.fixture
def patient_world(idle_world: World) -> World:
    """An operator whose git waits for longer than any test does."""
    idle_world.operator.options = ("--git-timeout", "300")
    idle_world.operator.start()
    return idle_world


def hang(world: World, server: HangingServer, *names: str) -> None:
    """For each name a model, a version and a stage in a repository that never answers."""
    url = f"http://127.0.0.1:{server.port}"
    for name in names:
        world.apply(*story(name, f"{url}/{name}.git"))


def story(name: str, url: str, version: str = "1.0.0") -> list[dict[str, object]]:
    return [
        registered_model(name, repository={"url": url, "branch": "main", "interval": "5s"}),
        model_version(f"{name}-v1", model=name, version="1.0.0", revision="main~1"),
        model_version(f"{name}-v2", model=name, version="2.0.0", revision="main"),
        stage_assignment(f"{name}-prod", model=name, version=version),
    ]


def is_stuck(world: World, name: str) -> None:
    world.await_said("mver", f"{name}-v1", "Recording", "takes longer than usual")


@contextmanager
def healthy_servers(world: World) -> Iterator[dict[str, str]]:
    """Twenty repositories, on the same host as who hangs and on others: their URLs by name."""
    urls = {}
    with_state = [(host, world.directory / f"http-{host}") for host in HOSTS]
    servers = [
        GitHttpServer(world.directory / "healthy", state=state, address=host)
        for host, state in with_state
    ]
    for server in servers:
        server.start()
    try:
        for number in range(HEALTHY):
            name = f"healthy-{number}"
            remote = Remote(world.directory / "healthy" / f"{name}.git")
            for content in "ab":
                remote.commit({"file": content})
            urls[name] = servers[number % len(servers)].url(f"{name}.git")
        yield urls
    finally:
        for server in servers:
            server.stop()


def assert_all_promoted(world: World, urls: dict[str, str], version: str) -> None:
    """Apply a version to every stage, and see all of them hold it."""
    world.apply(*(m for name, url in urls.items() for m in story(name, url, version)))
    for name in urls:
        status = world.await_ready("stage", f"{name}-prod", patience=FEW_SECONDS)
        assert status["current"]["version"] == f"v{version}"


def test_a_server_that_hangs_holds_up_no_other(patient_world: World) -> None:
    world = patient_world
    with HangingServer() as server, healthy_servers(world) as urls:
        hang(world, server, "stuck")
        is_stuck(world, "stuck")
        assert_all_promoted(world, urls, "1.0.0")
        assert_all_promoted(world, urls, "2.0.0")
        is_stuck(world, "stuck")


def test_a_server_that_hangs_for_many_models_holds_up_no_other_host(patient_world: World) -> None:
    world = patient_world
    with HangingServer() as server, healthy_servers(world) as urls:
        elsewhere = {name: url for name, url in urls.items() if f"//{HOSTS[0]}:" not in url}
        crowd = [f"stuck-{number}" for number in range(20)]
        hang(world, server, *crowd)
        is_stuck(world, crowd[0])
        assert_all_promoted(world, elsewhere, "1.0.0")
        is_stuck(world, crowd[0])
    assert world.operator.alive
    assert "Traceback" not in world.operator.log.read_text()

"""A git server that hangs never delays the work on another, however many models live there."""

import pytest
from tests.cluster.manifests import model_version, registered_model, stage_assignment
from tests.operator.world import World
from tests.servers.broken import HangingServer
from tests.servers.remote import Remote

HEALTHY = 4


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
        world.apply(
            registered_model(name, repository={"url": f"{url}/{name}.git"}),
            model_version(f"{name}-v1", model=name, version="1.0.0", revision="main"),
            stage_assignment(f"{name}-prod", model=name, version="1.0.0"),
        )


def is_stuck(world: World, name: str) -> None:
    world.await_said("mver", f"{name}-v1", "Recording", "takes longer than usual")


def promote_all(world: World, version: str) -> None:
    for number in range(HEALTHY):
        world.patch("stage", f"healthy-{number}-prod", {"version": version})
    for number in range(HEALTHY):
        status = world.await_ready("stage", f"healthy-{number}-prod")
        assert status["current"]["version"] == version


def test_a_server_that_hangs_holds_up_no_other(patient_world: World) -> None:
    world = patient_world
    with HangingServer() as server:
        hang(world, server, "stuck")
        is_stuck(world, "stuck")
        for number in range(HEALTHY):
            name = f"healthy-{number}"
            remote = Remote(world.directory / f"{name}.git")
            for content in "ab":
                remote.commit({"file": content})
            world.model(name, repository={"url": remote.url})
            world.version(f"{name}-v1", model=name, version="1.0.0", revision="main~1")
            world.version(f"{name}-v2", model=name, version="2.0.0", revision="main")
            world.stage(f"{name}-prod", model=name, version="1.0.0")
        for version in ("v1.0.0", "v2.0.0"):
            promote_all(world, version)
        is_stuck(world, "stuck")

        crowd = [f"stuck-{number}" for number in range(20)]
        hang(world, server, *crowd)
        is_stuck(world, crowd[0])
        promote_all(world, "v1.0.0")
    assert world.operator.alive
    assert "Traceback" not in world.operator.log.read_text()

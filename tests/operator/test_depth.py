"""An object that is nested as deep as the API server takes harms nobody but its author."""

from tests.operator.world import World

DEEP = 9000  # the API server refuses more than 10,000 levels


def create_deep(world: World) -> None:
    """An assignment whose manifest is nested so deep that Python would not read it by itself."""
    inner = '{"a":' * DEEP + "1" + "}" * DEEP
    text = (
        '{"apiVersion":"playbill.dev/v1alpha1","kind":"StageAssignment",'
        '"metadata":{"name":"deep"},"spec":{"model":"digits","stage":"deep","version":"v1.0.0",'
        '"rollout":{"manifests":[{"apiVersion":"v1","kind":"ConfigMap",'
        f'"metadata":{{"name":"deep"}},"data":{inner}}}]}}}}}}'
    )
    path = world.directory / "deep.json"
    path.write_text(text)
    where = f"/apis/playbill.dev/v1alpha1/namespaces/{world.namespace}/stageassignments"
    world.kubectl("create", "--raw", where, "-f", str(path))


def promotes(world: World, version: str) -> None:
    world.patch("stage", "digits-prod", {"version": version})
    assert world.await_ready("stage", "digits-prod")["current"]["version"] == version


def test_the_others_are_served_while_it_comes_and_after_a_restart(world: World) -> None:
    world.model()
    world.version("digits-v1", version="v1.0.0", revision="main")
    world.version("digits-v2", version="v2.0.0", revision="main~1")
    world.stage(version="v1.0.0")
    world.await_ready("stage", "digits-prod")

    create_deep(world)
    promotes(world, "v2.0.0")
    world.operator.stop()
    world.operator.start()
    promotes(world, "v1.0.0")

    assert "Traceback" not in world.operator.log.read_text(), world.operator.tail(60)

"""What a version's status tells of its commit: the entry in dvc.yaml, digests, values, lineage."""

from tests.cluster.kubectl import eventually
from tests.operator.world import World

PROJECT = {
    "dvc.yaml": "stages:\n  fit:\n    cmd: fit\n    deps: [data.csv]\n    outs: [out]\n"
    "metrics: [dvclive/metrics.json, more.yaml]\nparams: [conf.py, extra.toml]\n"
    "artifacts:\n  digits:\n    path: out\n    type: model\n    desc: Reads digits\n"
    "    labels: [ocr]\n"
    "    meta: {owner: ada, none: null, big: 99999999999999999999, deep: [[1.0, .nan, 1.0e+30]]}\n",
    "dvc.lock": "schema: '2.0'\nstages:\n  fit:\n    cmd: fit\n    deps:\n"
    "    - {path: data.csv, hash: md5, md5: 01ab, size: 7}\n"
    "    outs:\n    - {path: out, hash: md5, md5: 4567.dir, size: 9, nfiles: 2}\n",
    "dvclive/metrics.json": '{"train": {"acc": 0.5, "loss": NaN}, "step": 3}',
    "more.yaml": "f1: 0.25\n",
    "extra.toml": "[opt]\nlr = 0.1\n",
    "params.yaml": "seed: 7\n",
    "conf.py": "x = 1\n",
}


def test_everything_that_the_commit_says_is_in_the_status(world: World) -> None:
    world.remote.commit(PROJECT)
    world.model()
    world.version(
        "v1", version="v1.0.0", revision="main",
        metrics={"f1": "0.3", "extra": "1"}, source={"kind": "mlflow", "runId": "a"},
    )  # fmt: skip
    status = world.await_ready("mver", "v1")
    assert status["artifact"] == {
        "path": "out",
        "type": "model",
        "description": "Reads digits",
        "labels": ["ocr"],
        "digest": "md5:4567.dir",
        "size": 9,
        "files": 2,
        "meta": {"owner": "ada", "big": "99999999999999999999", "deep": [[1, "nan", 1e30]]},
    }
    assert status["lineage"] == {
        "stage": "fit",
        "command": "fit",
        "inputs": [{"path": "data.csv", "digest": "md5:01ab", "size": 7}],
    }
    assert status["metrics"] == {
        "extra": "1", "f1": "0.25", "step": "3", "train.acc": "0.5", "train.loss": "nan",
    }  # fmt: skip
    assert status["params"] == {"opt.lr": "0.1", "seed": "7"}
    assert "conf.py is not read" in status["note"]


def test_a_status_that_is_told_once_is_not_written_again(world: World) -> None:
    """The API server gives back the very meta that it was given."""
    world.remote.commit(PROJECT)
    world.model()
    world.version("v1", version="v1.0.0", revision="main")
    world.await_ready("mver", "v1")
    eventually(lambda: "pending" not in world.status("mver", "v1"))
    for number in ("1", "2"):
        passes = object_passes(world)
        world.kubectl("annotate", "-n", world.namespace, "mver", "v1", f"x={number}", "--overwrite")
        before = world.get("mver", "v1")["metadata"]["resourceVersion"]
        await_more(world, passes)
        assert world.get("mver", "v1")["metadata"]["resourceVersion"] == before


def object_passes(world: World) -> float:
    return world.operator.metric("playbill_reconcile_duration_seconds_count", reconciler="object")


def await_more(world: World, passes: float) -> None:
    eventually(lambda: object_passes(world) > passes)

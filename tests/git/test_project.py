"""What DVC says of an artifact at a commit, from files by hand and from DVC's own."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.git.counting import Processes
from tests.servers import Remote
from tests.servers.remote import ENVIRONMENT

from playbill.git.mirror import Mirror
from playbill.git.project import (
    ArtifactFacts,
    ProjectProblem,
    list_project_artifacts,
    read_project,
    read_projects,
)

PROJECT = """
artifacts:
  churn:
    path: models/churn.pkl
    type: model
    desc: who leaves
    labels: [tabular, v2]
    meta: {owner: ada}
metrics: [dvclive/metrics.json]
params:
  - dvclive/params.yaml
  - extra.toml: [train.lr]
stages:
  train:
    wdir: work
    cmd: train
    params: [seed, model.depth, {other.json: }]
    metrics:
      - scores.yaml: {cache: false}
"""

FILES = {
    "dvc.yaml": PROJECT,
    "models/churn.pkl.dvc": "outs:\n- md5: 0123abcd\n  size: 42\n  hash: md5\n  path: churn.pkl\n",
    "dvclive/metrics.json": '{"train": {"loss": NaN, "acc": 0.1}, "step": 2, "top": [1, 2]}',
    "dvclive/params.yaml": "lr: 1e-3\ndate: 2024-01-01\nname: null\nflag: true\n",
    "extra.toml": "[train]\nlr = 0.5\nother = 1\n",
    "work/params.yaml": "seed: 7\nmodel: {depth: 3, width: 4}\nunused: 1\n",
    "work/other.json": '{"epochs": 9}',
    "work/scores.yaml": "f1: .inf\nstep: 3\n",
}


def facts_of(remote: Remote, mirror: Mirror, files: dict[str, str], name: str) -> ArtifactFacts:
    commit = remote.commit(files)
    mirror.fetch()
    return read_project(mirror, commit, name)


def test_everything_that_a_project_says_is_read(remote: Remote, mirror: Mirror) -> None:
    assert facts_of(remote, mirror, FILES, "churn") == ArtifactFacts(
        path="models/churn.pkl",
        type="model",
        description="who leaves",
        labels=("tabular", "v2"),
        meta={"owner": "ada"},
        digest="md5:0123abcd",
        size=42,
        metrics={
            "step": "2",
            "top.0": "1",
            "top.1": "2",
            "train.acc": "0.1",
            "train.loss": "nan",
            "f1": "inf",
            "work/scores.yaml:step": "3",
        },
        params={
            "date": "2024-01-01",
            "flag": "true",
            "lr": "1e-3",
            "name": "null",
            "train.lr": "0.5",
            "model.depth": "3",
            "seed": "7",
            "epochs": "9",
        },
    )


def test_an_artifact_in_a_directory_reads_that_directorys_files(
    remote: Remote, mirror: Mirror
) -> None:
    files = {f"models/nlp/{path}": text for path, text in FILES.items()}
    facts = facts_of(remote, mirror, files, "models/nlp:churn")
    assert facts.path == "models/nlp/models/churn.pkl"
    assert facts.digest == "md5:0123abcd"
    assert facts.metrics["step"] == "2"


def test_a_pipelines_output_has_the_digest_of_the_lock(remote: Remote, mirror: Mirror) -> None:
    project = (
        "artifacts: {m: {path: work/model}}\n"
        "stages: {fit: {foreach: [1], do: {wdir: work, cmd: x, outs: [model]}}}\n"
    )
    lock = (
        "schema: '2.0'\nstages:\n  fit@1:\n    cmd: x\n    outs:\n"
        "    - {path: other, md5: '00'}\n"
        "    - {path: model, hash: md5, md5: 0123.dir, size: 9, nfiles: 3}\n"
    )
    facts = facts_of(remote, mirror, {"dvc.yaml": project, "dvc.lock": lock}, "m")
    assert (facts.digest, facts.size, facts.files) == ("md5:0123.dir", 9, 3)


def test_a_file_that_git_holds_has_gits_own_digest(remote: Remote, mirror: Mirror) -> None:
    files = {"dvc.yaml": "artifacts: {m: {path: model.bin}}", "model.bin": "bytes"}
    facts = facts_of(remote, mirror, files, "m")
    assert facts.digest == "git:" + remote.git("rev-parse", "main:model.bin")


def test_an_artifact_elsewhere_keeps_its_address(remote: Remote, mirror: Mirror) -> None:
    project = "artifacts: {m: {path: 's3://bucket/../model'}}"
    facts = facts_of(remote, mirror, {"dvc.yaml": project}, "m")
    assert (facts.path, facts.digest) == ("s3://bucket/../model", "")


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../up", "", "."])
def test_a_path_that_leaves_the_repository_is_not_followed(
    remote: Remote, mirror: Mirror, path: str
) -> None:
    project = f"artifacts: {{m: {{path: '{path}'}}}}\nmetrics: ['{path}']\nparams: ['{path}']\n"
    assert facts_of(remote, mirror, {"dvc.yaml": project}, "m") == ArtifactFacts()


def test_a_commit_that_was_not_fetched_is_no_empty_project(remote: Remote, mirror: Mirror) -> None:
    remote.commit()
    mirror.fetch()
    problem = read_project(mirror, remote.commit(FILES), "churn").problem
    assert problem is not None
    assert problem.reason == "CommitMissing"


def test_without_a_project_there_are_no_facts(remote: Remote, mirror: Mirror) -> None:
    assert facts_of(remote, mirror, {"a": "1"}, "m") == ArtifactFacts()
    assert facts_of(remote, mirror, {"dvc.yaml": ""}, "m") == ArtifactFacts()


BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
MERGES = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("artifacts:\n  m: {path: x\n  n: ]", "dvc.yaml, line 3"),
        ("- a\n- b\n", "not a mapping"),
        ("a: !!python/object/apply:os.system [id]", "line 1"),
        (BOMB, "aliases"),
        (MERGES, "merged keys"),
        ("a: &a [*a]", "aliases"),
        ("[" * 100_000, "too many"),
        ("a: \x00", "not YAML"),
        ("a: " + "9" * 10_000, "not YAML"),
    ],
)
def test_a_project_that_cannot_be_read_says_where(
    remote: Remote, mirror: Mirror, text: str, words: str
) -> None:
    problem = facts_of(remote, mirror, {"dvc.yaml": text}, "m").problem
    assert problem is not None
    assert problem.reason == "InvalidProject"
    assert words in problem.message


def test_a_metrics_file_that_cannot_be_read_costs_only_its_own_values(
    remote: Remote, mirror: Mirror
) -> None:
    facts = facts_of(remote, mirror, {**FILES, "dvclive/metrics.json": "{"}, "churn")
    assert facts.problem is not None
    assert "dvclive/metrics.json, line 1" in facts.problem.message
    assert facts.digest == "md5:0123abcd"
    assert facts.metrics["f1"] == "inf"


def test_a_symlink_in_place_of_a_file_is_a_problem(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit(links={"dvc.yaml": "/etc/passwd"})
    problem = read_project(mirror, commit, "m").problem
    assert problem is not None
    assert "symlink" in problem.message


def test_too_many_metrics_are_cut_and_it_is_said(remote: Remote, mirror: Mirror) -> None:
    values = ", ".join(f'"k{number:04}": {number}' for number in range(101))
    files = {"dvc.yaml": "metrics: [m.json]", "m.json": f"{{{values}}}"}
    facts = facts_of(remote, mirror, files, "m")
    assert (len(facts.metrics), facts.truncated) == (100, True)
    values = ", ".join(f'"{number:0250}": "{"ä" * 256}"' for number in range(99))
    files["m.json"] = f"{{{values}}}"
    facts = facts_of(remote, mirror, files, "m")
    assert (len(facts.metrics), facts.truncated) == (32 * 1024 // (250 + 512), True)


def test_a_long_value_is_cut_and_an_endless_key_is_left_out(remote: Remote, mirror: Mirror) -> None:
    files = {"dvc.yaml": "params: [p.yaml]", "p.yaml": f"prompt: {'x' * 300}\n{'k' * 254}: 1\n"}
    facts = facts_of(remote, mirror, files, "m")
    assert (dict(facts.params), facts.truncated) == ({"prompt": "x" * 255 + "…"}, True)


@pytest.mark.parametrize(
    "project",
    [
        "artifacts: [a]",
        "artifacts: {m: x}",
        "artifacts: {m: {path: [x]}}",
        "artifacts: {1: {path: x, labels: 3, meta: 4, type: [a], desc: {b: c}}}",
        "metrics: x",
        "metrics: [1, [2], {3: 4}]",
        "stages: [x]",
        "stages: {s: x, t: {do: 3, params: [[1]]}, u: {wdir: 3, metrics: {a: b}}}",
        "params: {a: b}",
    ],
)
def test_shapes_that_dvc_would_refuse_are_survived(
    remote: Remote, mirror: Mirror, project: str
) -> None:
    facts = facts_of(remote, mirror, {"dvc.yaml": project, "dvc.lock": "stages: [1]"}, "m")
    assert facts.problem is None
    assert facts.digest == ""


@pytest.mark.parametrize("number", [1, 20])
def test_any_number_of_artifacts_takes_eleven_processes(
    remote: Remote, mirror: Mirror, processes: Processes, number: int
) -> None:
    commits = [remote.commit({**FILES, "note": str(each)}) for each in range(number)]
    mirror.fetch()
    processes.forget()
    facts = read_projects(mirror, [(commit, "churn") for commit in commits])
    assert {each.digest for each in facts.values()} == {"md5:0123abcd"}
    assert len(facts) == number
    assert processes.total() == 11


def test_all_artifacts_of_a_repository_are_listed(remote: Remote, mirror: Mirror) -> None:
    commit = remote.commit(
        {
            "dvc.yaml": "artifacts: {a: {path: x, type: model}}",
            "models/dvc.yaml": "artifacts: {b: {path: y}, c: {}}",
            "broken/dvc.yaml": "{",
            "notdvc.yaml": "artifacts: {d: {path: y}}",
        }
    )
    found = list_project_artifacts(mirror, commit)
    assert list(found) == ["broken/dvc.yaml", "a", "models:b"]
    assert isinstance(found.pop("broken/dvc.yaml"), ProjectProblem)
    assert [each.path for each in found.values()] == ["x", "models/y"]  # type: ignore[union-attr]


def test_what_dvc_itself_wrote_is_read_as_dvc_reads_it(
    remote: Remote, mirror: Mirror, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    (work / "sub").mkdir(parents=True)
    environment = {**ENVIRONMENT, "HOME": str(tmp_path), "DVC_NO_ANALYTICS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"

    def run(*command: str) -> None:
        subprocess.run(command, cwd=work / "sub", env=environment, check=True, capture_output=True)

    subprocess.run(["git", "init", "-q", "-b", "main", str(work)], env=environment, check=True)
    subprocess.run(["dvc", "init", "-q"], cwd=work, env=environment, check=True)
    (work / "sub" / "params.yaml").write_text("train: {lr: 0.1}\nunused: 2\n")
    (work / "sub" / "added.bin").write_text("added")
    run("dvc", "add", "-q", "added.bin")
    run(
        "dvc", "stage", "add", "-q", "--run", "-n", "fit", "-p", "train", "-o", "out",
        "-M", "scores.json",
        "mkdir out; echo 1 > out/a; echo 2 > out/b; echo '{\"acc\": 0.25}' > scores.json",
    )  # fmt: skip
    with (work / "sub" / "dvc.yaml").open("a") as project:
        project.write("artifacts: {fit: {path: out, type: model}, added: {path: added.bin}}\n")
    run("git", "add", "..")
    run("git", "commit", "-q", "-m", "x")
    run("git", "push", "-q", remote.url, "main")
    commit = mirror.resolve("main")
    fit = read_project(mirror, commit, "sub:fit")
    assert fit.problem is None
    assert fit.digest.startswith("md5:")
    assert fit.digest.endswith(".dir")
    assert (fit.size, fit.files) == (4, 2)
    assert (fit.params, fit.metrics) == ({"train.lr": "0.1"}, {"acc": "0.25"})
    added = read_project(mirror, commit, "sub:added")
    assert added.digest == "md5:" + hashlib.md5(b"added", usedforsecurity=False).hexdigest()
    assert added.size == 5

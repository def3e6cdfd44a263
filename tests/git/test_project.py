"""What DVC says of an artifact at a commit, from files by hand and from DVC's own."""

import hashlib
from pathlib import Path

import pytest
from dvc.utils.serialize import parse_yaml as by_dvc
from tests.git.counting import Processes
from tests.git.dvc_program import DvcProject
from tests.servers import Remote

from playbill.git.documents import flatten, parse_document
from playbill.git.dvclock import Input, Lineage
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
            "train.acc": "0.1",
            "train.loss": "nan",
            "f1": "inf",
            "work/scores.yaml:step": "3",
        },
        params={
            "date": "2024-01-01",
            "flag": "true",
            "lr": "0.001",
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


def test_an_artifact_whose_path_dvc_would_fill_in_is_there_and_says_why_it_has_no_bytes(
    remote: Remote, mirror: Mirror
) -> None:
    project = "artifacts: {m: {path: '${dir}/m.bin', type: model}, n: {path: 's3://${b}/n'}}"
    commit = remote.commit({"dvc.yaml": project, "params.yaml": "dir: models"})
    listed = list_project_artifacts(mirror, commit)
    assert list(listed) == ["m", "n"]
    facts = read_project(mirror, commit, "m")
    assert (facts.type, facts.path, facts.digest) == ("model", "", "")
    assert facts.notes == ("${dir}/m.bin is not resolved: names with ${...} are not",)


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


def test_a_long_mapping_has_no_merged_keys(remote: Remote, mirror: Mirror) -> None:
    text = "".join(f"k{n}: {n}\n" for n in range(10_001)) + "metrics: [m.yaml]\n"
    files = {"dvc.yaml": text + "artifacts: {m: {path: x}}\n", "m.yaml": "acc: 1"}
    assert facts_of(remote, mirror, files, "m").metrics == {"acc": "1"}


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


@pytest.mark.parametrize("path", [r"a\nb/x", "a/" * 70 + "x", "x" * 2000])
def test_a_path_that_no_file_can_have_costs_nobody_else_their_facts(
    remote: Remote, mirror: Mirror, path: str
) -> None:
    commit = remote.commit(
        {
            "dvc.yaml": f'artifacts: {{good: {{path: good.bin}}, bad: {{path: "{path}"}}}}',
            "nlp/dvc.yaml": f'artifacts: {{mood: {{path: m}}}}\nmetrics: ["{path}"]',
            "good.bin": "bytes",
            "nlp/m": "bytes",
        }
    )
    mirror.fetch()
    found = read_projects(mirror, [(commit, name) for name in ("good", "bad", "nlp:mood")])
    assert found[commit, "good"].problem is None
    assert found[commit, "good"].digest == found[commit, "nlp:mood"].digest != ""
    for name in ("bad", "nlp:mood"):
        problem = found[commit, name].problem
        assert problem is not None
        assert problem.reason == "InvalidProject"
        assert found[commit, name].notes == ()


def test_a_dvc_yaml_at_an_endless_path_is_named_beside_the_others(
    remote: Remote, mirror: Mirror
) -> None:
    deep = "a/" * 70 + "dvc.yaml"
    commit = remote.commit({"dvc.yaml": "artifacts: {m: {path: x}}", deep: "artifacts: {}"})
    found = list_project_artifacts(mirror, commit)
    assert isinstance(found.pop(deep), ProjectProblem)
    assert list(found) == ["m"]


def test_versions_that_are_too_much_to_be_read_at_once_are_read_by_and_by(
    remote: Remote, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playbill.git.objects.LARGEST_READ", 300)
    project = "artifacts: {m: {path: x}}\nmetrics: [m.json]"
    commits = [
        remote.commit({"dvc.yaml": project, "m.json": f'{{"n": {n}, "pad": "{"x" * size}"}}'})
        for n, size in enumerate((100, 100, 900, 100))
    ]
    mirror.fetch()
    found = read_projects(mirror, [(commit, "m") for commit in commits])
    assert [found[commit, "m"].metrics.get("n") for commit in commits] == ["0", "1", None, "3"]
    problem = found[commits[2], "m"].problem
    assert problem is not None
    assert problem.reason == "InvalidProject"


def test_too_many_metrics_are_cut_and_it_is_said(remote: Remote, mirror: Mirror) -> None:
    values = ", ".join(f'"k{number:04}": {number}' for number in range(101))
    files = {"dvc.yaml": "metrics: [m.json]", "m.json": f"{{{values}}}"}
    facts = facts_of(remote, mirror, files, "m")
    assert (len(facts.metrics), facts.truncated) == (100, True)
    assert facts.partial == {"metrics"}
    values = ", ".join(f'"{number:0250}": "{"ä" * 256}"' for number in range(99))
    files["m.json"] = f"{{{values}}}"
    facts = facts_of(remote, mirror, files, "m")
    assert (len(facts.metrics), facts.truncated) == (32 * 1024 // (250 + 512), True)


def test_a_long_value_is_cut_and_an_endless_key_is_left_out(remote: Remote, mirror: Mirror) -> None:
    files = {"dvc.yaml": "params: [p.yaml]", "p.yaml": f"prompt: {'x' * 300}\n{'k' * 254}: 1\n"}
    facts = facts_of(remote, mirror, files, "m")
    assert (dict(facts.params), facts.truncated) == ({"prompt": "x" * 255 + "…"}, True)
    assert facts.partial == {"params"}
    facts = facts_of(remote, mirror, files | {"p.yaml": f"prompt: {'x' * 300}\n"}, "m")
    assert (facts.truncated, facts.partial) == (True, frozenset())


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
def test_any_number_of_artifacts_takes_ten_processes(
    remote: Remote, mirror: Mirror, processes: Processes, number: int
) -> None:
    commits = [remote.commit({**FILES, "note": str(each)}) for each in range(number)]
    mirror.fetch()
    processes.forget()
    facts = read_projects(mirror, [(commit, "churn") for commit in commits])
    assert {each.digest for each in facts.values()} == {"md5:0123abcd"}
    assert len(facts) == number
    assert processes.total() == 10


def test_a_commit_with_the_files_of_one_that_was_read_takes_two_processes_for_its_trees(
    remote: Remote, mirror: Mirror, processes: Processes
) -> None:
    before = read_projects(mirror, [(remote.commit(FILES), "churn")])
    commit = remote.commit({**FILES, "note": "another"})
    mirror.fetch()
    processes.forget()
    after = read_projects(mirror, [(commit, "churn")])
    assert list(after.values()) == list(before.values())
    assert processes == {"read-trees": 2}
    processes.forget()
    assert read_projects(mirror, [(commit, "churn")]) == after
    assert not processes


def test_a_commit_that_was_missing_is_read_once_it_is_fetched(
    remote: Remote, mirror: Mirror
) -> None:
    mirror.fetch()
    commit = remote.commit(FILES)
    missing = read_projects(mirror, [(commit, "churn")])[commit, "churn"]
    assert missing.problem is not None
    assert missing.problem.reason == "CommitMissing"
    mirror.fetch()
    assert read_projects(mirror, [(commit, "churn")])[commit, "churn"].problem is None


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


def test_a_summary_that_only_dvclives_own_file_lists_is_read(
    remote: Remote, mirror: Mirror
) -> None:
    files = {
        "dvc.yaml": "artifacts: {m: {path: model.bin}}",
        "dvclive/dvc.yaml": "metrics: [metrics.json]\nparams: [params.yaml]\n",
        "dvclive/metrics.json": '{"acc": 0.5}',
        "dvclive/params.yaml": "lr: 1\n",
    }
    facts = facts_of(remote, mirror, files, "m")
    assert (facts.metrics, facts.params) == ({"acc": "0.5"}, {"lr": "1"})


@pytest.mark.parametrize(
    ("project", "words"),
    [
        ("params: [conf.py]", "conf.py is not read: it is Python"),
        ("stages: {s: {params: [{conf.py: [lr]}]}}", "conf.py is not read: it is Python"),
        ("metrics: ['${dir}/m.json']", "${dir}/m.json is not read"),
        ("metrics: [gone.json]", "gone.json is listed and not in git"),
        ("artifacts: {m: {path: in/a}}", "a lies in in, which DVC tracks as a whole"),
        (f"artifacts: {{m: {{path: a, meta: [{'x' * 9000}]}}}}", "meta is larger than 8 KiB"),
    ],
)
def test_what_is_left_out_is_said(remote: Remote, mirror: Mirror, project: str, words: str) -> None:
    files = {"dvc.yaml": project, "conf.py": "lr = 1", "in.dvc": "outs: [{md5: 12, path: in}]"}
    facts = facts_of(remote, mirror, files, "m")
    assert facts.problem is None
    assert any(words in note for note in facts.notes)
    assert (facts.metrics, facts.params, facts.meta, facts.digest) == ({}, {}, None, "")


def test_meta_is_whatever_yaml_can_say_as_json_has_it(remote: Remote, mirror: Mirror) -> None:
    meta = "[{1: .nan, a: null, big: 99999999999999999999}, !!set {x, y}, !!binary aGVsbG8=, true]"
    facts = facts_of(
        remote, mirror, {"dvc.yaml": f"artifacts: {{m: {{path: a, meta: {meta}}}}}"}, "m"
    )
    assert facts.meta == [
        {"1": "nan", "big": "99999999999999999999"}, ["x", "y"], "5 bytes", True
    ]  # fmt: skip


LOCK = """
stages:
  fit:
    cmd: [prepare, fit]
    deps:
    - {path: ../data, hash: md5, md5: 00ab.dir, size: 9, nfiles: 3}
    - {path: s3://bucket/x, etag: "1"}
    - {path: ../../outside}
    outs:
    - {path: ../out/models, hash: md5, md5: 01cd.dir, size: 4, nfiles: 2}
"""


def test_the_stage_that_made_an_artifact_is_found_wherever_its_pipeline_is(
    remote: Remote, mirror: Mirror
) -> None:
    files = {
        "dvc.yaml": "artifacts: {whole: {path: out/models}, part: {path: out/models/a}}",
        "out/dvc.yaml": "stages: {fit: {cmd: x, wdir: ../work}}",
        "out/dvc.lock": LOCK,
    }
    whole = facts_of(remote, mirror, files, "whole")
    assert whole.digest == "md5:01cd.dir"
    assert whole.lineage == Lineage(
        stage="out/dvc.yaml:fit",
        command="prepare\nfit",
        inputs=(
            Input("data", "md5:00ab.dir", 9, 3),
            Input("s3://bucket/x", "etag:1"),
            Input("../../outside"),
        ),
    )
    part = facts_of(remote, mirror, files, "part")
    assert (part.digest, part.lineage) == ("", whole.lineage)


def test_endless_lineage_is_cut_and_it_is_said(remote: Remote, mirror: Mirror) -> None:
    deps = ", ".join(f"{{path: d{number}}}" for number in range(101))
    lock = f"stages: {{fit: {{cmd: x, deps: [{deps}], outs: [{{path: m, md5: 'ab'}}]}}}}"
    files = {"dvc.yaml": "artifacts: {m: {path: m}}", "dvc.lock": lock}
    facts = facts_of(remote, mirror, files, "m")
    assert facts.lineage is not None
    assert len(facts.lineage.inputs) == 100
    assert facts.notes == ("fit has more inputs than are shown",)


def test_what_dvc_itself_wrote_is_read_as_dvc_reads_it(
    remote: Remote, mirror: Mirror, tmp_path: Path
) -> None:
    project = DvcProject.make(tmp_path, remote)
    project.track("sub/added.bin", "added")
    project.write("params.yaml", "seed: 3\nunused: 1\n")
    project.write("sub/params.yaml", "train: {lr: 0.1, layers: [8, 4]}\nunused: 2\n")
    project.write("sub/more.toml", "[opt]\nname = 'adam'\nsteps = 5\n")
    project.write("sub/more.json", '{"deep": {"er": null, "on": true}}')
    project.stage(
        "fit", "-d", "added.bin", "-p", "train", "-p", "more.toml:opt.name", "-p", "more.json:",
        "-o", "out", "-M", "scores.json", "-M", "scores.yaml",
        "mkdir out; echo 1 > out/a; echo 2 > out/b; echo 'f1: .nan' > scores.yaml;"
        "echo '{\"acc\": {\"top\": 0.25, \"each\": [1, 2]}, \"none\": null}' > scores.json",
    )  # fmt: skip
    project.write(
        "sub/dvc.yaml",
        "artifacts:\n  fit: {path: out, type: model, desc: fits, labels: [a], meta: {b: [1]}}\n"
        "  added: {path: added.bin}\n",
        append=True,
    )
    commit = project.push()
    mirror.fetch()

    fit = read_project(mirror, commit, "sub:fit")
    assert (fit.problem, fit.notes) == (None, ())
    assert (fit.type, fit.description, fit.labels, fit.meta) == (
        "model",
        "fits",
        ("a",),
        {"b": [1]},
    )
    assert fit.path == project.artifact_path("sub:fit")
    assert fit.metrics == project.metrics("sub/")
    assert fit.params == project.params("sub/")
    assert set(fit.metrics) == {"acc.top", "f1"}
    assert set(fit.params) == {
        "train.lr", "train.layers.0", "train.layers.1", "opt.name", "deep.er", "deep.on",
    }  # fmt: skip
    assert (fit.digest, fit.size, fit.files) == (project.digest_of("sub/out"), 4, 2)
    assert fit.lineage is not None
    assert fit.lineage.stage == "sub/dvc.yaml:fit"
    assert [(each.path, each.digest) for each in fit.lineage.inputs] == [
        ("sub/added.bin", "md5:" + md5(b"added"))
    ]
    added = read_project(mirror, commit, "sub:added")
    assert (added.digest, added.size) == ("md5:" + md5(b"added"), 5)


@pytest.mark.parametrize(
    "written",
    [
        "no", "on", "Yes", "off", "y", "true", "FALSE", "16:9", "12:30:45", "190:20:30.15",
        "012", "09", "0o14", "0x1F", "0b11", "+12", "1_000", "-0", "0",
        "1e-3", "5e-05", "1E5", "12e03", "1.5e3", ".5", "1.", "-.inf", ".NaN", "1.2.3", "0x", "_1",
    ],
)  # fmt: skip
def test_a_plain_word_of_yaml_means_what_it_means_to_dvc(written: str) -> None:
    text = f"value: {written}\n{written}: key"
    ours, dvcs = (flatten(read) for read in (parse_document("p", text.encode()), by_dvc(text, "p")))
    assert ours == dvcs


def test_all_of_the_params_at_the_root_are_shown_as_dvc_shows_them(
    remote: Remote, mirror: Mirror, tmp_path: Path
) -> None:
    project = DvcProject.make(tmp_path, remote)
    project.write("params.yaml", "seed: 3\nunused: 1\n")
    project.write("model.bin", "1")
    project.stage("fit", "-p", "seed", "-O", "o", "echo 1 > o", where=".")
    project.write("dvc.yaml", "artifacts: {m: {path: model.bin}}\n", append=True)
    commit = project.push()
    mirror.fetch()
    facts = read_project(mirror, commit, "m")
    assert facts.params == project.params("") == {"seed": "3", "unused": "1"}


def test_what_dvclive_wrote_is_read_as_dvc_reads_it(
    remote: Remote, mirror: Mirror, tmp_path: Path
) -> None:
    project = DvcProject.make(tmp_path, remote)
    project.python(
        "from dvclive import Live\n"
        "with Live() as live:\n"
        "    live.log_param('lr', 0.1)\n"
        "    live.log_metric('train/loss', float('nan'))\n"
        "    live.log_metric('acc', 0.75)\n"
        "    live.next_step()\n"
        "    open('churn.pkl', 'w').write('weights')\n"
        "    live.log_artifact('churn.pkl', type='model', name='churn', meta={'k': 'v'})\n"
    )
    commit = project.push()
    mirror.fetch()
    facts = read_project(mirror, commit, "churn")
    assert (facts.problem, facts.notes) == (None, ())
    assert facts.metrics == project.metrics("dvclive/")
    assert set(facts.metrics) == {"train.loss", "acc", "step"}
    assert facts.params == project.params("dvclive/") == {"lr": "0.1"}
    assert (facts.path, facts.meta) == (project.artifact_path("churn"), {"k": "v"})
    assert (facts.digest, facts.size) == ("md5:" + md5(b"weights"), 7)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()

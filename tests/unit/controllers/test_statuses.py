"""What the statuses say, from a ledger of a few tags and the files at a commit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controllers.objects import condition, model, stage, version
from tests.unit.ledger.book import asker, commit, tag, view

from playbill.api.errors import Stalled
from playbill.api.model_version import ModelVersionStatus
from playbill.controllers.status.conditions import Summary
from playbill.controllers.status.model_status import ModelFacts, model_status, ready_summary
from playbill.controllers.status.stage_status import Serving, recorded_summary, stage_status, sum_up
from playbill.controllers.status.version_status import (
    author_of,
    registered_status,
    registered_summary,
    unsettled_status,
)
from playbill.git.dvclock import Input, Lineage
from playbill.git.facts import ArtifactFacts, ProjectProblem
from playbill.ledger import message
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import ArtifactView
from playbill.rollout.judge import Failed, Progressing, RolledOut

NOW = 1_767_225_600.0
READY = Summary("Ready", "Registered", "it is")
ME = asker(name="mine")
BOOK = (
    tag("digits@v1.0.0", 1, 10, by=ME),
    tag("digits@v2.0.0", 2, 20),
    tag("digits@v3.0.0", 3, 30),
    tag("digits@v3.0.0!", 3, 31),
    tag("digits#prod#1", 1, 40),
    tag("digits#dev#2", 2, 41),
    tag("digits#old#3", 2, 42),
    tag("digits#old!#4", 2, 43),
)


def book(*more: TagObject) -> ArtifactView:
    return view(*BOOK, *more).artifact("digits")


def told(facts: ArtifactFacts | None, *more: TagObject, number: str = "v1.0.0", **spec: Any) -> Any:
    """The status of a version that the ledger knows."""
    artifact = book(*more)
    known = artifact.version(number)
    assert known is not None
    return registered_status(version(**spec), known, artifact, facts, READY, now=NOW)


def test_a_version_tells_what_its_tag_says() -> None:
    found = told(None)
    assert (found.version, found.commit, found.tag) == ("v1.0.0", commit(1), "digits@v1.0.0")
    assert found.registered_at == "1970-01-01T00:00:10Z"
    assert found.registered_by == "ModelVersion/ns/mine (here)"
    assert (found.registered, found.stages, found.on_stages) == (True, ["prod"], "prod")
    assert found.pending is None


def test_a_person_is_named_with_the_address() -> None:
    assert told(None, number="v2.0.0").registered_by == "Ada <ada@example.org>"


def test_a_deregistered_version_is_told_as_such_and_holds_no_stage() -> None:
    found = told(None, number="v3.0.0")
    assert (found.registered, found.stages, found.on_stages) == (False, [], None)


def test_a_version_tells_what_the_files_at_its_commit_say() -> None:
    facts = ArtifactFacts(
        path="model.bin", type="model", description="Reads digits", labels=("cv",),
        digest="md5:1", size=7, files=2, metrics={"acc": "0.9"}, params={"C": "1"},
    )  # fmt: skip
    found = told(facts)
    assert found.artifact.path == "model.bin"
    assert (found.artifact.digest, found.artifact.size, found.artifact.files) == ("md5:1", 7, 2)
    assert (found.artifact.type, found.artifact.labels) == ("model", ["cv"])
    assert (found.metrics, found.params) == ({"acc": "0.9"}, {"C": "1"})


def test_what_git_says_wins_over_the_spec() -> None:
    given = {"uri": "s3://bucket/model", "digest": f"sha256:{'a' * 64}"}
    facts = ArtifactFacts(path="model.bin", digest="md5:1", metrics={"acc": "0.9"})
    found = told(facts, artifact=given, metrics={"acc": "1.0", "f1": "0.8"})
    assert (found.artifact.uri, found.artifact.digest) == (None, "md5:1")
    assert found.artifact.path == "model.bin"
    assert found.metrics == {"acc": "0.9", "f1": "0.8"}
    assert "changes nothing: register another version" in (found.note or "")


def test_of_what_git_knows_nothing_the_spec_tells() -> None:
    given = {"uri": "s3://bucket/model", "digest": f"sha256:{'a' * 64}"}
    found = told(ArtifactFacts(path="model.bin"), artifact=given)
    assert (found.artifact.uri, found.artifact.digest) == (given["uri"], given["digest"])
    assert found.note is None


def test_values_of_the_spec_and_of_git_are_told_together_within_bounds() -> None:
    facts = ArtifactFacts(metrics={f"g{n:03}": "1" for n in range(100)}, params={"C": "1"})
    found = told(facts, metrics={"acc": "1.0", "g000": "2"}, params={"D": "2"})
    assert (found.metrics["acc"], found.metrics["g000"], len(found.metrics)) == ("1.0", "1", 100)
    assert found.params == {"C": "1", "D": "2"}


def with_trailers(**more: str) -> TagObject:
    words = message.compose(
        "x", text=None, trailers={k.replace("_", "-"): v for k, v in more.items()}
    )
    return replace(tag("digits@v9.0.0", 9, 10), message=words)


def test_what_was_registered_stays_so_whatever_the_spec_says_later() -> None:
    one = with_trailers(Playbill_Artifact_Uri="s3://b/k", Playbill_Artifact_Digest="md5:1")
    for later in ({}, {"artifact": {"uri": "s3://other", "digest": f"md5:{'b' * 32}"}}):
        found = told(ArtifactFacts(digest="git:1"), one, number="v9.0.0", **later)
        assert (found.artifact.uri, found.artifact.digest) == ("s3://b/k", "md5:1")


def test_a_digest_may_be_told_later_of_what_was_registered_without_one() -> None:
    one = with_trailers(Playbill_Artifact_Uri="s3://b/k")
    for uri, digest in (("s3://b/k", f"md5:{'b' * 32}"), ("s3://other", None)):
        declared = {"uri": uri, "digest": f"md5:{'b' * 32}"}
        found = told(ArtifactFacts(digest="git:1"), one, number="v9.0.0", artifact=declared)
        assert (found.artifact.uri, found.artifact.digest) == ("s3://b/k", digest)


@pytest.mark.parametrize(("said", "source"), [(commit(1), commit(1)), ("main", commit(9))])
def test_a_version_on_an_alias_tells_its_source(said: str, source: str) -> None:
    found = told(None, with_trailers(Playbill_Source_Commit=said), number="v9.0.0")
    assert (found.commit, found.source_commit) == (commit(9), source)


def test_lineage_and_meta_are_told_and_cut_to_their_bounds() -> None:
    made = Lineage("fit", LONG, (Input("data.csv", "md5:1", 3, 2), Input(LONG)))
    found = told(ArtifactFacts(path="m", meta=[{"a": 1}], lineage=made, notes=("so", "and so")))
    assert found.artifact.meta == [{"a": 1}]
    assert (found.lineage.stage, len(found.lineage.command)) == ("fit", 4096)
    first, second = found.lineage.inputs
    assert (first.path, first.digest, first.size, first.files) == ("data.csv", "md5:1", 3, 2)
    assert (len(second.path), second.digest) == (1024, None)
    assert found.note == "so; and so"
    ModelVersionStatus.model_validate(found.model_dump(by_alias=True))


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        (ArtifactFacts(), None),
        (ArtifactFacts(truncated=True), "were cut to 100 entries"),
        (
            ArtifactFacts(problem=ProjectProblem("InvalidProject", "dvc.yaml:3: oops")),
            "InvalidProject: dvc.yaml:3: oops",
        ),
    ],
)
def test_a_note_says_what_could_not_be_read(facts: ArtifactFacts, note: str | None) -> None:
    found = told(facts)
    assert found.artifact is None
    assert (note or "None") in str(found.note)


LONG = "x" * 5000
HOSTILE = ArtifactFacts(
    path=LONG, type=LONG, description=LONG, labels=(LONG,) * 200, digest="md5:1",
    problem=ProjectProblem("InvalidProject", LONG),
)  # fmt: skip


def hostile_tags() -> list[TagObject]:
    """As long as tags of others can be: a file name in git has up to 255 bytes."""
    by = asker("ModelVersion", LONG, namespace=LONG)
    number = f"digits@v9.9.9-{'a' * 230}"
    return [
        tag(number, 9, 50, by=by, cluster=LONG),
        tag(f"digits@v9.9.8-{'b' * 230}", 8, 51, tagger=LONG),
        tag(f"digits#{'s' * 230}#9", 9, 52, by=by, cluster=LONG),
        tag("digits#prod#10", 8, 53, tagger=LONG),
    ]


@pytest.mark.parametrize("suffix", ["9-" + "a" * 230, "8-" + "b" * 230])
def test_a_version_of_others_is_told_whatever_its_lengths(suffix: str) -> None:
    found = told(HOSTILE, *hostile_tags(), number=f"v9.9.{suffix}")
    assert len(found.registered_by) <= 512
    assert len(found.artifact.path) <= 1024


def test_a_stage_and_a_model_of_others_are_told_whatever_their_lengths() -> None:
    now = view(*BOOK, *hostile_tags())
    artifact = now.artifact("digits")
    recorded = recorded_summary(stage(), artifact.winner("prod"))
    found = stage_status(stage(), artifact=artifact, recorded=recorded, serving=None, now=NOW)
    assert found.current is not None
    assert len(found.current.by or "") <= 512
    facts = ModelFacts(artifact=artifact, ledger=now.ledger, project=HOSTILE)
    status = model_status(model(), facts, READY, now=NOW)
    assert len(status.on_stage or "") <= 1024


def test_words_that_no_json_can_carry_are_told_without_them() -> None:
    facts = ArtifactFacts(path="m.bin", description="half \ud83d", labels=("\udc00",))
    found = told(facts)
    assert (found.artifact.description, found.artifact.labels) == ("half ?", ["?"])


def test_while_nothing_is_known_only_the_conditions_change() -> None:
    before = {"tag": "digits@v1.0.0", "version": "v1.0.0", "observedGeneration": 1}
    resource = version(status=before, meta={"generation": 2})
    waiting = unsettled_status(resource, Summary("Waiting", "X", "x"), now=NOW)
    stalled = unsettled_status(resource, Summary("Stalled", "X", "x"), now=NOW)
    assert (waiting.tag, waiting.version) == ("digits@v1.0.0", "v1.0.0")
    assert (waiting.observed_generation, stalled.observed_generation) == (1, 2)


@pytest.mark.parametrize(
    ("number", "reason"), [("v1.0.0", "Registered"), ("v3.0.0", "Deregistered"), (None, "Settled")]
)
def test_a_settled_version_is_ready_with_a_word_for_how(number: str | None, reason: str) -> None:
    known = book().version(number) if number else None
    event = (known.deregistration or known.registration) if known else None
    summary = registered_summary(event)
    assert (summary.phase, summary.reason) == ("Ready", reason)


def test_an_author_without_an_address_is_named_alone() -> None:
    nameless = TagObject("digits@v1.0.0", commit(1), "Ada", "", 1, "x")
    (event,) = view(nameless).artifact("digits").events
    assert author_of(event) == "Ada <unknown>"


# RegisteredModel


def model_told(*more: TagObject, project: ArtifactFacts | None = None, **spec: Any) -> Any:
    now = view(*BOOK, *more)
    facts = ModelFacts(
        artifact=now.artifact("digits"), ledger=now.ledger, branch="main", head=commit(7),
        project=project,
    )  # fmt: skip
    return model_status(model(**spec), facts, READY, now=NOW)


def test_a_model_tells_its_latest_next_counts_and_stages() -> None:
    found = model_told()
    assert found.latest_version == "v2.0.0"
    assert found.next_versions.model_dump() == {
        "major": "v4.0.0",
        "minor": "v3.1.0",
        "patch": "v3.0.1",
    }
    assert (found.versions.registered, found.versions.deregistered) == (2, 1)
    assert [(s.name, s.version) for s in found.stages] == [("dev", "v2.0.0"), ("prod", "v1.0.0")]
    assert found.on_stage == "dev=v2.0.0 prod=v1.0.0"
    assert (found.branch, found.head_commit, found.deprecated) == ("main", commit(7), False)


def test_a_model_shows_the_problems_of_its_own_tags() -> None:
    found = model_told(tag("digits@v9.0.0!", 9, 60), tag("other@v9.0.0!", 9, 60))
    assert [(p.tag, p.reason) for p in found.problems] == [
        ("digits@v9.0.0!", "NothingToDeregister")
    ]


def test_what_a_model_s_spec_says_wins_over_dvc_yaml() -> None:
    project = ArtifactFacts(description="from git", labels=("git",), type="model", path="m.bin")
    assert model_told(project=project).description == "from git"
    assert model_told(project=project).labels == ["git"]
    found = model_told(project=project, description="from spec", labels=["spec"])
    assert (found.description, found.labels) == ("from spec", ["spec"])
    assert (found.type, found.path) == ("model", "m.bin")


def test_without_a_look_at_git_a_model_keeps_what_was_known() -> None:
    known = {"latestVersion": "v1.0.0", "branch": "main"}
    found = model_status(model(status=known), ModelFacts(), Summary("Stalled", "X", "x"), now=NOW)
    assert (found.latest_version, found.branch) == ("v1.0.0", "main")
    assert [c.reason for c in found.conditions] == ["X", "X"]


@pytest.mark.parametrize(
    ("tags", "reason", "words"),
    [
        ([], "NoVersions", "no version of digits is registered yet"),
        ([tag("digits@v1.0.0", 1, 1)], "Synced", "1 version, the latest v1.0.0"),
        (list(BOOK), "Synced", "2 versions, the latest v2.0.0"),
        ([tag("digits@v1.0.0", 1, 1), tag("digits@v1.0.0!", 1, 2)], "Synced", "0 versions"),
        ([*BOOK, tag("digits@deprecated", 2, 99)], "Deprecated", "not to be used any more"),
    ],
)
def test_a_model_is_summed_up_in_a_sentence(tags: list[TagObject], reason: str, words: str) -> None:
    found = ready_summary(model(), view(*tags).artifact("digits"))
    assert (found.phase, found.reason) == ("Ready", reason)
    assert words in found.message


# StageAssignment

RECORDED = Summary("Ready", "Assigned", "v1.0.0 holds prod")
STALLED = Summary.of(Stalled("Contested", "agree"))


@pytest.mark.parametrize(
    ("recorded", "serving", "phase", "reason"),
    [
        (RECORDED, None, "Ready", "Assigned"),
        (RECORDED, RolledOut("2 pods", "2/2"), "Ready", "RolledOut"),
        (RECORDED, Progressing("1 of 2", "1/2"), "Working", "Progressing"),
        (RECORDED, Failed("BadImage", "no such image", "0/2"), "Stalled", "BadImage"),
        (STALLED, RolledOut("2 pods", "2/2"), "Stalled", "Contested"),
    ],
)
def test_ready_means_recorded_and_served(
    recorded: Summary, serving: Any, phase: str, reason: str
) -> None:
    found = sum_up(recorded, Serving(verdict=serving, version="v1.0.0") if serving else None)
    assert (found.phase, found.reason) == (phase, reason)


def test_the_parts_tell_apart_what_is_recorded_and_what_is_rolled_out() -> None:
    serving = Serving(verdict=Progressing("1 of 2", "1/2"), version="v1.0.0")
    found = stage_status(stage(), artifact=book(), recorded=RECORDED, serving=serving, now=NOW)
    assert {c.type: c.status for c in found.conditions} == {
        "Ready": "Unknown",
        "Reconciling": "True",
        "Recorded": "True",
        "RolledOut": "Unknown",
    }
    assert found.workload is not None
    assert (found.workload.name, found.workload.pods) == ("digits-prod", "1/2")
    assert found.observed_generation == -1


@pytest.mark.parametrize(
    ("runs", "recorded", "outcome", "stays"),
    [
        (commit(1), commit(1), "Available", "v1.0.0 of commit 000000000000 is served still"),
        (commit(7), commit(7), None, "v1.0.0 of commit 000000000000 is served still"),
        (None, None, None, "v1.0.0 is served still"),
        ("HEAD", None, None, "v1.0.0 of commit HEAD is served still"),
    ],
)
def test_what_runs_under_the_name_of_who_holds_the_stage_is_told_apart_by_its_commit(
    runs: str | None, recorded: str | None, outcome: str | None, stays: str
) -> None:
    refused = Stalled("GateFailed", "policy p: accuracy 0.91 < 0.95")
    serving = Serving(
        verdict=RolledOut("1 pod", "1/1"), version="v1.0.0", commit=runs, held=refused
    )
    found = stage_status(stage(), artifact=book(), recorded=RECORDED, serving=serving, now=NOW)
    assert found.workload is not None
    assert found.workload.commit == recorded
    assert found.history[0].outcome == outcome
    ready = found.condition("Ready")
    assert ready is not None
    assert ready.message.endswith(f"0.91 < 0.95; {stays}")


def test_a_stage_tells_who_holds_it_and_what_happened_newest_first() -> None:
    more = [tag(f"digits#prod#{n}", 1 + n % 2, 50 + n) for n in range(10, 22)]
    left = tag("digits#prod!#30", 1, 90)
    found = stage_status(
        stage(), artifact=book(*more, left), recorded=RECORDED, serving=None, now=NOW
    )
    assert found.current is not None
    assert (found.current.version, found.current.tag) == ("v2.0.0", "digits#prod#21")
    assert len(found.history) == 10
    assert (found.history[0].event, found.history[0].tag) == ("Unassigned", "digits#prod!#30")
    assert [h.version for h in found.history[1:3]] == ["v2.0.0", "v1.0.0"]


CURRENT = {"version": "v1.0.0", "commit": commit(1), "tag": "digits#prod#1", "since": "2026-01-01"}


@pytest.mark.parametrize(
    ("artifact", "summary"),
    [
        pytest.param(None, STALLED, id="git was not read"),
        pytest.param(
            view().artifact("digits"), Summary("Stalled", "TagVanished", "gone"), id="it vanished"
        ),
    ],
)
def test_a_stage_keeps_who_held_it_while_git_does_not_say(
    artifact: ArtifactView | None, summary: Summary
) -> None:
    old = stage(status={"current": CURRENT, "conditions": [condition("Ready")]})
    found = stage_status(old, artifact=artifact, recorded=summary, serving=None, now=NOW)
    assert found.current is not None
    assert found.current.tag == "digits#prod#1"
    assert found.observed_generation == 1


def test_a_stage_that_nobody_holds_says_how_to_fill_it() -> None:
    summary = recorded_summary(stage(), None)
    assert summary.phase == "Ready"
    assert "set spec.version, or assign with GTO" in summary.message

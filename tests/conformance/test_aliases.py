"""A release on the commit of its candidate, as GTO and DVC read it: on a child with its files.

The plan and the bytes are the product's own; `onCommitTaken: Alias` is `may_alias` here.
"""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import dvc.api
import gto.api
import pytest

from playbill.api.errors import Stalled
from playbill.ledger import message
from playbill.ledger.aliases import parse_base, source_of, told
from playbill.ledger.decisions import Settled
from playbill.ledger.fold import fold
from playbill.ledger.intents import AnyIntent, Asker, ModelIntent, StageIntent, VersionIntent
from playbill.ledger.plan import make_plan
from playbill.ledger.tagobject import pack
from playbill.ledger.view import Author, View

from .repositories import EPOCH, MakeRepository, Repository

CONTENT = b"weights of the candidate"
AUTHOR = Author(cluster="here")


def files(store: Path) -> dict[str, str]:
    """A DVC project whose bytes are in a directory."""
    digest = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    cached = store / "files/md5" / digest[:2] / digest[2:]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(CONTENT)
    return {
        ".dvc/config": f"[core]\n remote = store\n['remote \"store\"']\n url = {store}\n",
        "dvc.yaml": "artifacts: {m: {path: m.bin, type: model}}\nmetrics: [metrics.json]\n",
        "m.bin.dvc": f"outs: [{{md5: {digest}, size: {len(CONTENT)}, hash: md5, path: m.bin}}]\n",
        "metrics.json": '{"acc": 0.5}\n',
    }


@pytest.fixture
def repository(make_repository: MakeRepository, tmp_path: Path) -> Repository:
    """One commit with a DVC project on it, older than any tag."""
    made = make_repository()
    stream = "".join(
        f"M 100644 inline {path}\ndata {len(text)}\n{text}\n"
        for path, text in files(tmp_path / "store").items()
    )
    head = f"committer Ann <ann@example.org> {EPOCH - 500} +0100\ndata 1\nx\nfrom main^0\n"
    made.git("fast-import", "--quiet", stdin=f"commit refs/heads/main\n{head}{stream}".encode())
    made.git("reset", "--quiet", "--hard")
    made.commits.append(made.git("rev-parse", "main").decode().strip())
    return made


def asker(kind: str, name: str) -> Asker:
    return Asker(kind=kind, namespace="ns", name=name, uid=name, generation=1)


def version(repository: Repository, number: str | None, **more: Any) -> VersionIntent:
    commit = repository.commits[-1]
    base = parse_base(commit, repository.git("cat-file", "commit", commit))
    return VersionIntent(
        asker=asker("ModelVersion", str(number)), artifact="m", version=number,
        commit=commit, base=base, **{"may_alias": True, **more},
    )  # fmt: skip


def stage(name: str, number: str) -> StageIntent:
    who = asker("StageAssignment", name)
    return StageIntent(asker=who, artifact="m", stage=name, version=number)


def view(repository: Repository) -> View:
    records = repository.records()
    return View(fold(records), {r.name: r.oid for r in records}, author=AUTHOR)


def record(repository: Repository, *intents: AnyIntent, at: int) -> None:
    """A pass of the operator over a repository that lacks every alias."""
    plan = make_plan(intents, view(repository), EPOCH + at)
    aliases = [alias.data for step in plan.steps for alias in step.aliases]
    repository.git("unpack-objects", "-q", stdin=pack(commits=aliases))
    repository.push([tag for step in plan.steps for tag in step.tags])
    again = make_plan(intents, view(repository), EPOCH + at + 1)
    assert all(isinstance(each, Settled) for each in again.decisions.values()), again


@pytest.fixture
def both(repository: Repository) -> Repository:
    """A candidate and its release, each on a stage."""
    record(repository, version(repository, "v1.0.0-rc.1"), at=1)
    record(repository, version(repository, "v1.0.0"), at=2)
    record(repository, stage("prod", "v1.0.0"), stage("dev", "v1.0.0-rc.1"), at=3)
    return repository


def test_gto_shows_candidate_and_release_side_by_side(both: Repository) -> None:
    path = str(both.path)
    shown = gto.api.show(path)["m"]
    assert shown["version"] == "v1.0.0"
    assert shown["stage"] == {"prod": "v1.0.0", "dev": "v1.0.0-rc.1"}
    rows = {row["version"]: row for row in gto.api.show(path, "m")}
    assert set(rows) == {"v1.0.0", "v1.0.0-rc.1"}
    assert rows["v1.0.0-rc.1"]["commit_hexsha"] == both.commits[-1]
    assert rows["v1.0.0"]["commit_hexsha"] == both.git("rev-parse", "m@v1.0.0^0").decode().strip()


def test_gto_tells_their_history_and_each_tag_apart(both: Repository) -> None:
    path = str(both.path)
    told_by_gto = [(e["event"], e["version"], e["stage"]) for e in gto.api.history(path)]
    assert sorted(told_by_gto, key=str) == [
        ("assignment", "v1.0.0", "prod"),
        ("assignment", "v1.0.0-rc.1", "dev"),
        ("registration", "v1.0.0", None),
        ("registration", "v1.0.0-rc.1", None),
    ]
    for tag, number in (("m#prod#2", "v1.0.0"), ("m@v1.0.0", "v1.0.0"), ("m#dev#1", "v1.0.0-rc.1")):
        (event,) = gto.api.check_ref(path, tag)
        assert event.version == number
    assert sorted(gto.api.get_stages(path, used=True)) == ["dev", "prod"]


def test_gto_itself_goes_on_from_there(both: Repository) -> None:
    path = str(both.path)
    gto.api.deregister(path, "m", version="v1.0.0-rc.1")
    gto.api.assign(path, "m", "qa", version="v1.0.0")
    assert gto.api.show(path)["m"]["stage"] == {"prod": "v1.0.0", "qa": "v1.0.0"}
    assert not fold(both.records()).problems


def test_a_deprecated_artifact_stays_deprecated_for_gto(both: Repository) -> None:
    """A commit that is dated after its tags revives it, so an alias has its source's date."""
    model = ModelIntent(asker=asker("RegisteredModel", "m"), artifact="m", deprecated=True)
    record(both, model, at=10)
    assert gto.api.show(str(both.path)) == {}
    dates = both.git("show", "--no-patch", "--format=%ct", "m@v1.0.0^0", "main").decode().split()
    assert dates == [str(EPOCH - 500)] * 2


def test_dvc_finds_and_brings_the_same_bytes_for_both(both: Repository, tmp_path: Path) -> None:
    url = f"file://{both.path}"
    for number in ("v1.0.0", "v1.0.0-rc.1"):
        commit = both.git("rev-parse", f"m@{number}^0").decode().strip()
        found = dvc.api.artifacts_show("m", version=number, repo=url)
        assert found == {"path": "m.bin", "rev": commit}
        out = tmp_path / number
        program = Path(sys.executable).with_name("dvc")
        subprocess.run(
            [program, "artifacts", "get", url, "m", "--rev", number, "-o", out],
            check=True, capture_output=True, cwd=tmp_path,
        )  # fmt: skip
        assert out.read_bytes() == CONTENT
    assert dvc.api.metrics_show(rev="m@v1.0.0", repo=url) == {"acc": 0.5}
    at_stage = dvc.api.artifacts_show("m", stage="prod", repo=url)
    assert at_stage["rev"] == both.git("rev-parse", "m@v1.0.0^0").decode().strip()


def test_the_alias_is_a_sound_child_that_no_branch_holds(both: Repository) -> None:
    both.git("fsck", "--strict")
    alias = both.git("rev-parse", "m@v1.0.0^0").decode().strip()
    assert both.git("rev-parse", f"{alias}^@").decode().split() == [both.commits[-1]]
    assert both.git("diff", alias, "main") == b""
    assert both.git("branch", "--contains", alias) == b""
    who = both.git("show", "--no-patch", "--format=%an <%ae> %cn <%ce>", alias).decode().strip()
    assert who == "Playbill <playbill@playbill.dev> Playbill <playbill@playbill.dev>"
    known = fold(both.records()).artifacts["m"].versions["v1.0.0"]
    assert (known.commit, source_of(known)) == (alias, both.commits[-1])


def test_bytes_elsewhere_are_told_by_tag_and_commit(repository: Repository) -> None:
    uri, digest = "s3://bucket/" + "k" * 1500 + "/ü b", "sha256:" + "0" * 64
    record(repository, version(repository, "v1.0.0"), at=1)
    record(repository, version(repository, "v2.0.0", uri=uri, digest=digest), at=2)
    known = fold(repository.records()).artifacts["m"].versions["v2.0.0"]
    assert told(known, message.ARTIFACT_URI) == uri
    assert told(known, message.ARTIFACT_DIGEST) == digest
    body = repository.git("show", "--no-patch", "--format=%B", "m@v2.0.0^0").decode()
    assert message.split(body)[2] == {
        message.SOURCE_COMMIT: repository.commits[-1],
        message.ARTIFACT_URI: uri,
        message.ARTIFACT_DIGEST: digest,
    }


def test_without_leave_a_taken_commit_is_refused_and_the_way_out_named(
    repository: Repository,
) -> None:
    record(repository, version(repository, "v1.0.0-rc.1"), at=1)
    refused = version(repository, "v1.0.0", may_alias=False)
    (found,) = make_plan([refused], view(repository), EPOCH + 2).decisions.values()
    assert isinstance(found, Stalled)
    assert found.reason == "CommitTaken"
    assert "onCommitTaken: Alias" in found.message

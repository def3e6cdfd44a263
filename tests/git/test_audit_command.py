"""`playbill audit` on plain clones: what it answers, and in which words it says that it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.servers import Remote
from tests.servers.remote import ENVIRONMENT

from playbill.cli import main
from playbill.ledger import message
from playbill.ledger.audit import Line

DAY = 86_400
MAY_1 = 1_777_593_600  # 2026-05-01T00:00:00Z
RESOURCE = "StageAssignment/ml/digits-prod"
OURS = {
    message.CLUSTER: "demo",
    message.RESOURCE: RESOURCE,
    message.REQUESTED_BY: "ada@example.com",
    message.CHANGE: "pull/7",
}


@dataclass(frozen=True, slots=True)
class History:
    """A remote in whose tags a model's story stands, and a clone of it."""

    remote: Remote
    clone: Path

    def audit(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["audit", "--repo", str(self.clone), *arguments])

    def told(self, *arguments: str) -> list[dict[str, Any]]:
        """The tenures, as JSON has them."""
        result = self.audit(*arguments, "--output", "json")
        assert result.exit_code == 0, result.output
        found: list[dict[str, Any]] = json.loads(result.stdout)["tenures"]
        return found

    def fetch_notes(self) -> None:
        command = ["fetch", "-q", "origin", "refs/notes/*:refs/notes/*"]
        subprocess.run(["git", "-C", str(self.clone), *command], check=True)


def tag(remote: Remote, name: str, commit: str, seconds: int, **trailers: str) -> None:
    """An annotated tag by Ada, or by the operator when it bears trailers."""
    text = message.compose("a tag", text=None, trailers=trailers)
    who = "Playbill" if trailers else "Ada"
    tagged = {"GIT_COMMITTER_NAME": who, "GIT_COMMITTER_DATE": f"{seconds} +0000"}
    subprocess.run(
        ["git", f"--git-dir={remote.path}", "tag", "-a", "-F", "-", name, commit],
        input=text.encode(), env=ENVIRONMENT | tagged, check=True,
    )  # fmt: skip


def note(remote: Remote, commit: str, outcome: str, seconds: int, **details: str) -> None:
    given = {key.replace("_", "-"): value for key, value in details.items()}
    line = Line(
        seconds=seconds, stage="prod", outcome=outcome, artifact="digits", version="v1.1.0",  # type: ignore[arg-type]
        details={**given, "cluster": "demo", "resource": RESOURCE},
    )  # fmt: skip
    remote.git("notes", "--ref=playbill", "append", "-m", line.format(), commit)


@pytest.fixture
def history(tmp_path: Path) -> History:
    """v1.0.0 by Ada from 2 May on, v1.1.0 by the operator from 3 to 5 May, then nobody."""
    remote = Remote(tmp_path / "srv" / "models.git")
    project = "artifacts:\n  digits:\n    path: model.bin\n    type: model\n"
    first = remote.commit({"dvc.yaml": project, "model.bin": "one"})
    second = remote.commit({"dvc.yaml": project, "model.bin": "two"})
    tag(remote, "digits@v1.0.0", first, MAY_1)
    tag(remote, "digits@v1.1.0", second, MAY_1 + 10)
    tag(remote, "digits#prod#1", first, MAY_1 + DAY)
    tag(remote, "digits#prod#2", second, MAY_1 + 2 * DAY, **OURS)
    tag(remote, "digits#prod!#3", second, MAY_1 + 4 * DAY, **OURS)
    tag(remote, "digits#prod!#4", first, MAY_1 + 4 * DAY, **OURS)
    tag(remote, "words@v0.1.0", first, MAY_1)
    tag(remote, "words#dev#1", first, MAY_1 + DAY)
    available = MAY_1 + 2 * DAY + 12
    images = "sha256:ab,sha256:cd"
    note(
        remote, second, "available", available,
        tag="digits#prod#2", after="12s", images=images, digest="md5:12ab",
    )  # fmt: skip
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", remote.url, str(clone)], check=True)
    return History(remote, clone)


@pytest.fixture
def somewhere_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A local time zone two hours before UTC."""
    monkeypatch.setenv("TZ", "EAST-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


AT = ("--model", "digits", "--stage", "prod", "--at")


def test_who_was_on_stage_at_noon_with_which_bytes_and_by_whose_word(history: History) -> None:
    history.fetch_notes()
    (answer,) = history.told(*AT, "2026-05-03T12:00:00Z")
    second = history.remote.git("rev-parse", "main")
    assert answer == {
        "model": "digits",
        "stage": "prod",
        "version": "v1.1.0",
        "commit": second,
        "digest": "md5:12ab",
        "tag": "digits#prod#2",
        "since": "2026-05-03T00:00:00Z",
        "until": "2026-05-05T00:00:00Z",
        "endedBy": {"tag": "digits#prod!#3", "how": "unassigned"},
        "recordedBy": {
            "tagger": "Playbill <ada@example.com>",
            "requestedBy": "ada@example.com",
            "change": "pull/7",
            "resource": RESOURCE,
            "cluster": "demo",
        },
        "available": [
            {
                "at": "2026-05-03T00:00:12Z",
                "afterSeconds": 12,
                "cluster": "demo",
                "resource": RESOURCE,
                "images": ["sha256:ab", "sha256:cd"],
            }
        ],
    }
    text = history.audit(*AT, "2026-05-03T12:00:00Z").stdout
    for words in (
        "digits, prod at 2026-05-03T12:00:00Z: v1.1.0",
        second,
        "md5:12ab",
        "ada@example.com, StageAssignment/ml/digits-prod in cluster demo",
        "2026-05-05T00:00:00Z, unassigned by digits#prod!#3",
        "2026-05-03T00:00:12Z, 12 s later, in cluster demo",
        "sha256:ab sha256:cd",
    ):
        assert words in text


def test_what_a_person_did_with_gto_is_part_of_the_story(history: History) -> None:
    history.fetch_notes()
    first, second = history.told("--model", "digits")
    assert (first["version"], second["version"]) == ("v1.0.0", "v1.1.0")
    assert first["recordedBy"] == {"tagger": "Ada <ada@example.com>"}
    assert first["endedBy"] == {"tag": "digits#prod#2", "how": "replaced", "version": "v1.1.0"}
    text = history.audit("--model", "digits").stdout
    assert text.index("v1.0.0") < text.index("2026-05-03T00:00:00Z  v1.1.0")
    assert "replaced by v1.1.0 (digits#prod#2)" in text


def test_what_a_stranger_wrote_reaches_no_terminal_as_a_command(
    history: History, tmp_path: Path
) -> None:
    erase = "\x1b[1A\x1b[2K\x9b2K\u202e"
    remote, seconds = history.remote, MAY_1 + 9 * DAY
    told = {"GIT_COMMITTER_NAME": f"Eve {erase} x", "GIT_COMMITTER_DATE": f"{seconds} +0000"}
    subprocess.run(
        ["git", f"--git-dir={remote.path}", "tag", "-a", "-m", "x", "digits#eve#90", "main"],
        env=ENVIRONMENT | told, check=True,
    )  # fmt: skip
    line = f"2026-05-10T00:00:00Z eve failed digits v1 · tag=digits#eve#90 · reason={erase}x"
    commit = remote.git("rev-parse", "main")
    with_note = ["notes", "--ref=playbill", "append", "-m", f"{line} · cluster=c{erase}"]
    remote.git("-c", "user.name=Eve", "-c", "user.email=e@x", *with_note, commit)
    subprocess.run(["git", "-C", str(history.clone), "fetch", "-q", "--tags"], check=True)
    history.fetch_notes()
    result = history.audit("--stage", "eve")
    assert result.exit_code == 0
    assert "Eve [1A [2K 2K x <ada@example.com>" in result.output
    assert "failed" in result.output
    assert not set("\x1b\x9b\u202e") & set(result.output)


def test_without_notes_the_tags_answer_and_the_command_to_fetch_them_is_told(
    history: History,
) -> None:
    result = history.audit(*AT, "2026-05-03T12:00:00Z")
    assert result.exit_code == 0
    assert "v1.1.0" in result.stdout
    assert "available" not in result.stdout
    assert "git fetch origin 'refs/notes/*:refs/notes/*'" in result.stderr
    history.fetch_notes()
    assert history.audit(*AT, "2026-05-03T12:00:00Z").stderr == ""


def test_the_files_at_the_commit_tell_the_bytes_where_nothing_else_does(history: History) -> None:
    (answer,) = history.told(*AT, "2026-05-02T12:00:00Z")
    blob = history.remote.git("rev-parse", "main~1:model.bin")
    assert answer["digest"] == f"git:{blob}"


def test_every_model_and_stage_is_told_of_when_none_is_named(history: History) -> None:
    answers = history.told("--at", "2026-05-02T12:00:00Z")
    assert [(a["model"], a["stage"]) for a in answers] == [("digits", "prod"), ("words", "dev")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "digit"), "no tag tells of a model digit; there is digits, words"),
        (("--model", "digits", "--stage", "dev"), "digits never had a stage dev; there is prod"),
        (
            (*AT, "2026-05-01T12:00:00Z"),
            "nobody held prod of digits yet: the first was v1.0.0, from 2026-05-02T00:00:00Z on",
        ),
        (
            (*AT, "2026-05-06T12:00:00Z"),
            "v1.1.0 did until 2026-05-05T00:00:00Z, unassigned by digits#prod!#3",
        ),
        (("--at", "2020-01-01"), "nobody held any stage"),
    ],
)
def test_when_nobody_was_there_it_says_so_and_fails(
    history: History, arguments: Sequence[str], words: str
) -> None:
    result = history.audit(*arguments)
    assert result.exit_code == 1
    assert words in result.stderr


def test_nobody_is_an_empty_list_for_programs(history: History) -> None:
    result = history.audit(*AT, "2026-05-06T12:00:00Z", "--output", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "at": "2026-05-06T12:00:00Z", "notes": False, "tenures": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-05-03", "2026-05-02T22:00:00Z"),
        ("2026-05-03 12:00", "2026-05-03T10:00:00Z"),
        ("2026-05-03T12:00:30", "2026-05-03T10:00:30Z"),
        ("2026-05-03T12:00:00Z", "2026-05-03T12:00:00Z"),
        ("2026-05-03T12:00:00-07:00", "2026-05-03T19:00:00Z"),
    ],
)
def test_a_time_is_local_unless_it_names_its_zone(
    history: History, somewhere_east: None, text: str, meant: str
) -> None:
    result = history.audit(*AT, text, "--output", "json")
    assert json.loads(result.stdout)["at"] == meant


@pytest.mark.parametrize("text", ["noon", "2026-13-01", "", "3 May"])
def test_what_is_no_time_is_refused(history: History, text: str) -> None:
    result = history.audit(*AT, text)
    assert result.exit_code == 2
    assert "is no time: use 2026-05-03" in result.stderr


def test_outside_of_a_repository_it_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["audit", "--repo", str(tmp_path)])
    assert result.exit_code == 2
    assert "in no git repository" in result.stderr


@pytest.mark.parametrize("place", ["src/deep", ".", "bare"])
def test_it_finds_the_repository_of_any_directory_below(
    history: History, tmp_path: Path, place: str
) -> None:
    below = history.clone / place
    if place == "bare":
        below = history.remote.path
    below.mkdir(parents=True, exist_ok=True)
    result = CliRunner().invoke(main, ["audit", "--repo", str(below), "--stage", "prod"])
    assert result.exit_code == 0
    assert "v1.1.0" in result.stdout


def test_a_partial_clone_answers_from_what_it_has(history: History, tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    clone = ["clone", "-q", "--bare", "--filter=blob:none", history.remote.url, str(partial)]
    subprocess.run(["git", *clone], check=True)
    (answer,) = History(history.remote, partial).told(*AT, "2026-05-02T12:00:00Z")
    assert answer["version"] == "v1.0.0"
    assert "digest" not in answer


def test_the_command_changes_nothing_and_needs_no_home(history: History, tmp_path: Path) -> None:
    """A real process, in an environment that has nothing but a PATH."""
    before = sorted(path for path in history.clone.rglob("*") if "index" not in path.name)
    done = subprocess.run(
        [sys.executable, "-m", "playbill.cli", "audit", "--stage", "prod"],
        cwd=history.clone, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "v1.1.0" in done.stdout
    assert sorted(p for p in history.clone.rglob("*") if "index" not in p.name) == before


def test_a_version_that_was_taken_back_is_told_with_what_took_its_place_and_why(
    history: History,
) -> None:
    remote, dev = history.remote, "digits#dev#"
    first, second = remote.git("rev-parse", "main~1"), remote.git("rev-parse", "main")
    why = {message.REASON: "rollback from v1.1.0 (CrashLoop): exit code 7"}
    tag(remote, f"{dev}5", first, MAY_1 + DAY, **OURS)
    tag(remote, f"{dev}6", second, MAY_1 + 2 * DAY, **OURS)
    tag(remote, f"{dev}7", first, MAY_1 + 3 * DAY, **OURS, **why)
    subprocess.run(["git", "-C", str(history.clone), "fetch", "-q", "--tags"], check=True)
    text = history.audit("--model", "digits", "--stage", "dev").stdout
    assert (
        "until        2026-05-04T00:00:00Z, rolled back to v1.0.0 (digits#dev#7), "
        "for CrashLoop: exit code 7" in text
    )

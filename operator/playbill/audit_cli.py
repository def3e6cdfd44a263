"""`playbill audit`: who was on stage when, from any clone, without a cluster."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import click

from playbill.api.errors import Trouble
from playbill.api.times import timestamp
from playbill.git.clone import Clone
from playbill.git.command import Git, GitSettings
from playbill.git.fetch import list_local
from playbill.git.notes import list_notes, read_notes
from playbill.git.project import read_projects
from playbill.git.tags import read_on
from playbill.ledger.accounts import Account, accounts, by_tag, how_ended, recorded_by
from playbill.ledger.audit import Line, parse_note, taken_back, visible
from playbill.ledger.fold import Book
from playbill.ledger.state import Ledger

FETCH = "git fetch origin 'refs/notes/*:refs/notes/*'"

NOBODY = 1
"""The exit code when there is no holder to tell of."""


def _moment(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> datetime | None:
    """RFC 3339, or a part of it in the local time zone."""
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{value!r} is no time: use 2026-05-03, '2026-05-03 12:00' or 2026-05-03T12:00:00+02:00"
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What a clone holds; `notes` is None where they were not fetched."""

    clone: Clone
    ledger: Ledger
    notes: list[Line] | None

    @classmethod
    def of(cls, clone: Clone) -> Records:
        """Read all tags, and all notes, in six processes of git at most."""
        ledger = read_on(clone, list_local(clone), Book()).ledger
        notes = list_notes(clone)
        if notes.tip is None:
            return cls(clone=clone, ledger=ledger, notes=None)
        texts = read_notes(clone, notes).values()
        return cls(
            clone=clone, ledger=ledger, notes=[line for text in texts for line in parse_note(text)]
        )

    def stories(self, model: str | None, stage: str | None) -> list[list[Account]]:
        """The accounts of each stage that is meant, oldest first.

        Raises Unknown when there is no such model or stage.
        """
        lines = by_tag(self.notes or ())
        found = []
        for artifact in self._models(model):
            stages = sorted(artifact.stages) if stage is None else [stage]
            found += [accounts(artifact, each, lines) for each in stages if each in artifact.stages]
        if not found and stage is not None:
            had = sorted({name for each in self._models(model) for name in each.stages})
            raise Unknown(f"{model or 'no model here'} never had a stage {stage}{_it_had(had)}")
        return [story for story in found if story]

    def _models(self, model: str | None) -> Iterator[Any]:
        """GTO writes a directory's models with a colon, and with `=` in tags."""
        if model is None:
            yield from self.ledger.artifacts.values()
            return
        found = self.ledger.artifacts.get(model.replace("=", ":"))
        if found is None:
            raise Unknown(f"no tag tells of a model {model}{_it_had(self.ledger.artifacts)}")
        yield found

    def with_digest(self, account: Account) -> Account:
        """The same with what the files at the commit say of the bytes, if nothing else does."""
        if account.digest:
            return account
        wanted = account.tenure.commit, account.artifact
        try:
            facts = read_projects(self.clone, [wanted])[wanted]
        except Trouble:  # a clone without these files
            return account
        return replace(account, digest=facts.digest)


class Unknown(click.ClickException):
    """There is nothing to tell of."""

    exit_code = NOBODY


@click.command()
@click.option(
    "--repo",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="A clone of the model's repository.  [default: this directory]",
)
@click.option("--model", help="One model, by GTO's name of it (digits, or models/nlp:sentiment).")
@click.option("--stage", help="One stage, such as prod.")
@click.option("--at", metavar="TIME", callback=_moment, help="A moment: who was on stage then?")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def audit(
    *,
    repo: Path,
    model: str | None,
    stage: str | None,
    at: datetime | None,
    output: Literal["text", "json"],
) -> None:
    """Tell who was on stage when: which version, which bytes, by whose word, and did it work.

    Works on any clone, without a cluster. Who held a stage stands in the tags, be they written by
    Playbill, GTO or DVC Studio; when a version was available, and by which images, stands in git
    notes, which a clone brings only when told to:

    \b
      git fetch --tags origin 'refs/notes/*:refs/notes/*'
      playbill audit --model digits --stage prod
      playbill audit --model digits --stage prod --at '2026-05-03 12:00'
      playbill audit --at 2026-05-03T12:00:00Z --output json

    Without --at the whole story is told, newest last. TIME is RFC 3339, or a date with or without
    a time of day, in the local time zone unless it names one; a date means its first moment. All
    times are shown in UTC.

    The exit code is 0 when somebody held the stage, 1 when nobody did, 2 for a wrong call.
    """
    with tempfile.TemporaryDirectory(prefix="playbill-") as home:
        try:
            records = Records.of(Clone(repo, Git(GitSettings(home=Path(home) / "git"))))
            stories = records.stories(model, stage)
            told = [a for story in stories for a in story]
            if at is not None:
                second = int(at.timestamp())
                told = [records.with_digest(a) for a in told if a.tenure.holds_at(second)]
        except Trouble as trouble:
            raise click.UsageError(trouble.message) from None
    if output == "json":
        _print_json(records, told, at)
    elif at is not None and not told:
        raise Unknown(_nobody(stories, stage, at))
    else:
        click.echo("\n\n".join(_texts(told, at)))
    if records.notes is None:
        click.echo(
            "\nThere are no notes in this clone. They say when a version was available, and by "
            f"which images; if they were only not fetched:\n  {FETCH}",
            err=True,
        )
    if not told:
        raise SystemExit(NOBODY)


def _print_json(records: Records, told: Sequence[Account], at: datetime | None) -> None:
    document = {
        "at": timestamp(int(at.timestamp())) if at else None,
        "notes": records.notes is not None,
        "tenures": [account.to_json() for account in told],
    }
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _texts(told: Sequence[Account], at: datetime | None) -> Iterator[str]:
    if not told:
        yield "No stage was ever held here."
    before = ""
    for account in told:
        title = f"{account.artifact}, {account.stage}"
        moment = f" at {timestamp(int(at.timestamp()))}" if at else ""
        head = f"{title}{moment}: {account.tenure.version}"
        if at is None:
            head = f"{timestamp(account.tenure.since)}  {account.tenure.version}"
            head = head if title == before else f"{title}\n\n{head}"
        before = title
        fields = (f"  {name:<12} {visible(words)}" for name, words in _fields(account))
        yield "\n".join([head, *fields])


def _fields(account: Account) -> Iterator[tuple[str, str]]:
    tenure, by = account.tenure, recorded_by(account.tenure.assignment)
    yield "commit", tenure.commit
    if account.digest:
        yield "digest", account.digest
    yield "since", f"{timestamp(tenure.since)}, by tag {tenure.assignment.tag}"
    yield "until", _end(account)
    asked = [by.get("requestedBy", ""), by.get("resource", "")]
    if any(asked):
        cluster = f" in cluster {by['cluster']}" if "cluster" in by else ""
        yield "asked by", ", ".join(filter(None, asked)) + cluster
    if "change" in by:
        yield "change", by["change"]
    if "reason" in by:
        yield "reason", by["reason"]
    yield "recorded by", by["tagger"]
    for line in account.lines:
        said = line.details
        after = f", {said['after'].removesuffix('s')} s later" if "after" in said else ""
        moment = f"{timestamp(line.seconds)}{after}, in cluster {said['cluster']}"
        if line.outcome == "available":
            yield "available", moment
            if "images" in said:
                yield "images", said["images"].replace(",", " ")
        elif line.outcome == "failed":
            yield "failed", f"{moment}: {said.get('reason', '')}, {said.get('message', '')}"


def _end(account: Account) -> str:
    tenure, event = account.tenure, account.tenure.ended_by
    if tenure.until is None or event is None:
        return "now"
    by = f"{account.successor} ({event.tag})" if account.successor else event.tag
    if back := taken_back(tenure):
        why = f"{back.reason}: {back.message}" if back.message else back.reason
        return f"{timestamp(tenure.until)}, rolled back to {by}, for {why}"
    return f"{timestamp(tenure.until)}, {how_ended(tenure)} by {by}"


def _nobody(stories: Sequence[Sequence[Account]], stage: str | None, at: datetime) -> str:
    """Why nobody was on stage then: not yet, or no longer."""
    moment, second = timestamp(int(at.timestamp())), int(at.timestamp())
    if len(stories) != 1:
        return f"at {moment} nobody held {f'the stage {stage}' if stage else 'any stage'}"
    (story,) = stories
    first = story[0]
    words = f"at {moment} nobody held {first.stage} of {first.artifact}"
    if second < first.tenure.since:
        version, since = first.tenure.version, timestamp(first.tenure.since)
        return f"{words} yet: the first was {version}, from {since} on"
    last = [each for each in story if each.tenure.since <= second][-1]
    return f"{words}: {last.tenure.version} did until {visible(_end(last))}"


def _it_had(names: Any) -> str:
    known = sorted(names)
    return f"; there is {', '.join(known[:20])}" if known else "; no tag here is GTO's"

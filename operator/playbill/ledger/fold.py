"""From a repository's tags to what the registry says: GTO's rules, in one linear pass.

The rules are those of GTO 1.10.1, found by running it; the conformance tests hold us to
them. Unlike GTO we never break: a tag that cannot be read is a `Problem` and left out,
and a state that GTO cannot read has a meaning here, and a problem that names it.

Three differences are on purpose. GTO counts the commit's own date as an event, so a
commit dated after its tags revives a deprecated artifact: we look at tags alone. GTO
disregards the unassignment of a commit that has no version: we heed it. GTO cannot bind a
stage tag to a commit with two versions: we bind it to the one that was there first.

A tag that has been read is not read again, and an artifact whose tags are the same is not
folded again: a `Book` gives the next one, and shares with it what has not changed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from playbill.ledger.artifact import fold_artifact
from playbill.ledger.events import (
    Assignment,
    Deprecation,
    Deregistration,
    LedgerEvent,
    Problem,
    Registration,
    TagRecord,
    Unassignment,
)
from playbill.ledger.grammar import Parts, RefNames, split_tag
from playbill.ledger.state import ArtifactState, Holder, Ledger, StageState, VersionState
from playbill.ledger.tagobject import LATEST_SECOND

__all__ = [
    "ArtifactState",
    "Book",
    "Draft",
    "Holder",
    "Ledger",
    "StageState",
    "VersionState",
    "fold",
]

_CREATED = re.compile(r"[a-zA-Z0-9][^@#]*@created(#[0-9]+)?")
_NO_ARTIFACT = ""
"""Where the tags go that are not GTO's."""


def fold(records: Iterable[TagRecord]) -> Ledger:
    """Give the state that all of a repository's tags amount to, in any order of them."""
    tags = list(records)
    return Book().next({tag.name: tag.oid for tag in tags}, tags).ledger


_Line = LedgerEvent | Problem


@dataclass(frozen=True, slots=True)
class _Page:
    """One artifact's tags, by name, and what they come to."""

    lines: Mapping[str, _Line]
    state: ArtifactState | None
    problems: tuple[Problem, ...]
    counter: int


@dataclass(frozen=True, slots=True)
class Book:
    """The tags of a repository at one listing, `oids` by name, and their `ledger`."""

    oids: Mapping[str, str] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    _pages: Mapping[str, _Page] = field(default_factory=dict, repr=False)

    def next(self, oids: Mapping[str, str], records: Iterable[TagRecord]) -> Book:
        """The book of another listing; `records` are those of its tags that this one lacks."""
        draft = Draft(self)
        draft.add(records)
        return draft.close(oids)


class Draft:
    """The book after another, while its tags are still being read."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._changes: defaultdict[str, dict[str, _Line | None]] = defaultdict(dict)

    def add(self, records: Iterable[TagRecord]) -> None:
        """Take in tags that the book before lacks."""
        for record in records:
            parts = split_tag(record.name)
            self._changes[_artifact(parts)][record.name] = _read(parts, record)

    def close(self, oids: Mapping[str, str]) -> Book:
        """The book of this listing, all of whose tags were in the one before or were added."""
        for name in self._book.oids.keys() - oids.keys():
            self._changes[_artifact(split_tag(name))][name] = None
        pages = dict(self._book._pages)
        for artifact, lines in self._changes.items():
            before = pages.pop(artifact, None)
            page = _page(artifact, {**before.lines, **lines} if before else lines)
            if page.lines:
                pages[artifact] = page
        return Book(oids, _ledger(oids, pages), pages)


def _artifact(parts: Parts | None) -> str:
    return parts[0] if parts else _NO_ARTIFACT


def _ledger(oids: Mapping[str, str], pages: Mapping[str, _Page]) -> Ledger:
    problems = [problem for page in pages.values() for problem in page.problems]
    return Ledger(
        artifacts={name: state for name in sorted(pages) if (state := pages[name].state)},
        problems=tuple(sorted(problems, key=lambda problem: (problem.tag, problem.reason))),
        refs=RefNames(oids),
        counters={name: page.counter for name, page in pages.items() if page.counter},
    )


def _page(artifact: str, lines: Mapping[str, _Line | None]) -> _Page:
    kept = {name: line for name, line in lines.items() if line is not None}
    problems = [line for line in kept.values() if isinstance(line, Problem)]
    events = [line for line in kept.values() if not isinstance(line, Problem)]
    # GTO counts the numbers of tags that it cannot read, too.
    unreadable = [parts[4] or 0 for line in problems if (parts := split_tag(line.tag))]
    counter = max([*unreadable, *[event.counter or 0 for event in events]], default=0)
    state = None
    if events:
        state, more = fold_artifact(artifact, events, counter)
        problems += more
    return _Page(kept, state, tuple(problems), counter)


def _read(parts: Parts | None, record: TagRecord) -> _Line | None:
    """What the tag says; None when that is nothing of ours."""
    problem = _trouble(record, parts)
    if problem or parts is None:
        return problem
    artifact, stage, version, cancel, counter = parts
    if stage:
        kind = Unassignment if cancel else Assignment
        return kind(artifact, record, counter, stage)
    if version:
        sort = Deregistration if cancel else Registration
        return sort(artifact, record, counter, version)
    return Deprecation(artifact, record, counter)


def _trouble(record: TagRecord, parts: Parts | None) -> Problem | None:
    """Say what makes GTO skip this tag or break on it; None for a sound or unrelated one."""
    if parts is None:
        if _CREATED.fullmatch(record.name):
            return _problem(record, "Created", "is of a form that GTO knows but cannot read")
        return None
    if record.kind == "commit":
        return _problem(record, "Lightweight", "is a lightweight tag, which GTO ignores")
    if record.target_kind == "tag":
        return _problem(record, "NestedTag", "points at another tag")
    if record.kind != "tag" or record.target_kind != "commit":
        return _problem(record, "NotACommit", "points at no commit")
    if record.seconds is None:
        return _problem(record, "NoTagger", "does not say who made it, or when")
    if not 0 <= record.seconds <= LATEST_SECOND:
        return _problem(record, "TimeOutOfRange", "has a time outside the years 1970 to 9999")
    return None


def _problem(record: TagRecord, reason: str, what: str) -> Problem:
    mend = f"is skipped; delete it, or make it again with `git tag -f -a '{record.name}' COMMIT`"
    if reason == "Created":
        mend = "is skipped; delete it, for no command of GTO works beside it"
    return Problem(record.name, reason, f"tag {record.name} {what}; it {mend}")

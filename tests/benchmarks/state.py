"""How long it takes to know who is on stage, from all of a repository's tags."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import gto.api
from tests.benchmarks.history import ledger, versions_alone
from tests.benchmarks.table import Row
from tests.benchmarks.timing import Taken, by_turns, once, progress
from tests.servers.remote import ENVIRONMENT, Remote

from playbill.git.command import Git, GitSettings
from playbill.git.credentials import ANONYMOUS
from playbill.git.fetch import list_local
from playbill.git.mirror import Mirror
from playbill.git.store import Store
from playbill.git.tags import read_on, read_tags
from playbill.git.url import UrlPolicy, parse_url
from playbill.ledger.fold import Book

FIELDS = (
    "refname", "objectname", "objecttype", "object", "type",
    "taggername", "taggeremail:trim", "taggerdate:raw", "contents",
)  # fmt: skip
LISTING = "one git for-each-ref of all fields"
RUNS = 15


def rows(directory: Path, *, quick: bool) -> list[Row]:
    """State against git's own listing, its growth, and GTO at the same size."""
    small, large = (1_000, 10_000) if quick else (5_000, 50_000)
    few, many = _mirror(directory, small), _mirror(directory, large)
    progress(f"reading {small:,} and {large:,} tags, {RUNS} times each")
    state, news, limit, grown = by_turns(RUNS, _state(few), _news(few), _listing(few), _state(many))
    found = [
        Row(
            work=f"state of {small:,} tags",
            measured=state.clock,
            against=LISTING,
            limit=limit.clock,
            goal=1.5,
        ),
        Row(
            work=f"state of {small:,} tags, CPU",
            measured=state.cpu,
            against=LISTING,
            limit=limit.cpu,
        ),
        Row(
            work=f"state of {small:,} tags, one of them new since the last look, CPU",
            measured=news.cpu,
            against=LISTING,
            limit=limit.cpu,
            goal=0.5,
        ),
        Row(
            work=f"state of {large:,} tags, for each tag, CPU",
            measured=grown.cpu / large,
            against=f"the same of {small:,} tags",
            limit=state.cpu / small,
            goal=1.2,
        ),
    ]
    return found if quick else [*found, *_beside_gto(directory, few, small)]


def _beside_gto(directory: Path, many_artifacts: Store, count: int) -> list[Row]:
    """GTO's time grows with the square of an artifact's tags: at its worst, all are of one. There
    the goal is meant; of small artifacts git's own listing would be a hundred times as fast."""
    alone = versions_alone(directory, count)
    one_artifact = _mirror_of(alone)
    progress(f"reading {count:,} tags of one artifact, {RUNS} times")
    one, many = by_turns(RUNS, _state(one_artifact), _state(many_artifacts))
    shared = directory / f"ledger-{count}.git"
    return [
        *_rows_beside_gto(f"{count:,} versions of one artifact", one, alone.path, goal=0.001),
        *_rows_beside_gto(f"{count:,} tags of {count // 100} artifacts", many, shared),
    ]


def _rows_beside_gto(
    what: str, state: Taken, remote: Path, *, goal: float | None = None
) -> list[Row]:
    """By the clock, and in CPU seconds: GTO runs once, and a busy minute must not flatter us."""
    clone = remote.with_suffix(".clone")
    subprocess.run(["git", "clone", "-q", str(remote), str(clone)], env=ENVIRONMENT, check=True)
    progress(f"gto show of {what}, once; this takes minutes")
    show = once(lambda: gto.api.show(str(clone)))
    peer = "gto.api.show"
    work = f"state of {what}"
    return [
        Row(work=work, measured=state.clock, against=peer, limit=show.clock, goal=goal),
        Row(work=f"{work}, CPU", measured=state.cpu, against=peer, limit=show.cpu, goal=goal),
    ]


def _mirror(directory: Path, count: int) -> Store:
    progress(f"making a repository of {count:,} tags, and a mirror of it")
    return _mirror_of(ledger(directory, count))


def _mirror_of(remote: Remote) -> Store:
    """A mirror, fetched and packed, as the operator keeps it."""
    policy = UrlPolicy(allow_file=True)
    directory = remote.path.parent
    git = Git(GitSettings(home=directory / "home", policy=policy))
    url = parse_url(remote.url, policy=policy)
    mirror = Mirror(remote.path.with_suffix(".mirror"), url, ANONYMOUS, git)
    mirror.fetch()
    mirror.maintain()
    assert mirror.tags()
    return Store(mirror.directory, url, ANONYMOUS, git)


def _state(store: Store) -> Callable[[], object]:
    """All of a first look but the network: names, objects, fold."""

    return lambda: read_on(store, list_local(store), Book()).ledger


def _news(store: Store) -> Callable[[], object]:
    """A later look, at one tag that the book lacks."""
    known = list_local(store)
    *records, _ = read_tags(store, known.tags, known.kinds)
    book = Book().next({record.name: record.oid for record in records}, records)

    assert len(known.tags) - len(book.oids) == 1
    return lambda: read_on(store, list_local(store), book).ledger


def _listing(store: Store) -> Callable[[], object]:
    form = "%00".join(f"%({field})" for field in FIELDS)
    command = ["git", f"--git-dir={store.directory}", "for-each-ref", f"--format={form}"]
    return lambda: subprocess.run(
        [*command, "refs/tags"], capture_output=True, env=ENVIRONMENT, check=True
    )

"""How long it takes to know who is on stage, from all of a repository's tags: in CPU seconds."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import gto.api
from tests.benchmarks.history import ledger
from tests.benchmarks.table import Row
from tests.benchmarks.timing import cpu_by_turns, progress
from tests.servers.remote import ENVIRONMENT, Remote

from playbill.git.command import Git, GitSettings
from playbill.git.credentials import ANONYMOUS
from playbill.git.mirror import Mirror
from playbill.git.url import UrlPolicy, parse_url
from playbill.ledger.fold import fold

FIELDS = (
    "refname", "objectname", "objecttype", "object", "type",
    "taggername", "taggeremail:trim", "taggerdate:raw", "contents",
)  # fmt: skip
RUNS = 7


def rows(directory: Path, *, quick: bool) -> list[Row]:
    """State against git's own listing, its growth, and GTO at a size that it can do."""
    small, large, gto_size = (1_000, 10_000, 100) if quick else (5_000, 50_000, 500)
    few, many = _mirror(directory, small), _mirror(directory, large)
    progress(f"reading {small:,} and {large:,} tags, {RUNS} times each")
    state, limit, grown = cpu_by_turns(RUNS, _state(few), _listing(few), _state(many))
    return [
        Row(
            work=f"state of {small:,} tags",
            measured=state,
            against="one git for-each-ref of all fields",
            limit=limit,
            goal=1.5,
        ),
        Row(
            work=f"state of {large:,} tags, for each tag",
            measured=grown / large,
            against=f"the same of {small:,} tags",
            limit=state / small,
            goal=1.2,
        ),
        _beside_gto(directory, gto_size),
    ]


def _beside_gto(directory: Path, size: int) -> Row:
    mirror = _mirror(directory, size)
    clone = directory / f"clone-{size}"
    remote = directory / f"ledger-{size}.git"
    subprocess.run(["git", "clone", "-q", str(remote), str(clone)], env=ENVIRONMENT, check=True)
    progress(f"gto show of {size:,} tags, 3 times")
    state, show = cpu_by_turns(3, _state(mirror), lambda: gto.api.show(str(clone)))
    return Row(
        work=f"state of {size:,} tags",
        measured=state,
        against=f"gto.api.show of {size:,} tags",
        limit=show,
        goal=1.0,
    )


def _mirror(directory: Path, count: int) -> Mirror:
    """A mirror of a fresh repository, fetched and packed, as the operator keeps it."""
    progress(f"making a repository of {count:,} tags, and a mirror of it")
    remote: Remote = ledger(directory, count)
    policy = UrlPolicy(allow_file=True)
    git = Git(GitSettings(home=directory / "home", policy=policy))
    url = parse_url(remote.url, policy=policy)
    mirror = Mirror(directory / f"mirror-{count}", url, ANONYMOUS, git)
    mirror.fetch()
    mirror.maintain()
    assert len(mirror.tags()) == count
    return mirror


def _state(mirror: Mirror) -> Callable[[], object]:
    return lambda: fold(mirror.tags())


def _listing(mirror: Mirror) -> Callable[[], object]:
    form = "%00".join(f"%({field})" for field in FIELDS)
    command = ["git", f"--git-dir={mirror.directory}", "for-each-ref", f"--format={form}"]
    return lambda: subprocess.run(
        [*command, "refs/tags"], capture_output=True, env=ENVIRONMENT, check=True
    )

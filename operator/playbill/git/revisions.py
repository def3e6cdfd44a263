"""From what a person writes as a revision to a commit, without git ever seeing the words.

The words have a grammar of our own; names are looked up among the fetched refs, and git is
asked about object ids and numbers only. A commit must be reachable from a fetched branch or
tag: a server hands out pull-request and dangling commits too, and those nobody has merged.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from playbill.api.errors import Stalled, Trouble
from playbill.git.listing import HEADS, TAGS, Listing
from playbill.git.store import Store

LONGEST_REVISION = 300
FURTHEST_ANCESTOR = 99_999

_GRAMMAR = re.compile(r"(?P<base>[^\s~^:?*\[\\\x00-\x1f\x7f]+)(?:~(?P<back>[0-9]{1,5}))?")
_OID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Expression:
    """`oid`, and how many first parents back; `trusted` when a fetched ref holds `oid`."""

    oid: str
    back: int
    trusted: bool

    @property
    def text(self) -> str:
        """For git: digits only, whatever a person wrote."""
        return f"{self.oid}~{self.back}^{{commit}}"


def parse_revision(revision: str | None, *, branch: str | None, refs: Listing) -> Expression:
    """The object that a revision names. Raises Stalled(RevisionNotFound)."""
    words = revision if revision is not None else "HEAD"
    match = _GRAMMAR.fullmatch(words)
    if match is None or len(words) > LONGEST_REVISION or words.startswith("-"):
        raise _not_found(
            words, "give 40 hex digits, a branch, a tag, or one of these with ~ and a number"
        )
    back = int(match["back"] or 0)
    base = match["base"]
    if _OID.fullmatch(base):
        return Expression(oid=base, back=back, trusted=False)
    oid = _branch_tip(branch, refs) if names_tip(base) else _look_up(base, refs)
    if oid is None:
        raise _not_found(words, "no fetched branch or tag has this name; push it, or mend the name")
    return Expression(oid=oid, back=back, trusted=True)


def names_tip(revision: str | None) -> bool:
    """Whether a revision speaks of a branch without naming it."""
    return revision is None or revision.partition("~")[0] == "HEAD"


def _branch_tip(branch: str | None, refs: Listing) -> str:
    if branch is not None and branch in refs.heads:
        return refs.heads[branch]
    if branch is None:
        raise Stalled(
            "RevisionNotFound", "The repository has no default branch yet; push one, or set branch."
        )
    raise Stalled(
        "RevisionNotFound",
        f"The repository has no branch {branch[:100]!r}; push it, or set branch.",
    )


def _look_up(name: str, refs: Listing) -> str | None:
    """A tag before a branch of the same name, as gitrevisions(7) has it."""
    if name.startswith("refs/"):
        return refs.tags.get(name.removeprefix(TAGS)) or refs.heads.get(name.removeprefix(HEADS))
    return refs.tags.get(name) or refs.heads.get(name)


class Revisions:
    """Resolves revisions on one mirror; remembers what can never change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._commits: dict[tuple[str, int], str] = {}
        self._reachable: set[str] = set()

    def refs_changed(self) -> None:
        """After a fetch: what was reachable may be so no more."""
        self._reachable.clear()

    def resolve_many(
        self, wanted: Sequence[tuple[str | None, str | None]], refs: Listing
    ) -> list[str | Trouble]:
        """A commit, or the trouble, for each (revision, branch); three git processes at most."""
        parsed = [_attempt(revision, branch=branch, refs=refs) for revision, branch in wanted]
        expressions = [each for each in parsed if isinstance(each, Expression)]
        self._find_commits(expressions)
        self._find_reachable(expressions)
        return [each if isinstance(each, Trouble) else self._answer(each) for each in parsed]

    def _answer(self, expression: Expression) -> str | Trouble:
        commit = self._commits.get((expression.oid, expression.back))
        if commit is None:
            return _missing(expression)
        if expression.trusted or commit in self._reachable:
            return commit
        return Stalled(
            "RevisionNotReachable",
            f"The commit {commit} is on no branch and no tag of the repository. Merge it, or "
            "push a branch or tag that holds it.",
        )

    def _find_commits(self, expressions: Iterable[Expression]) -> None:
        unknown = {
            (each.oid, each.back): each.text
            for each in expressions
            if (each.oid, each.back) not in self._commits
        }
        if unknown:
            stdin = "".join(f"{text}\n" for text in unknown.values()).encode()
            output = self._store.local(
                "cat-file", "--batch-check=%(objectname) %(objecttype)",
                operation="resolve", stdin=stdin,
            )  # fmt: skip
            self._commits.update(_commits(list(unknown), output.stdout))

    def _find_reachable(self, expressions: Iterable[Expression]) -> None:
        wanted = {
            self._commits[each.oid, each.back]
            for each in expressions
            if not each.trusted and (each.oid, each.back) in self._commits
        } - self._reachable
        # most are on a branch, and thousands of tags take their time to read
        for behind in (("--branches",), ("--branches", "--tags")):
            if wanted:
                beyond = self._beyond(wanted, behind)
                self._reachable |= wanted - beyond
                wanted &= beyond

    def _beyond(self, commits: Iterable[str], refs: Sequence[str]) -> set[str]:
        """Those of the commits, and of what is behind them, that are not behind these refs."""
        output = self._store.local(
            "rev-list", "--stdin", "--not", *refs,
            operation="reachable", stdin="".join(f"{oid}\n" for oid in commits).encode(),
        )  # fmt: skip
        return set(output.stdout.decode().split())


def _commits(keys: Sequence[tuple[str, int]], output: bytes) -> Mapping[tuple[str, int], str]:
    found = {}
    for key, line in zip(keys, output.decode().splitlines(), strict=True):
        oid, _, kind = line.partition(" ")
        if kind == "commit":
            found[key] = oid
    return found


def _attempt(revision: str | None, *, branch: str | None, refs: Listing) -> Expression | Trouble:
    try:
        return parse_revision(revision, branch=branch, refs=refs)
    except Stalled as stalled:
        return stalled


def _missing(expression: Expression) -> Stalled:
    if expression.back:
        return Stalled(
            "RevisionNotFound",
            f"{expression.oid} has no ancestor ~{expression.back}; give a smaller number.",
        )
    return Stalled(
        "RevisionNotFound",
        f"The repository's branches and tags hold no commit {expression.oid}. Push it to a "
        "branch, or mend the revision.",
    )


def _not_found(words: str, mend: str) -> Stalled:
    return Stalled("RevisionNotFound", f"The revision {words[:100]!r} is not known: {mend}.")

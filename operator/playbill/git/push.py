"""Writing tags to the remote: one pack, one transaction, one push, whatever their number.

Over http that is one request. Otherwise git pushes: the tags are staged under a private prefix
and pushed with one wildcard refspec, as git's time for explicit refspecs grows with their
square. Either way each tag must not exist on the remote: git sees to that for tags that are not
forced, and the server compares again when it writes.
"""

import contextlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from playbill.api.errors import Retry, Stalled, Trouble
from playbill.git.errors import MirrorCorrupt, NotSent, classify
from playbill.git.listing import TAGS
from playbill.git.porcelain import (
    AlreadyThere,
    Exists,
    NotTried,
    Pushed,
    Rejected,
    Result,
    parse_push,
)
from playbill.git.store import Store
from playbill.git.wire import Wire
from playbill.ledger.tagobject import TagObject, pack

STAGING = "refs/playbill/push/"
# The server has done nothing yet, and the same bytes may be pushed again.
SAFE_TO_TELL = (NotSent, MirrorCorrupt)
# Trouble that is the answer to each of the tags, and not to the call.
REFUSALS = {"AccessDenied", "RefConflict"}

_OID = re.compile(r"[0-9a-f]{40}")
# git-check-ref-format(1), and no ':' or leading '-', as the name stands in an argument.
_NAME = re.compile(
    r"(?!-)(?!.*(?:\.\.|@\{|//|/\.|\.lock(?:/|$)|\.$|/$))[^\s~^:?*\[\\\x00-\x20\x7f./][^\s~^:?*\[\\\x00-\x20\x7f]*"
)


@dataclass(frozen=True, slots=True)
class PushReport:
    """What became of each tag, by its name; `noted` when the mirror has what landed as well."""

    results: Mapping[str, Result]
    noted: bool = True

    @property
    def landed(self) -> frozenset[str]:
        """The tags that the remote has now, as they were given."""
        return frozenset(
            name
            for name, result in self.results.items()
            if isinstance(result, Pushed | AlreadyThere)
        )


def push_tags(store: Store, tags: Sequence[TagObject], commits: Sequence[bytes] = ()) -> PushReport:
    """Push them all or none, in two git processes over http and in four otherwise; `commits` are
    those that the mirror has and the remote may lack.

    Raises Retry(PushUnanswered) when it is not known what the server did: list to find out.
    """
    for tag in tags:
        _check_name(tag.name)
    report = _push_directly(store, tags, commits) or _push_staged(store, tags)
    if report.landed:
        for tag in tags:
            store.shelf.put(tag.oid, tag.data)  # they are read back when they are listed
    return report


def _push_directly(
    store: Store, tags: Sequence[TagObject], commits: Sequence[bytes]
) -> PushReport | None:
    """Without git, which notes down afterwards what landed; None when it takes git."""
    if store.wire is None:
        return None
    try:
        results = _push_over(store.wire, tags, commits)
    except SAFE_TO_TELL:
        raise
    except Retry as retry:
        raise _unanswered(retry) from None
    except Stalled as stalled:
        return _refused([tag.name for tag in tags], stalled)
    if results is None:
        return None
    report = PushReport(results)
    return replace(report, noted=_note(store, [t for t in tags if t.name in report.landed]))


def _push_over(
    wire: Wire, tags: Sequence[TagObject], commits: Sequence[bytes]
) -> Mapping[str, Result] | None:
    """Names that are taken have the server refuse all, in words that blame nobody. Then its refs
    tell, as they tell git before each push; what we pushed ourselves before holds up no other."""
    results = wire.push(tags, commits)
    if results is None or any(isinstance(result, Pushed) for result in results.values()):
        return results
    listing = wire.list_refs()
    there = {tag.name: listing.tags.get(tag.name) for tag in tags} if listing else {}
    taken: dict[str, Result] = {
        tag.name: AlreadyThere() if there[tag.name] == tag.oid else Exists()
        for tag in tags
        if there.get(tag.name)
    }
    free = [tag for tag in tags if tag.name not in taken]
    if not taken:
        return results
    if not free or Exists() in taken.values():
        return {**taken, **{tag.name: NotTried() for tag in free}}
    again = wire.push(free, commits)
    return None if again is None else {**taken, **again}


def _note(store: Store, tags: Sequence[TagObject]) -> bool:
    """Have here what has landed there, so that it need not be fetched."""
    if not tags:
        return True
    try:
        store.local("unpack-objects", "-q", operation="write-tags", stdin=pack(tags))
        _update_refs(store, [f"update {TAGS}{tag.name} {tag.oid}" for tag in tags])
    except Trouble:  # a ref that vanished from the remote may stand in the way of a new one
        return False
    return True


def _push_staged(store: Store, tags: Sequence[TagObject]) -> PushReport:
    staging = f"{STAGING}{secrets.token_hex(8)}/"
    oids = {tag.name: tag.oid for tag in tags}
    store.local("unpack-objects", "-q", operation="write-tags", stdin=pack(tags))
    try:
        _update_refs(store, [f"create {staging}{name} {oid}" for name, oid in oids.items()])
    except Stalled as stalled:
        return _refused(oids, stalled)
    landed: frozenset[str] = frozenset()
    try:
        report = PushReport(_push(store, staging, list(oids)))
        landed = report.landed
    except Stalled as stalled:
        report = _refused(oids, stalled)
    finally:
        noted = _unstage(store, staging, oids, landed=landed)
    return replace(report, noted=noted)


def _refused(names: Iterable[str], stalled: Stalled) -> PushReport:
    if stalled.reason not in REFUSALS:
        raise stalled
    return PushReport(dict.fromkeys(names, Rejected(stalled.message)))


def _push(store: Store, staging: str, names: Sequence[str]) -> Mapping[str, Result]:
    # one tag is whole by itself, and some servers can do no better
    atomic = ("--atomic",) if len(names) > 1 else ()
    try:
        output = store.remote(
            "push", "--porcelain", *atomic, "--no-verify", "--no-signed", "origin",
            f"{staging}*:{TAGS}*",
            operation="push", accept=(0, 1),
        )  # fmt: skip
        results = parse_push(output.stdout, output.stderr, names)
        if results is None:
            raise classify(output.stderr, output.code)
    except SAFE_TO_TELL:
        raise
    except Retry as retry:
        raise _unanswered(retry) from None
    return results


def _unanswered(trouble: Retry) -> Retry:
    return Retry(
        "PushUnanswered",
        f"The server did not say what became of the push; its refs are listed. {trouble.message}",
        after=trouble.after,
    )


def _unstage(
    store: Store, staging: str, oids: Mapping[str, str], *, landed: frozenset[str]
) -> bool:
    """Remove the staged refs; note what landed, so that it need not be fetched."""
    delete = [f"delete {staging}{name}" for name in oids]
    known = [f"update {TAGS}{name} {oids[name]}" for name in landed]
    try:
        _update_refs(store, delete + known)
    except Trouble:  # a ref that vanished from the remote may stand in the way of a new one
        with contextlib.suppress(Trouble):  # what stays is removed when the mirror is opened
            _update_refs(store, delete)
        return False
    return True


def _update_refs(store: Store, commands: Sequence[str]) -> None:
    stdin = "".join(f"{command}\n" for command in commands).encode()
    store.local("update-ref", "--stdin", operation="stage-tags", stdin=stdin)


def clear_staging(store: Store) -> None:
    """Remove what a push that crashed has left."""
    output = store.local(
        "for-each-ref", "--format=delete %(refname)", STAGING, operation="list-local"
    )
    left = output.stdout.decode(errors="surrogateescape").splitlines()
    if left:
        _update_refs(store, left)


def delete_tag(store: Store, name: str, oid: str) -> bool:
    """Delete the remote's tag if it still is `oid`; False when it was another or gone."""
    _check_name(name)
    if not _OID.fullmatch(oid):
        raise Stalled("InvalidTagName", f"{oid[:50]!r} is no object id")
    try:
        output = store.remote(
            "push", "--porcelain", "--no-verify", f"--force-with-lease={TAGS}{name}:{oid}",
            "origin", f":{TAGS}{name}",
            operation="withdraw", accept=(0, 1),
        )  # fmt: skip
    except SAFE_TO_TELL:
        raise
    except Retry as retry:
        raise _unanswered(retry) from None
    return output.code == 0 and f"-\t:{TAGS}{name}\t".encode() in output.stdout


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Stalled("InvalidTagName", f"git takes no tag named {name[:100]!r}; choose another.")

"""The notes under refs/notes/playbill: fetched, read, added to, and pushed by compare-and-swap.

A notes ref is a commit whose tree has a blob for each commit that is spoken of, named by that
commit's id with slashes anywhere in it (git's "fan-out"). `git fast-import` has a command for
notes, but misses notes that are fanned out in another way than its own, as `git notes` may
have done; so each blob is written where it lies, and new ones where the tree has most.
Whatever is not ours to change (other notes, other files, words of people) stays as it is.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from playbill.api.errors import Retry, Stalled
from playbill.git.errors import classify, remote_words
from playbill.git.objects import read_blobs
from playbill.git.store import Store

REF = "refs/notes/playbill"

_FETCHED = f"+{REF}*:{REF}*"  # by a pattern, for a ref that is not there is no failure then
_PLAIN = "100644"
_OID = re.compile(r"[0-9a-f]{40}")
_PUSHED = re.compile(rf"^[ *=]\t[^\t]*:{REF}\t", re.MULTILINE)
_REFUSED = re.compile(rf"^!\t[^\t]*:{REF}\t\[(?P<how>[^\]]*)\](?: \((?P<why>.*)\))?", re.MULTILINE)
# What servers say when somebody else was faster.
_RACE = re.compile(
    r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to (?:update|lock)"
    r"|reference already exists|incorrect old value|remote ref updated since",
    re.IGNORECASE,
)


class NotesMoved(Retry):
    """Others have written notes since they were read: read them again."""


@dataclass(frozen=True, slots=True)
class Note:
    """Where the note of a commit lies in the tree, and its blob."""

    path: str
    oid: str


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes at one commit of the ref, None where there is no ref; by the commits spoken of.

    Of a commit with notes in several places, as a merge by hand may leave them, all are named.
    """

    tip: str | None
    by_commit: Mapping[str, tuple[Note, ...]]

    def path_for(self, commit: str) -> str:
        """Where to write: over the first note there is, or as most notes are named."""
        known = self.by_commit.get(commit)
        if known:
            return known[0].path
        fans = Counter(n.path.count("/") for notes in self.by_commit.values() for n in notes)
        depth = fans.most_common(1)[0][0] if fans else 0
        parts = [commit[2 * i : 2 * i + 2] for i in range(depth)]
        return "/".join([*parts, commit[2 * depth :]])


@dataclass(frozen=True, slots=True)
class Signature:
    """In whose name a commit of notes is made, when, and what it says."""

    name: str
    email: str
    seconds: int
    message: str


def fetch_notes(store: Store) -> Notes:
    """Bring the ref here as the remote has it, and list it. Three git processes."""
    blobless = ("-c", "remote.origin.partialclonefilter=blob:none") if store.filtered else ()
    # a server that gives no single blobs has to give them with all the rest
    again = () if store.filtered else ("--refetch",)
    store.remote(
        *blobless, "fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head",
        "--no-auto-maintenance", "--no-recurse-submodules", *again, "origin", _FETCHED,
        operation="fetch-notes", seconds=store.git.settings.fetch_seconds,
    )  # fmt: skip
    return list_notes(store)


def list_notes(store: Store) -> Notes:
    """The notes that are here. Two git processes, one without the ref."""
    found = store.local(
        "for-each-ref", "--format=%(objectname) %(objecttype)", REF, operation="list-notes"
    )
    tip, _, kind = found.stdout.decode().strip().partition(" ")
    if not tip:
        return Notes(None, {})
    if kind != "commit":
        raise Stalled("NotesUnreadable", f"{REF} is no commit: remove it, it is made anew.")
    tree = store.local("ls-tree", "-r", "-z", tip, operation="list-notes")
    return Notes(tip, _parse_tree(tree.stdout))


def _parse_tree(output: bytes) -> dict[str, tuple[Note, ...]]:
    """Of each entry `MODE TYPE OID <tab> PATH NUL`; what is named by no id is no note."""
    found: defaultdict[str, list[Note]] = defaultdict(list)
    for entry in output.decode(errors="surrogateescape").split("\0"):
        meta, _, path = entry.partition("\t")
        commit = path.replace("/", "")
        if _OID.fullmatch(commit) and meta.split(" ")[1] == "blob":
            found[commit].append(Note(path, meta.split(" ")[2]))
    return {commit: tuple(notes) for commit, notes in found.items()}


def read_notes(
    store: Store, notes: Notes, commits: Iterable[str] | None = None
) -> dict[str, bytes]:
    """The notes of these commits (None: of all), those of one commit one after another.

    A commit with a note of more than 1 MiB is left out. Four git processes at most, one of
    them a fetch. Raises Stalled(ReadTooLarge) for more than 64 MiB.
    """
    wanted = notes.by_commit if commits is None else set(commits) & notes.by_commit.keys()
    oids = {note.oid for commit in wanted for note in notes.by_commit[commit]}
    blobs = read_blobs(store, oids) if oids else {}
    found = {}
    for commit in wanted:
        parts = [blobs[note.oid] for note in notes.by_commit[commit]]
        if all(part is not None for part in parts):
            found[commit] = b"\n".join(part for part in parts if part is not None)
    return found


def append_notes(
    store: Store, base: str | None, additions: Mapping[str, bytes], signature: Signature
) -> str:
    """Add lines (whole ones, with their ends) to the notes of commits here and on the remote.

    Gives the ref's new commit. Five git processes, however many commits. Raises NotesMoved when
    the notes are not at `base` any more, Stalled(NotesRefused) when the server does not take
    them; a note that would grow beyond 1 MiB is left as it is.
    """
    notes = list_notes(store)
    if notes.tip != base:
        raise NotesMoved("NotesMoved", "The notes have changed since they were read.")
    new = _import(store, notes, additions, signature)
    _push(store, new, base)
    return new


def _import(
    store: Store, notes: Notes, additions: Mapping[str, bytes], signature: Signature
) -> str:
    before = _firsts(store, notes, additions)
    commands = [
        f"feature done\nreset {REF}\n".encode(),
        f"from {notes.tip}\n\n".encode() if notes.tip else b"\n",
        f"commit {REF}\nmark :1\n".encode(),
        f"committer {signature.name} <{signature.email}> {signature.seconds} +0000\n".encode(),
        _data(signature.message.encode()),
    ]
    for commit, lines in sorted(additions.items()):
        old = before.get(commit, b"")
        if old is None:
            continue
        end = b"" if not old or old.endswith(b"\n") else b"\n"
        commands.append(f"M {_PLAIN} inline {notes.path_for(commit)}\n".encode())
        commands.append(_data(old + end + lines))
    commands.append(b"get-mark :1\ndone\n")
    output = store.local(
        "fast-import", "--quiet", "--force", operation="write-notes", stdin=b"".join(commands)
    )
    return output.stdout.decode().strip()


def _firsts(store: Store, notes: Notes, commits: Iterable[str]) -> dict[str, bytes | None]:
    """What stands where we shall write; None for what is too large to be read."""
    known = {commit: notes.by_commit[commit][0] for commit in commits if commit in notes.by_commit}
    blobs = read_blobs(store, {note.oid for note in known.values()}) if known else {}
    return {commit: blobs[note.oid] for commit, note in known.items()}


def _data(content: bytes) -> bytes:
    return b"data %d\n" % len(content) + content + b"\n"


def _push(store: Store, new: str, base: str | None) -> None:
    """As a fast-forward of what was read: the lease has the server compare."""
    output = store.remote(
        "push", "--porcelain", "--no-verify", "--no-signed",
        f"--force-with-lease={REF}:{base or ''}", "origin", f"{new}:{REF}",
        operation="push-notes", accept=(0, 1),
    )  # fmt: skip
    answer = output.stdout.decode(errors="replace")
    refused = _REFUSED.search(answer)
    if refused is not None:
        words = " ".join(filter(None, (refused["why"] or refused["how"],)))
        raise _refusal(words, remote_words(output.stderr))
    if not _PUSHED.search(answer):
        raise classify(output.stderr, output.code)


def _refusal(words: str, said: str) -> Stalled | NotesMoved:
    if _RACE.search(words):
        return NotesMoved("NotesMoved", "Others have written notes since they were read.")
    return Stalled(
        "NotesRefused",
        f"The git server does not take {REF}: {f'{words}: {said}' if said else words}",
    )

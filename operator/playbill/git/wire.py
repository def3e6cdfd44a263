"""Listing refs and pushing tags in git's own protocol over http, without starting git.

`git ls-remote` is two processes here, and two requests with three processes each there; the
request that counts is one. The same goes for a push, whose whole content we know byte for byte:
tags on commits that the server has. What else there is to do, and whoever speaks in another way
(version 0, a proxy, ssh), is left to git. See gitprotocol-v2(5), gitprotocol-http(5) and
gitprotocol-pack(5).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from playbill.api.errors import Trouble
from playbill.git.command import Git
from playbill.git.credentials import Credentials
from playbill.git.errors import classify
from playbill.git.listing import HEADS, SHA1_HEX, TAGS, Listing, refuse_sha256
from playbill.git.pktline import (
    DELIMITER,
    FLUSH,
    GarbledError,
    packet,
    read_bands,
    read_lines,
    read_packets,
)
from playbill.git.porcelain import Result, judge_push
from playbill.git.session import Question, Session
from playbill.git.url import RemoteUrl
from playbill.ledger.tagobject import TagObject, pack

_NOTHING = "0" * SHA1_HEX
_V2 = {"Git-Protocol": "version=2"}


class Wire:
    """One repository's server. What it can do is asked once, and again after any trouble."""

    def __init__(self, url: RemoteUrl, credentials: Credentials, git: Git) -> None:
        self._session = Session(url, credentials, git.settings)
        self._observed = git.observed
        self._scrub = credentials.scrub
        self._lists: Mapping[str, str] | None = None
        self._receives: frozenset[str] | None = None

    def hang_up(self) -> None:
        """Keep no connection any longer."""
        self._session.hang_up()

    def list_refs(self) -> Listing | None:
        """The branches and tags now; None when this server is one for git itself.

        Raises Stalled(UnsupportedObjectFormat) for SHA-256.
        """
        try:
            if self._lists is None:
                with self._talking("discover"):
                    self._lists = self._ask_for_version()
            if "ls-refs" not in self._lists:
                return None
            with self._talking("list"):
                return self._list(self._lists)
        except Trouble:
            self._lists = None
            raise

    def push(
        self, tags: Sequence[TagObject], commits: Sequence[bytes]
    ) -> Mapping[str, Result] | None:
        """Push tags that must not exist there, all or none; None when it is for git to do.

        That a name is free is the server's to check, when it writes: each command says that there
        was nothing before. `commits` are those that the server may lack. Raises NotSent when
        nothing has been sent, and any other Retry when it is not known what the server did.
        """
        try:
            if self._receives is None:
                with self._talking("discover"):
                    self._receives = self._ask_for_capabilities()
            if "report-status" not in self._receives:
                return None  # it would not say what became of a push
            with self._talking("push"):
                return self._push(tags, commits, self._receives)
        except Trouble:
            self._receives = None
            raise

    @contextmanager
    def _talking(self, operation: str) -> Iterator[None]:
        """Counted as one operation; an answer that cannot be read is one that broke off."""
        with self._observed(operation):
            try:
                yield
            except GarbledError as garbled:
                words = f"RPC failed; unexpected eof in the server's answer ({garbled})"
                raise classify(words, 128) from None

    def _ask_for_version(self) -> Mapping[str, str]:
        """What the server can do in version 2; nothing for one of version 0, or 1."""
        lines = self._advertised("git-upload-pack", _V2)
        if next(lines, None) != "version 2":
            return {}
        offered = dict(line.partition("=")[::2] for line in lines)
        if offered.get("object-format", "sha1") != "sha1":
            raise refuse_sha256()
        return offered

    def _advertised(self, service: str, headers: Mapping[str, str]) -> Iterator[str]:
        question = Question(
            "GET",
            f"info/refs?service={service}",
            f"application/x-{service}-advertisement",
            headers,
        )
        body = self._session.ask(question, operation="list")
        for line in read_lines(body):
            if line and line != f"# service={service}":
                _check_refusal(self._scrub(line))
                yield line

    def _list(self, offered: Mapping[str, str]) -> Listing:
        # git before 2.28 knows no formats, and ends at what it does not know
        format_ = [packet("object-format=sha1\n")] if "object-format" in offered else []
        asked = (packet(f"ref-prefix {prefix}\n") for prefix in (HEADS, TAGS))
        body = b"".join([packet("command=ls-refs\n"), *format_, DELIMITER, *asked, FLUSH])
        answer = self._session.ask(_post("git-upload-pack", body, _V2), operation="list")
        if not answer.endswith(FLUSH):
            raise GarbledError("no end")
        return self._read_listing(answer)

    def _read_listing(self, answer: bytes) -> Listing:
        heads, tags = {}, {}
        for each in read_packets(answer):
            if each is None:
                break
            line = each.decode(errors="surrogateescape")
            oid, _, rest = line.rstrip("\n").partition(" ")
            name = rest.partition(" ")[0]  # symref-target and peeled would follow
            if len(oid) != SHA1_HEX:
                _check_refusal(self._scrub(line))
                raise GarbledError("no object id")
            if name.startswith(TAGS):
                tags[name[len(TAGS) :]] = oid
            elif name.startswith(HEADS):
                heads[name[len(HEADS) :]] = oid
        return Listing(heads=heads, tags=tags)

    def _ask_for_capabilities(self) -> frozenset[str]:
        """What stands behind the NUL of the first ref, or of what stands for one."""
        first = next(self._advertised("git-receive-pack", {}), "")
        offered = frozenset(first.partition("\0")[2].split())
        if offered & {"object-format=sha256"}:
            raise refuse_sha256()
        return offered

    def _push(
        self, tags: Sequence[TagObject], commits: Sequence[bytes], offered: frozenset[str]
    ) -> Mapping[str, Result]:
        asked = ["report-status", *sorted(offered & {"side-band-64k", "object-format=sha1"})]
        if len(tags) > 1:  # one tag is whole by itself, and some servers can do no better
            if "atomic" not in offered:
                raise classify("fatal: the receiving end does not support --atomic push", 128)
            asked.append("atomic")
        commands = [f"{_NOTHING} {tag.oid} {TAGS}{tag.name}" for tag in tags]
        commands[0] += f"\0{' '.join(asked)}"
        body = b"".join([*map(packet, commands), FLUSH, pack(tags, commits)])
        answer = self._session.ask(
            _post("git-receive-pack", body, {}, harmless=False), operation="push"
        )
        said = ""
        for line in itertools.islice(read_lines(answer), 1):
            _check_refusal(self._scrub(line))
        if "side-band-64k" in asked:
            bands = read_bands(read_packets(answer))
            answer = bands.content
            said = _as_remote(self._scrub(bands.progress))
            if bands.failure:  # as git has it: what is said of objects there is not about ours
                raise classify(said + _as_remote(self._scrub(bands.failure)), 128)
        return _judge(answer, said, [tag.name for tag in tags])


def _post(
    service: str, body: bytes, headers: Mapping[str, str], *, harmless: bool = True
) -> Question:
    expected = f"application/x-{service}-result"
    kinds = {"Content-Type": f"application/x-{service}-request", "Accept": expected}
    return Question("POST", service, expected, {**kinds, **headers}, body, harmless)


def _judge(report: bytes, said: str, names: Sequence[str]) -> Mapping[str, Result]:
    """What `report-status` says: `unpack STATUS`, then `ok REF` or `ng REF REASON` for each."""
    summaries: dict[str, tuple[str, str]] = {}
    for line in read_lines(report):
        verdict, _, rest = line.partition(" ")
        ref, _, reason = rest.partition(" ")
        if verdict == "ok":
            summaries[ref.removeprefix(TAGS)] = ("*", "[new tag]")
        elif verdict == "ng":
            summaries[ref.removeprefix(TAGS)] = ("!", f"[remote rejected] ({reason})")
    results = judge_push(summaries, said, names)
    if results is None:
        raise GarbledError("no word of some tags")
    return results


def _as_remote(words: str) -> str:
    """What a server says, as git shows it."""
    return "".join(f"remote: {line}\n" for line in words.splitlines())


def _check_refusal(line: str) -> None:
    """Raises the Trouble that an ERR packet tells of."""
    if line.startswith("ERR "):
        raise classify(f"fatal: remote error: {line.removeprefix('ERR ').strip()}", 128)

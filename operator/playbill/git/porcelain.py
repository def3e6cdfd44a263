"""What `git push --porcelain` says of each ref, and who was to blame.

An atomic push fails as a whole. Where the server names the refs that it refused, the others
bear words that only say so; where all bear those words, nobody is known to be the culprit.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playbill.git.errors import NotSent, remote_words
from playbill.git.listing import TAGS


@dataclass(frozen=True, slots=True)
class Pushed:
    """The tag was not there and is now."""


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """The remote had this very tag object."""


@dataclass(frozen=True, slots=True)
class Exists:
    """The remote has another tag of this name."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server does not take it; `message` is its own words, scrubbed and bounded."""

    message: str


@dataclass(frozen=True, slots=True)
class NotTried:
    """Nothing is wrong with it that is known: the push failed for another ref."""


Result = Pushed | AlreadyThere | Exists | Rejected | NotTried

_LINE = re.compile(r"(?P<flag>[ +\-*=!])\t[^\t:]*:(?P<ref>[^\t]+)\t(?P<summary>.*)")
_REASON = re.compile(r"\[(?P<how>[^\]]*)\](?: \((?P<why>.*)\))?")
_COLLATERAL = re.compile(r"atomic (?:push|transaction) fail", re.IGNORECASE)
_UNANSWERED = re.compile(r"failed to report status", re.IGNORECASE)
_DECLINED = re.compile(r"declined|protected|prohibited|denied", re.IGNORECASE)
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_BROKEN = re.compile(
    r"couldn't write|unable to (?:write|create|migrate)|read-only file system"
    r"|input/output error|too many open files|out of memory|cannot (?:fork|allocate)"
    r"|resource temporarily unavailable|internal server error|missing necessary objects",
    re.IGNORECASE,
)


def parse_push(stdout: bytes, stderr: str, names: Sequence[str]) -> Mapping[str, Result] | None:
    """The result for each tag of `names`; None when the server did not answer for them all.

    Raises NotSent (DiskFull, RemoteUnavailable) when the server could not store them, which is
    no fault of any tag.
    """
    return judge_push(_by_tag(stdout.decode(errors="replace")), stderr, names)


def judge_push(
    lines: Mapping[str, tuple[str, str]], stderr: str, names: Sequence[str]
) -> Mapping[str, Result] | None:
    """The same of the flag and summary of each tag, however they came here."""
    if any(name not in lines or _UNANSWERED.search(lines[name][1]) for name in names):
        return None
    said = remote_words(stderr)
    results = {name: _judge(*lines[name], said=said) for name in names}
    if all(isinstance(result, Rejected | NotTried) for result in results.values()):
        _check_server(" ".join(lines[name][1] for name in names), said)
    culprits = any(isinstance(result, Exists | Rejected) for result in results.values())
    failed = any(isinstance(result, NotTried) for result in results.values())
    if failed and not culprits:
        why = Rejected(f"The server refused the push as a whole. {said}".strip())
        return {
            name: why if isinstance(result, NotTried) else result
            for name, result in results.items()
        }
    return results


def _check_server(summaries: str, said: str) -> None:
    """A hook may say of a tag what it likes; that there is no room it says of the server."""
    if _FULL.search(said):
        raise NotSent(
            "DiskFull",
            "There is no room left on the git server for the tags. Make room there; it is tried "
            f"again by itself. It says: {said}",
        )
    if _BROKEN.search(f"{summaries} {said}") and not _DECLINED.search(summaries):
        raise NotSent(
            "RemoteUnavailable",
            "The git server could not store the tags; it is tried again. If this lasts, tell its "
            f"owner what it says: {said or summaries}",
        )


def _by_tag(stdout: str) -> dict[str, tuple[str, str]]:
    matches = filter(None, map(_LINE.fullmatch, stdout.splitlines()))
    return {match["ref"].removeprefix(TAGS): (match["flag"], match["summary"]) for match in matches}


def _judge(flag: str, summary: str, *, said: str) -> Result:
    if flag == "*":
        return Pushed()
    if flag == "=":
        return AlreadyThere()
    if _COLLATERAL.search(summary):
        return NotTried()
    if "already exists" in summary:
        return Exists()
    match = _REASON.match(summary)
    why = (match["why"] or match["how"]) if match else summary
    return Rejected(f"{why}: {said}" if said else why)

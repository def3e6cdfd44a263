"""A tag's message: GTO's subject, the user's words as one paragraph, then our trailers.

Trailers are hints by which we recognise our own tags; they authorise nothing. Still, a
user's words must not be able to forge or hide them, so each line that git could take for
structure is indented by one space, which turns it into plain text for git.
Rules of git: trailer.c, and gpg-interface.c for signatures.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

CLUSTER: Final = "Playbill-Cluster"
RESOURCE: Final = "Playbill-Resource"
REQUEST: Final = "Playbill-Request"
SPEC: Final = "Playbill-Spec"
REQUESTED_BY: Final = "Playbill-Requested-By"
CHANGE: Final = "Playbill-Change"
REASON: Final = "Playbill-Reason"
SOURCE_COMMIT: Final = "Playbill-Source-Commit"
ARTIFACT_URI: Final = "Playbill-Artifact-Uri"
ARTIFACT_DIGEST: Final = "Playbill-Artifact-Digest"

TEXT_MAX_LENGTH: Final = 4096
VALUE_MAX_LENGTH: Final = 512
URI_MAX_LENGTH: Final = 2048
MESSAGE_MAX_LENGTH: Final = 65536

# Controls (tab, which becomes a space, is dealt with before), lone surrogates, and the
# marks that make a terminal show text in another order than it is stored in.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_TOKEN = re.compile(r"[A-Za-z0-9-]+")
_TRAILER = re.compile(r"([A-Za-z0-9-]+)[ \t]*:(.*)", re.DOTALL)
# Trailers, git's own lines among them, comments, the divider of `git interpret-trailers`
# and signature markers.
_STRUCTURE = re.compile(r"[A-Za-z0-9-]+\s*:|\(cherry picked from|#|---")
_SIGNATURE = re.compile(r"^-----BEGIN (?:PGP|SSH|SIGNED) (?:SIGNATURE|MESSAGE)-----", re.MULTILINE)
# What follows this line is no part of a message: `git commit --verbose` cuts it off.
_SCISSORS = re.compile(r"^# -{24} >8 -{24}$", re.MULTILINE)
# git takes such a block at the end, as old merges have it, for no part of the message either.
_CONFLICTS = re.compile(r"^Conflicts:$", re.MULTILINE)
_PARAGRAPHS = re.compile(r"\n(?:[ \t\r]*\n)+")
_BLANK = " \t\r\n"


def registering(artifact: str, version: str) -> str:
    """GTO's default subject of a registration."""
    return f"Registering artifact {artifact} version {version}"


def deregistering(artifact: str, version: str) -> str:
    """GTO's default subject of a deregistration."""
    return f"Deregistering artifact {artifact} version {version}"


def assigning(artifact: str, stage: str, version: str) -> str:
    """GTO's default subject of an assignment."""
    return f"Assigning stage {stage} to artifact {artifact} version {version}"


def unassigning(artifact: str, stage: str, version: str) -> str:
    """GTO's default subject of an unassignment, with its quotes."""
    return f"Unassigning stage '{stage}' to artifact '{artifact}' version '{version}'"


def deprecating(artifact: str) -> str:
    """GTO's default subject of a deprecation, with its quotes."""
    return f"Deprecating artifact '{artifact}'"


def compose(subject: str, *, text: str | None, trailers: Mapping[str, str]) -> str:
    """Put a message together; it ends in one newline, as `git tag` leaves it.

    `text` keeps its lines but no blank ones, at most 4,096 characters; a trailer's value
    is one line of at most 512 (a URI of 2,048); empty ones are left out. Keys are ours to
    choose, so one that is no git token or comes twice in another case is a mistake: ValueError.
    """
    paragraphs = [
        " ".join(_plain_lines(subject)),
        "\n".join(_plain_lines(_bounded(text or "", TEXT_MAX_LENGTH))),
        "\n".join(_trailer_lines(trailers)),
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def split(message: str) -> tuple[str, str, dict[str, str]]:
    """Give the subject (the first line), the body and the trailers of any tag's message.

    The trailers are the last paragraph if each of its lines is one, a stricter rule than
    git's, so never more than git sees. A key that comes twice is trusted in neither place
    and dropped. Our own keys come in our spelling, others as written. A message longer
    than 65,536 characters is none of ours: it is cut, and has no trailers.
    """
    if "\n" not in message:
        return message[:MESSAGE_MAX_LENGTH], "", {}
    paragraphs = _PARAGRAPHS.split(_unsigned(message)[:MESSAGE_MAX_LENGTH].strip(_BLANK))
    subject, _, rest = paragraphs[0].partition("\n")
    body = [rest, *paragraphs[1:]] if rest else paragraphs[1:]
    trailers: dict[str, str] = {}
    if len(paragraphs) > 1 and not _ends_early(message):
        block = _parse_block(paragraphs[-1])
        if block is not None:
            trailers = block
            body.pop()
    return subject.strip(_BLANK), "\n\n".join(body).strip(_BLANK), trailers


def _ends_early(message: str) -> bool:
    """Whether the last paragraph that we see may not be the last one that git sees."""
    if len(message) > MESSAGE_MAX_LENGTH:
        return True
    if "Conflicts:" in message and _CONFLICTS.search(message) is not None:
        return True
    return ">8" in message and _SCISSORS.search(message) is not None


def _unsigned(message: str) -> str:
    """Cut at NUL, as git does, and at the last signature marker."""
    message = message.partition("\0")[0]
    if "-----BEGIN" not in message:
        return message
    *_, end = (len(message), *(match.start() for match in _SIGNATURE.finditer(message)))
    return message[:end]


def _parse_block(paragraph: str) -> dict[str, str] | None:
    """Trailers of a paragraph that consists of nothing else; None when it does not."""
    spelled: dict[str, str] = {}
    values: dict[str, str] = {}
    twice: set[str] = set()
    folded = ""
    for line in paragraph.split("\n"):
        match = _TRAILER.match(line)
        if match:
            key, value = match.groups()
            folded = key.lower()
            if folded in values:
                twice.add(folded)
            spelled[folded] = _OURS.get(folded, key)
            values[folded] = value.strip(_BLANK)
        elif values and line[:1] in {" ", "\t"}:
            values[folded] = f"{values[folded]} {line.strip(_BLANK)}".strip(_BLANK)
        else:
            return None
    return {spelled[folded]: values[folded] for folded in values if folded not in twice}


def _trailer_lines(trailers: Mapping[str, str]) -> Iterator[str]:
    if len({key.casefold() for key in trailers}) != len(trailers):
        raise ValueError("a trailer's key comes twice")
    for key, value in trailers.items():
        if not _TOKEN.fullmatch(key):
            raise ValueError(f"{key!r} is no key of a trailer")
        longest = URI_MAX_LENGTH if key == ARTIFACT_URI else VALUE_MAX_LENGTH
        line = _bounded(" ".join(_visible_lines(value)), longest)
        if line:
            yield f"{key}: {line}"


def _plain_lines(text: str) -> Iterator[str]:
    for line in _visible_lines(text):
        yield f" {line}" if _STRUCTURE.match(line) else line


def _visible_lines(text: str) -> Iterator[str]:
    """Lines that are not blank, without the characters that nobody would see."""
    for line in text.splitlines():
        visible = _UNSEEN.sub("", line.replace("\t", " ")).strip()
        if visible:
            yield visible


def _bounded(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


_OURS = {
    key.casefold(): key
    for key in (
        CLUSTER,
        RESOURCE,
        REQUEST,
        SPEC,
        REQUESTED_BY,
        CHANGE,
        REASON,
        SOURCE_COMMIT,
        ARTIFACT_URI,
        ARTIFACT_DIGEST,
    )
}

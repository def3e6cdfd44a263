"""What others wrote, cut to what a status may hold.

Names of tags, taggers, trailers and `dvc.yaml` have no bounds but git's and YAML's, while a
status has them on everything: without a cut one long word would keep it from being written.
"""

from __future__ import annotations

from collections.abc import Iterable

NAME = 256
"""Characters of a version or a stage."""

TAG = 512
"""Characters of a tag's name, and of who wrote it."""

TEXT = 1024
LONG_TEXT = 4096
URI = 2048
LABEL = 128
MESSAGE = 32768
MOST_LABELS = 64


def cut(text: str, length: int) -> str:
    """The text in at most so many characters; one that is cut ends in an ellipsis.

    YAML can name half of a surrogate pair, which no JSON can carry: it reads as `?`.
    """
    sound = text.encode("utf-8", "replace").decode()
    return sound if len(sound) <= length else f"{sound[: length - 1]}…"


def cut_or_none(text: str | None, length: int) -> str | None:
    """The same, with nothing in place of an empty text."""
    return cut(text, length) if text else None


def labels(words: Iterable[str]) -> list[str]:
    """Labels as a status holds them: 64 of 128 characters."""
    return [cut(word, LABEL) for word in words][:MOST_LABELS]

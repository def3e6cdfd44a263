"""Cutting a plan into pushes: an artifact's tags together, and nobody waits behind a crowd."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from playbill.ledger.plan import Step, round_robin
from playbill.ledger.tagobject import TagObject

Part = tuple[Step, ...]


def parts(steps: Sequence[Step], limit: int) -> list[Part]:
    """Cut into pushes of at most `limit` tags, 0 for no limit; a step is never cut, and the
    tags of one artifact keep their order."""
    by_artifact: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        if step.tags:
            by_artifact[step.intent.artifact].append(step)
    pieces = round_robin([_pieces(queue, limit) for queue in by_artifact.values()])
    return _pack(pieces, limit)


def tags_of(part: Part) -> tuple[TagObject, ...]:
    """All tags of a push."""
    return tuple(tag for step in part for tag in step.tags)


def _pieces(steps: list[Step], limit: int) -> list[Part]:
    """Cut one artifact's steps into runs that fit into one push."""
    if not limit:
        return [tuple(steps)]
    return _pack([(step,) for step in steps], limit)


def _pack(pieces: Sequence[Part], limit: int) -> list[Part]:
    if not limit:
        whole = tuple(step for piece in pieces for step in piece)
        return [whole] if whole else []
    packed: list[Part] = []
    room = 0
    for piece in pieces:
        size = len(tags_of(piece))
        if packed and size <= room:
            packed[-1] += piece
            room -= size
        else:
            packed.append(piece)
            room = limit - size
    return packed

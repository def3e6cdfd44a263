"""The repository's own `.gto`: which stages it allows (GTO's `stages:` setting)."""

from __future__ import annotations

from playbill.api.errors import Trouble
from playbill.git.documents import InvalidDocument, parse_mapping
from playbill.git.mirror import Mirror

CONFIG_FILE = ".gto"


def read_allowed_stages(mirror: Mirror, commit: str) -> frozenset[str] | None:
    """The stages that `.gto` lists at a commit; None when it allows any, or cannot be read.

    GTO itself fails on a `.gto` that it cannot read; nobody's promotion waits for that here.
    """
    answer = mirror.read_many([(commit, CONFIG_FILE)]).get((commit, CONFIG_FILE))
    if answer is None or isinstance(answer, Trouble):
        return None
    try:
        stages = parse_mapping(f"{CONFIG_FILE}.yaml", answer).get("stages")
    except InvalidDocument:
        return None
    if not isinstance(stages, list) or not stages:
        return None
    return frozenset(stage for stage in stages if isinstance(stage, str))

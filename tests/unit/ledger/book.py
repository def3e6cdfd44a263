"""A ledger in a few words: tags of people and of this cluster, folded as those of git are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from playbill.ledger import message
from playbill.ledger.decisions import Decision, Write
from playbill.ledger.events import TagRecord
from playbill.ledger.fold import fold
from playbill.ledger.intents import Asker
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import Author, View

CLUSTER: Final = "here"
NOW: Final = 1_000
"""The clock's second in all tests that do not say otherwise."""


def commit(number: int) -> str:
    """A commit's id that can be told from others at a glance."""
    return f"{number:040x}"


def asker(kind: str = "ModelVersion", name: str = "one", **more: object) -> Asker:
    """Who asks: uid and name are the same unless the test says otherwise."""
    facts: dict[str, object] = {"namespace": "ns", "uid": f"uid-{name}", "generation": 1}
    return Asker(kind=kind, name=name, **(facts | more))  # type: ignore[arg-type]


def tag(
    name: str,
    on: int = 1,
    at: int = 100,
    *,
    by: Asker | None = None,
    cluster: str = CLUSTER,
    tagger: str = "Ada",
) -> TagObject:
    """A tag on a commit; a person's own, or with `by` one that this or another cluster wrote."""
    trailers: dict[str, str] = {}
    if by is not None:
        tagger = "Playbill"
        trailers = {
            message.CLUSTER: cluster,
            message.RESOURCE: by.resource,
            message.REQUEST: by.request,
        }
    text = message.compose("a tag", text=None, trailers=trailers)
    return TagObject(name, commit(on), tagger, "ada@example.org", at, text)


def view(*tags: TagObject, counters: Mapping[str, int] | None = None) -> View:
    """The ledger of these tags, as this cluster sees it."""
    oids = {t.name: t.oid for t in tags}
    return View(fold(records(tags)), oids, author=Author(cluster=CLUSTER), counters=counters)


def records(tags: Iterable[TagObject]) -> list[TagRecord]:
    """The tags as git lists them."""
    return [TagRecord.of(tag) for tag in tags]


def written(decision: Decision) -> list[str]:
    """The names of the tags that are to be written."""
    assert isinstance(decision, Write), decision
    return [t.name for t in decision.tags]


def only(decision: Decision) -> TagObject:
    """The one tag that is to be written."""
    assert isinstance(decision, Write), decision
    (one,) = decision.tags
    return one


def trailers(of: TagObject) -> dict[str, str]:
    """What a tag's message says for programs."""
    return message.split(of.message)[2]

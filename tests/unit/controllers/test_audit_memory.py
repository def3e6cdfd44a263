"""When a model is looked at in full for lines that may be due."""

from playbill.controllers.inventory.audit_memory import AuditMemory
from playbill.ledger.audit import Identity, Served
from playbill.ledger.events import TagRecord
from playbill.ledger.fold import fold
from playbill.ledger.state import ArtifactState

GONE = frozenset({Identity("recorded", "m#prod#9", "demo")})
TAGS = ("m@v1.0.0", 1), ("m#prod#1", 2)


def artifact(*tags: tuple[str, int]) -> ArtifactState:
    records = (
        TagRecord(name, f"oid of {name}", "tag", f"c{at}", "commit", "A", "a@x", at, "x")
        for name, at in tags
    )
    return fold(records).artifacts["m"]


def test_another_registration_makes_nothing_due_and_another_stage_tag_may() -> None:
    memory = AuditMemory()
    memory.settle(artifact(*TAGS), frozenset())
    assert memory.is_settled(artifact(*TAGS, ("m@v2.0.0", 3)), frozenset())
    assert not memory.is_settled(artifact(*TAGS, ("m#prod#2", 3)), frozenset())
    assert not memory.is_settled(artifact(*TAGS, ("m@v1.0.0!", 3)), frozenset())


def test_what_can_never_be_told_is_not_asked_for_again_and_again() -> None:
    """An assignment shows a tag that is gone from git."""
    memory, state = AuditMemory(), artifact(*TAGS)
    assert not memory.is_settled(state, GONE)
    memory.settle(state, GONE)
    memory.settle(state, frozenset())  # another object for the same model shows nothing
    assert memory.is_settled(state, GONE)
    assert not memory.is_settled(state, GONE | {Identity("recorded", "m#prod#1", "demo")})


def test_an_outcome_that_was_seen_is_kept_until_it_is_told() -> None:
    memory = AuditMemory()
    seen = Served(stage="prod", tag="m#prod#1", resource="r", outcome="available", seconds=5)
    memory.saw("m", seen)
    memory.written({Identity("recorded", "m#prod#1", "demo"): "r"}, "tip")
    assert list(memory.seen.values()) == [seen]
    memory.written({Identity("available", "m#prod#1", "demo"): "r"}, "tip")
    assert memory.seen == {}

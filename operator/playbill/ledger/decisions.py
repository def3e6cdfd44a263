"""What can become of an intent: it is settled, or tags are to be written, or there is trouble."""

from __future__ import annotations

from dataclasses import dataclass

from playbill.api.errors import Trouble
from playbill.ledger.aliases import Alias
from playbill.ledger.events import LedgerEvent
from playbill.ledger.tagobject import TagObject


@dataclass(frozen=True, slots=True)
class Settled:
    """The ledger says what the intent asks; `event` is the tag that says so, if any does."""

    event: LedgerEvent | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """Tags to push under names that must not exist yet.

    `reserve` asks for them to be written into `status.pending` first, because the spec
    alone does not determine their names (design section 4). `aliases` are the commits that
    some of them stand on, and that have to be made first.
    """

    tags: tuple[TagObject, ...]
    reserve: bool
    aliases: tuple[Alias, ...] = ()


@dataclass(frozen=True, slots=True)
class Repeat:
    """Reserved tags that git does not hold yet: these bytes and no others are pushed."""

    tags: tuple[TagObject, ...]
    aliases: tuple[Alias, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Our own unconfirmed registration shares its commit with another version: it has to
    go, for GTO could not read the artifact otherwise. The one tag we ever delete."""

    tag: str
    oid: str


Decision = Settled | Write | Repeat | Withdraw | Trouble

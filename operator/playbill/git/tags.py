"""All tags of a mirror in one `for-each-ref`, as records that nobody has judged yet."""

from playbill.git.listing import TAGS
from playbill.git.store import Store
from playbill.ledger.events import TagRecord

# `object` and `type` are the tag's own header, so a nested tag tells its first step only.
# No field looks behind the tag, and a target that is missing here does no harm.
_FIELDS = (
    "refname",
    "objectname",
    "objecttype",
    "object",
    "type",
    "taggername",
    "taggeremail:trim",
    "taggerdate:raw",
    "contents",
)
_FORMAT = "%00".join(f"%({field})" for field in _FIELDS) + "%00"


def read_tags(store: Store) -> list[TagRecord]:
    """Every tag that was fetched, sorted by name."""
    output = store.local("for-each-ref", f"--format={_FORMAT}", TAGS, operation="tags")
    return parse_tags(output.stdout)


def parse_tags(output: bytes) -> list[TagRecord]:
    """git ends a field at the first NUL, so none can hold the separator."""
    cells = output.decode(errors="replace").split("\0")
    columns = [cells[start :: len(_FIELDS)] for start in range(len(_FIELDS))]
    # the line feed that ends a record stands before the next one's first field
    names = [name.lstrip("\n").removeprefix(TAGS) for name in columns[0][: len(columns[8])]]
    return list(
        map(
            TagRecord,
            names,
            *columns[1:7],
            map(_seconds, columns[7]),
            columns[8],
        )
    )


def _seconds(date: str) -> int | None:
    """Of git's raw date, `SECONDS ZONE`; None when there is no tagger or no sane date."""
    seconds = date.partition(" ")[0]
    return int(seconds) if seconds.lstrip("-").isdecimal() else None

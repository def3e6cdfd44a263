"""What of our rendering is no longer ours, by the API server's own account: managedFields.

After server-side apply (KEP-555) our entry lists every field that we applied.
Whoever changes one of them, or removes it, takes it out of our entry; what others
add beside our fields is not in it, and defaults are in nobody's. So a rendering
is in step as long as our entry covers it, whatever the kind: the entry itself
tells which lists are merged by key (`k:{…}`), which are sets (`v:…`), and which
belong to one owner as a whole. No schema is needed, and no trial by dry run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MANAGER = "playbill"
"""The field manager of all that we render."""

# The server keeps these in nobody's entry: they are the object's identity.
_IDENTITY = {
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata", "f:name"),
    ("f:metadata", "f:namespace"),
}

FieldsV1 = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A place in an object.

    `steps` are the keys of managedFields (`f:spec`, `k:{"name":"server"}`), `path` is
    the same for people: `spec.containers[server]`.
    """

    steps: tuple[str, ...] = ()
    path: str = ""

    def into(self, name: str) -> Field:
        """The field of that name in it."""
        dotted = f"[{name}]" if "." in name or "/" in name else f".{name}" if self.path else name
        return Field((*self.steps, f"f:{name}"), self.path + dotted)

    def item(self, step: str, label: str) -> Field:
        """The item of a list in it."""
        return Field((*self.steps, step), f"{self.path}[{label}]")


def our_entry(live: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The entry of what we applied, in an object with its managedFields; None without any."""
    for entry in live["metadata"].get("managedFields") or ():
        if _is_ours(entry):
            found: Mapping[str, Any] = entry
            return found
    return None


def their_entries(live: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of all others, and of what bears our name and was not applied by us."""
    return [e for e in live["metadata"].get("managedFields") or () if not _is_ours(e)]


def applied_at(live: Mapping[str, Any]) -> str | None:
    """When we last changed anything of the object, in RFC 3339 by the server's clock.

    The server leaves the time alone when what is applied changes nothing, so it
    tells since when the present rendering has been there, also after a restart.
    """
    entry = our_entry(live)
    found: str | None = entry.get("time") if entry else None
    return found


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return (entry["manager"], entry["operation"], entry.get("subresource", "")) == (
        MANAGER,
        "Apply",
        "",
    )


def lost_fields(rendered: Mapping[str, Any], live: Mapping[str, Any]) -> list[Field]:
    """The fields of `rendered` that are not ours in `live`, which bears its managedFields.

    The topmost ones that are gone, and the single ones of what is still there: of a
    container that was removed the container and none of its fields. Empty values are
    never missed, for the server leaves them out.
    """
    entry = our_entry(live)
    return list(_lost(rendered, entry["fieldsV1"] if entry else None, live, Field()))


def _lost(ours: Any, fields: FieldsV1 | None, live: Any, at: Field) -> Iterator[Field]:
    """Compare a value of ours with our entry, None where it has nothing, at one place."""
    if fields is not None and not fields:
        return  # a leaf: ours as a whole, and as we applied it
    if isinstance(ours, Mapping) and isinstance(live, Mapping):
        for name, value in ours.items():
            inner = at.into(name)
            if not _is_empty(value) and inner.steps not in _IDENTITY:
                yield from _lost(value, (fields or {}).get(f"f:{name}"), live.get(name), inner)
    elif fields is None:
        yield at
    elif isinstance(ours, Sequence) and not isinstance(ours, str):
        for item in ours:
            yield from _lost_item(item, fields, at)


def _lost_item(item: Any, fields: FieldsV1, at: Field) -> Iterator[Field]:
    step = _step_of(item, fields)
    if step is None:
        yield at.item(_wanted_step(item, fields), _label(item))
    else:
        # What is in our entry is in the object: there is an item of these keys.
        yield from _lost(item, fields[step], item, at.item(step, _label(item)))


def _step_of(item: Any, fields: FieldsV1) -> str | None:
    """The key under which our entry has this item of a list that is merged."""
    for step in fields:
        kind, _, written = step.partition(":")
        if kind == "v" and json.loads(written) == item:
            return step
        if kind == "k" and _fits(item, json.loads(written)):
            return step
    return None


def _fits(item: Any, keys: Mapping[str, Any]) -> bool:
    """Whether the item has these keys; one that it leaves out was filled in by the server."""
    return isinstance(item, Mapping) and all(item.get(k, v) == v for k, v in keys.items())


def _wanted_step(item: Any, fields: FieldsV1) -> str:
    """The key that the item would have, by those of its neighbours in our entry."""
    for step in fields:
        kind, _, written = step.partition(":")
        if kind == "k" and isinstance(item, Mapping):
            keys = {key: item.get(key) for key in json.loads(written)}
            return f"k:{json.dumps(keys, separators=(',', ':'))}"
    return f"v:{json.dumps(item, separators=(',', ':'))}"


def _label(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    for key in ("name", "type", "key", "mountPath", "containerPort", "port", "kind"):
        if key in item:
            return str(item[key])
    return str(next(iter(item.values()), ""))


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping | list | str) and not value)

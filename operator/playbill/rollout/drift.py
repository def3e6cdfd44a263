"""Whether the live object is what we rendered, so that nothing is written when nothing changed.

Two questions together are sound without asking the API server:

- Has our rendering changed? Its hash is an annotation of the object. This alone
  sees a field that we took *out*: server-side apply removes what we owned.
- Has somebody changed what we rendered? Every leaf that we render must be in the
  live object. What others added is theirs, and so are the server's defaults.

Remembering the last answer of the server would be simpler, but is lost in a
restart and blind to edits of labels; comparing managedFields would need them in
the cache, where they are a third of the memory.

The server stores some values in another form than they were sent in: quantities
("0.1" becomes "100m") and empty ones (left out). Both are the same to us. Where
it fills an empty string with a default, we see a drift that is none: that costs
a request per pass, and no write, since applying the same again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

# Lists that the API server merges by key, as core/v1 and apps/v1 declare it
# (x-kubernetes-list-map-keys). All other lists are atomic: ours or not ours.
_LIST_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "resourceClaims": ("name",),
    "claims": ("name",),
    "schedulingGates": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "ownerReferences": ("uid",),
}
_QUANTITIES = {"limits", "requests", "overhead"}
_QUANTITY = {"sizeLimit", "divisor"}


def in_step(rendered: Mapping[str, Any], live: Mapping[str, Any] | None) -> bool:
    """True when applying `rendered` to `live` would change nothing."""
    return live is not None and _holds(live, rendered, field="")


def _holds(live: Any, ours: Any, *, field: str) -> bool:
    """Whether `live` has all that we render; `field` is the name that leads here."""
    if not ours and live is None:
        return True  # the server leaves out what is empty
    if isinstance(ours, Mapping):
        return isinstance(live, Mapping) and all(
            _same_quantity(live.get(key), item)
            if field in _QUANTITIES or key in _QUANTITY
            else _holds(live.get(key), item, field=key)
            for key, item in ours.items()
        )
    if isinstance(ours, list):
        return isinstance(live, list) and _list_holds(live, ours, field=field)
    return isinstance(ours, bool) == isinstance(live, bool) and bool(ours == live)


def _list_holds(live: list[Any], ours: list[Any], *, field: str) -> bool:
    keys = _keys(field, ours)
    if keys is None:
        return len(live) == len(ours) and all(
            _holds(theirs, item, field="") for theirs, item in zip(live, ours, strict=True)
        )
    by_key = {_identity(item, keys): item for item in live}
    return all(_holds(by_key.get(_identity(item, keys)), item, field="") for item in ours)


def _keys(field: str, ours: list[Any]) -> tuple[str, ...] | None:
    if not all(isinstance(item, Mapping) for item in ours):
        return None  # nothing that the server would take; it says so when it is asked
    if field == "ports":
        # A container's ports and a Service's ports share a name, and not their keys.
        number = "containerPort" if any("containerPort" in item for item in ours) else "port"
        return (number, "protocol")
    return _LIST_KEYS.get(field)


def _identity(item: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item.get(key, "TCP" if key == "protocol" else None) for key in keys)


def _same_quantity(live: Any, ours: Any) -> bool:
    return live == ours or (live is not None and _amount(live) == _amount(ours) is not None)


_NUMBER = re.compile(r"^([+-]?[0-9]*\.?[0-9]+)(?:[eE]([+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)$")
_SUFFIXES = {
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
}


def _amount(quantity: Any) -> Decimal | None:
    """A quantity (apimachinery's resource.Quantity) as a number; None when it is none."""
    found = _NUMBER.match(str(quantity))
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    return Decimal(number).scaleb(int(exponent or 0)) * _SUFFIXES[suffix or ""]

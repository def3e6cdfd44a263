"""From PromotionPolicies to the rules that an assignment is under. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from zoneinfo import ZoneInfo

from playbill.api import promotion_policy as api
from playbill.api.promotion_policy import PromotionPolicy, PromotionPolicySpec
from playbill.api.times import seconds_in
from playbill.ledger.policies.expressions import fault
from playbill.ledger.policies.gates import Gate
from playbill.ledger.policies.policy import After, Rules
from playbill.ledger.policies.ssh_keys import public_key
from playbill.ledger.policies.windows import DAYS, Window


def rules_for(
    policies: Iterable[PromotionPolicy], *, models: Collection[str], stage: str
) -> tuple[Rules, ...]:
    """What the policies ask of a stage of a model, in the order of their names."""
    found = (
        _rules(policy, stage)
        for policy in sorted(policies, key=lambda each: each.metadata.name)
        if selects(policy.spec, models=models, stage=stage)
    )
    return tuple(found)


def selects(spec: PromotionPolicySpec, *, models: Collection[str], stage: str) -> bool:
    """Whether a policy has anything to say about this stage of a model, which goes by these names
    in the policy's namespace."""
    if spec.models and not any(_fits(model, spec.models) for model in models):
        return False
    return bool(spec.allowed_stages) or _fits(stage, spec.stages)


def faults_of(spec: PromotionPolicySpec) -> list[str]:
    """Why a policy cannot be understood; none when it can."""
    gates = [(gate.name, fault(gate.expression)) for gate in spec.gates]
    zones = dict.fromkeys(window.time_zone for window in spec.windows)
    signers = spec.require_signed_tag.signers if spec.require_signed_tag else []
    return [
        *(f"gate {name} cannot be used: {why}" for name, why in gates if why is not None),
        *(f"there is no time zone {zone}" for zone in zones if _zone(zone) is None),
        *(
            f"signer {number} is no public key of ssh"
            for number, line in enumerate(signers, start=1)
            if public_key(line) is None
        ),
    ]


def _rules(policy: PromotionPolicy, stage: str) -> Rules:
    spec, name = policy.spec, policy.metadata.name
    allowed = frozenset(spec.allowed_stages) or None
    if not _fits(stage, spec.stages):
        return Rules(policy=name, allowed=allowed)
    faults = faults_of(spec)
    if faults:
        return Rules(policy=name, fault="; ".join(faults))
    return Rules(
        policy=name,
        after=tuple(After(each.stage, int(seconds_in(each.for_))) for each in spec.after),
        gates=tuple(
            Gate(name=each.name, expression=each.expression, message=each.message)
            for each in spec.gates
        ),
        windows=tuple(map(_window, spec.windows)),
        digest=spec.require_digest,
        signers=_signers(spec.require_signed_tag),
        allowed=allowed,
    )


def _window(window: api.Window) -> Window:
    days = window.days or DAYS
    return Window(
        days=frozenset(DAYS.index(day) for day in days),
        opens=_minutes(window.from_),
        closes=_minutes(window.to),
        zone=_zone(window.time_zone) or ZoneInfo("UTC"),
    )


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _signers(asked: api.SignedTag | None) -> frozenset[str] | None:
    if asked is None:
        return None
    return frozenset(filter(None, map(public_key, asked.signers)))


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # no name, a directory, unknown
        return None


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(_pattern(each).fullmatch(name) for each in patterns)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    """`*` is any text and `?` any letter; nothing else means anything, unlike in a shell.

    What stands between two `*` is taken where it comes first, once and for all (an atomic
    group): a later place could never help, and trying them all takes time without end.
    """
    first, *parts = map(_fixed, re.split(r"\*+", text))
    if not parts:
        return re.compile(first)
    *between, last = parts
    return re.compile(f"{first}{''.join(f'(?>.*?{part})' for part in between)}.*{last}")


def _fixed(part: str) -> str:
    return "".join("." if letter == "?" else re.escape(letter) for letter in part)

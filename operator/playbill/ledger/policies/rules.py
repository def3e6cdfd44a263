"""The rules of a policy, each a pure function from a case to findings.

The same findings are a condition's message, an Event, and the lines of `playbill plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.ledger.artifact_bytes import bytes_of, tellers
from playbill.ledger.events import LedgerEvent
from playbill.ledger.policies.evidence import Signed, Traits
from playbill.ledger.policies.gates import Subject, judge_gate
from playbill.ledger.policies.holding import Held, time_held
from playbill.ledger.policies.policy import After, Case, Finding, Rules
from playbill.ledger.policies.windows import Window
from playbill.ledger.state import VersionState


def findings(rules: Rules, case: Case) -> Iterator[Finding]:
    """What one policy says of a case, for which everything has been read."""
    if rules.fault is not None:
        words = f"{rules.fault}; nothing passes until it is mended"
        against = Stalled("PolicyInvalid", words)
        yield Finding(policy=rules.policy, kind="policy", words=words, against=against)
        return
    for rule in _RULES:
        yield from rule(rules, case)


def signable(case: Case) -> list[LedgerEvent]:
    """The tags that say what the version is, and the one that put it on stage if no spec did."""
    known = registered(case)
    events: list[LedgerEvent] = [known.registration, *tellers(known)] if known else []
    if case.assignment is not None:
        events.append(case.assignment)
    return list({event.oid: event for event in events}.values())


def registered(case: Case) -> VersionState | None:
    """The version on the case's commit; None for a commit that nobody registered."""
    return case.artifact.version_at(case.commit) if case.commit else None


def _allowed(rules: Rules, case: Case) -> Iterator[Finding]:
    if rules.allowed is None:
        return
    listed = ", ".join(sorted(rules.allowed))
    words, against = f"{case.stage} is allowed", None
    if case.stage not in rules.allowed:
        words = f"{case.model} may hold the stages {listed} only, and not {case.stage}"
        against = Stalled("StageNotAllowed", words)
    yield Finding(policy=rules.policy, kind="stage", words=words, against=against)


def _digest(rules: Rules, case: Case) -> Iterator[Finding]:
    if not rules.digest or case.commit is None:
        return
    traits = _traits(case, case.version, case.commit)
    words, against = f"digest {traits.digest}", None
    if not traits.digest:
        words = (
            f"{case.version} has no digest{_note(traits)}: track its file with DVC or git, or "
            "declare artifact.digest in a ModelVersion"
        )
        against = _unless_passing(traits, Stalled("DigestRequired", words))
    yield Finding(policy=rules.policy, kind="digest", words=words, against=against)


def _signature(rules: Rules, case: Case) -> Iterator[Finding]:
    if rules.signers is None or case.commit is None:
        return
    if registered(case) is None:
        words = f"no tag registers {case.version}, so nobody has signed one"
        against = Stalled("SignatureRequired", words)
        yield Finding(policy=rules.policy, kind="signature", words=words, against=against)
    for event in signable(case):
        fault = _unsigned(event, case.evidence.signatures.get(event.oid), rules.signers)
        words, refusal = f"{event.tag} is signed", None
        if fault is not None:
            words = f"{event.tag} {fault}: one of the policy's signers has to sign it"
            refusal = Stalled("SignatureRequired", words)
        yield Finding(
            policy=rules.policy, kind="signature", name=event.tag, words=words, against=refusal
        )


def _unsigned(event: LedgerEvent, signed: Signed | None, signers: frozenset[str]) -> str | None:
    """A signed tag that was pushed under another name says nothing about that name."""
    if signed is None:
        return "has no sound ssh signature"
    if signed.tag != event.tag:
        return f"is the signed tag {signed.tag} under another name"
    return None if signed.key in signers else "is signed by nobody whom the policy names"


def _gates(rules: Rules, case: Case) -> Iterator[Finding]:
    if not rules.gates or case.commit is None:
        return
    subject = _subject(case, case.commit, current=rules.wants_current)
    unread = next((t for t in (subject.traits, subject.current) if t and t.passing), None)
    for gate in rules.gates:
        answer = judge_gate(gate, subject)
        words = answer.words
        against: Trouble | None = None
        if unread is not None:  # what a gate wants absent is absent from what was not read
            words = f"cannot be judged now{_note(unread)}" if answer.holds else words
            against = Retry("GateFailed", words)
        elif not answer.holds:
            against = Stalled("GateFailed", words)
        yield Finding(
            policy=rules.policy, kind="gate", name=gate.name, words=words, against=against
        )


def _subject(case: Case, commit: str, *, current: bool) -> Subject:
    holder = case.holder if current else None
    return Subject(
        model=case.model,
        stage=case.stage,
        version=case.version,
        commit=commit,
        traits=_traits(case, case.version, commit),
        current_version=holder[0] if holder else None,
        current=_traits(case, *holder) if holder else None,
    )


def _traits(case: Case, version: str, commit: str) -> Traits:
    """What is known of a version, with the digest that its workload would check."""
    files = case.evidence.facts.get(commit, Traits())
    declared = case.evidence.declared.get(version, Traits())
    meant = bytes_of(case.artifact.version_at(commit), files, declared.elsewhere)
    return replace(files.or_else(declared), digest=meant.digest or "")


def _note(traits: Traits) -> str:
    return f" ({traits.note})" if traits.note else ""


def _unless_passing(traits: Traits, refusal: Stalled) -> Trouble:
    """Nobody is refused for good for what could only not be read just now."""
    return Retry(refusal.reason, refusal.message) if traits.passing else refusal


def _after(rules: Rules, case: Case) -> Iterator[Finding]:
    if not case.moves or case.commit is None:
        return
    for asked in rules.after:
        if asked.stage == case.stage:
            continue  # a policy for all stages would leave nobody the first to hold it
        held = time_held(case.artifact, asked.stage, case.commit, case.now)
        words, against = _waited(case.version, asked, held)
        yield Finding(
            policy=rules.policy, kind="after", name=asked.stage, words=words, against=against
        )


def _waited(version: str, asked: After, held: Held | None) -> tuple[str, Trouble | None]:
    wanted, reason = in_words(asked.seconds), "NotHeldLongEnough"
    if held is None:
        words = f"{version} has to hold {asked.stage} for {wanted} first, and never did"
        return words, Waiting(reason, words)
    if held.longest >= asked.seconds:
        return f"{version} held {asked.stage} for {in_words(held.longest)} of {wanted}", None
    if held.present is None:
        words = f"{version} held {asked.stage} for {in_words(held.longest)} only, of {wanted}"
        return words, Waiting(reason, words)
    words = f"{version} has held {asked.stage} for {in_words(held.present)} of {wanted}"
    return words, Retry(reason, words, after=float(asked.seconds - held.present))


def _window(rules: Rules, case: Case) -> Iterator[Finding]:
    if not rules.windows or not case.moves or case.commit is None:
        return
    opened = next(filter(None, (_opened(each, case) for each in rules.windows)), None)
    if opened is not None:
        yield Finding(policy=rules.policy, kind="window", words=opened)
        return
    opens, window = min(
        ((each.next(case.now), each) for each in rules.windows), key=lambda each: each[0]
    )
    words = f"no window is open now; the next one opens {window.says(opens)}"
    against = Retry("OutsideWindow", words, after=float(opens - case.now))
    yield Finding(policy=rules.policy, kind="window", words=words, against=against)


def _opened(window: Window, case: Case) -> str | None:
    """Since when it is open, or was until a moment ago or at an earlier one where that will do."""
    recently = (window.opened(moment) for moment in (case.now, case.now - case.late))
    since = next((second for second in recently if second is not None), None)
    if since is not None:
        return f"open since {window.says(since)}"
    put = next((second for second in case.put if window.opened(second) is not None), None)
    return f"open when it was recorded, {window.says(put)}" if put is not None else None


_RULES: tuple[Callable[[Rules, Case], Iterator[Finding]], ...] = (
    _allowed,
    _digest,
    _signature,
    _gates,
    _after,
    _window,
)


def in_words(seconds: int) -> str:
    """`24h`, `1h30m`, `45s`: the two largest units that there are."""
    units = ((seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    parts = [f"{count}{unit}" for count, unit in units if count]
    return "".join(parts[:2]) or "0s"

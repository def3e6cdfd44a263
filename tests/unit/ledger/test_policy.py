"""What policies make of a promotion, and of a workload that is to follow a tag."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.book import NOW, asker, commit, tag, view, written

from playbill.api.errors import Retry, Stalled, Trouble, Waiting
from playbill.ledger import message
from playbill.ledger.artifact_bytes import origin_of
from playbill.ledger.decisions import Repeat, Write
from playbill.ledger.intents import Follow, Reservation, Rollback, StageIntent
from playbill.ledger.plan import decide
from playbill.ledger.policies.evidence import Evidence, Signed, Traits
from playbill.ledger.policies.gates import Gate
from playbill.ledger.policies.holding import Held, time_held
from playbill.ledger.policies.permitting import JUST_RECORDED, Running, lacking, refuse_rollout
from playbill.ledger.policies.policy import After, EvidenceNotRead, Oversight, Rules
from playbill.ledger.policies.windows import Window
from playbill.ledger.tagobject import TagObject

ME = asker("StageAssignment", "m-prod")
V1, V2 = tag("m@v1.0.0", 1, 1), tag("m@v2.0.0", 2, 2)
FACTS = {
    commit(1): Traits(metrics={"accuracy": "0.91"}, digest="md5:1"),
    commit(2): Traits(metrics={"accuracy": "0.96"}),
}
GATE = Rules(policy="p", gates=(Gate(name="g", expression="metrics.accuracy >= 0.95"),))
CHALLENGE = Rules(
    policy="p", gates=(Gate(name="c", expression="metrics.accuracy > current.metrics.accuracy"),)
)
DIGEST = Rules(policy="p", digest=True)
SIGNED = Rules(policy="p", signers=frozenset({"lead"}))
SOAK = Rules(policy="p", after=(After("staging", 100),))
NIGHT = Window(days=frozenset(range(7)), opens=60, closes=120, zone=ZoneInfo("UTC"))
WINDOW = Rules(policy="p", windows=(NIGHT,))
ALLOWED = Rules(policy="p", allowed=frozenset({"dev"}))
BROKEN = Rules(policy="p", fault="gate g cannot be used: 1:1: Syntax error")


def intent(*rules: Rules, evidence: Evidence | None = None, **more: Any) -> StageIntent:
    over = Oversight(model="m", rules=rules, evidence=evidence or Evidence(facts=FACTS))
    facts: dict[str, Any] = {"asker": ME, "artifact": "m", "stage": "prod", "version": "v1.0.0"}
    return StageIntent(**(facts | {"oversight": over} | more))


def outcome(wanted: StageIntent, *tags: TagObject, now: int = NOW) -> str:
    found = decide(wanted, view(V1, V2, *tags), now)
    if not isinstance(found, Trouble):
        return ", ".join(written(found))
    return f"{type(found).__name__} {found.reason}: {found.message}"


@pytest.mark.parametrize(
    ("rules", "version", "what"),
    [
        (GATE, "v1.0.0", "Stalled GateFailed: policy p: accuracy 0.91 < 0.95"),
        (GATE, "v2.0.0", "m#prod#1"),
        (DIGEST, "v1.0.0", "m#prod#1"),
        (
            DIGEST,
            "v2.0.0",
            (
                "Stalled DigestRequired: policy p: v2.0.0 has no digest: track its file with "
                "DVC or git, or declare artifact.digest in a ModelVersion"
            ),
        ),
        (
            ALLOWED,
            "v1.0.0",
            "Stalled StageNotAllowed: policy p: m may hold the stages dev only, and not prod",
        ),
        (
            BROKEN,
            "v1.0.0",
            (
                "Stalled PolicyInvalid: policy p: gate g cannot be used: 1:1: Syntax error; "
                "nothing passes until it is mended"
            ),
        ),
        (
            SOAK,
            "v1.0.0",
            (
                "Waiting NotHeldLongEnough: policy p: v1.0.0 has to hold staging for 1m40s first, "
                "and never did"
            ),
        ),
        (
            WINDOW,
            "v1.0.0",
            (
                "Retry OutsideWindow: policy p: no window is open now; the next one opens "
                "Thu 1970-01-01 01:00 UTC"
            ),
        ),
        (GATE, "v3.0.0", "Waiting DependencyNotFound: m has no registered version v3.0.0"),
        (WINDOW, "v3.0.0", "Waiting DependencyNotFound: m has no registered version v3.0.0"),
        (replace(SOAK, after=(After("prod", 100),)), "v1.0.0", "m#prod#1"),
    ],
)
def test_a_spec_is_judged_before_its_tag_is_written(rules: Rules, version: str, what: str) -> None:
    assert outcome(intent(rules, version=version)).startswith(what)


def test_all_that_is_against_it_is_told_and_the_lasting_before_the_passing() -> None:
    other = replace(GATE, policy="q", gates=(Gate(name="h", expression="version == 'v9'"),))
    said = outcome(intent(GATE, other, WINDOW, SOAK))
    assert said == (
        "Stalled GateFailed: policy p: accuracy 0.91 < 0.95; policy q: version v1.0.0 != 'v9'"
    )
    assert outcome(intent(WINDOW, SOAK)).startswith("Waiting NotHeldLongEnough")


def test_what_is_followed_is_judged_and_what_the_ledger_says_already_is_not() -> None:
    follow = Follow(range="1.x")
    assert "accuracy 0.91 < 0.95" in outcome(intent(GATE, version=None, follow=follow))
    assert outcome(intent(GATE, version=None, follow=Follow())) == "m#prod#1"
    held = tag("m#prod#1", 1, 10)
    settled = decide(intent(GATE), view(V1, V2, held), NOW)
    assert not isinstance(settled, Trouble)


def test_neither_a_rollback_nor_leaving_is_a_promotion() -> None:
    held = (tag("m#prod#1", 1, 10), tag("m#prod#2", 2, 11))
    back = Rollback(
        version="v2.0.0", tag="m#prod#2", to="v1.0.0", commit=commit(1), reason="x", message="y"
    )
    assert outcome(intent(GATE, WINDOW, version="v2.0.0", rollback=back), *held) == "m#prod#3"
    assert "m#prod!#3" in outcome(intent(BROKEN, leaving=True, was_recorded=True), *held)


def test_a_rollback_that_git_tells_of_lets_the_next_version_be_read_and_judged() -> None:
    """The status still names it then: what the spec asks, or a person assigned, counts again."""
    third = tag("m@v3.0.0", 3, 3)
    back = Rollback(
        version="v2.0.0", tag="m#prod#2", to="v1.0.0", commit=commit(1), reason="x", message="y"
    )
    told = (tag("m#prod#1", 1, 10), tag("m#prod#2", 2, 11), tag("m#prod#3", 1, 12))
    for follow, tags in ((Follow(), told), (None, (*told, tag("m#prod#4", 3, 13)))):
        wanted = intent(
            GATE, version=None, follow=follow, rollback=back, evidence=Evidence(facts={})
        )
        assert commit(3) in lacking(wanted, view(V1, V2, third, *tags), now=NOW).commits


def test_policies_of_now_hold_back_what_was_reserved_after_a_rollback() -> None:
    back = Rollback(
        version="v2.0.0", tag="m#prod#2", to="v1.0.0", commit=commit(1), reason="x", message="y"
    )
    told = (tag("m#prod#1", 1, 10), tag("m#prod#2", 2, 11), tag("m#prod#3", 1, 12))
    reserved = Reservation(generation=1, tags=(tag("m#prod#4", 1, NOW, by=ME),))
    wanted = intent(GATE, rollback=back, pending=reserved)
    assert "accuracy 0.91 < 0.95" in outcome(wanted, *told)


def test_a_record_that_is_answered_again_waits_for_no_window_but_passes_its_gates() -> None:
    again: dict[str, Any] = {
        "version": "v2.0.0",
        "recorded": "m#prod#1",
        "recorded_version": "v2.0.0",
    }
    held = (tag("m#prod#1", 2, 10, by=ME), tag("m#prod#2", 1, 11))
    assert outcome(intent(WINDOW, SOAK, **again), *held) == "m#prod#3"
    strict = replace(GATE, gates=(Gate(name="g", expression="metrics.accuracy > 0.99"),))
    assert "GateFailed" in outcome(intent(strict, **again), *held)


def test_nothing_is_said_before_everything_is_read_and_nothing_read_that_nobody_asks_for() -> None:
    bare = Evidence()
    for rules, commits, tags in (
        (GATE, {commit(1)}, 0),
        (CHALLENGE, {commit(1), commit(2)}, 0),
        (DIGEST, {commit(1)}, 0),
        (SIGNED, set(), 2),
        (SOAK, set(), 0),
        (WINDOW, set(), 0),
        (ALLOWED, set(), 0),
        (BROKEN, set(), 0),
    ):
        wanted = intent(rules, evidence=bare)
        ledger = view(V1, V2, tag("m#prod#1", 2, 10))
        needed = lacking(wanted, ledger, now=NOW)
        assert commits <= needed.commits <= {commit(1), commit(2)}
        assert bool(needed.commits) is bool(commits)
        assert (len(needed.tags) >= 1) is bool(tags)
        decision = decide(wanted, ledger, NOW)
        assert isinstance(decision, EvidenceNotRead) is bool(commits or tags)
    ours = intent(GATE)
    assert not lacking(replace(ours, oversight=None), view(V1, V2), now=NOW)


def test_a_passing_fault_refuses_nobody_for_good() -> None:
    doubtful = {commit(1): Traits(note="CommitMissing: not fetched", passing=True)}
    found = decide(intent(GATE, evidence=Evidence(facts=doubtful)), view(V1, V2), NOW)
    assert isinstance(found, Retry)
    assert "v1.0.0 has no metric accuracy: CommitMissing" in found.message


def test_nothing_declared_passes_a_gate_while_git_cannot_be_read() -> None:
    declared = {"v1.0.0": Traits(metrics={"accuracy": "0.99"})}
    unread = {commit(1): Traits(note="CommitMissing: not fetched", passing=True)}
    silent = {commit(1): Traits()}
    doubtful, sure = (Evidence(facts=facts, declared=declared) for facts in (unread, silent))
    assert isinstance(decide(intent(GATE, evidence=doubtful), view(V1, V2), NOW), Retry)
    assert isinstance(decide(intent(GATE, evidence=sure), view(V1, V2), NOW), Write)


@pytest.mark.parametrize(("kind", "passes"), [("metrics", False), ("params", True)])
def test_nothing_declared_stands_in_for_what_git_has_and_was_cut_off(
    kind: str, passes: bool
) -> None:
    declared = {"v1.0.0": Traits(metrics={"accuracy": "0.99"})}
    cut = {commit(1): Traits(note="there are more than could be kept", partial=frozenset({kind}))}
    found = decide(intent(GATE, evidence=Evidence(facts=cut, declared=declared)), view(V1, V2), NOW)
    assert isinstance(found, Write) is passes
    if not passes:
        assert isinstance(found, Stalled)
        assert "no metric accuracy: there are more than could be kept" in found.message


@pytest.mark.parametrize(
    ("expression", "unreadable"),
    [
        ("!has(metrics.toxicity) || metrics.toxicity < 0.1", 2),
        ("!('blocked' in labels)", 2),
        ("!has(current.metrics.toxicity) || 0.9 <= current.metrics.toxicity", 1),
    ],
)
def test_a_gate_is_not_passed_by_what_only_could_not_be_read(
    expression: str, unreadable: int
) -> None:
    facts = {
        commit(1): Traits(metrics={"toxicity": "0.05"}),
        commit(2): Traits(metrics={"toxicity": "0.9"}, labels=("blocked",)),
    }
    unread = facts | {commit(unreadable): Traits(note="Unreachable: no answer", passing=True)}
    rules = Rules(policy="p", gates=(Gate(name="g", expression=expression),))
    read, blind = (
        intent(rules, version="v2.0.0", evidence=Evidence(facts=each)) for each in (facts, unread)
    )
    held = tag("m#prod#1", 1, 10)
    assert "Stalled GateFailed" in outcome(read, held)
    assert "Retry GateFailed: policy p: cannot be judged now (Unreachable" in outcome(blind, held)


def test_a_reserved_tag_is_not_pushed_any_more_when_a_policy_comes() -> None:
    reserved = Reservation(generation=1, tags=(tag("m#prod#1", 1, NOW, by=ME),))
    assert isinstance(decide(intent(pending=reserved), view(V1, V2), NOW), Repeat)
    assert "accuracy 0.91 < 0.95" in outcome(intent(GATE, pending=reserved))


STAGING = tag("m#staging#1", 1, NOW - 60)
PROD1, PROD2 = tag("m#prod#2", 1, NOW - 50), tag("m#prod#3", 2, NOW - 40)


def test_time_on_a_stage_is_waited_for_to_the_second() -> None:
    found = decide(intent(SOAK), view(V1, V2, STAGING), NOW)
    assert isinstance(found, Retry)
    assert found.after == 40
    assert found.message == "policy p: v1.0.0 has held staging for 1m0s of 1m40s".replace(
        "1m0s", "1m"
    )
    assert outcome(intent(SOAK), STAGING, now=NOW + 40) == "m#prod#2"


@pytest.mark.parametrize(
    ("tags", "held"),
    [
        ([], None),
        ([tag("m#s#1", 2, 10)], None),
        ([tag("m#s#1", 1, 10)], Held(90, 90)),
        ([tag("m#s#1", 1, 10), tag("m#s#2", 2, 40)], Held(30, None)),
        ([tag("m#s#1", 1, 10), tag("m#s#2", 1, 40)], Held(90, 90)),
        ([tag("m#s#1", 1, 10), tag("m#s#2", 2, 60), tag("m#s#3", 1, 80)], Held(50, 20)),
        ([tag("m#s#1", 1, 10), tag("m#s!#2", 1, 40), tag("m#s#3", 1, 45)], Held(55, 55)),
        ([tag("m#s#1", 1, 200)], None),
        ([tag("m#s#1", 1, 10), tag("m#s#2", 2, 200)], Held(90, 90)),
    ],
)
def test_the_longest_stay_counts(tags: list[TagObject], held: Held | None) -> None:
    assert time_held(view(V1, V2, *tags).artifact("m"), "s", commit(1), 100) == held


def refusal(
    *rules: Rules,
    running: Running | None = None,
    tags: tuple[TagObject, ...] = (PROD1,),
    signed: Mapping[str, Signed | None] | None = None,
    now: int = NOW,
    **more: Any,
) -> str:
    evidence = Evidence(facts=FACTS, signatures=signed or {})
    wanted = intent(*rules, evidence=evidence, **({"version": None} | more))
    found = refuse_rollout(wanted, view(V1, V2, *tags), running=running, now=now)
    return f"{type(found).__name__} {found.reason}" if found else ""


def test_a_tag_alone_deploys_nothing_that_a_rule_refuses() -> None:
    assert refusal(GATE) == "Stalled GateFailed"
    assert refusal(GATE, tags=(PROD1, PROD2)) == ""
    assert refusal(GATE, version="v1.0.0") == "Stalled GateFailed"


@pytest.mark.parametrize(
    ("running", "what"),
    [
        pytest.param(Running(commit(1)), "", id="this very commit"),
        pytest.param(Running(commit(1), "0" * 16), "Stalled GateFailed", id="of another origin"),
        pytest.param(Running(commit(2)), "Stalled GateFailed", id="where its tag was before"),
        pytest.param(Running(None), "Stalled GateFailed", id="nobody knows which"),
        pytest.param(None, "Stalled GateFailed", id="nothing"),
    ],
)
def test_a_commit_that_runs_already_is_not_judged_again_and_any_other_is(
    running: Running | None, what: str
) -> None:
    assert refusal(GATE, running=running) == what
    if not what:
        assert refusal(GATE, BROKEN, SIGNED, running=running) == ""
    assert refusal(GATE, running=running, tags=()) == ""


def told(name: str, at: int, **trailers: str) -> TagObject:
    """A registration of m's first commit that tells where the bytes are, or what they are."""
    said = {f"Playbill-Artifact-{key.title()}": value for key, value in trailers.items()}
    return replace(tag(name, 1, at), message=message.compose("by hand", text=None, trailers=said))


ELSEWHERE = told("m@v1.0.0#2", 5, uri="s3://other/bytes", digest="md5:1")


@pytest.mark.parametrize(
    "more",
    [
        told("m@v1.0.0#3", 6, uri="s3://third/bytes"),
        told("m@v1.0.0#3", 6, digest="md5:3"),
    ],
    ids=["another uri", "another digest"],
)
def test_bytes_that_a_tag_puts_elsewhere_are_not_what_runs(more: TagObject) -> None:
    runs = Running(commit(1), origin_of(view(V1, ELSEWHERE).artifact("m").version_at(commit(1))))
    assert refusal(GATE, running=runs, tags=(ELSEWHERE, PROD1)) == ""
    assert refusal(GATE, running=runs, tags=(PROD1,)) == "Stalled GateFailed"
    assert refusal(GATE, running=runs, tags=(ELSEWHERE, more, PROD1)) == "Stalled GateFailed"


@pytest.mark.parametrize("at", [0, 5], ids=["before it", "after it"])
def test_whoever_tells_of_the_bytes_has_to_sign(at: int) -> None:
    """A tag has the date that its author likes: the newest registration need not be the one."""
    other = told("m@v1.0.0#2", at, uri="s3://other/bytes")
    good = {V1.oid: Signed("lead", "m@v1.0.0"), other.oid: None}
    assert refusal(SIGNED, signed=good, version="v1.0.0") == ""
    found = refusal(SIGNED, signed=good, version="v1.0.0", tags=(other, PROD1))
    assert found == "Stalled SignatureRequired"
    both = good | {other.oid: Signed("lead", "m@v1.0.0#2")}
    assert refusal(SIGNED, signed=both, version="v1.0.0", tags=(other, PROD1)) == ""


OPENS, CLOSES, DAY = 3600, 7200, 86400


@pytest.mark.parametrize("running", [None, Running(None), Running(commit(2))])
def test_windows_and_time_matter_also_where_nothing_runs(running: Running | None) -> None:
    assert refusal(WINDOW, running=running) == "Retry OutsideWindow"
    assert refusal(SOAK, running=running) == "Waiting NotHeldLongEnough"
    assert refusal(WINDOW, running=running, now=CLOSES + JUST_RECORDED - 1) == ""
    assert refusal(WINDOW, running=running, now=CLOSES + JUST_RECORDED) == "Retry OutsideWindow"
    assert refusal(WINDOW, SOAK, running=Running(commit(1))) == ""


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        pytest.param([tag("m#prod#1", 1, OPENS)], "", id="recorded in a window"),
        pytest.param([tag("m#prod#1", 1, CLOSES)], "Retry OutsideWindow", id="outside of any"),
        pytest.param(
            [tag("m#prod#1", 1, DAY + OPENS)], "Retry OutsideWindow", id="in one yet to come"
        ),
        pytest.param(
            [tag("m#prod#1", 1, OPENS), tag("m#prod#2", 2, OPENS + 9), tag("m#prod#3", 1, CLOSES)],
            "",
            id="back on it, by a rollback for one",
        ),
        pytest.param(
            [tag("m#prod#1", 1, OPENS), tag("m#prod!#2", 1, OPENS + 9), tag("m#prod#3", 1, CLOSES)],
            "Retry OutsideWindow",
            id="taken off it since",
        ),
    ],
)
def test_a_restored_cluster_serves_what_was_recorded_in_a_window(
    tags: list[TagObject], what: str
) -> None:
    assert refusal(WINDOW, tags=tuple(tags), now=CLOSES + DAY // 2) == what
    running = Running(commit(2))
    assert refusal(WINDOW, tags=tuple(tags), now=CLOSES + DAY // 2, running=running) == (
        "Retry OutsideWindow"
    )


def test_a_challenger_by_tag_is_compared_with_whom_it_replaced() -> None:
    other = tag("m#prod#9", 1, NOW - 30)
    assert refusal(CHALLENGE, tags=(PROD1, PROD2)) == ""
    assert refusal(CHALLENGE, tags=(PROD2, other)) == "Stalled GateFailed"


@pytest.mark.parametrize(
    ("version", "assigned", "signers", "what"),
    [
        ("v1.0.0", None, "lead", "Stalled SignatureRequired"),
        ("v1.0.0", "m@v1.0.0", "lead", ""),
        ("v1.0.0", "m@v1.0.0", "stranger", "Stalled SignatureRequired"),
        ("v1.0.0", "m@v2.0.0", "lead", "Stalled SignatureRequired"),
        (None, "m@v1.0.0", "lead", "Stalled SignatureRequired"),
    ],
)
def test_a_registration_has_to_be_signed_under_its_own_name(
    version: str | None, assigned: str | None, signers: str, what: str
) -> None:
    signature = Signed(signers, assigned) if assigned else None
    known = {V1.oid: signature, PROD1.oid: None}
    assert refusal(SIGNED, signed=known, version=version) == what


def test_where_a_tag_decides_it_has_to_be_signed_too() -> None:
    both = {V1.oid: Signed("lead", "m@v1.0.0"), PROD1.oid: Signed("lead", "m#prod#2")}
    assert refusal(SIGNED, signed=both) == ""
    stolen = both | {PROD1.oid: Signed("lead", "m#staging#2")}
    assert refusal(SIGNED, signed=stolen) == "Stalled SignatureRequired"
    assert refusal(SIGNED, signed=stolen, follow=Follow(range="1.x")) == ""
    assert refusal(SIGNED, signed=stolen, follow=Follow(range="2.x")) == "Stalled SignatureRequired"


def test_a_commit_that_nobody_registered_is_refused_where_signatures_are_asked_for() -> None:
    bare = tag("m#prod#2", 7, NOW)
    assert refusal(SIGNED, tags=(bare,), signed={bare.oid: Signed("lead", "m#prod#2")}) == (
        "Stalled SignatureRequired"
    )


@given(
    st.lists(st.sampled_from([GATE, DIGEST, SOAK, WINDOW, ALLOWED, BROKEN]), max_size=4),
    st.sampled_from(["v1.0.0", "v2.0.0"]),
    st.sampled_from([GATE, DIGEST, SOAK, WINDOW, ALLOWED, BROKEN]),
)
def test_one_more_rule_never_lets_pass_what_was_refused(
    rules: list[Rules], version: str, more: Rules
) -> None:
    before = decide(intent(*rules, version=version), view(V1, V2), NOW)
    after = decide(intent(*rules, more, version=version), view(V1, V2), NOW)
    if isinstance(before, Trouble):
        assert isinstance(after, Trouble)
        order = (Stalled, Waiting, Retry)
        rank = [next(i for i, f in enumerate(order) if isinstance(t, f)) for t in (before, after)]
        assert rank[1] <= rank[0]

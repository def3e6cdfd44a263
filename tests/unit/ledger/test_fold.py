"""What a set of tags amounts to; that GTO says the same is proved in tests/conformance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.ledger import message
from playbill.ledger.events import Assignment, Registration, TagRecord
from playbill.ledger.fold import ArtifactState, Ledger, fold


def record(name: str, commit: str = "c1", seconds: int | None = 1, text: str = "x") -> TagRecord:
    return TagRecord(
        name=name,
        oid=f"oid of {name}",
        kind="tag",
        target=commit,
        target_kind="commit",
        tagger="Ann",
        email="ann@example.org",
        seconds=seconds,
        message=text,
    )


def folded(*tags: tuple[str, str, int]) -> Ledger:
    return fold(record(*tag) for tag in tags)


def model(*tags: tuple[str, str, int]) -> ArtifactState:
    return folded(*tags).artifacts["m"]


def holders(state: ArtifactState, stage: str) -> list[str]:
    return [holder.version for holder in state.stages[stage].holders]


def test_no_tags_make_an_empty_ledger() -> None:
    assert fold([]) == Ledger()


def test_an_event_keeps_what_its_tag_says() -> None:
    trailers = {message.CLUSTER: "here"}
    text = message.compose("Registering", text="good", trailers=trailers)
    (event,) = fold([record("a=m@v1.0.0#3", "c9", 7, text)]).artifacts["a:m"].events
    assert isinstance(event, Registration)
    assert (event.artifact, event.version, event.counter) == ("a:m", "v1.0.0", 3)
    assert (event.tag, event.oid) == ("a=m@v1.0.0#3", "oid of a=m@v1.0.0#3")
    assert (event.commit, event.seconds) == ("c9", 7)
    assert (event.tagger, event.email) == ("Ann", "ann@example.org")
    assert (event.subject, event.body, event.trailers) == ("Registering", "good", trailers)


def test_a_version_that_was_registered_again_knows_both_times() -> None:
    version = model(("m@v1.0.0", "c1", 1), ("m@v1.0.0!", "c1", 2), ("m@v1.0.0#1", "c1", 3))
    state = version.versions["v1.0.0"]
    assert state.active
    assert (state.first_registration.tag, state.registration.tag) == ("m@v1.0.0", "m@v1.0.0#1")
    assert state.deregistration
    assert state.deregistration.tag == "m@v1.0.0!"
    assert state.last_seconds == 3


def test_a_deregistration_on_another_commit_is_a_problem_but_its_second_counts() -> None:
    ledger = folded(("m@v1.0.0", "c1", 1), ("m@v1.0.0!", "c2", 5), ("m#prod#1", "c2", 6))
    state = ledger.artifacts["m"]
    assert state.versions["v1.0.0"].active
    assert state.versions["v1.0.0"].last_seconds == 5
    assert holders(state, "prod") == []
    assert [problem.reason for problem in ledger.problems] == ["NothingToDeregister"]


def test_the_next_holder_wins_when_the_winner_leaves() -> None:
    tags = [("m@v1.0.0", "c1", 1), ("m@v2.0.0", "c2", 2), ("m#p#1", "c1", 3), ("m#p#2", "c2", 4)]
    assert holders(model(*tags), "p") == ["v2.0.0", "v1.0.0"]
    left = model(*tags, ("m#p!#3", "c2", 5))
    assert holders(left, "p") == ["v1.0.0"]
    assert left.stages["p"].last_event.tag == "m#p!#3"
    assert left.stages["p"].last_seconds == 5
    gone = model(*tags, ("m@v2.0.0!", "c2", 5))
    assert holders(gone, "p") == ["v1.0.0"]
    assert gone.stages["p"].last_seconds == 4
    back = model(*tags, ("m@v2.0.0!", "c2", 5), ("m@v2.0.0#3", "c2", 6))
    assert holders(back, "p") == ["v2.0.0", "v1.0.0"]


def test_an_emptied_stage_is_still_known() -> None:
    state = model(("m@v1.0.0", "c1", 1), ("m#p#1", "c1", 2), ("m#p!#2", "c1", 3))
    assert state.stages["p"].winner is None
    assert state.stages["p"].last_seconds == 3


def test_a_holder_bears_its_newest_assignment() -> None:
    state = model(("m@v1.0.0", "c1", 1), ("m#p#1", "c1", 2), ("m#p#2", "c1", 3))
    winner = state.stages["p"].winner
    assert winner
    assert (winner.assignment.tag, winner.commit, winner.registered) == ("m#p#2", "c1", True)
    assert isinstance(winner.assignment, Assignment)


def test_a_commit_without_version_holds_a_stage_under_its_own_id() -> None:
    winner = model(("m#p#1", "c1", 1)).stages["p"].winner
    assert winner
    assert (winner.version, winner.registered) == ("c1", False)


@pytest.mark.parametrize(
    ("seconds", "winner"),
    [((1, 2), "v2.0.0"), ((2, 1), "v1.0.0"), ((1, 1), "v1.0.0")],
)
def test_of_two_assignments_in_one_second_the_version_registered_first_wins(
    seconds: tuple[int, int], winner: str
) -> None:
    second, first = seconds
    tags = [("m@v1.0.0", "c1", first), ("m@v2.0.0", "c2", second)]
    state = model(*tags, ("m#p#1", "c1", 9), ("m#p#2", "c2", 9))
    assert holders(state, "p")[0] == winner


def test_two_versions_on_one_commit_are_reported_and_the_first_keeps_it() -> None:
    ledger = folded(("m@v1.0.0-rc.1", "c1", 1), ("m#p#1", "c1", 2), ("m@v1.0.0", "c1", 3))
    state = ledger.artifacts["m"]
    assert [v.version for v in state.registrations_at("c1")] == ["v1.0.0-rc.1", "v1.0.0"]
    assert state.versions_on("c1") == ("v1.0.0-rc.1", "v1.0.0")
    assert holders(state, "p") == ["v1.0.0-rc.1"]
    assert state.latest == "v1.0.0"
    assert [(p.tag, p.reason) for p in ledger.problems] == [("m@v1.0.0", "CommitTaken")]


def test_of_two_versions_on_one_commit_the_active_one_has_it() -> None:
    tags = [("m@v1.0.0", "c1", 1), ("m@v1.0.0!", "c1", 2), ("m@v2.0.0", "c1", 3)]
    state = model(*tags, ("m#p#1", "c1", 4))
    at = state.version_at("c1")
    assert at
    assert at.version == "v2.0.0"
    assert [v.version for v in state.registrations_at("c1")] == ["v2.0.0"]
    assert holders(state, "p") == ["v2.0.0"]


def test_a_version_registered_elsewhere_stays_where_it_was() -> None:
    ledger = folded(("m@v1.0.0", "c1", 1), ("m@v1.0.0#1", "c2", 2))
    assert ledger.artifacts["m"].versions["v1.0.0"].commit == "c1"
    assert [problem.reason for problem in ledger.problems] == ["VersionMoved"]


def test_a_version_may_move_once_it_was_deregistered() -> None:
    ledger = folded(("m@v1.0.0", "c1", 1), ("m@v1.0.0!", "c1", 2), ("m@v1.0.0#1", "c2", 3))
    assert ledger.artifacts["m"].versions["v1.0.0"].commit == "c2"
    assert ledger.problems == ()


def test_build_metadata_makes_no_version_higher_so_the_later_is_latest() -> None:
    assert model(("m@v1.0.0+b", "c1", 1), ("m@v1.0.0+a", "c2", 2)).latest == "v1.0.0+a"


@pytest.mark.parametrize(("seconds", "deprecated"), [(4, True), (3, False), (2, False)])
def test_a_deprecation_must_be_later_than_everything(seconds: int, deprecated: bool) -> None:
    state = model(("m@v1.0.0", "c1", 1), ("m#p#1", "c1", 3), ("m@deprecated", "c1", seconds))
    assert (state.deprecated, state.active) == (deprecated, not deprecated)
    assert state.last_seconds == max(3, seconds)


SOUND = record("m@v1.0.0#5")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (SOUND._replace(kind="commit"), "Lightweight"),
        (SOUND._replace(target_kind="tag"), "NestedTag"),
        (SOUND._replace(target_kind="tree"), "NotACommit"),
        (SOUND._replace(kind="blob", target_kind="blob"), "NotACommit"),
        (SOUND._replace(seconds=None), "NoTagger"),
        (SOUND._replace(seconds=253402300800), "TimeOutOfRange"),
        (SOUND._replace(seconds=-1), "TimeOutOfRange"),
    ],
)
def test_a_bad_tag_is_reported_and_left_out_but_its_number_is_used_up(
    bad: TagRecord, reason: str
) -> None:
    ledger = fold([bad])
    assert ledger.artifacts == {}
    assert [(problem.tag, problem.reason) for problem in ledger.problems] == [(bad.name, reason)]
    assert bad.name in ledger.problems[0].message
    assert ledger.max_counter("m") == 5
    assert bad.name in ledger.refs


def test_bad_tags_of_no_artifact_are_no_problem() -> None:
    assert fold([SOUND._replace(name="v1.0.0", kind="commit")]).problems == ()


def test_a_tag_that_breaks_all_of_gto_is_reported() -> None:
    ledger = folded(("m@v1.0.0", "c1", 1), ("m@created#9", "c1", 2))
    assert [problem.reason for problem in ledger.problems] == ["Created"]
    assert ledger.artifacts["m"].latest == "v1.0.0"


def test_the_counter_is_the_highest_of_all_actions() -> None:
    ledger = folded(("m@v1.0.0#2", "c1", 1), ("m#p!#7", "c1", 2), ("n#p#9", "c1", 3))
    assert (ledger.max_counter("m"), ledger.max_counter("n"), ledger.max_counter("o")) == (7, 9, 0)
    assert ledger.artifacts["m"].counter == 7


TAGS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "m@v1.0.0",
                "m@v2.0.0",
                "m@v1.0.0!",
                "m@v1.0.0#4",
                "m#p#1",
                "m#p#2",
                "m#p!#3",
                "m#q#5",
                "m@deprecated",
                "n=m@v1.0.0",
                "m@created",
                "unrelated",
            ]
        ),
        st.sampled_from(["c1", "c2"]),
        st.integers(1, 4),
    ),
    unique_by=lambda tag: tag[0],
)


@given(tags=TAGS, data=st.data())
def test_the_order_in_which_tags_are_listed_does_not_matter(
    tags: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    shuffled = folded(*data.draw(st.permutations(tags)))
    listed = folded(*tags)
    assert shuffled.artifacts == listed.artifacts
    assert shuffled.problems == listed.problems
    assert shuffled.counters == listed.counters


@given(tags=TAGS)
def test_every_holder_is_active_where_its_stage_says(tags: list[tuple[str, str, int]]) -> None:
    for artifact in folded(*tags).artifacts.values():
        for stage in artifact.stages.values():
            assert len({holder.version for holder in stage.holders}) == len(stage.holders)
            for holder in stage.holders:
                bound = artifact.version_at(holder.commit)
                assert holder.version == (bound.version if bound else holder.commit)
                assert holder.registered == bool(bound and bound.active)
                assert holder.assignment.seconds <= stage.last_seconds

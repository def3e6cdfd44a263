"""Nothing is written when nothing changed, and everything is when something did."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.api.errors import Stalled, Waiting
from playbill.api.stage_assignment import StageAssignment
from playbill.rollout.drift import in_step
from playbill.rollout.ownership import refuse_foreign


@pytest.mark.parametrize(
    ("rendered", "live"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {"b": "c"}}, {"a": {"b": "c", "d": {}}}),
        ({"args": ["x", "y"]}, {"args": ["x", "y"]}),
        ({"nodeSelector": {}, "env": [], "hostNetwork": False, "value": ""}, {}),
        ({"emptyDir": {}}, {"emptyDir": {}}),
        ({"resources": {"limits": {"cpu": 0.5}}}, {"resources": {"limits": {"cpu": "500m"}}}),
        ({"resources": {"limits": {"cpu": "0.1"}}}, {"resources": {"limits": {"cpu": "100m"}}}),
        ({"requests": {"memory": "1024Mi"}}, {"requests": {"memory": "1Gi"}}),
        ({"requests": {"memory": "1e3"}}, {"requests": {"memory": "1k"}}),
        ({"emptyDir": {"sizeLimit": "1000k"}}, {"emptyDir": {"sizeLimit": "1M"}}),
        (
            {"containers": [{"name": "b", "image": "i"}]},
            {"containers": [{"name": "sidecar"}, {"name": "b", "image": "i", "tty": True}]},
        ),
        (
            {"ports": [{"containerPort": 80, "name": "http"}]},
            {"ports": [{"containerPort": 80, "name": "http", "protocol": "TCP"}]},
        ),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "a", "effect": "x"}]}),
    ],
)
def test_defaults_normal_forms_and_what_others_own_are_no_drift(
    rendered: dict[str, Any], live: dict[str, Any]
) -> None:
    assert in_step(rendered, live)


@pytest.mark.parametrize(
    ("rendered", "live"),
    [
        ({"a": 1}, None),
        ({"a": 1}, {}),
        ({"image": "a"}, {"image": "b"}),
        ({"replicas": 0}, {"replicas": 1}),
        ({"hostNetwork": False}, {"hostNetwork": True}),
        ({"args": ["x", "y"]}, {"args": ["y", "x"]}),
        ({"args": ["x"]}, {"args": ["x", "y"]}),
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}),
        ({"limits": {"cpu": "1"}}, {"limits": {}}),
        ({"limits": {"cpu": "words"}}, {"limits": {"cpu": "others"}}),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "1000m"}]}),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "B", "value": "1"}]}),
        ({"containers": [{"name": "a", "image": "x"}]}, {"containers": [{"name": "a"}]}),
        (
            {"ports": [{"name": "a", "port": 1, "protocol": "TCP"}]},
            {"ports": [{"name": "b", "port": 1, "protocol": "TCP"}]},
        ),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "a"}, {"key": "b"}]}),
        ({"env": ["not what core/v1 has"]}, {"env": [{"name": "A"}]}),
        ({"a": True}, {"a": 1}),
        ({"a": {"b": 1}}, {"a": "b"}),
    ],
)
def test_a_hand_edit_of_what_we_render_is_drift(
    rendered: dict[str, Any], live: dict[str, Any] | None
) -> None:
    assert not in_step(rendered, live)


leaves = st.integers(min_value=1) | st.text(min_size=1)
objects = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abc"), objects, max_size=4), st.dictionaries(st.just("z"), objects))
def test_what_we_render_is_in_step_with_itself_whatever_is_added(
    rendered: dict[str, Any], added: dict[str, Any]
) -> None:
    assert in_step(rendered, copy.deepcopy(rendered) | added)


@given(st.dictionaries(st.text("abc", min_size=1), leaves, min_size=1), st.data())
def test_every_leaf_that_is_taken_away_is_seen(rendered: dict[str, Any], data: Any) -> None:
    live = dict(rendered)
    del live[data.draw(st.sampled_from(sorted(live)))]

    assert not in_step({"spec": rendered}, {"spec": live})


ASSIGNMENT = StageAssignment.model_validate(
    {
        "metadata": {"name": "digits-prod", "namespace": "ml", "uid": "uid-1"},
        "spec": {"model": "digits", "stage": "prod"},
    }
)


def owned_by(**owner: Any) -> dict[str, Any]:
    reference = {
        "apiVersion": "playbill.dev/v1alpha1",
        "kind": "StageAssignment",
        "name": "digits-prod",
        "controller": True,
        **owner,
    }
    return {"kind": "Deployment", "metadata": {"name": "d", "ownerReferences": [reference]}}


def test_our_own_object_and_none_at_all_are_ours_to_write() -> None:
    refuse_foreign(None, ASSIGNMENT)
    refuse_foreign(owned_by(uid="uid-1"), ASSIGNMENT)


@pytest.mark.parametrize(
    "live",
    [
        {"kind": "Deployment", "metadata": {"name": "d"}},
        owned_by(uid="uid-2", kind="Other"),
        owned_by(uid="uid-1", controller=False),
    ],
)
def test_an_object_that_someone_else_made_is_not_touched(live: dict[str, Any]) -> None:
    with pytest.raises(Stalled) as trouble:
        refuse_foreign(live, ASSIGNMENT)

    assert trouble.value.reason == "NotOwned"


def test_what_a_deleted_namesake_left_is_waited_for() -> None:
    with pytest.raises(Waiting):
        refuse_foreign(owned_by(uid="uid-0"), ASSIGNMENT)

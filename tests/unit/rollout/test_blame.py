"""Whose hand changed what is ours, by the managedFields of the API server."""

import copy
from typing import Any

import pytest

from playbill.rollout.blame import blame, drift, put_back
from playbill.rollout.managed_fields import applied_at, lost_fields
from playbill.rollout.objects import HASH_ANNOTATION

RENDERED: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "digits-prod",
        "namespace": "ml",
        "labels": {"playbill.dev/assignment": "digits-prod"},
        "annotations": {HASH_ANNOTATION: "1"},
        "ownerReferences": [{"uid": "uid-1", "name": "digits-prod", "controller": True}],
    },
    "spec": {
        "template": {
            "spec": {
                "nodeSelector": {},
                "containers": [
                    {
                        "name": "server",
                        "image": "server:1",
                        "args": ["--a", "--b"],
                        "ports": [{"name": "http", "containerPort": 8080}],
                    }
                ],
            }
        }
    },
}
OURS: dict[str, Any] = {
    "f:metadata": {
        "f:labels": {"f:playbill.dev/assignment": {}},
        "f:annotations": {f"f:{HASH_ANNOTATION}": {}},
        "f:ownerReferences": {'k:{"uid":"uid-1"}': {}},
    },
    "f:spec": {
        "f:template": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"server"}': {
                        ".": {},
                        "f:name": {},
                        "f:image": {},
                        "f:args": {},
                        "f:ports": {
                            'k:{"containerPort":8080,"protocol":"TCP"}': {
                                ".": {},
                                "f:name": {},
                                "f:containerPort": {},
                            }
                        },
                    }
                }
            }
        }
    },
}
CONTAINERS = ("f:spec", "f:template", "f:spec", "f:containers")
SERVER = (*CONTAINERS, 'k:{"name":"server"}')
IMAGE = (*SERVER, "f:image")
EDIT, PATCH = "kubectl-edit", "kubectl-patch"


def taken(fields: dict[str, Any], *steps: str) -> dict[str, Any]:
    """Our entry without one field, and without what held nothing else, as the server writes it."""
    first, rest = steps[0], steps[1:]
    left = taken(fields[first], *rest) if rest else {}
    others = {step: inner for step, inner in fields.items() if step != first}
    return {**others, first: left} if left else others


def holding(*steps: str) -> dict[str, Any]:
    """An entry with one field."""
    found: dict[str, Any] = {}
    for step in reversed(steps):
        found = {step: found}
    return found


def entry(
    manager: str, fields: dict[str, Any], at: str = "12:00:00", operation: str = "Update"
) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": operation,
        "time": f"2026-05-03T{at}Z",
        "fieldsV1": fields,
    }


def live(fields: dict[str, Any], *others: dict[str, Any], seal: str = "1") -> dict[str, Any]:
    found = copy.deepcopy(RENDERED)
    ours = entry("playbill", fields, operation="Apply")
    found["metadata"]["managedFields"] = [*others, ours]
    found["metadata"]["annotations"][HASH_ANNOTATION] = seal
    return found


def test_what_is_all_ours_is_nobodys_fault() -> None:
    hpa = entry("hpa", holding("f:spec", "f:replicas"))

    assert lost_fields(RENDERED, live(OURS, hpa)) == []
    assert blame(RENDERED, live(OURS, hpa)) == ()


def test_an_edit_is_told_with_hand_field_and_time() -> None:
    edited = live(taken(OURS, *IMAGE), entry(EDIT, holding(*IMAGE), "12:03:44"))

    assert put_back(edited, blame(RENDERED, edited)) == (
        "Deployment digits-prod: kubectl-edit changed "
        "spec.template.spec.containers[server].image at 2026-05-03T12:03:44Z; put back"
    )


def test_several_hands_are_told_the_latest_first() -> None:
    args = (*SERVER, "f:args")
    fields = taken(taken(OURS, *IMAGE), *args)
    edited = live(
        fields,
        entry(EDIT, holding(*IMAGE), "12:03:44"),
        entry(PATCH, holding(*args), "12:05:00"),
    )

    assert [str(change) for change in blame(RENDERED, edited)] == [
        "kubectl-patch changed spec.template.spec.containers[server].args at 2026-05-03T12:05:00Z",
        "kubectl-edit changed spec.template.spec.containers[server].image at 2026-05-03T12:03:44Z",
    ]


def test_what_was_taken_out_is_told_without_a_name() -> None:
    label = ("f:metadata", "f:labels", "f:playbill.dev/assignment")
    edited = live(taken(OURS, *label), entry(EDIT, holding(*IMAGE)))

    assert [str(change) for change in blame(RENDERED, edited)] == [
        "somebody took out metadata.labels[playbill.dev/assignment]"
    ]


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        (CONTAINERS, "spec.template.spec.containers[server]"),
        (SERVER, "spec.template.spec.containers[server]"),
        ((*SERVER, "f:ports"), "spec.template.spec.containers[server].ports"),
        (
            (*SERVER, "f:ports", 'k:{"containerPort":8080,"protocol":"TCP"}'),
            "spec.template.spec.containers[server].ports[http]",
        ),
        (("f:metadata", "f:ownerReferences"), "metadata.ownerReferences"),
    ],
)
def test_the_topmost_of_what_was_lost_is_named(steps: tuple[str, ...], path: str) -> None:
    (lost,) = lost_fields(RENDERED, live(taken(OURS, *steps)))

    assert path.startswith(lost.path)
    assert lost.path


def test_a_long_list_of_fields_is_cut() -> None:
    rendered = {"kind": "ConfigMap", "data": dict.fromkeys("abcdef", "x")}
    others = entry(EDIT, {"f:data": {f"f:{key}": {} for key in "abcdef"}})
    ours = entry("playbill", {"f:data": {"f:g": {}}}, operation="Apply")
    edited = {**rendered, "metadata": {"name": "a", "managedFields": [others, ours]}}

    (change,) = blame(rendered, edited)

    assert "data.a, data.b, data.c, data.d and 2 more" in str(change)


def test_sets_are_compared_by_their_values() -> None:
    rendered = {"kind": "Any", "spec": {"names": ["a", "b"]}}
    ours = entry("playbill", {"f:spec": {"f:names": {'v:"a"': {}}}}, operation="Apply")
    edited = {**rendered, "metadata": {"name": "a", "managedFields": [ours]}}

    assert [lost.path for lost in lost_fields(rendered, edited)] == ["spec.names[b]"]


def test_our_own_new_rendering_is_no_drift() -> None:
    edited = live(taken(OURS, *IMAGE), entry(EDIT, holding(*IMAGE)), seal="0")

    assert drift(RENDERED, edited) == ()


def test_a_seal_that_somebody_wrote_does_not_hide_the_rest() -> None:
    seal = ("f:metadata", "f:annotations", f"f:{HASH_ANNOTATION}")
    fields = taken(taken(OURS, *IMAGE), *seal)
    edited = live(fields, entry(EDIT, holding(*IMAGE)), entry(EDIT, holding(*seal)), seal="0")

    assert "containers[server].image" in put_back(edited, drift(RENDERED, edited))


def test_an_object_that_was_never_ours_is_all_lost() -> None:
    bare = {**RENDERED, "metadata": {**RENDERED["metadata"], "managedFields": []}}

    assert [lost.path for lost in lost_fields(RENDERED, bare)] == [
        "metadata.labels[playbill.dev/assignment]",
        f"metadata.annotations[{HASH_ANNOTATION}]",
        "metadata.ownerReferences",
        "spec.template.spec.containers",
    ]


def test_of_what_is_gone_altogether_the_top_is_named() -> None:
    bare = {**RENDERED, "metadata": {**RENDERED["metadata"], "managedFields": []}, "spec": {}}

    assert "spec.template" in [lost.path for lost in lost_fields(RENDERED, bare)]


def test_the_time_is_that_of_our_entry() -> None:
    later = entry(EDIT, {}, "23:00:00")

    assert applied_at(live(OURS, later)) == "2026-05-03T12:00:00Z"
    assert applied_at({"metadata": {}}) is None

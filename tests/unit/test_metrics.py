"""What a Prometheus sees of the operator."""

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as parse_text

from playbill.metrics import Metrics

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"


def families(metrics: Metrics) -> list[Metric]:
    _, body = metrics.render(OPENMETRICS)
    return list(text_string_to_metric_families(body.decode()))  # type: ignore[no-untyped-call]


def series(metrics: Metrics, family: str) -> dict[frozenset[str], float]:
    """The values of one metric, by the values of its labels."""
    return {
        frozenset(sample.labels.values()): sample.value
        for found in families(metrics)
        if found.name == family
        for sample in found.samples
        if not sample.name.endswith("_created")
    }


def hold(metrics: Metrics, assignment: str, version: str) -> None:
    metrics.set_stage(
        namespace="ml", assignment=assignment, model="digits", stage="prod", version=version
    )


def test_every_metric_has_a_help_text_and_our_prefix() -> None:
    found = families(Metrics())

    assert len(found) > 15
    assert all(family.documentation for family in found)
    assert all(family.name.startswith(("playbill_", "process_")) for family in found)


def test_plain_text_is_for_who_does_not_ask_for_openmetrics() -> None:
    content_type, body = Metrics().render("")

    assert content_type.startswith("text/plain")
    assert list(parse_text(body.decode()))


def held(version: str) -> dict[frozenset[str], float]:
    return {frozenset({"ml", "digits", "prod", version}): 1}


def test_a_promotion_leaves_one_series_of_the_assignment() -> None:
    metrics = Metrics()

    hold(metrics, "digits-prod", "v1.0.0")
    hold(metrics, "digits-prod", "v1.1.0")
    hold(metrics, "digits-prod", "v1.1.0")

    assert series(metrics, "playbill_stage_info") == {
        frozenset({"ml", "digits", "prod", "v1.1.0"}): 1
    }


def test_the_series_goes_with_the_assignment() -> None:
    metrics = Metrics()
    hold(metrics, "digits-prod", "v1.0.0")

    metrics.unset_stage(namespace="ml", assignment="digits-prod")
    metrics.unset_stage(namespace="ml", assignment="digits-prod")

    assert series(metrics, "playbill_stage_info") == {}


def test_a_twin_that_goes_does_not_take_the_series_of_the_other() -> None:
    metrics = Metrics()
    hold(metrics, "digits-prod", "v1.0.0")
    hold(metrics, "renamed", "v1.0.0")

    metrics.unset_stage(namespace="ml", assignment="digits-prod")

    assert series(metrics, "playbill_stage_info") == {
        frozenset({"ml", "digits", "prod", "v1.0.0"}): 1
    }


def test_two_operators_in_one_process_do_not_share_numbers() -> None:
    one, other = Metrics(), Metrics()

    one.count_kube_request("get", "secrets", "200")

    requests = series(one, "playbill_kube_requests")
    assert requests == {frozenset({"get", "secrets", "200"}): 1}
    assert series(other, "playbill_kube_requests") == {}


@pytest.mark.parametrize(
    "family",
    [
        "playbill_build_info",
        "playbill_models",
        "playbill_model_versions",
        "playbill_push_conflicts",
    ],
)
def test_what_has_no_labels_is_there_from_the_start(family: str) -> None:
    assert series(Metrics(), family)

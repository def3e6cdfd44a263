"""Which repositories there are, and who of all namespaces claims what."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.controllers.objects import URL, metadata, raw_model, raw_stage, raw_version
from tests.unit.ledger.book import commit

from playbill.api.errors import Retry, Stalled
from playbill.api.promotion_policy import PromotionPolicy
from playbill.api.registered_model import RegisteredModel
from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.keys import Kind, ObjectKey, RepositoryKey
from playbill.controllers.inventory.repository_state import Resolved
from playbill.controllers.inventory.store import Asking, Store, key_of
from playbill.git.url import UrlPolicy
from playbill.ledger.intents import VersionIntent
from playbill.ledger.view import Author

YOUNGER = {"creationTimestamp": "2026-02-01T00:00:00Z"}


class Registry:
    """A catalogue over a store, told of objects as the informer tells."""

    def __init__(self) -> None:
        self.store = Store()
        self.catalogue = Catalogue(
            store=self.store, policy=UrlPolicy(), author=Author(cluster="here")
        )

    def put(self, kind: Kind, raw: Any) -> Asking:
        _, now = self.store.put(kind, raw)
        assert isinstance(now, Asking)
        if isinstance(now, RegisteredModel):
            self.catalogue.enter(now)
        return now

    def model(self, name: str = "digits", *, namespace: str = "ns", **more: Any) -> RegisteredModel:
        meta = {"namespace": namespace, "uid": f"{namespace}-{name}"} | more.pop("meta", {})
        found = self.put("RegisteredModel", raw_model(name, meta=meta, **more))
        assert isinstance(found, RegisteredModel)
        return found

    def stage(self, name: str = "digits-prod", *, namespace: str = "ns", **more: Any) -> Asking:
        meta = {"namespace": namespace, "uid": f"{namespace}-{name}"} | more.pop("meta", {})
        return self.put("StageAssignment", raw_stage(name, meta=meta, **more))

    def version(self, name: str = "v1", *, namespace: str = "ns", **more: Any) -> Asking:
        meta = {"namespace": namespace, "uid": f"{namespace}-{name}"} | more.pop("meta", {})
        return self.put("ModelVersion", raw_version(name, meta=meta, **more))

    def twins(self, resource: Asking) -> set[str]:
        return {t.metadata.uid for t in self.catalogue.twins(resource)}


@pytest.fixture
def registry() -> Registry:
    return Registry()


def test_models_of_one_url_and_secret_share_a_repository(registry: Registry) -> None:
    one, two = registry.model("one"), registry.model("two")
    other = registry.model("other", repository={"url": URL, "secretRef": {"name": "key"}})
    place = RepositoryKey("ns", URL, "")
    assert registry.catalogue.state_of(one) is registry.catalogue.state_of(two)
    assert registry.catalogue.state_of(one).key == place
    assert registry.catalogue.state_of(other).key.secret == "key"
    assert registry.catalogue.tenants(place) == [one, two]


def test_by_no_other_name_does_a_model_get_by_a_policy(registry: Registry) -> None:
    spec = {"models": ["digits"], "stages": ["prod"], "requireDigest": True}
    _, policy = registry.store.put("PromotionPolicy", {"metadata": metadata("p"), "spec": spec})
    assert isinstance(policy, PromotionPolicy)
    registry.model("digits")
    registry.model("alias", artifact="digits")
    registry.model("elsewhere", repository={"url": f"{URL}2"}, artifact="digits")
    registry.model("letters")
    overseen = [registry.stage(f"{name}-prod", model=name) for name in ("digits", "alias")]
    for name in ("elsewhere", "letters", "missing"):
        registry.stage(f"{name}-prod", model=name)
    assert registry.catalogue.overseen(policy) == overseen
    registry.catalogue.remove(key_of(registry.model("digits")))
    assert registry.catalogue.overseen(policy) == overseen[:1]


def test_namespaces_never_share_a_repository(registry: Registry) -> None:
    here, there = registry.model(), registry.model(namespace="there")
    assert registry.catalogue.state_of(here) is not registry.catalogue.state_of(there)


def test_a_url_that_is_refused_is_said_each_time_it_is_asked_for(registry: Registry) -> None:
    found = registry.model(repository={"url": "ext::sh -c whoami"})
    for _ in range(2):
        with pytest.raises(Stalled):
            registry.catalogue.state_of(found)


def test_a_model_that_moves_leaves_its_old_repository(registry: Registry) -> None:
    registry.model()
    old = RepositoryKey("ns", URL, "")
    moved = registry.model(meta={"resourceVersion": "2"}, repository={"url": f"{URL}2"})
    assert registry.catalogue.tenants(old) == []
    assert registry.catalogue.state_of(moved).key.url == f"{URL}2"
    assert registry.catalogue.forget(old) is not None
    assert registry.catalogue.state(old) is None


def test_a_repository_in_use_is_not_forgotten(registry: Registry) -> None:
    registry.model()
    assert registry.catalogue.forget(RepositoryKey("ns", URL, "")) is None
    assert registry.catalogue.state(RepositoryKey("ns", URL, "")) is not None


@pytest.mark.parametrize(
    ("url", "artifact", "twins"),
    [
        pytest.param(URL, "digits", True, id="the same"),
        pytest.param("https://git.example.com/models", "digits", True, id="another spelling"),
        pytest.param("https://GIT.example.com:443/models.git", "digits", True, id="the port said"),
        pytest.param(URL, "letters", False, id="another artifact"),
        pytest.param("https://git.example.com/other.git", "digits", False, id="another repository"),
    ],
)
def test_one_stage_of_one_model_has_twins_across_namespaces(
    registry: Registry, url: str, artifact: str, twins: bool
) -> None:
    registry.model()
    registry.model("copy", namespace="there", artifact=artifact, repository={"url": url})
    one = registry.stage()
    registry.stage(namespace="there", model="copy")
    registry.stage("digits-dev", stage="dev")
    assert registry.twins(one) == {"ns-digits-prod"} | ({"there-digits-prod"} if twins else set())


def test_versions_are_twins_by_number_with_or_without_the_v(registry: Registry) -> None:
    registry.model()
    one = registry.version("a", version="v1.0.0")
    registry.version("b", version="1.0.0")
    registry.version("c", status={"version": "v1.0.0"})
    registry.version("d", version="1.0.1")
    unknown = registry.version("e")
    assert registry.twins(one) == {"ns-a", "ns-b", "ns-c"}
    assert registry.twins(unknown) == {"ns-e"}


def test_a_claim_ends_with_its_object_and_changes_with_its_spec(registry: Registry) -> None:
    registry.model()
    one, two = registry.version("a", version="1.0.0"), registry.version("b", version="1.0.0")
    registry.version("b", version="2.0.0", meta={"resourceVersion": "2"})
    assert registry.twins(one) == {"ns-a"}
    registry.version("b", version="1.0.0", meta={"resourceVersion": "3"})
    registry.store.drop(key_of(two), "ns-b")
    assert registry.twins(one) == {"ns-a"}


def test_the_oldest_of_all_namespaces_intends_and_the_others_are_refused(
    registry: Registry,
) -> None:
    registry.model()
    registry.model(namespace="there")
    owner = registry.stage(namespace="there")
    late = registry.stage(meta=YOUNGER)
    assert registry.catalogue.intend(owner) is not None
    with pytest.raises(Stalled, match="older StageAssignment there/digits-prod"):
        registry.catalogue.intend(late)


def test_when_the_owner_goes_its_twin_takes_over(registry: Registry) -> None:
    registry.model()
    owner, late = registry.stage("old"), registry.stage("new", meta=YOUNGER)
    registry.store.drop(key_of(owner), "ns-old")
    assert registry.catalogue.intend(late) is not None


def test_without_its_model_or_while_suspended_nothing_is_intended(registry: Registry) -> None:
    lonely = registry.stage()
    assert registry.catalogue.intend(lonely) is None
    registry.model(suspend=True)
    assert registry.catalogue.intend(lonely) is None
    registry.model(meta={"resourceVersion": "2"})
    assert registry.catalogue.intend(lonely) is not None
    assert registry.catalogue.intend(registry.stage("held", stage="dev", suspend=True)) is None


def test_a_version_s_intent_knows_its_commit_and_its_users(registry: Registry) -> None:
    state = registry.catalogue.state_of(registry.model())
    found = registry.version(version="1.0.0", deregistered=True)
    registry.stage("digits-prod", version="v1.0.0")
    registry.stage("digits-dev", stage="dev", version="2.0.0")
    registry.stage("digits-any", stage="any")
    state.resolved["ns-v1"] = Resolved(1, commit(4))
    intent = registry.catalogue.intend(found)
    assert isinstance(intent, VersionIntent)
    assert (intent.commit, intent.users) == (commit(4), ("digits-prod",))


ROLLOUT = {"template": {"spec": {"containers": [{"name": "server"}]}}}


def runners(registry: Registry, found: Asking) -> tuple[str, ...]:
    intent = registry.catalogue.intend(found)
    assert isinstance(intent, VersionIntent)
    return intent.runners


@pytest.mark.parametrize(
    ("status", "needed"),
    [
        ({}, False),
        ({"workload": {"name": "m", "version": "v1.0.0"}}, True),
        ({"workload": {"name": "m", "version": "v2.0.0"}}, False),
    ],
)
def test_a_version_that_a_workload_runs_still_has_a_user(
    registry: Registry, status: Any, needed: bool
) -> None:
    registry.model()
    found = registry.version(version="1.0.0", deregistered=True)
    registry.stage("digits-prod", status=status, rollout=ROLLOUT)
    assert runners(registry, found) == (("digits-prod",) if needed else ())


def test_a_workload_in_another_namespace_counts_if_its_repository_can_be_read(
    registry: Registry,
) -> None:
    registry.model()
    found = registry.version(version="1.0.0", deregistered=True)
    there = registry.catalogue.state_of(registry.model(namespace="there"))
    status = {"workload": {"name": "m", "version": "v1.0.0"}}
    registry.stage(namespace="there", status=status, rollout=ROLLOUT)
    assert runners(registry, found) == ("there/digits-prod",)
    there.trouble = Stalled("AuthenticationFailed", "no password")
    assert runners(registry, found) == ()


def test_a_commit_found_for_an_older_spec_is_not_taken(registry: Registry) -> None:
    state = registry.catalogue.state_of(registry.model())
    state.resolved["ns-v1"] = Resolved(1, commit(4))
    intent = registry.catalogue.intend(registry.version(meta={"generation": 2}))
    assert isinstance(intent, VersionIntent)
    assert intent.commit is None


def test_a_model_that_is_gone_is_nobody_s_twin(registry: Registry) -> None:
    registry.model()
    registry.model(namespace="there")
    one = registry.stage()
    registry.stage(namespace="there")
    registry.catalogue.remove(ObjectKey("RegisteredModel", "there", "digits"))
    assert registry.twins(one) == {"ns-digits-prod"}


def test_who_cannot_read_the_repository_claims_nothing_of_it(registry: Registry) -> None:
    registry.model()
    squatter = registry.model(namespace="there")
    registry.stage(namespace="there")
    late = registry.stage(meta=YOUNGER)
    registry.catalogue.state_of(squatter).trouble = Stalled("AuthenticationFailed", "no")
    assert registry.catalogue.intend(late) is not None
    registry.catalogue.state_of(squatter).trouble = Retry("RemoteUnavailable", "not now")
    with pytest.raises(Stalled, match="older StageAssignment"):
        registry.catalogue.intend(late)


def test_who_asked_is_believed_only_where_the_api_server_vouches_for_it() -> None:
    registry = Registry()
    registry.model()
    asked = {"annotations": {"playbill.dev/requested-by": "ada", "playbill.dev/change": "pull/7"}}
    resource = registry.put("StageAssignment", raw_stage(meta=asked))
    told = registry.catalogue.intend(resource)
    assert told is not None
    assert (told.asker.requested_by, told.asker.change) == ("", "pull/7")
    registry.catalogue.names_actors = True
    told = registry.catalogue.intend(resource)
    assert told is not None
    assert (told.asker.requested_by, told.asker.change) == ("ada", "pull/7")

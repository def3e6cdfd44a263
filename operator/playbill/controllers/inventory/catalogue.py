"""Which repositories there are, which models live in them, and who claims what.

An index over the store: found by canonical repository and artifact, two models in two
namespaces are the same model, and their versions and stages have one owner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

from playbill.api.adoption import Adopt
from playbill.api.errors import Stalled, Trouble, Waiting
from playbill.api.model_repository import ModelRepository
from playbill.api.model_version import ModelVersion
from playbill.api.promotion_policy import PromotionPolicy
from playbill.api.registered_model import RegisteredModel
from playbill.api.repository import Repository
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.adopted import is_adopted
from playbill.controllers.inventory.evidence import Declared, with_evidence
from playbill.controllers.inventory.intents import intent_of, refuse_claimed, unnamed
from playbill.controllers.inventory.keys import ObjectKey, RepositoryKey
from playbill.controllers.inventory.ledger_span import known_since
from playbill.controllers.inventory.policies import rules_for, selects
from playbill.controllers.inventory.repository_state import RepositoryState
from playbill.controllers.inventory.running import in_use
from playbill.controllers.inventory.store import Asking, Store, key_of, slot_of
from playbill.git.url import UrlPolicy, parse_url
from playbill.ledger.intents import AnyIntent, StageIntent, VersionIntent
from playbill.ledger.policies.evidence import Evidence
from playbill.ledger.policies.policy import Oversight
from playbill.ledger.view import Author

Identity = tuple[str, str]
"""Canonical repository and artifact: what a model is, across namespaces."""

Tenant = RegisteredModel | ModelRepository
"""What has a repository looked at."""


class Catalogue:
    """The tenants by repository and the models by identity; told of each one's coming, change
    and going. `names_actors` while the API server vouches for who asked."""

    def __init__(self, *, store: Store, policy: UrlPolicy, author: Author) -> None:
        self.names_actors = False
        self._store = store
        self._policy = policy
        self._author = author
        self._entries: dict[ObjectKey, RepositoryKey | Trouble] = {}
        self._identities: dict[ObjectKey, Identity] = {}
        self._same: dict[Identity, set[ObjectKey]] = defaultdict(set)
        self._living: dict[RepositoryKey, set[ObjectKey]] = defaultdict(set)
        self._states: dict[RepositoryKey, RepositoryState] = {}

    def enter(self, tenant: Tenant) -> None:
        """A tenant has come, or its spec has changed."""
        key = key_of(tenant)
        self._move_out(key)
        try:
            self._move_in(key, tenant)
        except Trouble as trouble:
            self._entries[key] = trouble
        self._enter_guests(key)

    def remove(self, key: ObjectKey) -> None:
        """A tenant has gone."""
        self._move_out(key)
        self._enter_guests(key)

    def _enter_guests(self, key: ObjectKey) -> None:
        """The models that name a ModelRepository live where it does."""
        if key.kind == "ModelRepository":
            for model in self._store.of_repository(key.namespace, key.name):
                self.enter(model)

    def _move_in(self, key: ObjectKey, tenant: Tenant) -> None:
        repository = self.repository_of(tenant)
        url = parse_url(repository.url, policy=self._policy)
        secret = repository.secret_ref.name if repository.secret_ref else ""
        place = RepositoryKey(key.namespace, url.text, secret)
        self._entries[key] = place
        self._living[place].add(key)
        if place not in self._states:
            self._states[place] = RepositoryState(key=place, url=url, author=self._author)
        if isinstance(tenant, RegisteredModel):
            identity = (url.canonical, tenant.artifact)
            self._identities[key] = identity
            self._same[identity].add(key)

    def _move_out(self, key: ObjectKey) -> None:
        place = self._entries.pop(key, None)
        identity = self._identities.pop(key, None)
        if identity is not None:
            self._same[identity].discard(key)
        if isinstance(place, RepositoryKey):
            self._living[place].discard(key)

    def repository_of(self, tenant: Tenant) -> Repository:
        """Where a tenant's repository is, and how to treat it.

        Raises Waiting (DependencyNotFound) while the ModelRepository that a model names is missing.
        """
        if isinstance(tenant, ModelRepository):
            return tenant.spec
        if tenant.spec.repository is not None:
            return tenant.spec.repository
        home = self.home_of(tenant)
        if home is None:
            raise _home_missing(tenant)
        return home.spec

    def home_of(self, model: RegisteredModel) -> ModelRepository | None:
        """The ModelRepository that a model names."""
        named = model.spec.repository_ref
        return self._store.repository(model.metadata.namespace, named.name) if named else None

    def adoption_of(self, model: RegisteredModel) -> Adopt | None:
        """What is adopted of a model's ledger: by its own word, else its ModelRepository's."""
        home = self.home_of(model)
        return model.spec.adopt or (home.spec.adopt if home else None)

    def state_of(self, tenant: Tenant) -> RepositoryState:
        """The state of a tenant's repository.

        Raises Stalled for a URL that is refused, Waiting for a ModelRepository that is missing.
        """
        place = self._entries.get(key_of(tenant))
        if place is None:
            self.enter(tenant)
            place = self._entries[key_of(tenant)]
        if isinstance(place, Trouble):
            raise place
        return self._states[place]

    def state(self, place: RepositoryKey) -> RepositoryState | None:
        """The state of a repository that some tenant has named."""
        return self._states.get(place)

    def forget(self, place: RepositoryKey) -> RepositoryState | None:
        """No tenant lives there any more."""
        if self._living.get(place):
            return None
        self._living.pop(place, None)
        return self._states.pop(place, None)

    def tenants(self, place: RepositoryKey) -> list[Tenant]:
        """Who wants this repository looked at, as its namespace sees it; none that is suspended."""
        found = (self._store.get(key) for key in sorted(self._living.get(place, ())))
        return [t for t in found if isinstance(t, Tenant) and not self._is_suspended(t)]

    def _is_suspended(self, tenant: Tenant) -> bool:
        home = self.home_of(tenant) if isinstance(tenant, RegisteredModel) else None
        return tenant.spec.suspend or (home is not None and home.spec.suspend)

    def is_suspended(self, resource: Asking, model: RegisteredModel) -> bool:
        """Whether nothing is to be done for the resource now."""
        itself = isinstance(resource, StageAssignment) and resource.spec.suspend
        return itself or self._is_suspended(model)

    def model_of(self, resource: Asking) -> RegisteredModel | None:
        """The model that a resource is about."""
        if isinstance(resource, RegisteredModel):
            return resource
        return self._store.model(resource.metadata.namespace, resource.spec.model)

    def same_models(self, model: RegisteredModel) -> list[RegisteredModel]:
        """All objects that stand for the same model, in any namespace, this one included."""
        identity = self._identities.get(key_of(model))
        return [model] if identity is None else self.models(identity)

    def models(self, identity: Identity) -> list[RegisteredModel]:
        """All objects that stand for the model of this repository and artifact."""
        found = (self._store.get(key) for key in sorted(self._same.get(identity, ())))
        return [m for m in found if isinstance(m, RegisteredModel)]

    def overseen(self, policy: PromotionPolicy) -> list[StageAssignment]:
        """The assignments that a policy has anything to say about."""
        return [
            each
            for each in self._store.assignments_in(policy.metadata.namespace)
            if selects(policy.spec, models=self._names(each), stage=each.spec.stage)
        ]

    def _names(self, assignment: StageAssignment) -> set[str]:
        """What its model is called in its namespace: by no other name does it get by a policy."""
        namespace, model = assignment.metadata.namespace, self.model_of(assignment)
        same = self.same_models(model) if model else []
        others = {m.metadata.name for m in same if m.metadata.namespace == namespace}
        return others | {assignment.spec.model}

    def twins(self, resource: Asking) -> list[Asking]:
        """All objects in the cluster that claim the same version or stage, this one included."""
        model = self.model_of(resource)
        slot = None if isinstance(resource, RegisteredModel) else slot_of(resource)
        identity = self._identities.get(key_of(model)) if model else None
        if slot is None or identity is None:
            return [resource]
        found: list[Asking] = []
        for key in self._same[identity]:
            found += self._store.claimants(key.namespace, key.name, slot)
        return found

    def intend(self, resource: Asking) -> AnyIntent | None:
        """The resource's intent; None when it is suspended, or its model is or is not there.

        Raises Trouble: the URL is refused, the ModelRepository is missing, or an older object
        claims the same.
        """
        model = self.model_of(resource)
        if model is None or self.is_suspended(resource, model):
            return None
        state = self.state_of(model)
        adopted = is_adopted(resource)
        if not isinstance(resource, RegisteredModel) and not adopted:
            refuse_claimed(resource, filter(self.may_own, self.twins(resource)))
        meta = resource.metadata
        intent = intent_of(
            resource,
            artifact=model.artifact,
            may_alias=model.spec.on_commit_taken == "Alias",
            commit=state.commit_for(meta.uid, meta.generation),
            users=self._users(resource, names),
            since=known_since(model, state.view) if state.view else 0,
            read_only=adopted,
        )
        if isinstance(intent, VersionIntent):
            intent = replace(intent, runners=tuple(self._users(resource, needs)))
        intent = intent if self.names_actors else unnamed(intent)
        return self._overseen(intent, resource, state)

    def _overseen(self, intent: AnyIntent, resource: Asking, state: RepositoryState) -> AnyIntent:
        """A promotion with the policies that it is under, and what is known to judge it by."""
        if not isinstance(intent, StageIntent) or not isinstance(resource, StageAssignment):
            return intent
        namespace, model = resource.metadata.namespace, resource.spec.model
        policies = self._store.policies(namespace)
        rules = rules_for(policies, models=self._names(resource), stage=intent.stage)
        if not rules:
            return intent
        evidence = Evidence(declared=Declared(self._store, namespace, model))
        intent = replace(intent, oversight=Oversight(model=model, rules=rules, evidence=evidence))
        return with_evidence(intent, state.view, state) if state.view else intent

    def may_own(self, resource: Asking) -> bool:
        """Whether the object's claim counts: an adopted one has none, nor has one of whoever
        cannot read the repository, lest a namespace should squat on what is not its own."""
        model = self.model_of(resource)
        place = self._entries.get(key_of(model)) if model else None
        if not isinstance(place, RepositoryKey) or is_adopted(resource):
            return False
        state = self._states[place]
        return state.view is not None or not isinstance(state.trouble, Stalled | Waiting)

    def _users(
        self, resource: Asking, has: Callable[[StageAssignment, str], bool]
    ) -> Iterator[str]:
        """The live assignments that have to do with a version that is to be deregistered, in all
        namespaces of whoever can read the repository."""
        model, slot = self.model_of(resource), None
        if isinstance(resource, ModelVersion) and resource.spec.deregistered:
            slot = slot_of(resource)
        if slot is None or model is None:
            return
        here, version = resource.metadata.namespace, slot.removeprefix("@")
        for same in self.same_models(model):
            meta = same.metadata
            for assignment in self._store.assignments(meta.namespace, meta.name):
                own = meta.namespace == here
                if has(assignment, version) and (own or self.may_own(assignment)):
                    name = assignment.metadata.name
                    yield name if own else f"{meta.namespace}/{name}"


def names(assignment: StageAssignment, version: str) -> bool:
    """Whether its spec asks for this version, given without its v."""
    return (assignment.spec.version or "").removeprefix("v") == version


def needs(assignment: StageAssignment, version: str) -> bool:
    """Whether its workload runs this version, or may have to go back to it."""
    return any(each.removeprefix("v") == version for each in in_use(assignment))


def _home_missing(model: RegisteredModel) -> Waiting:
    named = model.spec.repository_ref.name if model.spec.repository_ref else ""
    return Waiting(
        "DependencyNotFound",
        f"there is no ModelRepository {named} in namespace {model.metadata.namespace}: create "
        "it, and this goes on by itself",
    )

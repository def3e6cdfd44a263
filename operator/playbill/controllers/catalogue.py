"""Which repositories there are, which models live in them, and who claims what.

An index over the store: found by canonical repository and artifact, two models in two
namespaces are the same model, and their versions and stages have one owner.
"""

from __future__ import annotations

from collections import defaultdict

from playbill.api.errors import Stalled
from playbill.api.model_version import ModelVersion
from playbill.api.registered_model import RegisteredModel
from playbill.controllers.intents import intent_of, refuse_claimed
from playbill.controllers.keys import ObjectKey, RepositoryKey
from playbill.controllers.ledger_span import known_since
from playbill.controllers.repository_state import RepositoryState
from playbill.controllers.store import Resource, Store, key_of, slot_of
from playbill.git.url import UrlPolicy, parse_url
from playbill.ledger.intents import AnyIntent
from playbill.ledger.view import Author

Identity = tuple[str, str]
"""Canonical repository and artifact: what a model is, across namespaces."""


class Catalogue:
    """The models by repository and by identity; told of each model's coming, change and going."""

    def __init__(self, *, store: Store, policy: UrlPolicy, author: Author) -> None:
        self._store = store
        self._policy = policy
        self._author = author
        self._entries: dict[ObjectKey, RepositoryKey | Stalled] = {}
        self._identities: dict[ObjectKey, Identity] = {}
        self._same: dict[Identity, set[ObjectKey]] = defaultdict(set)
        self._living: dict[RepositoryKey, set[ObjectKey]] = defaultdict(set)
        self._states: dict[RepositoryKey, RepositoryState] = {}

    def enter(self, model: RegisteredModel) -> None:
        """A model has come, or its spec has changed."""
        key = key_of(model)
        self.remove(key)
        repository = model.spec.repository
        try:
            url = parse_url(repository.url, policy=self._policy)
        except Stalled as stalled:
            self._entries[key] = stalled
            return
        secret = repository.secret_ref.name if repository.secret_ref else ""
        place = RepositoryKey(key.namespace, url.text, secret)
        identity = (url.canonical, model.artifact)
        self._entries[key] = place
        self._identities[key] = identity
        self._same[identity].add(key)
        self._living[place].add(key)
        if place not in self._states:
            self._states[place] = RepositoryState(key=place, url=url, author=self._author)

    def remove(self, key: ObjectKey) -> None:
        """A model has gone."""
        place = self._entries.pop(key, None)
        identity = self._identities.pop(key, None)
        if identity is not None:
            self._same[identity].discard(key)
        if isinstance(place, RepositoryKey):
            self._living[place].discard(key)

    def state_of(self, model: RegisteredModel) -> RepositoryState:
        """The state of a model's repository. Raises Stalled for a URL that is refused."""
        place = self._entries.get(key_of(model))
        if place is None:
            self.enter(model)
            place = self._entries[key_of(model)]
        if isinstance(place, Stalled):
            raise place
        return self._states[place]

    def state(self, place: RepositoryKey) -> RepositoryState | None:
        """The state of a repository that some model has named."""
        return self._states.get(place)

    def forget(self, place: RepositoryKey) -> RepositoryState | None:
        """No model lives there any more."""
        if self._living.get(place):
            return None
        self._living.pop(place, None)
        return self._states.pop(place, None)

    def models_in(self, place: RepositoryKey) -> list[RegisteredModel]:
        """The models whose history lives in this repository, as its namespace sees it."""
        found = (self._store.get(key) for key in sorted(self._living.get(place, ())))
        return [model for model in found if isinstance(model, RegisteredModel)]

    def model_of(self, resource: Resource) -> RegisteredModel | None:
        """The model that a resource is about."""
        if isinstance(resource, RegisteredModel):
            return resource
        return self._store.model(resource.metadata.namespace, resource.spec.model)

    def twins(self, resource: Resource) -> list[Resource]:
        """All objects in the cluster that claim the same version or stage, this one included."""
        model = self.model_of(resource)
        slot = None if isinstance(resource, RegisteredModel) else slot_of(resource)
        identity = self._identities.get(key_of(model)) if model else None
        if slot is None or identity is None:
            return [resource]
        found: list[Resource] = []
        for key in self._same[identity]:
            found += self._store.claimants(key.namespace, key.name, slot)
        return found

    def intend(self, resource: Resource) -> AnyIntent | None:
        """The resource's intent; None when it is suspended, or its model is or is not there.

        Raises Stalled: the URL is refused, or an older object claims the same.
        """
        model = self.model_of(resource)
        if model is None or is_suspended(resource, model):
            return None
        state = self.state_of(model)
        if not isinstance(resource, RegisteredModel):
            refuse_claimed(resource, self.twins(resource))
        meta = resource.metadata
        return intent_of(
            resource,
            artifact=model.artifact,
            commit=state.commit_for(meta.uid, meta.generation),
            users=self._users(resource),
            since=known_since(model, state.view) if state.view else 0,
        )

    def _users(self, resource: Resource) -> list[str]:
        """The live assignments that name a version."""
        slot = slot_of(resource) if isinstance(resource, ModelVersion) else None
        if slot is None or isinstance(resource, RegisteredModel):
            return []
        version = slot.removeprefix("@")
        return [
            a.metadata.name
            for a in self._store.assignments(resource.metadata.namespace, resource.spec.model)
            if a.spec.version and a.spec.version.removeprefix("v") == version
        ]


def is_suspended(resource: Resource, model: RegisteredModel) -> bool:
    """Whether nothing is to be done for the resource now."""
    return model.spec.suspend or bool(getattr(resource.spec, "suspend", False))

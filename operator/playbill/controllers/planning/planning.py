"""A whole plan: manifests over what the API server has, then each repository that they concern."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from playbill.api.errors import Stalled, Trouble
from playbill.api.model_repository import ModelRepository
from playbill.api.promotion_policy import PromotionPolicy
from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.keys import ObjectKey, RepositoryKey
from playbill.controllers.inventory.policies import faults_of
from playbill.controllers.inventory.store import Asking, Store, key_of
from playbill.controllers.planning.manifests import Manifests
from playbill.controllers.planning.overlay import Overlay, lay_over
from playbill.controllers.planning.preview import Preview, Round
from playbill.controllers.planning.sources import Sources
from playbill.controllers.repository.git_remote import GitRemote
from playbill.controllers.repository.site import Site
from playbill.git.url import UrlPolicy
from playbill.kube.client import Kube
from playbill.ledger.view import Author

POLICY = UrlPolicy(allow_file=True, allow_private=True)
"""What a user may reach is for the user's network to say."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What each object comes to: those of the manifests first, then others that it concerns."""

    previews: Sequence[Preview]
    others: Sequence[Preview] = field(default_factory=tuple)
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def refused(self) -> bool:
        """Whether anything is."""
        return any(each.outcome == "refused" for each in (*self.previews, *self.others))


async def plan(
    kube: Kube, manifests: Manifests, *, cluster: str, say: Callable[[str], None]
) -> Plan:
    """What these manifests would do. Raises Trouble when the cluster cannot be read."""
    overlay = await lay_over(kube, manifests.ours, now=time.time())
    given = [key for key, _ in manifests.ours]
    if overlay.untried:
        say(
            f"you may not apply {len(overlay.untried)} of these objects: they were not shown to "
            "the API server, which may refuse more than is told here"
        )
    catalogue = Catalogue(store=overlay.store, policy=POLICY, author=Author(cluster=cluster))
    for resource in overlay.store.all():
        if isinstance(resource, RegisteredModel | ModelRepository):
            catalogue.enter(resource)
    with tempfile.TemporaryDirectory(prefix="playbill-plan-") as private:
        sources = Sources(kube, Path(private), POLICY, say)
        concerned = _concerned(catalogue, overlay.store, given)
        found = await _by_repository(catalogue, overlay, sources, concerned)
    found |= {key: _troubled(key, trouble) for key, trouble in overlay.refused.items()}
    found |= {key: _of_policy(overlay, key) for key in given if key.kind == "PromotionPolicy"}
    told = [found.get(key) or Preview(key=key, outcome="nothing") for key in given]
    named = set(given)
    others = [each for key, each in found.items() if key not in named and _matters(each)]
    return Plan(told, others)


def _matters(preview: Preview) -> bool:
    """Of what nobody changed, that is worth telling which would change, or is up to a policy."""
    return preview.outcome == "write" or bool(preview.findings)


def _concerned(catalogue: Catalogue, store: Store, given: Iterable[ObjectKey]) -> list[ObjectKey]:
    """The given objects that ask something of a ledger, and the assignments that may follow."""
    keys = dict.fromkeys(key for key in given if isinstance(store.get(key), Asking))
    models = {_model_of(store, key) for key in given}
    policies = [p for key in given if isinstance(p := store.get(key), PromotionPolicy)]
    for resource in store.all():
        if isinstance(resource, StageAssignment) and _model_of(store, key_of(resource)) in models:
            keys[key_of(resource)] = None
    overseen = (each for policy in policies for each in catalogue.overseen(policy))
    return list(keys | dict.fromkeys(map(key_of, overseen)))


def _model_of(store: Store, key: ObjectKey) -> tuple[str, str] | None:
    resource = store.get(key)
    if isinstance(resource, RegisteredModel):
        return key.namespace, key.name
    if isinstance(resource, Asking):
        return key.namespace, resource.spec.model
    return None


async def _by_repository(
    catalogue: Catalogue, overlay: Overlay, sources: Sources, keys: Sequence[ObjectKey]
) -> dict[ObjectKey, Preview]:
    places: dict[RepositoryKey, list[ObjectKey]] = defaultdict(list)
    found: dict[ObjectKey, Preview] = {}
    for key in keys:
        try:
            places[_place(catalogue, overlay.store, key)].append(key)
        except Trouble as trouble:
            found[key] = _troubled(key, trouble)
    with ThreadPoolExecutor(4, "git") as executor:
        for place, there in places.items():
            try:
                found |= await _preview(catalogue, overlay, sources, place, there, executor)
            except Trouble as trouble:
                found |= {key: _troubled(key, trouble) for key in there}
    return found


def _place(catalogue: Catalogue, store: Store, key: ObjectKey) -> RepositoryKey:
    resource = store.get(key)
    model = catalogue.model_of(resource) if isinstance(resource, Asking) else None
    if model is None:
        name = getattr(getattr(resource, "spec", None), "model", key.name)
        raise Stalled(
            "DependencyNotFound",
            f"there is no RegisteredModel {name} in namespace {key.namespace}, nor in the files",
        )
    return catalogue.state_of(model).key


async def _preview(
    catalogue: Catalogue,
    overlay: Overlay,
    sources: Sources,
    place: RepositoryKey,
    keys: Sequence[ObjectKey],
    executor: ThreadPoolExecutor,
) -> dict[ObjectKey, Preview]:
    state = catalogue.state(place)
    assert state is not None  # noqa: S101 - its tenant was found there
    credentials = await sources.credentials(state)
    loop = asyncio.get_running_loop()
    mirror = await loop.run_in_executor(executor, sources.mirror, state, credentials)
    site = Site.of(catalogue.tenants(place), catalogue)
    remote = GitRemote(
        state=state, mirror=mirror, executor=executor, branches=site.branches, main=site.main
    )
    return await Round(catalogue, overlay.store, state, remote).run(keys)


def _troubled(key: ObjectKey, trouble: Trouble) -> Preview:
    outcome = "refused" if isinstance(trouble, Stalled) else "wait"
    return Preview(key=key, outcome=outcome, reason=trouble.reason, message=trouble.message)  # type: ignore[arg-type]


def _of_policy(overlay: Overlay, key: ObjectKey) -> Preview:
    if key in overlay.refused:
        return _troubled(key, overlay.refused[key])
    policy = overlay.store.get(key)
    faults = faults_of(policy.spec) if isinstance(policy, PromotionPolicy) else []
    if faults:
        return _troubled(key, Stalled("PolicyInvalid", "; ".join(faults)))
    return Preview(key=key, outcome="nothing", message="it is understood")

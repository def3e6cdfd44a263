"""Which path an object of any kind has on this API server, by asking it.

Answers are kept: a kind keeps its plural and its scope for as long as its CRD is
there. What is not known is asked about again, for its CRD may come at any time
and no event of ours would tell of it.
"""

from __future__ import annotations

from playbill.api.errors import Stalled, Waiting
from playbill.kube.client import Kube
from playbill.kube.resources import Resource


class Discovery:
    """The kinds that the API server of `kube` serves, as far as they were asked for."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._known: dict[tuple[str, str], Resource] = {}
        self._fixed: set[Resource] = set()

    async def resource(self, api_version: str, kind: str) -> Resource:
        """The namespaced resource of a kind; one request for an API that is not known yet.

        Raises Waiting(KindNotServed) while there is none, and
        Stalled(ManifestNotAllowed) for a kind of the whole cluster or one that
        cannot be applied, such as a review.
        """
        found = self._known.get((api_version, kind))
        if found is None:
            await self._ask(api_version)
            found = self._known.get((api_version, kind))
        if found is None:
            raise not_served(api_version, kind)
        self._refuse_unusable(found)
        return found

    def forget(self, resource: Resource) -> None:
        """Ask again next time: the server did not know the path."""
        self._known.pop((resource.api_version, resource.kind), None)

    async def _ask(self, api_version: str) -> None:
        group, _, version = api_version.rpartition("/")
        for entry in await self._kube.served(group, version) or ():
            if "/" in entry["name"]:
                continue  # a subresource
            found = Resource(group, version, entry["name"], entry["kind"], entry["namespaced"])
            self._known[api_version, found.kind] = found
            if "patch" not in entry["verbs"]:
                self._fixed.add(found)

    def _refuse_unusable(self, resource: Resource) -> None:
        kind = f"{resource.kind} of {resource.api_version}"
        if not resource.namespaced:
            raise Stalled(
                "ManifestNotAllowed",
                f"{kind} is of the whole cluster, and manifests stay in their namespace: have an "
                "administrator apply it",
            )
        if resource in self._fixed:
            raise Stalled(
                "ManifestNotAllowed",
                f"{kind} is nothing that can be applied: take it out of spec.rollout.manifests",
            )


def not_served(api_version: str, kind: str) -> Waiting:
    """What is said of a kind that the API server does not have."""
    return Waiting(
        "KindNotServed",
        f"the cluster has no kind {kind} of {api_version} yet: install what brings it, and this "
        "goes on by itself; or write the kind as `kubectl api-resources` does",
    )

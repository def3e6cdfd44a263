"""The resources that the operator asks the API server about, and their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from playbill.api.base import GROUP, VERSION, ResourceInfo
from playbill.api.model_repository import ModelRepository
from playbill.api.model_version import ModelVersion
from playbill.api.promotion_policy import PromotionPolicy
from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import StageAssignment


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object, as discovery names it; the core group is the empty one."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def name(self) -> str:
        """`deployments.apps`, as `kubectl` and RBAC messages write it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The path of the collection, of an object, or of its subresource."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part is not None]
        return "/" + "/".join(quote(part, safe="") for part in parts)


def _ours(info: ResourceInfo) -> Resource:
    return Resource(GROUP, VERSION, info.plural, info.kind)


REGISTERED_MODELS = _ours(RegisteredModel.INFO)
MODEL_VERSIONS = _ours(ModelVersion.INFO)
STAGE_ASSIGNMENTS = _ours(StageAssignment.INFO)
MODEL_REPOSITORIES = _ours(ModelRepository.INFO)
PROMOTION_POLICIES = _ours(PromotionPolicy.INFO)

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
JOBS = Resource("batch", "v1", "jobs", "Job")
SERVICES = Resource("", "v1", "services", "Service")
SECRETS = Resource("", "v1", "secrets", "Secret")
PODS = Resource("", "v1", "pods", "Pod")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
SERVED = Resource("", "v1", "apis", "APIResourceList", namespaced=False)
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")

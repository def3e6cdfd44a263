"""What the operator measures of itself, for Prometheus and OpenMetrics.

One registry per process, made by whoever starts it: nothing here is global, so
tests and several operators in one process do not share numbers. Labels are of
low cardinality: no commit, user, address or message is ever one.
"""

from __future__ import annotations

from platform import python_version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from playbill import __version__

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_GIT = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_ROLLOUT = (1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """All metrics of one operator; times are in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._reconciling()
        self._git()
        self._stages()
        self.kube_requests = Counter(
            "playbill_kube_requests",
            "Requests to the API server; the code is none when no answer came.",
            ["verb", "resource", "code"],
            registry=self.registry,
        )
        build = Gauge(
            "playbill_build_info",
            "Always 1; the labels say which playbill and which Python this is.",
            ["version", "python"],
            registry=self.registry,
        )
        build.labels(__version__, python_version()).set(1)

    def _reconciling(self) -> None:
        self.reconciles = Counter(
            "playbill_reconcile",
            "Passes over an object or a repository, by how they ended.",
            ["reconciler", "result"],
            registry=self.registry,
        )
        self.reconcile_duration = Histogram(
            "playbill_reconcile_duration_seconds",
            "How long a pass took.",
            ["reconciler"],
            buckets=_QUICK,
            registry=self.registry,
        )
        self.queue_depth = Gauge(
            "playbill_queue_depth",
            "Objects and repositories that wait for their pass.",
            ["reconciler"],
            registry=self.registry,
        )
        self.queue_wait = Histogram(
            "playbill_queue_wait_seconds",
            "How long one waited from when its pass was due until the pass began.",
            ["reconciler"],
            buckets=_QUICK,
            registry=self.registry,
        )

    def _git(self) -> None:
        self.git_duration = Histogram(
            "playbill_git_operation_duration_seconds",
            "How long a git operation on a repository took.",
            ["operation", "result"],
            buckets=_GIT,
            registry=self.registry,
        )
        self.tags_pushed = Counter(
            "playbill_tags_pushed",
            "Tags that a repository took, by the event that they record.",
            ["event"],
            registry=self.registry,
        )
        self.push_conflicts = Counter(
            "playbill_push_conflicts",
            "Pushes that a repository refused because another writer was first.",
            registry=self.registry,
        )
        self.repository_last_success = Gauge(
            "playbill_repository_last_success_timestamp_seconds",
            "When a repository was last listed and read without trouble (Unix time).",
            ["repository"],
            registry=self.registry,
        )

    def _stages(self) -> None:
        self.models = Gauge(
            "playbill_models", "RegisteredModels in the cluster.", registry=self.registry
        )
        self.model_versions = Gauge(
            "playbill_model_versions",
            "Registered versions in the ledgers of all models.",
            registry=self.registry,
        )
        self.stage_info = Gauge(
            "playbill_stage_info",
            "Always 1; the labels say which version holds the stage of an assignment.",
            ["namespace", "model", "stage", "version"],
            registry=self.registry,
        )
        self.stage_transitions = Counter(
            "playbill_stage_transitions",
            "Changes of who holds a stage, by the stage and how the change ended.",
            ["stage", "result"],
            registry=self.registry,
        )
        self.rollout_duration = Histogram(
            "playbill_rollout_duration_seconds",
            "From when a version was recorded on a stage until its workload was rolled out.",
            ["result"],
            buckets=_ROLLOUT,
            registry=self.registry,
        )
        self.rollbacks = Counter(
            "playbill_rollbacks",
            "Rollouts that failed and were taken back, by the reason of the failure.",
            ["reason"],
            registry=self.registry,
        )
        self._stage_series: dict[tuple[str, str], tuple[str, str, str, str]] = {}

    def set_stage(
        self, *, namespace: str, assignment: str, model: str, stage: str, version: str
    ) -> None:
        """Show who holds a stage: the one series of this assignment."""
        series = (namespace, model, stage, version)
        if self._stage_series.get((namespace, assignment)) != series:
            self.unset_stage(namespace=namespace, assignment=assignment)
            self._stage_series[namespace, assignment] = series
        self.stage_info.labels(*series).set(1)

    def unset_stage(self, *, namespace: str, assignment: str) -> None:
        """The assignment is gone, or nobody holds its stage: so is its series."""
        series = self._stage_series.pop((namespace, assignment), None)
        if series is not None and series not in self._stage_series.values():
            self.stage_info.remove(*series)

    def count_kube_request(self, verb: str, resource: str, code: str) -> None:
        """An observer for `playbill.kube.client.Kube`."""
        self.kube_requests.labels(verb, resource, code).inc()

    def render(self, accept: str) -> tuple[str, bytes]:
        """Content type and body in the format that an Accept header asks for."""
        try:
            encode, content_type = choose_encoder(accept)
        except TypeError:  # of a version that is none, on which prometheus-client falls over
            encode, content_type = choose_encoder("")
        return content_type, encode(self.registry)

"""What every reconciler of an object works with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.keys import RepositoryKey
from playbill.controllers.inventory.store import Asking, Store, key_of
from playbill.controllers.reconciling.judging import Judgement, judge
from playbill.controllers.reconciling.reporting import Reporter
from playbill.kube.client import Kube
from playbill.metrics import Metrics


class Look(Protocol):
    """Has a repository looked at."""

    def __call__(self, key: RepositoryKey, delay: float = 0.0) -> None:
        """In `delay` seconds at the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The parts; `look` queues the pass of a repository, in so many seconds if they are given."""

    kube: Kube
    store: Store
    catalogue: Catalogue
    reporter: Reporter
    metrics: Metrics
    look: Look

    def judge(self, resource: Asking) -> Judgement | None:
        """Judge the object, and have its repository looked at if that is needed."""
        judgement = judge(resource, self.catalogue, int(time.time()))
        if judgement is None or judgement.state is None:
            return judgement
        key = key_of(resource)
        if judgement.needs_pass:
            judgement.state.candidates.add(key)
            # Its own reservation comes back as news; the pass that made it will tell the end.
            if judgement.at_once and key not in judgement.state.under_way:
                self.look(judgement.state.key)
        else:
            judgement.state.candidates.discard(key)
        return judgement

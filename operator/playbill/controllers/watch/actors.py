"""Looking now and then whether the cluster vouches for the annotation that names who asked."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from playbill.api.errors import Retry
from playbill.controllers.inventory.catalogue import Catalogue
from playbill.kube.admission import doubt
from playbill.kube.client import Kube

AGAIN_SECONDS = 10.0
"""After so long an API server that did not answer is asked once more."""

logger = logging.getLogger("playbill.actors")


@dataclass(slots=True)
class Actors:
    """Tells the catalogue whether to believe the annotation; not before it has looked."""

    kube: Kube
    catalogue: Catalogue
    _said: str | None = None

    async def watch(self, *, every: float) -> None:
        """Look every so many seconds, until cancelled."""
        while True:
            answered = await self.look()
            await asyncio.sleep(every if answered else min(every, AGAIN_SECONDS))

    async def look(self) -> bool:
        """Look once. Gives False when there was no answer: then nobody is believed meanwhile."""
        try:
            why = await doubt(self.kube)
        except Retry as retry:
            self.catalogue.names_actors = False
            logger.warning("cannot find out whether actors are stamped: %s", retry.message)
            return False
        self.catalogue.names_actors = why is None
        said = (
            "tags say who asked: the API server vouches for it"
            if why is None
            else f"tags do not say who asked: {why} (docs/security.md tells how to have it)"
        )
        if said != self._said:
            self._said = said
            logger.info("%s", said)
        return True

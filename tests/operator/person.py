"""A colleague with a clone, GTO and the right to push."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.kubectl import eventually
from tests.operator.world import World


@dataclass(frozen=True, slots=True)
class Person:
    """Ada, who fetches before she writes, and pushes what she wrote."""

    world: World
    clone: Path

    @classmethod
    def of(cls, world: World) -> "Person":
        return cls(world, world.clone())

    def gto(self, *arguments: str) -> None:
        """A command of GTO that writes, with `--push`.

        In a later second than any tag: of two of one second GTO need not take the newer one.
        """
        dates = self.world.remote.git("for-each-ref", "--format=%(taggerdate:unix)", "refs/tags")
        newest = max(map(int, dates.split()), default=0)
        eventually(lambda: time.time() >= newest + 1)
        subprocess.run(["git", "-C", self.clone, "pull", "-q", "--tags"], check=True)
        self.world.gto(*arguments, "--push", clone=self.clone)

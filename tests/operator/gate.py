"""A git server that holds the first push until it is told to go on, for a minute at most: not all
who held it tell it so, and it would go on looking for as long as the machine is up."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.cluster.kubectl import eventually
from tests.servers.remote import Remote

_SCRIPT = """
if mkdir '{place}/taken' 2>/dev/null; then
  : > '{place}/reached'
  for _ in $(seq 3000); do [ -e '{place}/open' ] && break; sleep 0.02; done
  : > '{place}/passed'
fi
"""


@dataclass(slots=True)
class Gate:
    """`pre-receive` holds it before anything has landed, `post-receive` when all of it has."""

    remote: Remote
    hook: Literal["pre-receive", "post-receive"]
    place: Path = field(init=False)

    def __post_init__(self) -> None:
        number = len(list(self.remote.path.glob("gate-*")))
        self.place = self.remote.path / f"gate-{number}"
        self.place.mkdir()
        self.remote.hook(self.hook, _SCRIPT.format(place=self.place))

    def await_push(self) -> None:
        eventually((self.place / "reached").exists)

    def open(self) -> None:
        (self.place / "open").touch()

    def await_passage(self) -> None:
        """Until what it held has gone on, for better or worse."""
        eventually((self.place / "passed").exists)

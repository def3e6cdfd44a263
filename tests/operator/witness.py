"""Who looks over the operator's shoulder: what every process that it starts is given, and all that
it says."""

import json
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.operator.process import descendants
from tests.operator.world import World


class Witness:
    """Collects what the processes are given while it is entered; asks the rest when it is asked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.command_lines: set[str] = set()
        self.environments: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            for pid in descendants(self._world.operator.pid):
                with suppress(OSError):
                    self.command_lines.add(_words(pid, "cmdline"))
                    self.environments.add(_words(pid, "environ"))
            time.sleep(0.005)

    def heard(self) -> dict[str, str]:
        """All that anybody can see of the operator, by where."""
        world = self._world
        listed = world.kubectl.json("get", "-n", world.namespace, "playbill,events")["items"]
        cache = world.operator.directory / "cache"
        return {
            "command lines": "\n".join(self.command_lines),
            "environments": "\n".join(self.environments),
            "log": world.operator.log.read_text(),
            "objects and Events": json.dumps(listed),
            "metrics": repr(world.operator.samples()),
            "tags": world.remote.git("for-each-ref", "--format=%(contents)", "refs/tags"),
            "cache": "\n".join(
                path.read_bytes().decode(errors="replace")
                for path in cache.rglob("*")
                if path.is_file()
            ),
        }


def _words(pid: int, what: str) -> str:
    words = Path(f"/proc/{pid}/{what}").read_bytes().split(b"\0")
    return b" ".join(words).decode(errors="replace")

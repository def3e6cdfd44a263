"""Types of the fixtures that many tests here name."""

from collections import Counter
from collections.abc import Callable

from playbill.git.mirror import Mirror

MakeMirror = Callable[..., Mirror]


class Processes(Counter[str]):
    """How many git processes ran, by operation; `results` has each with its outcome."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[tuple[str, str]] = []

    def observe(self, operation: str, result: str, _seconds: float) -> None:
        self[operation] += 1
        self.results.append((operation, result))

    def forget(self) -> None:
        self.clear()
        self.results.clear()

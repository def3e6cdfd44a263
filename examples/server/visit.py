"""Somebody who uses the model from inside the cluster.

visit.py URL                print what a GET answers; a url ending in /predict gets the digit
visit.py --keep-asking URL  ask five times a second, and print a line when the version changes
"""

import json
import math
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

DIGIT = Path(__file__).with_name("digit.json")
PAUSE = 0.2  # seconds between two questions
PATIENCE = 5.0  # seconds: a Service is known on every node a moment after its first pod is ready
CERTAIN = 3  # while pods change, old and new answer in turn: this many in a row settle it


@dataclass
class Diary:
    """What was answered so far; `heard` says when there is something new to write down."""

    current: str = ""
    candidate: str = ""
    in_a_row: int = 0
    answers: int = 0
    failures: int = 0
    failing: bool = False

    def heard(self, version: str) -> bool:
        """Note an answer; true when it settles a change of version."""
        self.answers += 1
        self.failing = False
        self.in_a_row = self.in_a_row + 1 if version == self.candidate else 1
        self.candidate = version
        settled = self.in_a_row >= CERTAIN and version != self.current
        if settled:
            self.current = version
        return settled

    def failed(self) -> bool:
        """Note a failure; true for the first of a row of them."""
        self.failures += 1
        before, self.failing = self.failing, True
        return not before


def ask(url: str) -> str:
    """Raises OSError when there is no good answer."""
    body = DIGIT.read_bytes() if url.endswith("/predict") else None
    with urllib.request.urlopen(url, data=body, timeout=5) as answer:  # noqa: S310
        return str(answer.read().decode())


def ask_patiently(url: str, *, patience: float = PATIENCE) -> str:
    """Ask again for a while where nobody listens; raises OSError when nobody does."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return ask(url)
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(PAUSE)


def keep_asking(url: str) -> None:
    """Ask for ever; what counts begins with the first answer."""
    ask_patiently(url, patience=math.inf)
    diary = Diary()
    while True:
        try:
            answer = json.loads(ask(url))
            if diary.heard(answer["version"]):
                note(f"{answer['version']} reads {answer['digit']}", diary)
        except (OSError, ValueError) as problem:
            if diary.failed():
                note(f"no answer: {problem}", diary)
        time.sleep(PAUSE)


def note(what: str, diary: Diary) -> None:
    counts = f"{diary.answers} answers, {diary.failures} failures"
    print(f"{time.strftime('%H:%M:%S')}  {what:<24} {counts}", flush=True)


def main() -> None:
    match sys.argv[1:]:
        case ["--keep-asking", url]:
            keep_asking(url)
        case urls:
            for url in urls:
                print(answer_or_exit(url).strip())


def answer_or_exit(url: str) -> str:
    try:
        return ask_patiently(url)
    except urllib.error.HTTPError as refusal:
        sys.exit(f"{refusal}: {refusal.read().decode().strip()}")
    except OSError as problem:
        sys.exit(f"{url}: {problem}")


if __name__ == "__main__":
    main()

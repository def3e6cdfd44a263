"""Somebody who uses the model from inside the cluster.

visit.py URL                print what a GET answers; a url ending in /predict gets the digit
visit.py --keep-asking URL  ask five times a second; print a line when another version answers or
                            none does, and every ten seconds that it is still the same
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
SILENCE = 10.0  # seconds without news after which it is said that there are none


@dataclass
class Diary:
    """What was answered so far; `heard` and `failed` say what to write down, if anything."""

    current: str = ""
    answers: int = 0
    failures: int = 0
    failing: bool = False
    written: float = 0.0

    def heard(self, version: str, now: float) -> str | None:
        """Note an answer."""
        self.answers += 1
        again, self.failing = self.failing, False
        if version != self.current or again:
            self.current, self.written = version, now
            return version
        if now - self.written < SILENCE:
            return None
        self.written = now
        return f"still {version}"

    def failed(self, problem: object, now: float) -> str | None:
        """Note a failure; the first of a row is written down."""
        self.failures += 1
        before, self.failing, self.written = self.failing, True, now
        return None if before else f"no answer: {problem}"


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
            news = diary.heard(json.loads(ask(url))["version"], time.monotonic())
        except (OSError, ValueError) as problem:
            news = diary.failed(problem, time.monotonic())
        if news:
            note(news, diary)
        time.sleep(PAUSE)


def note(news: str, diary: Diary) -> None:
    counts = f"{diary.answers} answers, {diary.failures} failures"
    print(f"{time.strftime('%H:%M:%S')}  {news:<14} {counts}", flush=True)


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

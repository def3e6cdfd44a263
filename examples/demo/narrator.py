"""What the reader sees: chapters, commands before they run, and what they answered.

What stands after a `$` can be pasted into a shell, and does there what it does here.
"""

import os
import shlex
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

WIDTH = 92
LONGEST = 220  # characters of a line that an answer shows


class CommandFailedError(Exception):
    """A command of the story did not do what the story needs; the message holds its output."""


@dataclass(kw_only=True)
class Narrator:
    """Prints and runs commands in `directory` with `environment`."""

    directory: Path
    environment: Mapping[str, str]
    colours: bool = field(default_factory=lambda: sys.stdout.isatty() and not os.getenv("NO_COLOR"))
    _chapters: int = 0
    _started: float = field(default_factory=time.monotonic)

    def chapter(self, title: str, why: str) -> None:
        self._chapters += 1
        elapsed = f"{time.monotonic() - self._started:3.0f} s"
        heading = f"{self._chapters}. {title}"
        print(f"\n{self._painted(heading, '1;36')}{elapsed:>{WIDTH - len(heading)}}")
        self.say(why)

    def say(self, text: str) -> None:
        print(textwrap.fill(" ".join(text.split()), WIDTH), flush=True)

    def found(self, text: str) -> None:
        """Say what was checked and holds."""
        print(f"{self._painted('✓', '1;32')} {text}", flush=True)

    def edit(self, what: str, change: str) -> None:
        """Show what a person would change in an editor."""
        print(self._painted(f"# in {what}:", "1"))
        self.answer(change)

    def announce(self, command: str) -> None:
        print(self._painted(f"$ {command}", "1"), flush=True)

    def answer(self, text: str) -> None:
        for line in text.rstrip().splitlines():
            shown = f"  {line}".rstrip()
            print(shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…", flush=True)

    def run(
        self,
        *command: str,
        directory: Path | None = None,
        quiet: bool = False,
        expect_failure: bool = False,
    ) -> str:
        """Print a command, run it, print (unless `quiet`) and return its output.

        Raises CommandFailedError unless it ends as expected.
        """
        self.announce(shlex.join(command))
        done = self._finished(command, directory)
        output = (done.stdout + done.stderr).strip()
        failed = done.returncode != 0
        if failed or not quiet:
            self.answer(output)
        if failed != expect_failure:
            ending = "was not refused" if expect_failure else f"ended with {done.returncode}"
            raise CommandFailedError(f"{shlex.join(command)} {ending}")
        return output

    def ask(self, *command: str, directory: Path | None = None) -> str:
        """Run a command that the reader need not see and return its output.

        Raises CommandFailedError, with the output, when it fails.
        """
        done = self._finished(command, directory)
        if done.returncode != 0:
            said = (done.stdout + done.stderr).strip()
            raise CommandFailedError(f"{shlex.join(command)} ended with {done.returncode}: {said}")
        return done.stdout

    def _finished(
        self, command: Sequence[str], directory: Path | None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=directory or self.directory,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _painted(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colours else text

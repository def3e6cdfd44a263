"""The one place that runs git: a fixed argument list, a scrubbed environment, bounds on all.

Values from outside never stand in an argument unless their grammar was checked by the
caller; everything that can go through standard input does.
"""

import contextlib
import os
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from playbill.api.errors import Retry, Stalled, Trouble
from playbill.git.errors import classify
from playbill.git.process import Consume, Finished, Limits, run
from playbill.git.scrub import scrub
from playbill.git.url import UrlPolicy

Observe = Callable[[str, str, float], None]

PASSED_ON = (
    "PATH",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)

# Given with -c, so that no configuration of a mirror can undo them.
FIXED_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "protocol.version=2",
    "submodule.recurse=false",
    "push.recurseSubmodules=no",
    "push.followTags=false",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSettings:
    """`home` is a private directory that git takes for its user's; sizes are in bytes.

    A first fetch of a large repository takes its time, so it has `fetch_seconds`; a server
    that falls silent is noticed within a minute or so all the same.
    """

    home: Path
    policy: UrlPolicy = field(default_factory=UrlPolicy)
    seconds: float = 60.0
    fetch_seconds: float = 900.0
    output_limit: int = 256 << 20
    pack_limit: int = 4 << 30


@dataclass(frozen=True, slots=True)
class Access:
    """What one call gets to reach a remote: extra environment, and how to scrub its words."""

    environment: Mapping[str, str] = field(default_factory=dict)
    scrub: Callable[[str], str] = scrub

    def __repr__(self) -> str:
        return "Access(***)"


NO_ACCESS = Access()


@dataclass(frozen=True, slots=True)
class Output:
    """What git answered; `stderr` is scrubbed, `stdout` is not, nor what is consumed."""

    code: int
    stdout: bytes
    stderr: str


def _unobserved(operation: str, result: str, seconds: float) -> None:
    """Nobody counts."""


class Git:
    """Runs git. `observe(operation, result, seconds)` hears of each operation, once."""

    def __init__(self, settings: GitSettings, *, observe: Observe = _unobserved) -> None:
        self.settings = settings
        self._observe = observe
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)

    def run(  # noqa: PLR0913 - git and the caller agree on that many things
        self,
        arguments: Sequence[str],
        *,
        operation: str,
        directory: Path | None = None,
        stdin: bytes = b"",
        access: Access = NO_ACCESS,
        accept: Container[int] = (0,),
        seconds: float | None = None,
        consume: Consume | None = None,
    ) -> Output:
        """Run `git ARGUMENTS` in the bare repository `directory`.

        `consume` gets standard output as it comes, and only a return says that it had it all.
        Raises the Trouble that `errors.classify` finds when the exit code is not accepted,
        Retry(RemoteUnavailable) when it takes too long, Stalled(OutputTooLarge).
        """
        with self.observed(operation):
            finished = self._start(
                arguments,
                directory=directory,
                stdin=stdin,
                access=access,
                seconds=seconds,
                consume=consume,
            )
            stderr = access.scrub(finished.stderr.decode(errors="replace"))
            if finished.how != "exited" or finished.code not in accept:
                self._fail(finished, stderr=stderr, operation=operation, seconds=seconds)
            return Output(code=finished.code, stdout=finished.stdout, stderr=stderr)

    @contextlib.contextmanager
    def observed(self, operation: str) -> Iterator[None]:
        """Tell whoever counts how it ended and how long it took, once."""
        started = time.monotonic()
        result = "ok"
        try:
            yield
        except Trouble as trouble:
            result = "stalled" if isinstance(trouble, Stalled) else "retry"
            raise
        finally:
            self._observe(operation, result, time.monotonic() - started)

    def _start(
        self,
        arguments: Sequence[str],
        *,
        directory: Path | None,
        stdin: bytes,
        access: Access,
        seconds: float | None,
        consume: Consume | None,
    ) -> Finished:
        where = [f"--git-dir={directory}"] if directory else []
        config = [word for setting in FIXED_CONFIG for word in ("-c", setting)]
        try:
            return run(
                ["git", *where, *config, *arguments],
                env=self._environment(access),
                cwd=self.settings.home,
                stdin=stdin,
                limits=Limits(
                    seconds=seconds or self.settings.seconds,
                    stdout=self.settings.output_limit,
                    file=self.settings.pack_limit,
                ),
                consume=consume,
            )
        except OSError as error:
            raise Retry("GitNotStarted", f"git cannot be started: {error.strerror}") from None

    def _environment(self, access: Access) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            "HOME": str(self.settings.home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": self.settings.policy.protocols,
            **access.environment,
        }

    def _fail(
        self, finished: Finished, *, stderr: str, operation: str, seconds: float | None
    ) -> NoReturn:
        if finished.how == "timeout":
            raise timed_out(operation, seconds or self.settings.seconds)
        if finished.how == "flooded":
            raise too_much(operation, self.settings.output_limit)
        raise classify(stderr, finished.code)


class TimedOut(Retry):
    """git was ended because it took too long; its lock files may be left behind."""


def timed_out(operation: str, seconds: float) -> TimedOut:
    """For what has been waited for that long."""
    return TimedOut(
        "RemoteUnavailable",
        f"git ({operation}) did not end within {seconds:g} s; it is tried again. See whether "
        "the git server answers; if it is only slow, start the operator with a longer "
        "--git-timeout.",
    )


def too_much(operation: str, limit: int) -> Stalled:
    """For an answer of more bytes than that."""
    return Stalled(
        "OutputTooLarge",
        f"git {operation} answers with more than {limit} bytes; "
        "raise the operator's limit or remove refs from the repository.",
    )

"""A child process is bounded, and takes its children with it."""

import os
import time
from pathlib import Path

import pytest

from playbill.git.process import Finished, Limits, run

ENV = {"PATH": os.environ["PATH"]}


def shell(script: str, *, stdin: bytes = b"", **limits: float) -> Finished:
    bounds = Limits(
        seconds=limits.get("seconds", 20),
        stdout=int(limits.get("stdout", 1 << 20)),
        file=int(limits.get("file", 1 << 20)),
    )
    return run(["sh", "-c", script], env=ENV, cwd=Path("/"), stdin=stdin, limits=bounds)


def test_it_answers_with_both_outputs_and_its_code() -> None:
    done = shell("cat; echo err >&2; exit 3", stdin=b"in" * 200_000)
    assert (done.how, done.code, len(done.stdout), done.stderr) == (
        "exited",
        3,
        400_000,
        b"err\n",
    )


@pytest.mark.parametrize(
    "script",
    [
        "sleep 1000 & echo $!; sleep 1000",
        "trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000",
        "sleep 1000 & echo $!",  # it ends, and a child keeps its output open
    ],
)
def test_after_the_time_is_over_no_child_is_left(script: str) -> None:
    done = shell(script, seconds=0.5)
    assert done.how == "timeout"
    pid = int(done.stdout)
    deadline = time.monotonic() + 10  # a signal was sent; the kernel takes its time
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_too_much_output_ends_it() -> None:
    assert shell("yes", stdout=1000).how == "flooded"


def test_of_too_many_complaints_the_last_are_kept() -> None:
    done = shell("yes x | head -c 1000000 >&2; echo end >&2")
    assert done.how == "exited"
    assert done.stderr.endswith(b"end\n")
    assert len(done.stderr) <= 128 * 1024 + 65536


def test_input_that_nobody_reads_does_no_harm() -> None:
    assert shell("exit 0", stdin=b"x" * 1_000_000).code == 0


def test_a_file_may_not_grow_beyond_its_limit(tmp_path: Path) -> None:
    done = shell(f"sleep 0.2; head -c 100000 /dev/zero > {tmp_path}/f", file=1000)
    assert done.code != 0
    assert (tmp_path / "f").stat().st_size == 1000


def test_only_the_given_environment_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    assert b"GIT_SSL_NO_VERIFY" not in shell("env").stdout

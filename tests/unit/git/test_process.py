"""A child process is bounded, and takes its children with it."""

import os
import time
from pathlib import Path

import pytest

from playbill.git.process import CHUNK, Consume, Finished, Limits, run

ENV = {"PATH": os.environ["PATH"]}


def shell(
    script: str, *, stdin: bytes = b"", consume: Consume | None = None, **limits: float
) -> Finished:
    bounds = Limits(
        seconds=limits.get("seconds", 20),
        stdout=int(limits.get("stdout", 1 << 20)),
        file=int(limits.get("file", 1 << 20)),
    )
    return run(
        ["sh", "-c", script], env=ENV, cwd=Path("/"), stdin=stdin, limits=bounds, consume=consume
    )


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


def test_what_is_consumed_comes_whole_and_in_order() -> None:
    sent = bytes(range(256)) * 2_000
    chunks: list[bytes] = []
    done = shell("cat", stdin=sent, consume=chunks.append)
    assert (done.how, done.code, done.stdout) == ("exited", 0, b"")
    assert len(chunks) > 1
    assert b"".join(chunks) == sent


def test_what_is_consumed_comes_while_the_process_goes_on(tmp_path: Path) -> None:
    """It waits for a file that only the consumer makes."""
    answer = tmp_path / "answer"
    script = f"echo ask; while ! test -e {answer}; do sleep 0.01; done; echo end"
    done = shell(script, consume=lambda _: answer.touch())
    assert done.how == "exited"


def test_a_process_that_falls_silent_in_the_middle_is_ended() -> None:
    chunks: list[bytes] = []
    done = shell("echo half; sleep 1000", consume=chunks.append, seconds=0.5)
    assert (done.how, chunks) == ("timeout", [b"half\n"])


def test_a_process_that_never_falls_silent_is_ended() -> None:
    done = shell("yes", consume=lambda _: None, seconds=0.5, stdout=1 << 50)
    assert done.how == "timeout"


def test_too_much_to_consume_ends_it() -> None:
    received = bytearray()
    assert shell("yes", consume=received.extend, stdout=1000).how == "flooded"
    assert len(received) <= 1000 + CHUNK


def test_a_consumer_that_has_had_enough_ends_it() -> None:
    pids: list[int] = []

    def refuse(chunk: bytes) -> None:
        pids.append(int(chunk))
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        shell("echo $$; sleep 1000", consume=refuse)
    assert not _runs(pids[0])


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

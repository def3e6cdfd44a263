"""The queue of keys, on a loop whose clock jumps to the next timer instead of waiting."""

from __future__ import annotations

import asyncio
import itertools
import logging
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from playbill.api.errors import Retry, Stalled
from playbill.controllers.watch.queue import FIRST_PAUSE, KeyedQueue, pause


class _NoWait(selectors.DefaultSelector):
    """Never sleeps: what the loop would wait for is added to its clock."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout:
            self.passed += timeout
        return found


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._no_wait = _NoWait()
        super().__init__(self._no_wait)

    def time(self) -> float:
        return self._no_wait.passed


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        runner.run(story())


def now() -> float:
    return asyncio.get_running_loop().time()


class Bench:
    """A queue at work; `done` has each key with the second it was worked on."""

    def __init__(
        self, work: Callable[[str], Awaitable[float | None]] | None = None, *, workers: int = 1
    ) -> None:
        self.waits: list[float] = []
        self.queue = KeyedQueue[str](waited=self.waits.append)
        self.done: list[tuple[str, float]] = []
        self._work = work
        self._workers = workers

    @property
    def keys(self) -> str:
        return "".join(key for key, _ in self.done)

    async def _one(self, key: str) -> float | None:
        self.done.append((key, now()))
        return await self._work(key) if self._work else None

    async def __aenter__(self) -> Bench:
        self._task = asyncio.create_task(self.queue.run(self._one, workers=self._workers))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not self._task.done(), "the queue has ended"
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def test_a_key_that_waits_already_is_worked_on_once() -> None:
    async def story() -> None:
        async with Bench() as bench:
            for key in "abab":
                bench.queue.add(key)
            assert len(bench.queue) == 2
            await asyncio.sleep(1)
            assert bench.keys == "ab"
            assert bench.queue.idle

    run(story)


def test_a_key_that_changes_while_it_is_worked_on_comes_once_more() -> None:
    async def story() -> None:
        async def work(_: str) -> None:
            await asyncio.sleep(10)

        async with Bench(work, workers=3) as bench:
            bench.queue.add("a")
            await asyncio.sleep(1)
            bench.queue.add("a")
            bench.queue.add("a")
            assert not bench.queue.idle
            await asyncio.sleep(5)
            assert bench.done == [("a", 0)]
            await asyncio.sleep(20)
            assert bench.done == [("a", 0), ("a", 10)]

    run(story)


def test_no_key_is_in_two_hands_at_once_and_different_ones_are() -> None:
    async def story() -> None:
        working: list[str] = []
        most = 0

        async def work(key: str) -> None:
            nonlocal most
            assert key not in working
            working.append(key)
            most = max(most, len(working))
            await asyncio.sleep(1)
            working.remove(key)

        async with Bench(work, workers=3) as bench:
            for _ in range(3):
                for key in "abcd":
                    bench.queue.add(key)
                await asyncio.sleep(0.7)
            await asyncio.sleep(20)
            assert most == 3
            assert set(bench.keys) == set("abcd")

    run(story)


@pytest.mark.parametrize(
    ("adds", "when"),
    [
        ([5.0], 5),
        ([5.0, 9.0], 5),
        ([9.0, 5.0], 5),
        ([9.0, 0.0], 0),
        ([0.0, 9.0], 0),
    ],
)
def test_a_delay_is_the_latest_that_a_key_comes_and_it_comes_once(
    adds: list[float], when: int
) -> None:
    async def story() -> None:
        async with Bench() as bench:
            for delay in adds:
                bench.queue.add("a", delay)
            await asyncio.sleep(60)
            assert [(key, round(at)) for key, at in bench.done] == [("a", when)]

    run(story)


def test_work_says_when_to_come_again() -> None:
    async def story() -> None:
        answers: list[float | None] = [3.0, 0.0, None]

        async def work(_: str) -> float | None:
            return answers.pop(0)

        async with Bench(work) as bench:
            bench.queue.add("a")
            await asyncio.sleep(60)
            assert [round(at) for _, at in bench.done] == [0, 3, 3]

    run(story)


def test_a_change_meanwhile_is_not_put_off_by_the_wish_to_come_later() -> None:
    async def story() -> None:
        async def work(_: str) -> float | None:
            await asyncio.sleep(1)
            return 100.0

        async with Bench(work) as bench:
            bench.queue.add("a")
            await asyncio.sleep(0.5)
            bench.queue.add("a")
            await asyncio.sleep(10)
            assert [round(at) for _, at in bench.done] == [0, 1]

    run(story)


def failing(times: int, error: Callable[[], Exception]) -> Callable[[str], Awaitable[None]]:
    """Work that fails so many times, then succeeds."""
    left = times

    async def work(_: str) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise error()

    return work


def gaps(bench: Bench) -> list[float]:
    times = [at for _, at in bench.done]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


@pytest.mark.parametrize(
    "error",
    [
        lambda: Retry("ApiUnavailable", "down"),
        lambda: Stalled("Unforeseen", "raised out of a pass"),
        lambda: ValueError("a slip"),
    ],
)
def test_failures_come_again_with_growing_pauses_and_end_nothing(
    error: Callable[[], Exception], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def story() -> None:
        async with Bench(failing(6, error)) as bench:
            bench.queue.add("a")
            await asyncio.sleep(1000)
            assert len(bench.done) == 7
            for number, gap in enumerate(gaps(bench)):
                ceiling = FIRST_PAUSE * 2**number
                assert ceiling / 2 <= gap <= ceiling + 0.01
            bench.queue.add("b")
            await asyncio.sleep(1)
            assert bench.keys.endswith("b")

    run(story)


def test_what_no_status_can_tell_of_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Such as that the status itself is refused, by CRDs that are older than the operator."""

    async def story() -> None:
        async with Bench(failing(1, lambda: Stalled("Invalid", "field not declared"))) as bench:
            bench.queue.add("a")
            await asyncio.sleep(1000)

    run(story)
    (line,) = caplog.messages
    assert line == "working on a failed: field not declared; it is tried again"


def test_a_success_forgets_the_failures_before_it() -> None:
    async def story() -> None:
        outcomes = [True] * 6 + [False, True, False]

        async def work(_: str) -> None:
            if outcomes.pop(0):
                raise Retry("Down", "down")

        async with Bench(work) as bench:
            bench.queue.add("a")
            await asyncio.sleep(1000)
            bench.queue.add("a")
            await asyncio.sleep(1000)
            assert len(bench.done) == 9
            assert gaps(bench)[-1] <= FIRST_PAUSE + 0.01

    run(story)


def test_the_end_of_an_object_forgets_its_failures() -> None:
    async def story() -> None:
        async with Bench(failing(100, lambda: Retry("Down", "down"))) as bench:
            bench.queue.add("a")
            await asyncio.sleep(100)
            bench.queue.forget("a")
            before = len(bench.done)
            await asyncio.sleep(1000)
            assert gaps(bench)[before] <= FIRST_PAUSE + 0.01

    run(story)


def test_a_server_s_own_wish_is_respected() -> None:
    async def story() -> None:
        error = Retry("TooManyRequests", "later", after=90.0)
        async with Bench(failing(1, lambda: error)) as bench:
            bench.queue.add("a")
            await asyncio.sleep(200)
            assert [round(gap) for gap in gaps(bench)] == [90]

    run(story)


def test_a_change_comes_before_the_pause_is_over() -> None:
    async def story() -> None:
        error = Retry("Down", "later", after=90.0)
        async with Bench(failing(1, lambda: error)) as bench:
            bench.queue.add("a")
            await asyncio.sleep(2)
            bench.queue.add("a")
            await asyncio.sleep(300)
            assert [round(at) for _, at in bench.done] == [0, 2]

    run(story)


def test_how_long_a_key_waited_for_a_worker_is_told() -> None:
    async def story() -> None:
        async def work(_: str) -> None:
            await asyncio.sleep(4)

        async with Bench(work) as bench:
            bench.queue.add("a")
            bench.queue.add("b")
            await asyncio.sleep(2)
            bench.queue.add("b")
            await asyncio.sleep(10)
            assert [round(wait) for wait in bench.waits] == [0, 4]

    run(story)


def test_workers_that_are_woken_in_the_moment_they_are_ended_do_end() -> None:
    async def story() -> None:
        async with Bench(workers=3) as bench:
            bench.queue.add("later", delay=1000)
            await asyncio.sleep(1)
            bench.queue.add("a")  # and `async with` cancels before anyone has woken up

    run(story)


def test_what_hangs_in_one_lane_leaves_workers_for_the_others() -> None:
    async def story() -> None:
        done: list[str] = []

        async def work(key: str) -> None:
            if key.startswith("stuck"):
                await asyncio.sleep(100)
            done.append(key)

        queue = KeyedQueue[str](lane=lambda key: key.partition("/")[0], width=2)
        running = asyncio.create_task(queue.run(work, workers=3))
        for key in ("stuck/1", "stuck/2", "stuck/3", "fine/1", "fine/2"):
            queue.add(key)
        await asyncio.sleep(50)
        assert done == ["fine/1", "fine/2"]
        await asyncio.sleep(200)
        assert done[2:] == ["stuck/1", "stuck/2", "stuck/3"]
        running.cancel()

    run(story)


@pytest.mark.parametrize(
    ("failures", "ceiling"), [(1, 0.5), (2, 1.0), (5, 8.0), (11, 300.0), (5000, 300.0)]
)
def test_a_pause_doubles_up_to_the_longest_with_jitter(failures: int, ceiling: float) -> None:
    pauses = [pause(failures) for _ in range(50)]
    assert all(ceiling / 2 <= found <= ceiling for found in pauses)
    assert len(set(pauses)) > 1
    assert pause(failures, longest=0.2) <= 0.2

"""How often and how long something is tried again."""

import pytest

from playbill.api.errors import Retry, Stalled
from playbill.fetch.patience import Patience
from playbill.fetch.trouble import as_reported, by_status, unavailable
from playbill.fetch.volume import no_space


class Work:
    """Fails so often, with bytes that come meanwhile."""

    def __init__(self, *failures: Exception, each: int = 0) -> None:
        self.failures = list(failures)
        self.each = each
        self.received = 0
        self.pauses: list[float] = []

    def __call__(self) -> str:
        self.received += self.each
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    def persist(self, patience: Patience) -> str:
        return patience.persist(self, received=lambda: self.received)

    def patience(self, *pauses: float, most: int = 100) -> Patience:
        return Patience(pauses=pauses, most=most, sleep=self.pauses.append)


def test_a_passing_fault_is_tried_again_and_later_each_time() -> None:
    work = Work(*[unavailable("no")] * 3)

    assert work.persist(work.patience(1, 10, 100)) == "done"
    assert [0.8 * n <= p <= 1.2 * n for n, p in zip((1, 10, 100), work.pauses, strict=True)] == [
        True
    ] * 3


def test_the_last_fault_is_told() -> None:
    work = Work(*[unavailable(str(n)) for n in range(4)])

    with pytest.raises(Retry, match="2"):
        work.persist(work.patience(1, 1))


def test_bytes_that_came_begin_the_count_anew_but_not_for_ever() -> None:
    enough = Work(*[unavailable("no")] * 8, each=1)
    assert enough.persist(enough.patience(1, 1)) == "done"

    endless = Work(*[unavailable("no")] * 50, each=1)
    with pytest.raises(Retry):
        endless.persist(endless.patience(1, 1, most=20))
    assert len(endless.pauses) == 19


def test_a_servers_own_wish_is_heeded_within_bounds() -> None:
    work = Work(unavailable("no", after=30), unavailable("no", after=10_000))

    assert work.persist(work.patience(1, 1)) == "done"
    assert work.pauses == [30, 60]


@pytest.mark.parametrize("fault", [Stalled("Refused", "no"), no_space("no")])
def test_what_waiting_does_not_mend_is_told_at_once(fault: Exception) -> None:
    work = Work(fault)

    with pytest.raises(type(fault)):
        work.persist(work.patience(1))
    assert work.pauses == []


@pytest.mark.parametrize(
    ("status", "reported"),
    [
        (401, ("Denied", 77)), (403, ("Denied", 77)), (404, ("NotFound", 66)),
        (410, ("NotFound", 66)), (429, ("Unavailable", 69)), (500, ("Unavailable", 69)),
        (400, ("Refused", 78)),
    ],
)  # fmt: skip
def test_an_answer_of_http_has_a_reason_and_an_exit_code(
    status: int, reported: tuple[str, int]
) -> None:
    assert as_reported(by_status(status, "x")) == reported

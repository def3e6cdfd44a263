"""When a window is open, in whose time, over midnight, and when the clocks change."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.ledger.policies.windows import Window

BERLIN = ZoneInfo("Europe/Berlin")
WORK = Window(days=frozenset(range(5)), opens=540, closes=1020, zone=BERLIN)
NIGHT = Window(days=frozenset({4}), opens=1320, closes=360, zone=BERLIN)
ALWAYS = Window(days=frozenset(range(7)), opens=0, closes=1440, zone=BERLIN)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp())


@pytest.mark.parametrize(
    ("window", "moment", "is_open", "opens"),
    [
        (WORK, "2026-11-23 08:59:59", False, "Mon 2026-11-23 09:00 Europe/Berlin"),
        (WORK, "2026-11-23 09:00", True, "Tue 2026-11-24 09:00 Europe/Berlin"),
        (WORK, "2026-11-23 16:59:59", True, "Tue 2026-11-24 09:00 Europe/Berlin"),
        (WORK, "2026-11-27 17:00", False, "Mon 2026-11-30 09:00 Europe/Berlin"),
        (NIGHT, "2026-11-27 21:59", False, "Fri 2026-11-27 22:00 Europe/Berlin"),
        (NIGHT, "2026-11-28 05:59", True, "Fri 2026-12-04 22:00 Europe/Berlin"),
        (NIGHT, "2026-11-28 06:00", False, "Fri 2026-12-04 22:00 Europe/Berlin"),
        (ALWAYS, "2026-11-28 23:59:59", True, "Sun 2026-11-29 00:00 Europe/Berlin"),
        (WORK, "2026-03-27 18:00", False, "Mon 2026-03-30 09:00 Europe/Berlin"),
        (WORK, "2026-10-23 18:00", False, "Mon 2026-10-26 09:00 Europe/Berlin"),
    ],
)
def test_a_window_opens_by_the_clock_on_the_wall(
    window: Window, moment: str, is_open: bool, opens: str
) -> None:
    assert (window.opened(at(moment)) is not None) is is_open
    assert window.says(window.next(at(moment))) == opens


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
MINUTES = st.integers(0, 1439)


@given(
    st.frozensets(st.integers(0, 6), min_size=1), MINUTES, MINUTES, ZONES,
    st.integers(1_600_000_000, 2_000_000_000),
)  # fmt: skip
def test_it_is_open_when_it_opens_and_within_eight_days(
    days: frozenset[int], opens: int, closes: int, zone: str, second: int
) -> None:
    window = Window(days=days, opens=opens, closes=closes, zone=ZoneInfo(zone))
    if opens == closes:
        return
    following = window.next(second)
    assert second < following <= second + 8 * 86400 + 7200
    began = window.opened(second)
    assert began is None or began <= second

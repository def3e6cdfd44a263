"""Which counter the statuses say is used up, be its tag in git or not."""

from typing import Any

import pytest
from tests.unit.controllers.objects import model, stage, version

from playbill.controllers.inventory.counters import highest_counter


def reserved(*names: str) -> dict[str, Any]:
    return {"pending": {"tags": [{"name": name, "object": "bytes"} for name in names]}}


def recorded(tag: str) -> dict[str, Any]:
    held = {"tag": tag, "version": "v1.0.0", "commit": "c" * 40, "since": "2026-01-01T00:00:00Z"}
    return {"current": held}


STAGE = stage(status=recorded("digits#prod#7"))


@pytest.mark.parametrize(
    ("resources", "highest"),
    [
        ([], 0),
        ([model(), version(), stage()], 0),
        ([STAGE], 7),
        ([stage(status=reserved("digits#prod!#3", "digits#prod!#4")), version()], 4),
        ([STAGE, version(status=reserved("digits@v1.0.0!#9"))], 9),
        ([model(status=reserved("digits@deprecated#2"))], 2),
        ([version(status=reserved("digits@v1.0.0"))], 0),
        ([stage(status=reserved("letters#prod#12"))], 0),
        ([stage(status=reserved("no tag of ours"))], 0),
    ],
)
def test_what_is_recorded_and_what_is_reserved_is_used_up(resources: Any, highest: int) -> None:
    assert highest_counter("digits", resources) == highest

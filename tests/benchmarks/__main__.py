"""`python -m tests.benchmarks [--quick]`: one table, each figure beside a limit of the same run."""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
from pathlib import Path

from tests.benchmarks import crowds, promotion, recording, state, steady
from tests.benchmarks.cluster import find_cluster
from tests.benchmarks.table import Row, render

from playbill.cli import GARBAGE_OBJECTS

SECTIONS = {
    "state": state.rows,
    "recording": recording.rows,
    "promotion": promotion.rows,
    "crowds": crowds.rows,
    "steady": steady.rows,
}


def main() -> None:
    """Run what is asked for, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer runs")
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; all if left out")
    arguments = parser.parse_args()
    gc.set_threshold(GARBAGE_OBJECTS)  # as the operator does
    sections = arguments.sections or list(SECTIONS)
    if sections != ["state"]:
        find_cluster()  # before the minutes that the others take
    rows: list[Row] = []
    try:
        for name in sections:
            with tempfile.TemporaryDirectory(prefix="playbill-bench-") as directory:
                rows += SECTIONS[name](Path(directory), quick=arguments.quick)
    finally:  # what took minutes is not lost with what failed after it
        print(render(rows))
    busy = os.getloadavg()[1]
    print(
        f"\n{os.cpu_count()} cores, {busy:.1f} processes at work on average. Medians, by turns; "
        "by the clock, or where it says CPU in the CPU seconds of git and Python together."
    )


if __name__ == "__main__":
    main()

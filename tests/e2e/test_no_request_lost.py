"""A client that asks the Service all the time, while versions come and go: no request fails, and
it never goes back and forth between two versions."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from deploy.local.layout import NETNS
from tests.cluster.kubectl import eventually
from tests.e2e.serving import V1, V2, Served

# Asks again and again, each time by a connection of its own, and writes down what it hears.
CLIENT = """
import json, sys, time, urllib.request as u
heard = open(sys.argv[2], 'w')
end = time.monotonic() + 180
while time.monotonic() < end:
    try:
        answer = u.urlopen(sys.argv[1], timeout=5).read().decode().strip()
    except OSError as error:
        answer = f'failed: {error}'
    print(json.dumps([time.time(), answer]), file=heard, flush=True)
    time.sleep(0.02)
"""

CRASHES = "sleep 1; [ ${version} = v2.0.0 ] && exit 7; exec /bin/busybox sh /bin/serve ${version}"


@contextmanager
def asking(served: Served) -> Iterator[Path]:
    """A file with what a client heard from the Service, one line for each request."""
    spec = served.world.get("service", served.name)["spec"]
    path = served.world.directory / f"{served.name}.heard"
    url = f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}/"
    client = subprocess.Popen(
        ["nsenter", f"--net={NETNS}", "--", sys.executable, "-S", "-c", CLIENT, url, str(path)],
        env={"PATH": "/usr/bin:/bin"},
    )
    try:
        eventually(lambda: path.exists() and len(heard(path)) > 20)
        yield path
        time.sleep(3)
    finally:
        client.terminate()
        client.wait(10)


def heard(path: Path) -> list[str]:
    return [json.loads(line)[1] for line in path.read_text().splitlines()]


def told(path: Path) -> list[str]:
    """What was heard, with the same in a row once."""
    return [answer for answer, _ in groupby(heard(path))]


def template(served: Served) -> dict[str, Any]:
    """With the usual time to end: the shared one is cut short for the other tests' speed."""
    made = served.template()
    del made["spec"]["terminationGracePeriodSeconds"]
    return made


@pytest.mark.parametrize("replicas", [1, 3])
def test_promotions_there_and_back_lose_nothing_and_mix_nothing(
    served: Served, replicas: int
) -> None:
    served.register()
    served.assign(template=template(served), replicas=replicas)
    served.ready()
    served.answers(V1)
    served.world.await_ready("mver", f"{served.model}-v2")
    with asking(served) as path:
        for version in (V2, V1):
            served.change(version=version)
            served.ready(version)
            eventually(lambda version=version: heard(path)[-1] == version)  # type: ignore[misc]
    assert told(path) == [V1, V2, V1]
    service = served.world.get("service", served.name)["spec"]
    assert service["sessionAffinity"] == "None"


def test_a_version_that_fails_is_never_heard_of(served: Served) -> None:
    served.register()
    served.assign(template=template(served), replicas=2)
    served.ready()
    served.answers(V1)
    served.world.await_ready("mver", f"{served.model}-v2")
    broken = template(served)
    broken["spec"]["containers"][0]["command"] = ["/bin/busybox", "sh", "-c", CRASHES]
    with asking(served) as path:
        served.change(version=V2, rollout={"template": broken})
        served.world.await_reason("stage", served.name, "RolledBack", patience=120)
        eventually(lambda: len(served.pods()) == 2)
    assert told(path) == [V1]

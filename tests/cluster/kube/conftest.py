"""A client of the cluster under test that counts its requests, and a namespace for each test."""

import secrets
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from playbill.kube.client import Kube
from playbill.kube.resources import NAMESPACES


@pytest.fixture
def requests() -> Counter[tuple[str, str, str]]:
    """Every request that `kube` makes: verb, resource, code."""
    return Counter()


@pytest.fixture
async def kube(kubeconfig: Path, requests: Counter[tuple[str, str, str]]) -> AsyncIterator[Kube]:
    def count(verb: str, resource: str, code: str) -> None:
        requests[verb, resource, code] += 1

    async with await Kube.connect(kubeconfig, observer=count) as client:
        yield client


@pytest.fixture
async def namespace(kubeconfig: Path) -> AsyncIterator[str]:
    """A namespace for one test, not for a file: some of these tests break theirs."""
    name = f"test-{secrets.token_hex(4)}"
    async with await Kube.connect(kubeconfig) as client:
        await client.create(NAMESPACES, {"metadata": {"name": name}}, manager="test")
        yield name
        await client.delete(NAMESPACES, None, name)

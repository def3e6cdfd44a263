"""The program, and servers of each kind that it fetches from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fetch.program import Fetcher, make_environment
from tests.fetch.project import Project
from tests.servers.files import FileServer
from tests.servers.remote import Remote
from tests.servers.s3 import S3Server


@pytest.fixture(scope="session")
def environment() -> None:
    make_environment()


@pytest.fixture
def fetch(environment: None, tmp_path: Path) -> Fetcher:
    volume = tmp_path / "volume"
    volume.mkdir()
    return Fetcher(tmp_path, volume)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(tmp_path / "www", state=tmp_path / "web") as server:
        yield server


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    with S3Server(tmp_path / "buckets", state=tmp_path / "s3") as server:
        yield server


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path / "srv" / "models.git")


@pytest.fixture(scope="session")
def fresh_project(environment: None, tmp_path_factory: pytest.TempPathFactory) -> Project:
    directory = tmp_path_factory.mktemp("fresh")
    return Project.make(directory, Remote(directory / "unused.git"))


@pytest.fixture
def project(fresh_project: Project, remote: Remote, tmp_path: Path) -> Project:
    """A project of the real DVC, to be pushed to the repository."""
    return fresh_project.copy(tmp_path / "project", remote)

"""Fixtures of the conformance tests."""

from collections.abc import Sequence

import pytest

from .repositories import EPOCH, MakeRepository, Repository, Tag


@pytest.fixture
def make_repository(tmp_path_factory: pytest.TempPathFactory) -> MakeRepository:
    """Give a function that makes a repository of some commits, all of one time, and tags."""

    def make(
        tags: Sequence[Tag] = (), *, commits: int = 4, seconds: int = EPOCH - 1000
    ) -> Repository:
        repository = Repository(tmp_path_factory.mktemp("repository"))
        repository.git("init", "--quiet", "--template=", "--initial-branch=main")
        repository.git("config", "user.name", "Ann")
        repository.git("config", "user.email", "ann@example.org")
        repository.add_commits(commits, seconds=seconds)
        repository.write(tags)
        return repository

    return make

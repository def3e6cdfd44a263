"""One remote and one mirror of it, and a count of the git processes that ran."""

from pathlib import Path

import pytest
from tests.git.counting import MakeMirror, Processes
from tests.servers import Remote

from playbill.git.command import Git, GitSettings
from playbill.git.credentials import ANONYMOUS, Credentials
from playbill.git.mirror import Mirror
from playbill.git.url import UrlPolicy, parse_url

POLICY = UrlPolicy(allow_file=True, allow_private=True)


@pytest.fixture
def processes() -> Processes:
    return Processes()


@pytest.fixture
def git(tmp_path: Path, processes: Processes) -> Git:
    settings = GitSettings(home=tmp_path / "home", policy=POLICY, seconds=30)
    return Git(settings, observe=processes.observe)


@pytest.fixture
def hasty_git(tmp_path: Path, processes: Processes) -> Git:
    """Gives up after two seconds."""
    settings = GitSettings(home=tmp_path / "home", policy=POLICY, seconds=2)
    return Git(settings, observe=processes.observe)


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path / "srv" / "models.git")


@pytest.fixture
def mirror_of(tmp_path: Path, git: Git) -> MakeMirror:
    """A fresh mirror of any URL."""

    def make(
        url: str,
        credentials: Credentials = ANONYMOUS,
        *,
        name: str = "mirror",
        runner: Git | None = None,
    ) -> Mirror:
        parsed = parse_url(url, policy=POLICY)
        return Mirror(tmp_path / "cache" / name, parsed, credentials, runner or git)

    return make


@pytest.fixture
def mirror(remote: Remote, mirror_of: MakeMirror) -> Mirror:
    return mirror_of(remote.url)

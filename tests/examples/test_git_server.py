"""The demo's git server, as it really runs: git and the DVC store behind passwords."""

import base64
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from examples.demo import gitserver
from examples.demo.gitserver import Account, GitServer

FILE = "files/md5/ab/" + "0" * 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    root = tmp_path_factory.mktemp("server")
    running = gitserver.start(root, address="127.0.0.1")
    running.create("digits")
    yield running
    gitserver.stop(root)


def git(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    identity = ("-c", "user.name=Team", "-c", "user.email=team@digits.example")
    return subprocess.run(
        ["git", "-c", "credential.helper=", *identity, *arguments],
        cwd=directory,
        env={"PATH": "/usr/bin:/bin", "GIT_TERMINAL_PROMPT": "0", "HOME": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )


def url_of(server: GitServer, account: Account) -> str:
    plain = server.repository("digits")
    return plain.replace("http://", f"http://{account.user}:{account.password}@")


def request(server: GitServer, method: str, account: Account | None) -> int:
    wanted = urllib.request.Request(  # noqa: S310
        f"{server.store('digits')}/{FILE}", method=method, data=b"x" if method == "PUT" else None
    )
    if account:
        token = base64.b64encode(f"{account.user}:{account.password}".encode()).decode()
        wanted.add_header("Authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(wanted, timeout=5) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def test_the_team_pushes_and_the_pods_may_only_read(server: GitServer, tmp_path: Path) -> None:
    git(tmp_path, "init", "--initial-branch=main")
    git(tmp_path, "commit", "--allow-empty", "--message=One")
    assert git(tmp_path, "push", url_of(server, server.reader), "main").returncode != 0
    assert git(tmp_path, "push", url_of(server, server.writer), "main").returncode == 0
    listed = git(tmp_path, "ls-remote", url_of(server, server.reader))
    assert "refs/heads/main" in listed.stdout
    assert git(tmp_path, "ls-remote", server.repository("digits")).returncode != 0


def test_the_store_takes_files_from_the_team_alone(server: GitServer) -> None:
    assert request(server, "PUT", None) == 401
    assert request(server, "PUT", server.reader) == 401
    assert request(server, "PUT", server.writer) == 201
    assert request(server, "DELETE", server.reader) == 401
    assert request(server, "GET", None) == 401
    assert request(server, "GET", server.reader) == 200


def test_a_stopped_server_is_gone(tmp_path: Path) -> None:
    gitserver.start(tmp_path, address="127.0.0.1")
    pid = int((tmp_path / "pid").read_text())
    gitserver.stop(tmp_path)
    assert not gitserver.is_ours(pid, tmp_path)
    gitserver.stop(tmp_path)

"""What git itself holds, at one commit."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fetch.program import PYTHON, ROOT, Fetcher
from tests.servers import GitHttpServer, Remote

MODEL = bytes(range(256)) * 8192


@pytest.fixture
def server(remote: Remote, tmp_path: Path) -> Iterator[GitHttpServer]:
    """For whoever has the password, with a certificate of a private authority."""
    with GitHttpServer(
        remote.path.parent, "ada", "pw0rd", state=tmp_path / "git", tls=True
    ) as server:
        yield server


def oid(remote: Remote, path: str) -> str:
    return f"git:{remote.git('rev-parse', f'main:{path}')}"


@pytest.mark.parametrize("any_object", ["true", "false"])
def test_a_file_comes_over_https_with_the_repositorys_secret(
    fetch: Fetcher, remote: Remote, server: GitHttpServer, any_object: str
) -> None:
    """Also from a server that gives no object by its id."""
    remote.git("config", "uploadpack.allowAnySHA1InWant", any_object)
    commit = remote.commit({"models/model.bin": MODEL, "huge.bin": b"x" * 5_000_000})
    remote.commit({"models/model.bin": b"later"})
    fetch.secrets["git"] = server.secret

    ended = fetch(
        repository=server.url("models.git"), commit=commit, path="models/model.bin",
        digest=f"git:{remote.git('rev-parse', f'{commit}:models/model.bin')}",
    )  # fmt: skip

    assert ended.code == 0, ended.log
    assert fetch.files() == {"model.bin": MODEL}
    assert ended.word["sha256"] == hashlib.sha256(MODEL).hexdigest()
    assert "pw0rd" not in ended.log


def test_a_server_without_filters_sends_everything_and_serves(
    fetch: Fetcher, tmp_path: Path
) -> None:
    remote = Remote(tmp_path / "srv" / "plain.git", filters=False)
    commit = remote.commit({"model.bin": MODEL})

    assert fetch(repository=remote.url, commit=commit, path="model.bin").code == 0


def test_a_directory_comes_whole_with_what_may_be_run(fetch: Fetcher, remote: Remote) -> None:
    remote.commit({"m/a.txt": "a", "m/b/c.txt": "c", "m-other": "x", "m/b.txt": "b"})
    digest = oid(remote, "m")

    ended = fetch(
        repository=remote.url, commit=remote.git("rev-parse", "main"), path="m", digest=digest
    )

    assert ended.code == 0, ended.log
    assert fetch.files() == {"a.txt": b"a", "b/c.txt": b"c", "b.txt": b"b"}
    assert ended.word["digest"] == digest


def test_another_blob_than_the_recorded_one_fails_closed(fetch: Fetcher, remote: Remote) -> None:
    commit = remote.commit({"model.bin": MODEL})

    ended = fetch(repository=remote.url, commit=commit, path="model.bin", digest="git:" + "0" * 40)

    assert (ended.code, ended.word["reason"]) == (65, "DigestMismatch")
    assert f"expected git:{'0' * 40}, found {oid(remote, 'model.bin')}" in ended.message
    assert not fetch.into.exists()


@pytest.mark.parametrize("path", ["link", "m"])
def test_a_symbolic_link_is_not_followed(fetch: Fetcher, remote: Remote, path: str) -> None:
    commit = remote.commit({"m/a": "a"}, links={"link": "/etc/passwd", "m/link": "../../x"})

    ended = fetch(repository=remote.url, commit=commit, path=path)

    assert (ended.code, ended.word["reason"]) == (78, "Refused"), ended.log
    assert "symlink" in ended.message
    assert not fetch.into.exists()


def test_a_pointer_of_git_lfs_is_no_artifact(fetch: Fetcher, remote: Remote) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 5\n"
    commit = remote.commit({"model.bin": pointer})

    ended = fetch(repository=remote.url, commit=commit, path="model.bin")

    assert (ended.code, ended.word["reason"]) == (78, "Unsupported")


def test_what_is_not_there_is_not_found(fetch: Fetcher, remote: Remote, tmp_path: Path) -> None:
    commit = remote.commit({"model.bin": MODEL})

    path = fetch(repository=remote.url, commit=commit, path="other.bin")
    unknown = fetch(repository=remote.url, commit="0" * 40, path="model.bin")
    gone = fetch(repository=f"file://{tmp_path}/none.git", commit=commit, path="model.bin")

    assert [each.word["reason"] for each in (path, unknown, gone)] == ["NotFound"] * 3
    assert {each.code for each in (path, unknown, gone)} == {66}


def test_a_wrong_password_is_denied(fetch: Fetcher, server: GitHttpServer, remote: Remote) -> None:
    commit = remote.commit({"model.bin": MODEL})
    fetch.secrets["git"] = server.secret | {"password": b"wr0ng-pw"}

    ended = fetch(repository=server.url("models.git"), commit=commit, path="model.bin")

    assert (ended.code, ended.word["reason"]) == (77, "Denied"), ended.log
    assert "wr0ng-pw" not in ended.log


@pytest.mark.parametrize(
    "options",
    [
        {"repository": "file:///r", "commit": "main", "path": "x"},
        {"repository": "file:///r", "commit": "0" * 40},
        {"uri": "s3://b/k", "path": "x"},
        {},
    ],
)
def test_a_wrong_call_says_so_in_its_last_word(fetch: Fetcher, options: dict[str, str]) -> None:
    ended = fetch(**options)

    assert (ended.code, ended.word["reason"]) == (64, "InvalidArguments"), ended.log


@pytest.mark.parametrize("command", ["fetch", "check"])
def test_the_images_own_lock_has_what_its_commands_import(environment: None, command: str) -> None:
    done = subprocess.run(
        [PYTHON, "-m", "playbill.cli", command, "--help"],
        env={"PYTHONPATH": str(ROOT / "operator")}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr

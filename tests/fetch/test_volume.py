"""A volume that outlives its pods, with what others may have left on it."""

import hashlib
import os
from pathlib import Path

import pytest
from tests.fetch.program import Fetcher
from tests.servers.files import FileServer

MODEL = b"weights" * 100_000
SHA256 = f"sha256:{hashlib.sha256(MODEL).hexdigest()}"


@pytest.fixture
def uri(web: FileServer) -> str:
    return web.put("model.bin", MODEL)


@pytest.mark.parametrize("digest", ["", SHA256])
def test_what_is_complete_is_checked_and_not_fetched_again(
    fetch: Fetcher, web: FileServer, uri: str, digest: str
) -> None:
    given = {"digest": digest} if digest else {}
    first = fetch(uri=uri, **given)
    web.stop()

    second = fetch(uri=uri, **given)

    assert second.code == 0, second.log
    assert second.word == first.word | {"from": "the volume"}
    assert len(web.requests) == 1


def test_what_was_changed_on_the_volume_is_fetched_anew(fetch: Fetcher, uri: str) -> None:
    assert fetch(uri=uri, digest=SHA256).code == 0
    (fetch.into / "model.bin").write_bytes(b"something else")

    ended = fetch(uri=uri, digest=SHA256)

    assert ended.code == 0, ended.log
    assert "not right any more" in ended.log
    assert fetch.files() == {"model.bin": MODEL}


def test_what_is_wrong_and_cannot_be_fetched_anew_is_not_left_in_place(
    fetch: Fetcher, web: FileServer, uri: str
) -> None:
    assert fetch(uri=uri, digest=SHA256).code == 0
    (fetch.into / "model.bin").write_bytes(b"something else")
    web.stop()

    assert fetch(uri=uri, digest=SHA256).code == 69
    assert not fetch.into.exists()


def test_versions_lie_side_by_side(fetch: Fetcher, web: FileServer, uri: str) -> None:
    assert fetch(uri=uri, digest=SHA256).code == 0
    before = fetch.into
    fetch.name = "v2.0.0-aaaa"

    assert fetch(uri=web.put("other.bin", b"2")).code == 0
    assert (before / "model.bin").read_bytes() == MODEL
    assert fetch.files() == {"other.bin": b"2"}


@pytest.mark.parametrize("place", ["{0}", ".{0}.work", ".{0}.work/content", ".{0}.json"])
def test_a_symbolic_link_on_the_volume_leads_nowhere(
    fetch: Fetcher, tmp_path: Path, uri: str, place: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = fetch.volume / place.format(fetch.name)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)

    ended = fetch(uri=uri, digest=SHA256)

    assert list(outside.iterdir()) == []
    assert ended.code == 0 or ended.word["reason"] == "Refused", ended.log
    assert fetch.files() in ({}, {"model.bin": MODEL})


def test_a_file_in_the_way_of_the_directory_goes(fetch: Fetcher, uri: str) -> None:
    fetch.into.write_text("in the way")

    assert fetch(uri=uri, digest=SHA256).code == 0
    assert fetch.files() == {"model.bin": MODEL}


def test_two_pods_that_share_a_volume_fetch_once(fetch: Fetcher, web: FileServer, uri: str) -> None:
    both = [fetch.start(uri=uri, digest=SHA256) for _ in range(2)]

    codes = [process.wait(60) for process in both]

    assert codes == [0, 0]
    assert fetch.files() == {"model.bin": MODEL}
    web.stop()
    assert len(web.requests) == 1


def test_servers_of_any_user_can_read_and_nothing_else_is_left(fetch: Fetcher, uri: str) -> None:
    assert fetch(uri=uri, digest=SHA256).code == 0

    assert fetch.into.stat().st_mode & 0o777 == 0o755
    assert (fetch.into / "model.bin").stat().st_mode & 0o777 == 0o644
    left = sorted(path.name for path in fetch.volume.iterdir())
    assert left == sorted([f".{fetch.name}.json", f".{fetch.name}.lock", fetch.name])


def test_a_volume_that_cannot_be_written_to_is_named(fetch: Fetcher, uri: str) -> None:
    if os.geteuid() == 0:
        fetch.volume = Path("/proc/playbill")
    else:
        fetch.volume.chmod(0o500)

    ended = fetch(uri=uri, digest=SHA256)

    assert ended.code in {69, 78}
    assert "the volume cannot be" in ended.message

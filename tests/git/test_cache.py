"""The cache of mirrors: what is shared, and what goes first."""

import time
from pathlib import Path

import pytest
from tests.git.counting import Processes
from tests.servers import Remote

from playbill.git.cache import MirrorCache
from playbill.git.command import Git
from playbill.git.credentials import ANONYMOUS, Credentials
from playbill.git.url import RemoteUrl, UrlPolicy, parse_url

POLICY = UrlPolicy(allow_file=True)


@pytest.fixture
def urls(tmp_path: Path) -> list[RemoteUrl]:
    """Three repositories."""
    found = []
    for number in range(3):
        remote = Remote(tmp_path / f"{number}.git")
        remote.commit({"a": "x"})
        found.append(parse_url(remote.url, policy=POLICY))
    return found


def use(cache: MirrorCache, url: RemoteUrl, *, namespace: str = "team") -> Path:
    with cache.borrow(namespace=namespace, url=url, credentials=ANONYMOUS) as mirror:
        mirror.fetch()
        return mirror.directory


def test_the_same_three_are_one_mirror_and_any_other_is_another(
    tmp_path: Path, git: Git, urls: list[RemoteUrl]
) -> None:
    cache = MirrorCache(tmp_path / "cache", size_limit_bytes=1 << 30, git=git)
    other = Credentials.from_secret({"bearerToken": b"x"})
    keys = [
        ("team", urls[0], ANONYMOUS),
        ("other", urls[0], ANONYMOUS),
        ("team", urls[1], ANONYMOUS),
        ("team", urls[0], other),
    ]
    directories = []
    for namespace, url, credentials in [*keys, *keys]:
        with cache.borrow(namespace=namespace, url=url, credentials=credentials) as mirror:
            directories.append(mirror.directory)
    assert len(set(directories)) == 4
    assert directories[:4] == directories[4:]


def test_the_least_recently_used_goes_first(
    tmp_path: Path, git: Git, urls: list[RemoteUrl]
) -> None:
    probe = MirrorCache(tmp_path / "probe", size_limit_bytes=1 << 30, git=git)
    use(probe, urls[0])
    cache = MirrorCache(tmp_path / "cache", size_limit_bytes=int(probe.size * 2.5), git=git)
    first, second = use(cache, urls[0]), use(cache, urls[1])
    use(cache, urls[0])
    third = use(cache, urls[2])
    assert (first.exists(), second.exists(), third.exists()) == (True, False, True)


def test_a_mirror_in_use_is_never_removed(tmp_path: Path, git: Git, urls: list[RemoteUrl]) -> None:
    cache = MirrorCache(tmp_path / "cache", size_limit_bytes=0, git=git)
    with cache.borrow(namespace="team", url=urls[0], credentials=ANONYMOUS) as mirror:
        mirror.fetch()
        assert not use(cache, urls[1]).exists()
        assert mirror.directory.exists()
    assert not mirror.directory.exists()


def test_mirrors_of_an_earlier_process_count_and_are_found_again(
    tmp_path: Path, git: Git, urls: list[RemoteUrl], processes: Processes
) -> None:
    root = tmp_path / "cache"
    before = use(MirrorCache(root, size_limit_bytes=1 << 30, git=git), urls[0])
    (root / "not-ours").mkdir()
    later = MirrorCache(root, size_limit_bytes=1 << 30, git=git)
    assert later.size > 0
    processes.forget()
    with later.borrow(namespace="team", url=urls[0], credentials=ANONYMOUS) as mirror:
        assert mirror.directory == before
        assert mirror.fetched.heads
    assert processes["fetch"] == 0
    use(MirrorCache(root, size_limit_bytes=0, git=git), urls[1])
    assert not before.exists()
    assert (root / "not-ours").exists()


def test_a_mirror_of_very_many_refs_is_packed_when_it_is_given_back(
    tmp_path: Path, git: Git, processes: Processes
) -> None:
    remote = Remote(tmp_path / "many.git")
    commit = remote.commit({"a": "x"})
    lines = [f"create refs/tags/t{number} {commit}\n" for number in range(1100)]
    remote.git("update-ref", "--stdin", stdin="".join(lines).encode())
    cache = MirrorCache(tmp_path / "cache", size_limit_bytes=1 << 30, git=git)
    url = parse_url(remote.url, policy=POLICY)
    for _ in range(2):
        directory = use(cache, url)
        assert not list((directory / "refs" / "tags").iterdir())
    assert processes["maintain"] == 1
    with cache.borrow(namespace="team", url=url, credentials=ANONYMOUS) as mirror:
        assert len(mirror.fetched.tags) == 1100
        assert mirror.read(commit, ["a"]) == {"a": b"x"}


def test_a_mirror_that_nobody_has_used_for_long_keeps_its_directory_alone(
    tmp_path: Path, git: Git, urls: list[RemoteUrl], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a token that is renewed each hour there would be more and more of them."""
    cache = MirrorCache(tmp_path / "cache", size_limit_bytes=1 << 30, git=git)
    now = time.monotonic()
    for hour in range(5):
        monkeypatch.setattr("playbill.git.cache.time.monotonic", lambda h=hour: now + h * 4000)
        token = Credentials.from_secret({"bearerToken": str(hour).encode()})
        with cache.borrow(namespace="team", url=urls[0], credentials=token):
            pass
    assert len(cache._mirrors) == 1
    assert use(cache, urls[1]).is_dir()

"""Digests as git, DVC and sha256sum have them."""

import hashlib
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from dvc_data.hashfile.hash import file_md5
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.meta import Meta
from dvc_data.hashfile.tree import Tree
from hypothesis import given
from hypothesis import strategies as st
from tests.servers.remote import Remote

from playbill.api.errors import Stalled
from playbill.fetch.digests import FileHash, Hasher, check_digest, directory_digest, manifest

FILES = {"a.txt": b"a\n", "a/b": b"", "a-b/c.bin": bytes(range(256)), "b/a/ä": b"\r\n"}


def hashed(path: str, content: bytes, *, step: int = 7, dos2unix: bool = False) -> FileHash:
    hasher = Hasher(len(content), dos2unix=dos2unix)
    for start in range(0, len(content), step):
        hasher.update(content[start : start + step])
    return hasher.done(path)


def all_hashed(files: Mapping[str, bytes]) -> list[FileHash]:
    return [hashed(path, content) for path, content in files.items()]


def test_a_directory_is_a_tree_as_git_has_it(tmp_path: Path) -> None:
    files = {path: content for path, content in FILES.items() if path != "a/b"}
    remote = Remote(tmp_path / "models.git")
    commit = remote.commit(files)

    assert directory_digest("git", all_hashed(files)) == (
        f"git:{remote.git('rev-parse', f'{commit}^{{tree}}')}"
    )


def test_a_directory_is_a_list_as_dvc_has_it() -> None:
    tree = Tree()  # type: ignore[no-untyped-call]
    for path, content in FILES.items():
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        tree.add(tuple(path.split("/")), Meta(), HashInfo("md5", md5))
    tree.digest()

    assert directory_digest("md5", all_hashed(FILES)) == f"md5:{tree.oid}"


def test_a_directory_is_what_sha256sum_prints_of_it(tmp_path: Path) -> None:
    files = {path: content for path, content in FILES.items() if path != "a/b"}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    paths = sorted(files, key=str.encode)
    printed = subprocess.run(
        ["sha256sum", *paths], cwd=tmp_path, capture_output=True, check=True
    ).stdout

    assert manifest(all_hashed(files)) == printed
    expected = hashlib.sha256(printed).hexdigest()
    assert directory_digest("sha256", all_hashed(files)) == f"sha256:{expected}"


texts = st.binary(max_size=3000) | st.lists(
    st.sampled_from([b"a", b"\r\n", b"\n", b"\0", b"\x81"]), max_size=2000
).map(b"".join)


@given(texts, st.integers(min_value=1, max_value=600))
def test_the_md5_of_dvc_2_is_dvcs_own_however_the_bytes_come(content: bytes, step: int) -> None:
    found = hashed("x", content, step=step, dos2unix=True)

    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        assert found.md5 == file_md5(file.name, name="md5-dos2unix")


def test_lines_are_taken_a_megabyte_at_a_time_as_dvc_does(tmp_path: Path) -> None:
    content = b"a" * (2**20 - 1) + b"\r\n" + b"text\r\n" * 10
    path = tmp_path / "large"
    path.write_bytes(content)

    found = hashed("x", content, step=100_000, dos2unix=True)

    assert found.md5 == file_md5(str(path), name="md5-dos2unix")


@pytest.mark.parametrize(
    "text",
    ["", "md5:", "md5:" + "a" * 31, "sha1:" + "a" * 40, "git:" + "A" * 40, "sha256:" + "a" * 65,
     "md5:" + "a" * 32 + ".dirx", "sha256:" + "a" * 64 + "\n"],
)  # fmt: skip
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(Stalled, match="is no digest"):
        check_digest(text)


@pytest.mark.parametrize(
    "text", ["md5:" + "a" * 32, "md5:" + "a" * 32 + ".dir", "git:" + "a" * 40, "sha256:" + "a" * 64]
)
def test_a_digest_of_each_kind_is_taken(text: str) -> None:
    assert check_digest(text) == text

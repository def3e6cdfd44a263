"""Where DVC has an artifact, by what the project's files say."""

import pytest

from playbill.api.errors import Stalled
from playbill.fetch.records import Tracked, configuration, find_tracked, wanted_files

A, B = "a" * 32, "b" * 32
OUT = f"outs:\n- md5: {A}\n  hash: md5\n  path: model.pkl\n"
LOCK = f"""\
stages:
  train:
    cmd: x
    outs:
    - {{path: out/model.pkl, hash: md5, md5: {A}}}
"""


def found(path: str, **files: str) -> Tracked:
    return find_tracked(path, {name: text.encode() for name, text in files.items()})


def test_a_dvc_file_beside_the_artifact_tells_of_it() -> None:
    assert found("m/model.pkl", **{"m/model.pkl.dvc": OUT}) == Tracked(
        path="m/model.pkl", md5=A, legacy=False
    )


def test_without_a_hash_it_is_of_dvc_2() -> None:
    text = OUT.replace("  hash: md5\n", "")

    assert found("model.pkl", **{"model.pkl.dvc": text}).legacy


def test_a_lock_tells_of_what_a_stage_made_by_its_working_directory() -> None:
    outs = "    outs:\n    - out/model.pkl: {remote: archive}\n"
    project = f"stages:\n  train:\n    cmd: x\n    wdir: sub\n{outs}"

    assert found("sub/out/model.pkl", **{"dvc.yaml": project, "dvc.lock": LOCK}) == Tracked(
        path="sub/out/model.pkl", md5=A, legacy=False, remote="archive"
    )


def test_a_directory_above_may_be_what_is_tracked() -> None:
    text = f"outs:\n- md5: {B}.dir\n  hash: md5\n  path: m\n  remote: archive\n"

    assert found("m/sub/model.pkl", **{"m.dvc": text}) == Tracked(
        path="m", md5=f"{B}.dir", legacy=False, inside="sub/model.pkl", remote="archive"
    )


@pytest.mark.parametrize(
    ("path", "files", "reason"),
    [
        ("model.pkl", {}, "NotFound"),
        ("other.pkl", {"model.pkl.dvc": OUT}, "NotFound"),
        ("m/model.pkl", {"m.dvc": OUT.replace("model.pkl", "m")}, "NotFound"),
        ("model.pkl", {"model.pkl.dvc": "outs: ["}, "InvalidProject"),
        ("model.pkl", {"model.pkl.dvc": OUT.replace(A, "../" + "a" * 29)}, "Unsupported"),
        ("model.pkl", {"model.pkl.dvc": OUT.replace("md5: a", "etag: a")}, "Unsupported"),
        ("model.pkl", {"model.pkl.dvc": OUT.replace("model.pkl", "../model.pkl")}, "NotFound"),
    ],
)
def test_what_cannot_be_found_says_why(path: str, files: dict[str, str], reason: str) -> None:
    with pytest.raises(Stalled) as caught:
        found(path, **files)

    assert caught.value.reason == reason


def test_the_nearest_projects_configuration_is_taken() -> None:
    files = {".dvc/config": b"root", "sub/.dvc/config": b"sub"}

    assert configuration("sub/m/model.pkl", files) == b"sub"
    assert configuration("model.pkl", files) == b"root"
    assert set(files) < set(wanted_files("sub/m/model.pkl"))
    with pytest.raises(Stalled, match=r"no \.dvc/config"):
        configuration("model.pkl", {})

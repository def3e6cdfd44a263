"""What DVC tracks, from a remote of each kind that people keep."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fetch.program import Ended, Fetcher
from tests.fetch.project import Project
from tests.servers.files import FileServer
from tests.servers.gateway import Fault, Gateway
from tests.servers.s3 import S3Server

MODEL = bytes(range(256)) * 8192
BUNDLE = {"weights.bin": MODEL, "vocab/tokens.txt": b"a\nb\n", "config.json": b"{}\n"}


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def disk(project: Project, tmp_path: Path) -> Path:
    """A remote of DVC's that is a directory, as a mounted volume is."""
    project.store("disk", str(tmp_path / "disk"))
    return tmp_path / "disk"


def fetched(fetch: Fetcher, project: Project, path: str, digest: str = "", **more: str) -> Ended:
    """The path at what is committed and pushed now."""
    given = {"digest": digest} if digest else {}
    return fetch(repository=project.remote.url, commit=project.push(), path=path, **given, **more)


def test_a_tracked_file_comes_from_a_mounted_directory(
    fetch: Fetcher, project: Project, disk: Path
) -> None:
    digest = project.track("models/model.pkl", MODEL)
    project.push_data("disk")

    ended = fetched(fetch, project, "models/model.pkl", digest)

    assert ended.code == 0, ended.log
    assert fetch.files() == {"model.pkl": MODEL}
    assert ended.word == {
        "reason": "Fetched",
        "digest": digest,
        "sha256": sha256(MODEL),
        "bytes": len(MODEL),
        "files": 1,
        "from": f"models/model.pkl from DVC remote disk ({disk})",
    }


def test_a_tracked_directory_appears_whole_with_the_sha256_of_all_of_it(
    fetch: Fetcher, project: Project, disk: Path
) -> None:
    digest = project.track("bundle", BUNDLE)
    project.push_data("disk")

    ended = fetched(fetch, project, "bundle", digest)

    assert ended.code == 0, ended.log
    assert digest.endswith(".dir")
    assert fetch.files() == BUNDLE
    lines = "".join(f"{sha256(BUNDLE[name])}  {name}\n" for name in sorted(BUNDLE))
    assert ended.word["sha256"] == sha256(lines.encode())
    assert (ended.word["files"], ended.word["digest"]) == (3, digest)


@pytest.mark.parametrize(
    ("path", "files"),
    [("bundle/vocab", {"tokens.txt": b"a\nb\n"}), ("bundle/weights.bin", {"weights.bin": MODEL})],
)
def test_a_part_of_a_tracked_directory_can_be_fetched_alone(
    fetch: Fetcher, project: Project, disk: Path, path: str, files: dict[str, bytes]
) -> None:
    project.track("bundle", BUNDLE)
    project.push_data("disk")

    assert fetched(fetch, project, path).code == 0
    assert fetch.files() == files


def test_the_output_of_a_stage_is_found_by_dvc_lock(
    fetch: Fetcher, project: Project, disk: Path
) -> None:
    project.run(
        "dvc", "stage", "add", "-q", "--run", "-n", "train", "-o", "model.txt",
        "echo trained > model.txt",
    )  # fmt: skip
    project.push_data("disk")

    assert fetched(fetch, project, "model.txt").code == 0
    assert fetch.files() == {"model.txt": b"trained\n"}


def test_an_output_that_git_keeps_in_place_of_dvc_comes_from_git(
    fetch: Fetcher, project: Project
) -> None:
    project.run(
        "dvc", "stage", "add", "-q", "--run", "-n", "train", "-O", "model.txt",
        "echo trained > model.txt",
    )  # fmt: skip
    digest = f"md5:{md5_of(b'trained' + bytes([10]))}"
    assert digest.removeprefix("md5:") in project.read("dvc.lock")

    ended = fetched(fetch, project, "model.txt", digest)

    assert ended.code == 0, ended.log
    assert fetch.files() == {"model.txt": b"trained\n"}


def test_a_tracked_file_comes_over_http(fetch: Fetcher, project: Project, web: FileServer) -> None:
    digest = project.track("model.pkl", MODEL)
    project.store("storage", web.url("dvc"))
    project.store("upload", str(web.root / "dvc"))
    project.push_data("upload")

    ended = fetched(fetch, project, "model.pkl", digest)

    assert ended.code == 0, ended.log
    assert fetch.files() == {"model.pkl": MODEL}


@pytest.fixture
def closed_web(tmp_path: Path) -> Iterator[FileServer]:
    """With a certificate of a private authority, for whoever bears the token."""
    with FileServer(tmp_path / "www", state=tmp_path / "tls", tls=True, token="t0k3n") as server:
        yield server


def test_a_remote_on_https_takes_the_secrets_token_and_authority(
    fetch: Fetcher, project: Project, closed_web: FileServer
) -> None:
    digest = project.track("bundle", BUNDLE)
    project.store("storage", closed_web.url("dvc"))
    project.store("upload", str(closed_web.root / "dvc"))
    project.push_data("upload")

    assert "CertificateInvalid" in str(fetched(fetch, project, "bundle", digest).word)
    fetch.secrets["store"] = {"ca.crt": closed_web.ca}
    project.write("note", b"1")
    denied = fetched(fetch, project, "bundle", digest)
    fetch.secrets["store"] |= {"bearerToken": b"t0k3n"}
    project.write("note", b"2")
    ended = fetched(fetch, project, "bundle", digest)

    assert (denied.code, denied.word["reason"]) == (77, "Denied")
    assert ended.code == 0, ended.log
    assert fetch.files() == BUNDLE


def test_credentials_go_to_the_endpoint_alone_whatever_the_project_says(
    fetch: Fetcher, project: Project, web: FileServer
) -> None:
    digest = project.track("model.pkl", MODEL)
    project.store("evil", web.url("dvc"))
    project.store("upload", str(web.root / "dvc"))
    project.push_data("upload")
    fetch.secrets["store"] = {"bearerToken": b"t0k3n"}

    ended = fetched(fetch, project, "model.pkl", digest, endpoint="https://store.example.com")

    assert ended.code == 0, ended.log
    web.stop()
    assert web.requests
    assert not [line for line in web.requests if "t0k3n" in line]


def test_a_remote_that_leads_from_https_to_plain_http_is_refused(
    fetch: Fetcher, project: Project, web: FileServer, tmp_path: Path
) -> None:
    digest = project.track("model.pkl", MODEL)
    project.store("upload", str(web.root / "dvc"))
    project.push_data("upload")
    leading = FileServer(tmp_path / "none", state=tmp_path / "tls", tls=True, redirect=web.url())
    with leading as server:
        fetch.secrets["store"] = {"ca.crt": server.ca}
        project.store("storage", server.url("dvc"))
        ended = fetched(fetch, project, "model.pkl", digest, remote="storage")

    assert (ended.code, ended.word["reason"]) == (78, "Refused")
    assert "leads from https to another scheme" in ended.message
    assert fetch.files() == {}
    web.stop()
    assert web.requests == []


def s3_keys(s3: S3Server) -> dict[str, str]:
    return {key: value.decode() for key, value in s3.login.items()}


@pytest.mark.parametrize("given", [True, False])
def test_a_tracked_directory_comes_from_s3(
    fetch: Fetcher, project: Project, s3: S3Server, given: bool
) -> None:
    (s3.root / "models").mkdir()
    digest = project.track("bundle", BUNDLE)
    project.store("storage", "s3://models/dvc", endpointurl=s3.url)
    project.push_data("storage", **s3_keys(s3))
    fetch.secrets["store"] = s3.login

    ended = fetched(fetch, project, "bundle", digest, **({"endpoint": s3.url} if given else {}))

    assert ended.code == 0, ended.log
    assert fetch.files() == BUNDLE


def test_a_bucket_that_anybody_may_read_takes_no_key(
    fetch: Fetcher, project: Project, tmp_path: Path
) -> None:
    with S3Server(tmp_path / "public", state=tmp_path / "s3", public=True) as server:
        digest = project.track("model.pkl", MODEL)
        project.store("upload", str(server.root / "models/dvc"))
        project.push_data("upload")
        project.store("storage", "s3://models/dvc", endpointurl=server.url)
        ended = fetched(fetch, project, "model.pkl", digest, remote="storage")

    assert ended.code == 0, ended.log
    assert fetch.files() == {"model.pkl": MODEL}


def test_no_key_for_s3_is_denied(fetch: Fetcher, project: Project, s3: S3Server) -> None:
    s3.put("models", "dvc/note", b"")
    digest = project.track("model.pkl", MODEL)
    project.store("storage", "s3://models/dvc", endpointurl=s3.url)

    ended = fetched(fetch, project, "model.pkl", digest)

    assert (ended.code, ended.word["reason"]) == (77, "Denied"), ended.log


def test_a_key_is_used_where_the_project_asks_as_anybody(
    fetch: Fetcher, project: Project, s3: S3Server
) -> None:
    (s3.root / "models").mkdir()
    digest = project.track("model.pkl", MODEL)
    project.store("upload", str(s3.root / "models/dvc"))
    project.push_data("upload")
    project.store("storage", "s3://models/dvc", endpointurl=s3.url, allow_anonymous_login="true")
    fetch.secrets["store"] = s3.login

    ended = fetched(fetch, project, "model.pkl", digest, remote="storage")

    assert ended.code == 0, ended.log


def test_a_wrong_key_for_s3_is_denied_and_not_told(
    fetch: Fetcher, project: Project, s3: S3Server
) -> None:
    (s3.root / "models").mkdir()
    digest = project.track("model.pkl", MODEL)
    project.store("storage", "s3://models/dvc", endpointurl=s3.url)
    project.push_data("storage", **s3_keys(s3))
    fetch.secrets["store"] = s3.login | {"AWS_SECRET_ACCESS_KEY": b"wrong-but-secret"}

    ended = fetched(fetch, project, "model.pkl", digest)

    assert (ended.code, ended.word["reason"]) == (77, "Denied"), ended.log
    assert "wrong-but-secret" not in ended.log


def test_a_remote_is_chosen_by_name(fetch: Fetcher, project: Project, tmp_path: Path) -> None:
    digest = project.track("model.pkl", MODEL)
    project.store("empty", str(tmp_path / "empty"))
    project.store("full", str(tmp_path / "full"))
    project.push_data("full")

    missing = fetched(fetch, project, "model.pkl", digest)
    project.write("note", b"1")
    ended = fetched(fetch, project, "model.pkl", digest, remote="full")
    fetch.name = "v2.0.0-aaaa"
    project.write("note", b"2")
    unknown = fetched(fetch, project, "other.pkl", digest)

    assert (missing.code, missing.word["reason"]) == (66, "NotFound")
    assert "dvc push" in missing.message
    assert ended.code == 0
    assert unknown.code == 66


def test_another_version_than_the_recorded_one_fails_closed(
    fetch: Fetcher, project: Project, disk: Path
) -> None:
    digest = project.track("model.pkl", MODEL)
    project.push_data("disk")
    (stored,) = [path for path in disk.rglob("*") if path.is_file()]
    stored.chmod(0o644)
    stored.write_bytes(b"something else")
    found = md5_of(b"something else")

    ended = fetched(fetch, project, "model.pkl", digest)

    assert (ended.code, ended.word["reason"]) == (65, "DigestMismatch")
    assert ended.message == f"model.pkl: expected {digest}, found md5:{found}"
    assert not fetch.into.exists()


def test_a_directorys_list_that_was_changed_fails_closed(
    fetch: Fetcher, project: Project, disk: Path
) -> None:
    digest = project.track("bundle", BUNDLE)
    project.push_data("disk")
    (listed,) = disk.rglob("*.dir")
    listed.chmod(0o644)
    listed.write_text("[]")

    ended = fetched(fetch, project, "bundle", digest)

    assert ended.code == 65
    assert f"expected {digest}" in ended.message


@pytest.mark.parametrize(
    "relpath",
    ["../outside", "/etc/passwd", "a/../../b", "a\nb", "weights.bin/x", "", "./a"],
)
def test_a_hostile_list_of_a_directory_writes_nothing(
    fetch: Fetcher, project: Project, disk: Path, relpath: str
) -> None:
    project.track("bundle", BUNDLE)
    project.push_data("disk")
    (listed,) = disk.rglob("*.dir")
    rows = [*json.loads(listed.read_bytes()), {"md5": "a" * 32, "relpath": relpath}]
    text = json.dumps(rows).encode()
    md5 = md5_of(text)
    target = disk / f"files/md5/{md5[:2]}/{md5[2:]}.dir"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(text)
    dvc_file = project.read("bundle.dvc")
    old = next(line.split()[-1] for line in dvc_file.splitlines() if ".dir" in line)
    project.write("bundle.dvc", dvc_file.replace(old, f"{md5}.dir").encode())

    ended = fetched(fetch, project, "bundle", f"md5:{md5}.dir")

    assert (ended.code, ended.word["reason"]) == (78, "Refused"), ended.log
    assert [path.name for path in fetch.volume.iterdir() if not path.name.startswith(".")] == []


def test_what_dvc_2_wrote_is_still_fetched_and_checked(
    fetch: Fetcher, project: Project, disk: Path
) -> None:
    text = b"one\r\ntwo\r\n"
    md5 = md5_of(text.replace(b"\r\n", b"\n"))
    target = disk / md5[:2] / md5[2:]
    target.parent.mkdir(parents=True)
    target.write_bytes(text)
    record = f"outs:\n- md5: {md5}\n  size: {len(text)}\n  path: words.txt\n"
    project.write("words.txt.dvc", record.encode())

    ended = fetched(fetch, project, "words.txt", f"md5:{md5}")
    again = fetched_again(fetch, project, "words.txt", f"md5:{md5}")

    assert ended.code == 0, ended.log
    assert fetch.files() == {"words.txt": text}
    assert again.word["from"] == "the volume", again.log


def fetched_again(fetch: Fetcher, project: Project, path: str, digest: str, **more: str) -> Ended:
    commit = project.run("git", "rev-parse", "main")
    return fetch(repository=project.remote.url, commit=commit, path=path, digest=digest, **more)


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("gs://bucket/dvc", {}, "only remotes that are a directory, http(s) or s3"),
        ("../beside", {}, "name it from the root"),
        ("s3://bucket/dvc", {"version_aware": "true"}, "keeps versions of the cloud"),
    ],
)
def test_a_remote_of_another_kind_is_refused_by_name(
    fetch: Fetcher, project: Project, url: str, options: dict[str, str], said: str
) -> None:
    digest = project.track("model.pkl", MODEL)
    lines = [f"{key} = {value}" for key, value in {"url": url, **options}.items()]
    text = "\n".join(["[core]", "remote = a", "['remote \"a\"']", *lines, ""])
    project.write(".dvc/config", text.encode())

    ended = fetched(fetch, project, "model.pkl", digest)

    assert (ended.code, ended.word["reason"]) == (78, "Unsupported"), ended.log
    assert said in ended.message


def test_a_file_that_is_here_and_right_is_not_fetched_again(
    fetch: Fetcher, project: Project, web: FileServer
) -> None:
    """A try that broke off in the midst of a directory goes on with what is missing."""
    digest = project.track("bundle", BUNDLE)
    project.store("storage", web.url("dvc"))
    project.store("upload", str(web.root / "dvc"))
    project.push_data("upload")
    big = md5_of(MODEL)
    with Gateway(web.port) as gateway:
        project.store("faulty", f"http://127.0.0.1:{gateway.port}/dvc")
        gateway.suffer(Fault(on=big[2:], status=503))
        broken = fetched(fetch, project, "bundle", digest, remote="faulty")
        gateway.suffer(None)
        web.stop()
        before = len(web.requests)
        web.start()
        ended = fetched_again(fetch, project, "bundle", digest, remote="faulty")

    assert (broken.code, broken.word["reason"]) == (69, "Unavailable"), broken.log
    assert ended.code == 0, ended.log
    assert fetch.files() == BUNDLE
    web.stop()
    asked = "\n".join(web.requests[before:])
    assert md5_of(b"{}\n")[2:] not in asked
    assert big[2:] in asked

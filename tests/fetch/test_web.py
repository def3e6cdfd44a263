"""`https://`: one file from a web server, which may be strange or broken."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fetch.program import Fetcher
from tests.servers import AnsweringServer
from tests.servers.files import FileServer
from tests.servers.gateway import Fault, Gateway
from tests.servers.program import free_port

MODEL = bytes(range(256)) * 16384
SHA256 = f"sha256:{hashlib.sha256(MODEL).hexdigest()}"


@pytest.fixture
def gateway(web: FileServer) -> Iterator[Gateway]:
    with Gateway(web.port) as gateway:
        yield gateway


def through(gateway: Gateway, path: str = "model.onnx") -> str:
    return f"http://127.0.0.1:{gateway.port}/{path}"


def until(process: subprocess.Popen[bytes], said: bytes) -> None:
    """Wait for a line of its log."""
    assert process.stdout is not None
    for line in process.stdout:
        if said in line:
            return
    raise AssertionError("it ended without a word")


def test_a_file_appears_under_its_own_name_and_its_sha256_is_told(
    fetch: Fetcher, web: FileServer
) -> None:
    ended = fetch(uri=web.put("digits/model%20v1.onnx", b"") + "?signature=s3cr3t")
    assert ended.code == 66
    web.put("digits/model v1.onnx", MODEL)

    ended = fetch(uri=f"{web.url('digits/model%20v1.onnx')}?signature=s3cr3t", digest=SHA256)

    assert ended.code == 0, ended.log
    assert fetch.files() == {"model v1.onnx": MODEL}
    assert ended.word == {
        "reason": "Fetched", "digest": SHA256, "sha256": SHA256.removeprefix("sha256:"),
        "bytes": len(MODEL), "files": 1, "from": web.url("digits/model%20v1.onnx"),
    }  # fmt: skip
    assert "s3cr3t" not in ended.log


@pytest.mark.parametrize(
    "digest", [f"md5:{hashlib.md5(MODEL, usedforsecurity=False).hexdigest()}", SHA256]
)
def test_any_digest_of_a_file_is_checked(fetch: Fetcher, web: FileServer, digest: str) -> None:
    web.put("model.onnx", MODEL)

    assert fetch(uri=web.url("model.onnx"), digest=digest).code == 0


@pytest.mark.parametrize(
    ("digest", "found"),
    [
        ("sha256:" + "0" * 64, SHA256),
        ("md5:" + "0" * 32, "md5:"),
        ("git:" + "0" * 40, "git:"),
        ("md5:" + "0" * 32 + ".dir", "md5:"),
    ],
)
def test_a_wrong_digest_shows_both_and_nothing_is_in_place(
    fetch: Fetcher, web: FileServer, digest: str, found: str
) -> None:
    web.put("model.onnx", MODEL)

    ended = fetch(uri=web.url("model.onnx"), digest=digest)

    assert (ended.code, ended.word["reason"]) == (65, "DigestMismatch")
    assert f"expected {digest}, found {found}" in ended.message
    assert not fetch.into.exists()


def test_without_a_digest_it_is_fetched_and_the_log_says_so(
    fetch: Fetcher, web: FileServer
) -> None:
    ended = fetch(uri=web.put("model.onnx", MODEL))

    assert (ended.code, ended.word["digest"]) == (0, SHA256)
    assert "no digest is known to check it by" in ended.log


def test_a_connection_that_breaks_is_gone_on_with_by_range(
    fetch: Fetcher, web: FileServer, gateway: Gateway
) -> None:
    web.put("model.onnx", MODEL)
    gateway.suffer(Fault(on="model.onnx", cut=True, times=1))

    ended = fetch(uri=through(gateway), digest=SHA256)

    assert ended.code == 0, ended.log
    assert fetch.files() == {"model.onnx": MODEL}
    web.stop()
    assert [line.split()[2:4] for line in web.requests] == [
        ["200", "range=-"],
        ["206", f"range=bytes={len(MODEL) // 2}-"],
    ]


def test_the_next_container_goes_on_where_the_last_was_broken_off(
    fetch: Fetcher, web: FileServer, gateway: Gateway
) -> None:
    web.put("model.onnx", MODEL)
    gateway.suffer(Fault(on="model.onnx", cut=True, times=1))
    first = fetch.start(uri=through(gateway), digest=SHA256, patience="1000")
    until(first, b"tried again")
    broken = fetch.told_to_end(first)
    assert (broken.code, broken.word["reason"]) == (143, "Interrupted")
    assert fetch.files() == {}

    ended = fetch(uri=through(gateway), digest=SHA256)

    assert (ended.code, fetch.files()) == (0, {"model.onnx": MODEL})
    web.stop()
    assert f"range=bytes={len(MODEL) // 2}-" in web.requests[-1]


@pytest.mark.parametrize("known", [True, False])
def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(
    fetch: Fetcher, web: FileServer, gateway: Gateway, known: bool
) -> None:
    web.put("model.onnx", b"old" * 100_000)
    gateway.suffer(Fault(on="model.onnx", cut=True, times=1))
    first = fetch.start(uri=through(gateway), patience="1000")
    until(first, b"tried again")
    fetch.told_to_end(first)
    web.put("model.onnx", MODEL)

    ended = fetch(uri=through(gateway), **({"digest": SHA256} if known else {}))

    assert ended.code == 0, ended.log
    assert fetch.files() == {"model.onnx": MODEL}


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (401, 77, "Denied"),
        (403, 77, "Denied"),
        (404, 66, "NotFound"),
        (410, 66, "NotFound"),
        (418, 78, "Refused"),
        (500, 69, "Unavailable"),
        (503, 69, "Unavailable"),
    ],
)
def test_what_the_server_answers_decides_how_it_ends(
    fetch: Fetcher, status: int, code: int, reason: str
) -> None:
    with AnsweringServer(status, headers={"Retry-After": "0"}) as server:
        ended = fetch(uri=f"http://127.0.0.1:{server.port}/model.onnx", digest=SHA256)

    assert (ended.code, ended.word["reason"]) == (code, reason)
    assert f"the server answers {status}" in ended.message
    assert ended.log.count("tried again") == (5 if code == 69 else 0)


def test_a_server_that_always_breaks_off_at_the_same_place_is_given_up(
    fetch: Fetcher, web: FileServer, gateway: Gateway
) -> None:
    web.put("model.onnx", MODEL)
    gateway.suffer(Fault(on="model.onnx", cut=True, headers={}))

    ended = fetch(uri=through(gateway), digest="sha256:" + "0" * 64)

    assert (ended.code, fetch.files()) in [(65, {}), (69, {})], ended.log
    assert "the connection ended" in ended.log or "IncompleteRead" in ended.log


def test_a_server_that_is_not_there_is_tried_again_and_then_named(fetch: Fetcher) -> None:
    ended = fetch(uri=f"http://127.0.0.1:{free_port()}/model.onnx", digest=SHA256)

    assert (ended.code, ended.word["reason"]) == (69, "Unavailable")
    assert ended.log.count("tried again") == 5


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(tmp_path / "closed", state=tmp_path / "tls", tls=True, token="t0k3n") as server:
        server.put("model.onnx", MODEL)
        yield server


def test_a_private_authority_and_a_token_come_from_the_secret(
    fetch: Fetcher, closed: FileServer
) -> None:
    untrusted = fetch(uri=closed.url("model.onnx"), digest=SHA256)
    fetch.secrets["store"] = {"ca.crt": closed.ca}
    denied = fetch(uri=closed.url("model.onnx"), digest=SHA256)
    fetch.secrets["store"] |= {"bearerToken": b"t0k3n\n"}
    ended = fetch(uri=closed.url("model.onnx"), digest=SHA256)

    assert untrusted.word["reason"] == "CertificateInvalid"
    assert (denied.code, denied.word["reason"]) == (77, "Denied")
    assert ended.code == 0, ended.log
    assert fetch.files() == {"model.onnx": MODEL}
    assert "t0k3n" not in ended.log


def test_a_user_and_a_password_come_from_the_secret(fetch: Fetcher, tmp_path: Path) -> None:
    fetch.secrets["store"] = {"username": b"ada", "password": b"p:w"}
    with FileServer(
        tmp_path / "closed", state=tmp_path / "basic", user="ada", password="p:w"
    ) as server:
        ended = fetch(uri=server.put("model.onnx", MODEL), digest=SHA256)

    assert ended.code == 0, ended.log


def redirecting(target: str, status: int = 302) -> AnsweringServer:
    return AnsweringServer(status, headers={"Location": target})


def test_a_redirect_to_another_server_is_followed_without_the_credentials(
    fetch: Fetcher, web: FileServer
) -> None:
    fetch.secrets["store"] = {"bearerToken": b"t0k3n"}
    with redirecting(web.put("elsewhere.bin", MODEL)) as server:
        ended = fetch(uri=f"http://127.0.0.1:{server.port}/model.onnx", digest=SHA256)

    assert ended.code == 0, ended.log
    assert fetch.files() == {"model.onnx": MODEL}
    web.stop()
    assert [line for line in web.requests if line.endswith("authorization=-")] == web.requests


@pytest.mark.parametrize(
    ("target", "said"),
    [("/model.onnx", "redirects"), ("file:///etc/passwd", "no address of https"),
     ("http://ada:pw@127.0.0.1/x", "without user and password")],
)  # fmt: skip
def test_a_redirect_in_circles_or_to_another_scheme_is_refused(
    fetch: Fetcher, target: str, said: str
) -> None:
    with redirecting(target) as server:
        ended = fetch(uri=f"http://127.0.0.1:{server.port}/model.onnx", digest=SHA256)

    assert (ended.code, ended.word["reason"]) == (78, "Refused")
    assert said in ended.message


def test_no_private_address_and_no_plain_http_unless_they_are_allowed(fetch: Fetcher) -> None:
    fetch.options = ("--patience=0",)

    private = fetch(uri="https://127.0.0.1/model.onnx", digest=SHA256)
    metadata = fetch(uri="https://169.254.169.254/latest/meta-data", digest=SHA256)
    plain = fetch(uri="http://models.example.com/model.onnx", digest=SHA256)

    assert private.word["reason"] == metadata.word["reason"] == "AddressNotAllowed"
    assert plain.word["reason"] == "TransportNotAllowed"
    assert private.code == plain.code == 78


@pytest.mark.parametrize("uri", ["ftp://host/model", "https://", "https://u:p@host/m", "s3://"])
def test_what_is_no_address_is_refused_without_its_password(fetch: Fetcher, uri: str) -> None:
    ended = fetch(uri=uri)

    assert ended.code == 78, ended.log
    assert "u:p" not in ended.log


def test_a_compressed_answer_is_no_artifact(fetch: Fetcher) -> None:
    with AnsweringServer(200, headers={"Content-Encoding": "gzip"}) as server:
        ended = fetch(uri=f"http://127.0.0.1:{server.port}/model.onnx")

    assert (ended.code, ended.word["reason"]) == (78, "Unsupported")

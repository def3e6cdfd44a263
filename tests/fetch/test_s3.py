"""`s3://`: an object, or all below a prefix, from a real S3 server."""

import hashlib
from collections.abc import Iterator

import pytest
from tests.fetch.program import Fetcher
from tests.servers.gateway import Fault, Gateway
from tests.servers.s3 import S3Server

MODEL = bytes(range(256)) * 16384
SHA256 = hashlib.sha256(MODEL).hexdigest()
FILES = {"model.onnx": MODEL, "labels/de.txt": b"null\neins\n", "labels/en.txt": b"zero\none\n"}


@pytest.fixture(autouse=True)
def login(fetch: Fetcher, s3: S3Server) -> None:
    fetch.secrets["store"] = s3.login
    (s3.root / "models").mkdir()


def fill(s3: S3Server) -> str:
    for name, content in FILES.items():
        s3.put("models", f"digits/1.2.0/{name}", content)
    return "s3://models/digits/1.2.0"


def directory_digest() -> str:
    lines = [f"{hashlib.sha256(FILES[name]).hexdigest()}  {name}\n" for name in sorted(FILES)]
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def test_an_object_appears_as_a_file(fetch: Fetcher, s3: S3Server) -> None:
    ended = fetch(
        uri=s3.put("models", "digits/model v1.onnx", MODEL), endpoint=s3.url,
        digest=f"sha256:{SHA256}",
    )  # fmt: skip

    assert ended.code == 0, ended.log
    assert fetch.files() == {"model v1.onnx": MODEL}
    assert ended.word["from"] == f"s3://models/digits/model v1.onnx at {s3.url}"


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_prefix_appears_as_a_directory(fetch: Fetcher, s3: S3Server, slash: str) -> None:
    ended = fetch(uri=fill(s3) + slash, endpoint=s3.url, digest=directory_digest())

    assert ended.code == 0, ended.log
    assert fetch.files() == FILES
    assert ended.word["files"] == 3


def test_a_prefix_with_another_file_than_recorded_is_not_seen(fetch: Fetcher, s3: S3Server) -> None:
    uri = fill(s3)
    s3.put("models", "digits/1.2.0/one-more", b"x")

    ended = fetch(uri=uri, endpoint=s3.url, digest=directory_digest())

    assert (ended.code, ended.word["reason"]) == (65, "DigestMismatch")
    assert f"expected {directory_digest()}, found sha256:" in ended.message
    assert not fetch.into.exists()


@pytest.fixture
def gateway(s3: S3Server) -> Iterator[Gateway]:
    with Gateway(s3.port) as gateway:
        yield gateway


def test_a_connection_that_breaks_is_gone_on_with_by_range(
    fetch: Fetcher, s3: S3Server, gateway: Gateway
) -> None:
    uri = s3.put("models", "model.onnx", MODEL)
    gateway.suffer(Fault(on="GET /models/model.onnx", cut=True, times=1))
    ended = fetch(uri=uri, endpoint=f"http://127.0.0.1:{gateway.port}", digest=f"sha256:{SHA256}")

    assert ended.code == 0, ended.log
    assert fetch.files() == {"model.onnx": MODEL}
    assert f"chunkOffset {len(MODEL) // 2}" in s3.log.read_text()


def test_what_is_not_there_is_not_found(fetch: Fetcher, s3: S3Server) -> None:
    for uri in ("s3://models/none", "s3://models/none/", "s3://nobucket/none"):
        ended = fetch(uri=uri, endpoint=s3.url)
        assert (ended.code, ended.word["reason"]) == (66, "NotFound"), ended.log


@pytest.mark.parametrize(
    "login", [{}, {"AWS_ACCESS_KEY_ID": b"AKEYFORTESTS", "AWS_SECRET_ACCESS_KEY": b"wr0ng-k3y"}]
)
def test_no_key_and_a_wrong_key_are_denied(
    fetch: Fetcher, s3: S3Server, login: dict[str, bytes]
) -> None:
    fetch.secrets["store"] = login

    ended = fetch(uri=s3.put("models", "model.onnx", MODEL), endpoint=s3.url)

    assert (ended.code, ended.word["reason"]) == (77, "Denied"), ended.log
    assert "wr0ng-k3y" not in ended.log


def test_a_store_on_a_private_address_is_refused_unless_allowed(
    fetch: Fetcher, s3: S3Server
) -> None:
    fetch.options = ("--patience=0",)

    plain = fetch(uri="s3://models/x", endpoint=s3.url)
    private = fetch(uri="s3://models/x", endpoint=s3.url.replace("http:", "https:"))

    assert plain.word["reason"] == "TransportNotAllowed"
    assert private.word["reason"] == "AddressNotAllowed"

import json

import pytest
from examples.server.server import (
    BadRequestError,
    Network,
    RefusedError,
    checked,
    fetch,
    location,
    read_pixels,
)
from examples.server.visit import Diary

CONTENT = b"weights"
DIGEST = "md5:63f4f1e9b725370f459720575cd5f953"


def test_a_store_keeps_a_file_under_the_first_two_digits_of_its_digest() -> None:
    assert location("https://store.example/digits/", "md5:" + "ab" + "0" * 30) == (
        "https://store.example/digits/files/md5/ab/" + "0" * 30
    )


@pytest.mark.parametrize(
    "digest",
    ["", "md5:", "md5:" + "a" * 31, "md5:" + "A" * 32, "sha256:" + "a" * 64, "md5:../" + "a" * 29],
)
def test_anything_but_an_md5_digest_is_refused_before_a_request_is_made(digest: str) -> None:
    with pytest.raises(RefusedError, match="MODEL_DIGEST"):
        location("https://store.example", digest)


def test_bytes_with_the_recorded_digest_are_served() -> None:
    assert checked(CONTENT, DIGEST) == CONTENT


def test_bytes_with_another_digest_are_never_served() -> None:
    with pytest.raises(RefusedError, match="md5:"):
        checked(CONTENT + b" and a little more", DIGEST)


def test_a_store_that_is_no_http_url_is_refused() -> None:
    with pytest.raises(RefusedError, match="MODEL_REMOTE"):
        fetch("file:///etc/passwd", user="", password="")


def test_a_network_rectifies_between_its_layers_and_gives_shares_of_one() -> None:
    described = {
        "brightest": 16,
        "layers": [
            {"weights": [[1, -1], [0, 2]], "bias": [0, -0.5]},
            {"weights": [[1, 0], [5, 0]], "bias": [0, 0]},
        ],
    }
    # The inputs become 1 and 0; the second signal is -1.5 before it is cut off at 0.
    likely = Network.load(json.dumps(described).encode())([16, 0])
    assert likely == pytest.approx([0.7311, 0.2689], abs=1e-4)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"pixels": 3}',
        b'{"pixels": [1, 2]}',
        json.dumps({"pixels": [17] * 64}).encode(),
        b'{"pixels": [' + b"NaN," * 63 + b"NaN]}",
    ],
)
def test_what_is_no_image_is_the_clients_mistake(body: bytes) -> None:
    with pytest.raises(BadRequestError, match="64 numbers from 0 to 16"):
        read_pixels(body)


def test_a_visitor_notes_a_new_version_once_it_has_answered_three_times_in_a_row() -> None:
    diary = Diary()
    answers = ["v1", "v1", "v1", "v1", "v2", "v1", "v2", "v2", "v2", "v2"]
    assert [number for number, version in enumerate(answers) if diary.heard(version)] == [2, 8]


def test_a_visitor_notes_the_first_failure_of_a_row() -> None:
    diary = Diary()
    assert [diary.failed(), diary.failed(), diary.heard("v1"), diary.failed()] == [
        True,
        False,
        False,
        True,
    ]
    assert diary.failures == 3

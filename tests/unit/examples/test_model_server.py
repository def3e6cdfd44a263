import json

import pytest
from examples.server.server import BadRequestError, Identity, Network, read_pixels
from examples.server.visit import SILENCE, Diary


def test_the_digest_that_is_told_is_that_of_the_very_bytes() -> None:
    identity = Identity.of(b"weights", {"MODEL_NAME": "digits", "MODEL_DIGEST": "md5:0"})
    assert (identity.model, identity.digest) == ("digits", "md5:63f4f1e9b725370f459720575cd5f953")


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


def test_a_visitor_writes_down_every_change_of_version() -> None:
    diary = Diary()
    answers = ["v1", "v1", "v2", "v1", "v1"]
    assert [diary.heard(each, 0) for each in answers] == ["v1", None, "v2", "v1", None]


def test_a_visitor_says_now_and_then_that_nothing_has_changed() -> None:
    diary = Diary()
    moments = (0, SILENCE - 1, SILENCE, SILENCE + 1, 2 * SILENCE)
    told = [diary.heard("v1", moment) for moment in moments]
    assert told == ["v1", None, "still v1", None, "still v1"]


def test_a_visitor_writes_down_the_first_failure_of_a_row_and_its_end() -> None:
    diary = Diary()
    told = [diary.heard("v1", 0), diary.failed("x", 1), diary.failed("x", 2), diary.heard("v1", 3)]
    assert told == ["v1", "no answer: x", None, "v1"]
    assert (diary.answers, diary.failures) == (2, 2)

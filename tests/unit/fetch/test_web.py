"""Which of a server's addresses is asked."""

from pathlib import Path

import pytest
from tests.servers.broken import AnsweringServer

from playbill.api.errors import Retry, Stalled
from playbill.fetch import web
from playbill.fetch.logins import StoreLogin
from playbill.fetch.source import Resume
from playbill.fetch.web import WebSource
from playbill.git.url import UrlPolicy

NOBODY_THERE = ["127.0.0.2", "127.0.0.3"]


def asked(monkeypatch: pytest.MonkeyPatch, directory: Path, addresses: list[str]) -> None:
    """Ask a server that answers 404, whose name has these addresses."""
    monkeypatch.setattr(web, "check_address", lambda *_: addresses)
    with AnsweringServer(404) as server:
        source = WebSource(
            uri=f"http://models.example.com:{server.port}/model.onnx",
            login=StoreLogin.read(directory),
            policy=UrlPolicy(allow_private=True),
        )
        (item,) = source.find().items
        with item.open(Resume()):
            pass


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [*NOBODY_THERE, "127.0.0.1"]])
def test_an_address_that_cannot_be_reached_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, addresses: list[str]
) -> None:
    with pytest.raises(Stalled, match="answers 404"):
        asked(monkeypatch, tmp_path, addresses)


def test_where_none_can_be_reached_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(Retry):
        asked(monkeypatch, tmp_path, NOBODY_THERE)

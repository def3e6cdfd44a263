"""`playbill check`, asked of a real server: which answers are good, and when it gives up."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from playbill import check_cli
from playbill.check_cli import Answer, check, complaint

Handler = http.server.BaseHTTPRequestHandler


class Server(http.server.ThreadingHTTPServer):
    """Answers by path: `/404`, `/moved`, `/garbage`, `/once` (wrong at first), `/broken`
    (breaks off at first), else 200."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _handler(self))

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


def _handler(server: Server) -> type[Handler]:
    class Answers(Handler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            server.asked.append(self.path)
            match self.path:
                case "/404":
                    self.answer(404, "nothing here")
                case "/moved":
                    self.answer(302, "elsewhere", location=server.url("/"))
                case "/garbage":
                    self.wfile.write(b"what is this?\r\n\r\n")
                case "/once" if len(server.asked) == 1:
                    self.answer(503, "not yet")
                case "/broken" if len(server.asked) == 1:
                    self.send_response(503)
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    self.wfile.write(b"9\r\nnot")
                    self.close_connection = True
                case _:
                    self.answer(200, "digits v2.0.0\n")

        def answer(self, status: int, text: str, *, location: str = "") -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    return Answers


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield found
        found.shutdown()


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command, without its pauses; its last words go to `tmp_path`."""
    monkeypatch.setattr(check_cli, "PAUSE", 0.01)
    monkeypatch.setattr(check_cli, "LAST_WORDS", tmp_path / "last-words")
    return lambda *arguments: CliRunner().invoke(check, list(arguments))


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/", ()),
        ("/404", ("--status=404",)),
        ("/", ("--contains=v2.0.0",)),
        ("/moved", ("--status=302",)),
        ("/once", ()),
        ("/broken", ()),
        ("/with a space and ü", ()),
    ],
)
def test_a_good_answer_ends_it_well(
    server: Server, run: Run, path: str, options: tuple[str, ...]
) -> None:
    result = run(server.url(path), *options)
    assert result.exit_code == 0, result.output
    assert "answered as it should" in result.output


@pytest.mark.parametrize(
    ("path", "options", "words"),
    [
        ("/404", (), "it answered 404 where 200 is expected: nothing here"),
        ("/moved", (), "it answered 302 where 200 is expected"),
        ("/", ("--contains=v3",), "its answer lacks 'v3': digits v2.0.0"),
    ],
)
def test_what_is_wrong_three_times_is_wrong(
    server: Server, run: Run, tmp_path: Path, path: str, options: tuple[str, ...], words: str
) -> None:
    result = run(server.url(path), *options)
    assert result.exit_code == 1
    assert len(server.asked) == 3
    assert words in (tmp_path / "last-words").read_text()


@pytest.mark.parametrize("path", ["/garbage", "closed"])
def test_no_answer_is_waited_for_until_the_time_is_over(
    server: Server, run: Run, tmp_path: Path, path: str
) -> None:
    url = "http://127.0.0.1:1/" if path == "closed" else server.url(path)
    result = run(url, "--timeout=0.3")
    assert result.exit_code == 1, result.exception
    assert "no answer: " in (tmp_path / "last-words").read_text()


def test_only_http_is_asked(run: Run) -> None:
    assert run("file:///etc/passwd").exit_code == 2


def test_a_long_answer_is_cut_in_what_is_said_of_it() -> None:
    found = complaint(Answer(500, "x" * 1000), status=200, contains=None)
    assert found is not None
    assert len(found) < 300

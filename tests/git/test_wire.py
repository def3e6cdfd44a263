"""Speaking git's protocol ourselves: to servers that are old, rude, slow, or not to be trusted."""

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.git.counting import MakeMirror, Processes
from tests.servers import GitHttpServer, Remote
from tests.servers.gateway import Fault, Gateway

from playbill.api.errors import Retry, Stalled, Trouble
from playbill.git.command import Git
from playbill.git.credentials import ANONYMOUS
from playbill.git.mirror import Mirror
from playbill.git.pktline import FLUSH, packet
from playbill.git.porcelain import AlreadyThere, Exists, NotTried, Pushed
from playbill.git.session import IDLE_SECONDS, is_direct
from playbill.git.url import UrlPolicy, parse_url
from playbill.git.wire import Wire
from playbill.ledger.tagobject import TagObject

LISTED = "application/x-git-upload-pack-advertisement"
RESULTS = "application/x-git-upload-pack-result"
PUSHED = "application/x-git-receive-pack-result"


@pytest.fixture
def gateway(remote: Remote, tmp_path: Path) -> Iterator[Gateway]:
    with (
        GitHttpServer(remote.path.parent, state=tmp_path / "http") as server,
        Gateway(server.port) as gateway,
    ):
        yield gateway


@pytest.fixture
def commit(remote: Remote) -> str:
    return remote.commit({"model": "x"})


@pytest.fixture
def mirror(gateway: Gateway, commit: str, mirror_of: MakeMirror) -> Mirror:
    """Of a repository that has one commit, which is here as well."""
    made = mirror_of(gateway.url("models.git"))
    made.fetch()
    return made


def tag(name: str, target: str, message: str = "ours") -> TagObject:
    return TagObject(name, target, "Playbill", "playbill@example.com", 1_700_000_000, message)


def requests(gateway: Gateway, action: Callable[[], object]) -> list[str]:
    """What the server is asked meanwhile."""
    before = len(gateway.asked)
    action()
    return gateway.asked[before:]


def trouble(action: Callable[[], object]) -> Trouble:
    with pytest.raises(Trouble) as caught:
        action()
    return caught.value


def test_what_a_server_can_do_is_asked_once(
    gateway: Gateway, mirror: Mirror, commit: str, processes: Processes
) -> None:
    asked = requests(gateway, mirror.list_refs)
    assert [line.split()[0] for line in asked] == ["GET", "POST"]
    assert len(requests(gateway, mirror.list_refs)) == 1
    assert len(requests(gateway, lambda: mirror.push([tag("m@v1", commit)]))) == 2
    assert len(requests(gateway, lambda: mirror.push([tag("m@v2", commit)]))) == 1
    assert (processes["list"], processes["push"], processes["discover"]) == (2, 2, 2)


def test_one_connection_serves_until_it_is_hung_up(gateway: Gateway, mirror: Mirror) -> None:
    mirror.hang_up()
    before = gateway.connections
    for _ in range(3):
        mirror.list_refs()
    assert gateway.connections == before + 1
    mirror.hang_up()
    mirror.list_refs()
    assert gateway.connections == before + 2


def test_a_connection_that_was_closed_meanwhile_is_no_trouble(
    gateway: Gateway, mirror: Mirror, commit: str
) -> None:
    mirror.list_refs()
    gateway.suffer(Fault(on="POST", drop=True, times=1))
    assert mirror.list_refs().heads == {"main": commit}
    assert gateway.hits == 1


def test_a_connection_is_not_trusted_after_a_rest(
    gateway: Gateway, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.list_refs()
    before, later = gateway.connections, time.monotonic() + IDLE_SECONDS
    monkeypatch.setattr("playbill.git.session.time.monotonic", lambda: later)
    mirror.list_refs()
    assert gateway.connections == before + 1


def test_a_server_of_version_0_is_left_to_git(
    gateway: Gateway, mirror: Mirror, commit: str, processes: Processes
) -> None:
    gateway.deaf_to = "git-protocol"
    assert mirror.list_refs().heads == {"main": commit}
    assert mirror.push([tag("m@v1", commit)]).results == {"m@v1": Pushed()}
    assert set(mirror.list_refs().tags) == {"m@v1"}
    assert (processes["list"], processes["push"], processes["discover"]) == (2, 1, 2)


def test_a_server_from_before_object_formats_is_not_asked_for_one(git: Git) -> None:
    """git before 2.28 ends at a capability that it does not know."""
    offers = [packet("version 2\n"), packet("ls-refs\n"), packet("fetch=shallow\n"), FLUSH]
    ref = packet(f"{'a' * 40} refs/heads/main\n")

    class Old(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(LISTED, b"".join(offers))

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(
                LISTED.replace("advertisement", "result"),
                b"" if b"format" in asked else ref + FLUSH,
            )

        def answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Old) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        policy = UrlPolicy(allow_private=True)
        url = parse_url(f"http://127.0.0.1:{server.server_port}/m.git", policy=policy)
        listing = Wire(url, ANONYMOUS, git).list_refs()
        server.shutdown()
    assert listing is not None
    assert listing.heads == {"main": "a" * 40}


def test_a_proxy_is_left_to_git(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    url = parse_url("https://git.example.com/models.git", policy=UrlPolicy())
    assert is_direct(url)
    monkeypatch.setenv("all_proxy", "http://proxy.example.com:3128")
    assert not is_direct(url)
    monkeypatch.setenv("no_proxy", "example.com")
    assert is_direct(url)
    assert not is_direct(parse_url("git@git.example.com:models.git", policy=UrlPolicy()))


def test_what_others_took_is_told_from_what_was_pushed_before(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    """The server refuses all of them and blames none."""
    ours, free = tag("m@v1", commit), tag("m@v2", commit)
    mirror.push([ours])
    remote.tag("m@v3")
    theirs = tag("m@v3", commit)
    taken = mirror.push([ours, free, theirs]).results
    assert taken == {"m@v1": AlreadyThere(), "m@v2": NotTried(), "m@v3": Exists()}
    assert mirror.push([ours, free]).results == {"m@v1": AlreadyThere(), "m@v2": Pushed()}


def test_a_commit_that_the_server_has_lost_is_not_held_against_the_tag(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    """It is listed again, and then the branch is seen to be gone."""
    gone = remote.commit({"model": "y"})
    mirror.fetch()
    remote.git("update-ref", "refs/heads/main", commit)
    remote.git("reflog", "expire", "--expire=all", "--all")
    remote.git("prune", "--expire=now")
    lost = trouble(lambda: mirror.push([tag("m@v1", gone), tag("m@v2", gone)]))
    assert isinstance(lost, Retry)
    assert lost.reason == "RemoteUnavailable"
    assert remote.tags() == {}


def test_sha256_is_refused_with_a_reason(
    gateway: Gateway, mirror_of: MakeMirror, remote: Remote
) -> None:
    other = Remote(remote.path.parent / "long.git", object_format="sha256")
    other.commit({"model": "x"})
    mirror = mirror_of(gateway.url("long.git"))
    refusal = trouble(mirror.list_refs)
    assert (type(refusal), refusal.reason) == (Stalled, "UnsupportedObjectFormat")


ANSWERS = {
    "half a packet": b"0045",
    "no packets": b"<html>hello</html>",
    "a length that is none": b"zzzz",
    "an impossible length": b"0003",
    "no end": b"003d" + b"a" * 40 + b" refs/heads/main\n",
    "no object id": b"0015not a hash at all0000",
    "an error": b"001eERR come back tomorrow\n0000",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_none_is_asked_for_again(
    gateway: Gateway, mirror: Mirror, commit: str, name: str
) -> None:
    mirror.list_refs()
    kind = {"Content-Type": RESULTS}
    gateway.suffer(Fault(on="POST", status=200, headers=kind, body=ANSWERS[name]))
    assert isinstance(trouble(mirror.list_refs), Retry)
    gateway.suffer(None)
    assert mirror.list_refs().heads == {"main": commit}


@pytest.mark.parametrize("name", [n for n in ANSWERS if n != "an error"])
def test_an_answer_to_a_push_that_is_none_leaves_open_what_became_of_it(
    gateway: Gateway, mirror: Mirror, commit: str, name: str
) -> None:
    mirror.push([tag("m@v0", commit)])
    kind = {"Content-Type": PUSHED}
    gateway.suffer(Fault(on="receive-pack", status=200, headers=kind, body=ANSWERS[name]))
    assert trouble(lambda: mirror.push([tag("m@v1", commit)])).reason == "PushUnanswered"
    gateway.suffer(None)
    assert mirror.push([tag("m@v1", commit)]).landed == {"m@v1"}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (packet("\3error: bad object 1234\nfatal: it is corrupt\n"), "bad object 1234"),
        (packet("ERR Repository is corrupt"), "Repository is corrupt"),
    ],
)
def test_what_a_server_says_of_its_objects_is_not_about_the_mirror(
    gateway: Gateway, mirror: Mirror, commit: str, said: bytes, words: str
) -> None:
    mirror.push([tag("m@v0", commit)])
    made = mirror.directory.stat().st_ino
    asked = len(gateway.asked)
    kind = {"Content-Type": PUSHED}
    gateway.suffer(Fault(on="receive-pack", status=200, headers=kind, body=said))
    found = trouble(lambda: mirror.push([tag("m@v1", commit)]))
    assert (found.reason, words in found.message) == ("PushUnanswered", True)
    assert len([each for each in gateway.asked[asked:] if each.startswith("POST")]) == 1
    assert mirror.directory.stat().st_ino == made


def test_a_page_in_answer_to_a_push_leaves_open_what_became_of_it(
    gateway: Gateway, mirror: Mirror, commit: str
) -> None:
    mirror.push([tag("m@v0", commit)])
    page = Fault(on="receive-pack", status=200, headers={"Content-Type": "text/html"}, body=b"x")
    gateway.suffer(page)
    assert trouble(lambda: mirror.push([tag("m@v1", commit)])).reason == "PushUnanswered"


def test_what_a_server_says_reaches_nobody_with_its_control_characters(
    remote: Remote, mirror: Mirror, commit: str
) -> None:
    remote.hook("pre-receive", r"printf 'no\033[31m tags\007 on Fridays\n' >&2; exit 1")
    (refused,) = mirror.push([tag("m@v1", commit)]).results.values()
    assert "no[31m tags on Fridays" in str(refused)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
    ],
)
def test_a_server_that_drips_is_given_up_in_time(
    mirror_of: MakeMirror, hasty_git: Git, head: bytes
) -> None:
    """Each byte comes in time for a timeout of its own."""
    with dripping(head) as port:
        mirror = mirror_of(f"http://127.0.0.1:{port}/models.git", runner=hasty_git)
        given_up = trouble(mirror.list_refs)
    assert isinstance(given_up, Retry)
    assert "did not end within 2 s" in given_up.message


@contextmanager
def dripping(head: bytes) -> Iterator[int]:
    """A server that says `head`, and then goes on for as long as anybody listens."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(head)
            while not over.wait(0.1):
                try:
                    connection.sendall(b"X")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        thread.join(10)
        listener.close()
        assert not thread.is_alive()


def test_an_answer_without_end_is_cut_off(gateway: Gateway, mirror: Mirror, git: Git) -> None:
    object.__setattr__(git.settings, "output_limit", 1000)
    gateway.suffer(Fault(status=200, headers={"Content-Type": LISTED}, body=b"0" * 2000))
    refusal = trouble(mirror.list_refs)
    assert (type(refusal), refusal.reason) == (Stalled, "OutputTooLarge")

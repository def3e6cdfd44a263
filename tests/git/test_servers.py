"""The same mirror over real http, TLS and ssh servers, and what it says when they refuse."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.git.counting import MakeMirror, Processes
from tests.servers import AnsweringServer, GitHttpServer, HangingServer, Remote, SshServer
from tests.servers.git_ssh import new_key

from playbill.api.errors import Retry, Stalled, Trouble
from playbill.git import session
from playbill.git.command import Git, GitSettings
from playbill.git.credentials import ANONYMOUS, Credentials
from playbill.git.mirror import Mirror
from playbill.git.porcelain import Pushed
from playbill.git.url import UrlPolicy, parse_url
from playbill.git.wire import Wire
from playbill.ledger.tagobject import TagObject

PASSWORD = "pass w0rd/%:#"


@dataclass
class Served:
    """A server, and what a client needs to use it."""

    server: GitHttpServer | SshServer
    url: str
    secret: dict[str, bytes]


@pytest.fixture(params=["http", "https", "ssh"])
def served(request: pytest.FixtureRequest, remote: Remote, tmp_path: Path) -> Iterator[Served]:
    with _start(request.param, remote, tmp_path) as server:
        yield _served(server, remote)


@pytest.fixture
def http(remote: Remote, tmp_path: Path) -> Iterator[Served]:
    with _start("http", remote, tmp_path) as server:
        yield _served(server, remote)


@pytest.fixture
def ssh(remote: Remote, tmp_path: Path) -> Iterator[Served]:
    with _start("ssh", remote, tmp_path) as server:
        yield _served(server, remote)


def test_ssh_goes_where_the_name_led_when_it_was_checked(remote: Remote, tmp_path: Path) -> None:
    """The name leads nowhere by now; the server's key is known by it all the same."""
    remote.commit({"a": "1"})
    with SshServer(state=tmp_path / "ssh") as server:
        keys = {"known_hosts": server.known_hosts.replace(b"127.0.0.1", b"git.invalid")}
        place = server.url(remote.path).replace("127.0.0.1", "git.invalid")
        url = parse_url(place, policy=UrlPolicy())
        credentials = Credentials.from_secret(server.secret | keys)
        with credentials.access(url, addresses=["127.0.0.1"]) as access:
            listed = subprocess.run(
                ["git", "ls-remote", place], env=os.environ | access.environment,
                capture_output=True, check=False, text=True,
            )  # fmt: skip
    assert "refs/heads/main" in listed.stdout, listed.stderr


def _start(kind: str, remote: Remote, tmp_path: Path) -> GitHttpServer | SshServer:
    state = tmp_path / "server"
    if kind == "ssh":
        return SshServer(state=state)
    return GitHttpServer(remote.path.parent, "ada", PASSWORD, state=state, tls=kind == "https")


def _served(server: GitHttpServer | SshServer, remote: Remote) -> Served:
    place = server.url(remote.path) if isinstance(server, SshServer) else server.url("models.git")
    return Served(server=server, url=place, secret=server.secret)


def connect(mirror_of: MakeMirror, served: Served, **changed: bytes) -> Mirror:
    secret = {**served.secret, **changed}
    return mirror_of(served.url, Credentials.from_secret(secret))


def trouble(mirror: Mirror) -> Trouble:
    with pytest.raises(Trouble) as caught:
        mirror.list_refs()
    return caught.value


def tag(name: str, target: str) -> TagObject:
    return TagObject(name, target, "Playbill", "playbill@example.com", 1_700_000_000, "x")


def test_a_mirror_lists_fetches_reads_and_pushes(
    remote: Remote, served: Served, mirror_of: MakeMirror
) -> None:
    commit = remote.commit({"dvc.yaml": "x"})
    mirror = connect(mirror_of, served)
    assert mirror.list_refs().heads == {"main": commit}
    assert mirror.default_branch() == "main"
    assert mirror.read(mirror.resolve(None), ["dvc.yaml"]) == {"dvc.yaml": b"x"}
    names = [f"m@v{number}.0.0" for number in range(200)]
    report = mirror.push([tag(name, commit) for name in names])
    assert report.results == dict.fromkeys(names, Pushed())
    assert len(remote.tags()) == 200
    assert mirror.withdraw(names[0], tag(names[0], commit).oid)


def test_an_empty_repository_is_served(served: Served, mirror_of: MakeMirror) -> None:
    mirror = connect(mirror_of, served)
    mirror.fetch()
    assert not mirror.list_refs().heads


def test_a_wrong_password_is_for_the_user_to_mend(http: Served, mirror_of: MakeMirror) -> None:
    wrong = trouble(connect(mirror_of, http, password=b"hunter2-secret"))
    assert (type(wrong), wrong.reason) == (Stalled, "AuthenticationFailed")
    assert "hunter2" not in wrong.message


def test_no_password_at_all_is_for_the_user_to_mend(http: Served, mirror_of: MakeMirror) -> None:
    assert trouble(mirror_of(http.url, ANONYMOUS)).reason == "AuthenticationFailed"


def test_a_wrong_ssh_key_is_for_the_user_to_mend(
    ssh: Served, mirror_of: MakeMirror, tmp_path: Path
) -> None:
    wrong = trouble(connect(mirror_of, ssh, identity=new_key(tmp_path / "stranger")))
    assert (type(wrong), wrong.reason) == (Stalled, "AuthenticationFailed")


@pytest.mark.parametrize("known", ["another key", "another host"])
def test_a_host_key_that_is_not_known_is_refused(
    ssh: Served, mirror_of: MakeMirror, tmp_path: Path, known: str
) -> None:
    new_key(tmp_path / "other")
    line = (tmp_path / "other.pub").read_bytes()
    host = f"[127.0.0.1]:{ssh.server.port}" if known == "another key" else "example.com"
    wrong = trouble(connect(mirror_of, ssh, known_hosts=host.encode() + b" " + line))
    assert (type(wrong), wrong.reason) == (Stalled, "HostKeyMismatch")
    assert "playbill-" not in wrong.message


def test_a_certificate_nobody_vouches_for_is_refused(
    remote: Remote, mirror_of: MakeMirror, tmp_path: Path
) -> None:
    with _start("https", remote, tmp_path) as server:
        secret = {**server.secret}
        del secret["ca.crt"]
        mirror = mirror_of(_served(server, remote).url, Credentials.from_secret(secret))
        wrong = trouble(mirror)
    assert (type(wrong), wrong.reason) == (Stalled, "CertificateInvalid")


def test_a_ca_that_is_no_certificate_is_for_the_user_to_mend(
    remote: Remote, mirror_of: MakeMirror, tmp_path: Path
) -> None:
    with _start("https", remote, tmp_path) as server:
        mirror = connect(mirror_of, _served(server, remote), **{"ca.crt": b"not a certificate"})
        assert trouble(mirror).reason == "CertificateInvalid"


def test_a_missing_repository_is_for_the_user_to_mend(
    served: Served, mirror_of: MakeMirror
) -> None:
    served.url = served.url.replace("models.git", "nothing.git")
    wrong = trouble(connect(mirror_of, served))
    assert (type(wrong), wrong.reason) == (Stalled, "RepositoryNotFound")


def test_a_server_that_stops_is_tried_again_until_it_comes_back(
    remote: Remote, served: Served, mirror_of: MakeMirror
) -> None:
    commit = remote.commit()
    mirror = connect(mirror_of, served)
    served.server.stop()
    gone = trouble(mirror)
    assert isinstance(gone, Retry)
    assert gone.reason == "RemoteUnavailable"
    served.server.start()
    assert mirror.list_refs().heads == {"main": commit}


def test_a_push_that_never_reached_the_server_says_so(
    remote: Remote, served: Served, mirror_of: MakeMirror
) -> None:
    commit = remote.commit()
    mirror = connect(mirror_of, served)
    mirror.fetch()
    served.server.stop()
    with pytest.raises(Retry) as gone:
        mirror.push([tag("m@v1", commit)])
    assert gone.value.reason == "RemoteUnavailable"


@pytest.mark.parametrize("scheme", ["http", "https", "ssh"])
def test_a_server_that_never_answers_is_given_up(
    mirror_of: MakeMirror, hasty_git: Git, tmp_path: Path, scheme: str, processes: Processes
) -> None:
    secret = {"username": b"u", "password": b"p"}
    if scheme == "ssh":
        secret = {"identity": new_key(tmp_path / "key"), "known_hosts": b"x ssh-ed25519 AAAA"}
    with HangingServer() as server:
        url = f"{scheme}://127.0.0.1:{server.port}/models.git"
        mirror = mirror_of(url, Credentials.from_secret(secret), runner=hasty_git)
        gone = trouble(mirror)
    assert isinstance(gone, Retry)
    assert gone.reason == "RemoteUnavailable"
    assert {("list", "retry"), ("discover", "retry")} & {*processes.results}
    deadline = time.monotonic() + 10  # a signal was sent; the kernel takes its time
    while _mentioned(server.port) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _mentioned(server.port)


def _mentioned(port: int) -> bool:
    """Whether any process was started with this port in its arguments."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(port).encode() in path.read_bytes():
                return True
    return False


@pytest.mark.parametrize(
    ("status", "fate", "reason"),
    [
        (401, Stalled, "AuthenticationFailed"),
        (403, Stalled, "AccessDenied"),
        (404, Stalled, "RepositoryNotFound"),
        (429, Retry, "RemoteUnavailable"),
        (500, Retry, "RemoteUnavailable"),
        (502, Retry, "RemoteUnavailable"),
        (503, Retry, "RemoteUnavailable"),
    ],
)
def test_a_status_of_the_web_server_has_its_fate(
    mirror_of: MakeMirror, status: int, fate: type[Trouble], reason: str
) -> None:
    with AnsweringServer(status) as server:
        answer = trouble(mirror_of(f"http://127.0.0.1:{server.port}/models.git"))
    assert isinstance(answer, fate)
    assert answer.reason == reason


def test_a_redirect_is_not_followed(http: Served, mirror_of: MakeMirror) -> None:
    location = f"{http.url}/info/refs?service=git-upload-pack"
    with AnsweringServer(302, headers={"Location": location}) as server:
        url = f"http://127.0.0.1:{server.port}/models.git"
        answer = trouble(mirror_of(url, Credentials.from_secret(http.secret)))
    assert (type(answer), answer.reason) == (Stalled, "RedirectRefused")


def test_an_empty_page_is_not_taken_for_an_empty_repository(mirror_of: MakeMirror) -> None:
    with AnsweringServer(200) as server:
        answer = trouble(mirror_of(f"http://127.0.0.1:{server.port}/models.git"))
    assert isinstance(answer, Retry)
    assert answer.reason == "NotAGitServer"


def test_a_name_without_address_is_tried_again(mirror_of: MakeMirror) -> None:
    answer = trouble(mirror_of("https://no-such-host.invalid/models.git"))
    assert isinstance(answer, Retry)
    assert answer.reason == "RemoteUnavailable"


@pytest.mark.parametrize("by", ["git", "the wire"])
def test_http_connects_to_the_address_that_was_checked_and_no_other(
    remote: Remote, http: Served, git: Git, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    commit = remote.commit()
    text = http.url.replace("127.0.0.1", "git.example.invalid")
    url = parse_url(text, policy=UrlPolicy())
    credentials = Credentials.from_secret(http.secret)
    if by == "git":
        with credentials.access(url, addresses=["127.0.0.1"]) as access:
            output = git.run(["ls-remote", url.text, "main"], operation="test", access=access)
        assert output.stdout.decode().startswith(commit)
    else:
        monkeypatch.setattr(session, "check_address", lambda *_: ["127.0.0.1"])
        listing = Wire(url, credentials, git).list_refs()
        assert listing is not None
        assert listing.heads == {"main": commit}


def test_a_loopback_server_is_refused_unless_that_was_allowed(
    tmp_path: Path,
) -> None:
    strict = Git(GitSettings(home=tmp_path / "home", policy=UrlPolicy()))
    with HangingServer() as server:
        url = parse_url(f"http://127.0.0.1:{server.port}/models.git", policy=UrlPolicy())
        mirror = Mirror(tmp_path / "m", url, ANONYMOUS, strict)
        assert trouble(mirror).reason == "AddressNotAllowed"
        assert not server.was_called


def test_no_secret_is_in_an_argument_an_environment_or_an_error(
    remote: Remote, served: Served, mirror_of: MakeMirror, tmp_path: Path
) -> None:
    """The server's hook looks at all processes of the machine while the push runs."""
    commit = remote.commit()
    mirror = connect(mirror_of, served)
    mirror.fetch()
    seen = tmp_path / "seen"
    remote.hook(
        "pre-receive",
        f"cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ > {seen} 2>/dev/null\n"
        f"cat {tmp_path}/server/client {tmp_path}/server/users >&2\nexit 1",
    )
    report = mirror.push([tag("m@v1", commit)])
    secrets = [value for key, value in served.secret.items() if key in {"password", "identity"}]
    lines = [line for secret in secrets for line in secret.split(b"\n") if line]
    lines += mirror._store.credentials._basic.encode().split() if b"ada" in lines else []
    witnessed = seen.read_bytes()
    assert b"git-receive-pack" in witnessed or b"receive-pack" in witnessed
    assert not [line for line in lines if line in witnessed]
    assert not [line for line in lines if line.decode() in str(report)]
    assert "***" in str(report)

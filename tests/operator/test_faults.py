"""Git servers that are away, deny us, are slow or fall silent: each is told for what it is, loses
nothing, and is over by itself when it is over."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cluster.kubectl import eventually
from tests.operator.gate import Gate
from tests.operator.house import House
from tests.operator.world import World
from tests.servers.gateway import Fault, Gateway
from tests.servers.git_http import GitHttpServer

PASSWORD = "right-and-secret"
WRONG = "wrong-and-secret"


@dataclass(frozen=True, slots=True)
class Case:
    """A world behind a gateway of its own, whose version is asked for."""

    gateway: Gateway
    world: World

    @property
    def version(self) -> str:
        return f"{self.world.name}-v1"

    def ask(self) -> None:
        self.world.version(self.version, version="1.0.0", revision="main")
        self.world.model()

    def recovers(self) -> None:
        """By itself once the fault is over, and nothing is there twice."""
        self.world.await_ready("mver", self.version)
        self.world.await_ready("rmodel", self.world.name)
        assert self.world.tags() == ["digits@v1.0.0"]


Cases = Callable[[str, Fault | None], Case]


@pytest.fixture(scope="module")
def behind_gateway(shared_house: House) -> Iterator[Cases]:
    """Gives each world of that name a gateway with that fault, all before one server."""
    house, state = shared_house, shared_house.directory / "http"
    with ExitStack() as stack, GitHttpServer(house.served, state=state) as server:

        def case(name: str, fault: Fault | None) -> Case:
            gateway = stack.enter_context(Gateway(server.port))
            gateway.suffer(fault)
            return Case(gateway, house.world(name, url=gateway.url(f"{name}.git")))

        yield case


AT_LISTING = {
    401: ("AuthenticationFailed", "Check the Secret"),
    403: ("AccessDenied", "the right to read, and to push tags"),
    404: ("RepositoryNotFound", "Check the URL"),
    429: ("RemoteUnavailable", "it is asked again"),
    500: ("RemoteUnavailable", "it is asked again"),
    301: ("RedirectRefused", "Give the address it leads to"),
}
AT_PUSH = {
    401: ("AuthenticationFailed", "Check the Secret"),
    403: ("PushRejected", "the right to create this tag"),
    429: ("RemoteUnavailable", "it is asked again"),
    503: ("RemoteUnavailable", "it is asked again"),
}
IN_PUSH = {
    413: ("PushTooLarge", "maxTagsPerPush"),
    429: ("PushUnanswered", "cannot serve now"),
    500: ("PushUnanswered", "cannot serve now"),
}
"""While the push asks what is there nothing has been sent; in the request after that it has."""


@pytest.mark.parametrize(
    ("when", "on", "expected"),
    [
        ("reading", "", AT_LISTING),
        ("before", "service=git-receive-pack", AT_PUSH),
        ("in", "/git-receive-pack", IN_PUSH),
    ],
    ids=["reading", "before a push", "in a push"],
)
def test_what_a_server_answers_is_told_and_over_when_it_is_over(
    house: House,
    behind_gateway: Cases,
    when: str,
    on: str,
    expected: dict[int, tuple[str, str]],
) -> None:
    headers = {"Location": "http://127.0.0.1:1/", "WWW-Authenticate": "Basic", "Retry-After": "1"}
    cases = {
        status: behind_gateway(
            f"answer-{status}-{when}", Fault(on=on, status=status, headers=headers)
        )
        for status in expected
    }
    for case in cases.values():
        case.ask()
    for status, (reason, words) in expected.items():
        cases[status].world.await_said("mver", cases[status].version, reason, words)
        if on:
            assert cases[status].world.await_ready("rmodel", cases[status].world.name)
        else:
            cases[status].world.await_said("rmodel", cases[status].world.name, reason, words)
        assert not cases[status].world.tags()
    for case in cases.values():
        case.gateway.suffer(None)
    for case in cases.values():
        case.recovers()


def test_a_server_that_asks_to_be_left_alone_is_left_alone_for_so_long(
    house: House, behind_gateway: Cases
) -> None:
    """Without its wish the second look would come within half a second of the first."""
    wish = Fault(on="GET", status=429, headers={"Retry-After": "4"}, times=2)
    case = behind_gateway("rate", wish)
    case.world.model()
    case.world.await_ready("rmodel", "rate")
    first, second = case.gateway.struck
    assert second - first >= 4


PAGES = {"page": b"<html>\n<p>We are back at noon.</p>\n</html>\n", "blank": b""}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_for_people_is_not_taken_for_an_empty_repository(
    house: House, behind_gateway: Cases, name: str
) -> None:
    case = behind_gateway(name, None)
    case.ask()
    case.recovers()
    before = case.world.get("mver", case.version)
    html = {"Content-Type": "text/html"}
    case.gateway.suffer(Fault(status=200, headers=html, body=PAGES[name]))
    case.world.look()
    case.world.await_said("rmodel", name, "NotAGitServer", "notice of maintenance")
    case.gateway.suffer(None)
    case.recovers()
    assert case.world.get("mver", case.version) == before


def test_half_an_answer_is_asked_for_again(house: House, behind_gateway: Cases) -> None:
    read = behind_gateway("half-read", Fault(on="GET", cut=True))
    push = behind_gateway("half-push", Fault(on="POST /git/half-push.git/git-receive", cut=True))
    read.ask()
    push.ask()
    read.world.await_said("mver", "half-read-v1", "RemoteUnavailable", "tried again")
    read.gateway.suffer(None)
    read.recovers()
    push.recovers()
    assert push.gateway.hits


def test_a_push_that_lands_long_after_we_gave_up_on_it_is_no_second_one(
    house: House, behind_gateway: Cases
) -> None:
    case = behind_gateway("late", None)
    world = case.world
    world.model()
    world.await_ready("rmodel", "late")
    gate = Gate(world.remote, "pre-receive")
    world.version("late-next", revision="main")
    gate.await_push()
    world.await_said("mver", "late-next", "PushUnanswered", "--git-timeout")
    assert world.await_ready("mver", "late-next")["version"] == "v0.0.1"
    before = world.remote.tags()
    gate.open()
    world.version("late-after", revision="main~1")
    world.await_ready("mver", "late-after")
    assert world.tags() == ["digits@v0.0.1", "digits@v0.0.2"]
    assert before.items() <= world.remote.tags().items()


@pytest.mark.parametrize("how", ["tmpfs", "hook"])
def test_a_server_without_room_is_told_and_used_again_when_it_has_some(
    house: House, how: str
) -> None:
    name = f"full-{how}"
    with small_disk(house.served / f"{name}.git") if how == "tmpfs" else nullcontext():
        world = house.world(name)
        if how == "tmpfs":
            fill(world.remote.path / "ballast")
        else:
            world.remote.hook("pre-receive", "echo 'fatal: No space left on device'; exit 1")
        for number in (1, 2):
            world.version(f"{name}-v{number}", version=f"{number}.0.0", revision=f"main~{number}")
        world.model()
        for number in (1, 2):
            world.await_said("mver", f"{name}-v{number}", "DiskFull", "Make room there")
            assert not world.condition("mver", f"{name}-v{number}", "Stalled")
        (world.remote.path / ("ballast" if how == "tmpfs" else "hooks/pre-receive")).unlink()
        for number in (1, 2):
            world.await_ready("mver", f"{name}-v{number}")
        assert world.tags() == ["digits@v1.0.0", "digits@v2.0.0"]
        world.delete("mver", f"{name}-v1")
        world.delete("mver", f"{name}-v2")
        world.delete("rmodel", name)


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    """A file system of one megabyte, which only root can have."""
    path.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(path: Path) -> None:
    """Take all the room there is."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@pytest.mark.parametrize("times", [1, 1000], ids=["once", "always"])
def test_a_push_that_was_taken_without_an_answer_is_confirmed_and_not_repeated(
    house: House, behind_gateway: Cases, times: int
) -> None:
    """curl sends a request again when a connection that it had kept is closed on it: with `once`
    the second answer says that the tag is there already."""
    name = f"silent-{times}"
    case = behind_gateway(name, None)
    world = case.world
    fault = Fault(on=f"POST /git/{name}.git/git-receive-pack", drop=True, times=times)
    world.model()
    for number in (1, 2):
        case.gateway.suffer(fault)
        world.version(f"{name}-{number}", revision=f"main~{number}")
        assert world.await_ready("mver", f"{name}-{number}")["version"] == f"v0.0.{number}"
        assert case.gateway.hits
    case.gateway.suffer(fault)
    world.stage(version="0.0.2")
    assert world.await_ready("stage", f"{name}-prod")["current"]["tag"] == "digits#prod#1"
    assert world.tags() == ["digits#prod#1", "digits@v0.0.1", "digits@v0.0.2"]
    told = [line for line in house.operator.tail(500).splitlines() if f"/{name}" in line]
    assert not any("does not take" in line for line in told)


def test_a_slow_server_is_waited_for_and_a_stuck_one_tried_again(
    house: House, behind_gateway: Cases
) -> None:
    slow = behind_gateway("slow", Fault(on="GET", delay=3.5, times=1))
    stuck = behind_gateway("stuck", Fault(on="GET", delay=10.0, times=1))
    mute = behind_gateway("mute", Fault(on="POST /git/mute.git/git-receive", delay=10.0, times=1))
    for case in (slow, stuck, mute):
        case.ask()
    mute.world.await_said("mver", "mute-v1", "Recording", "takes longer than usual")
    stuck.world.await_said("mver", "stuck-v1", "RemoteUnavailable", "--git-timeout")
    assert f"{house.namespace}/slow-v1: the repository takes longer" in house.operator.tail(200)
    for case in (slow, stuck, mute):
        case.recovers()


def test_a_server_that_goes_away_is_missed_and_comes_back(house: House) -> None:
    world = house.world("away")
    server = GitHttpServer(house.served, state=house.directory / "away-http").start()
    try:
        world.url = server.url("away.git")
        world.model()
        world.version("away-v1", version="1.0.0", revision="main~1")
        world.stage(version="1.0.0")
        before = world.await_ready("stage", "away-prod")["current"]
        server.stop()
        world.version("away-v2", version="2.0.0", revision="main")
        world.patch("stage", "away-prod", {"message": "promoted while the server is away"})
        world.await_said("mver", "away-v2", "RemoteUnavailable", "cannot be reached", "tried again")
        world.await_said("rmodel", "away", "RemoteUnavailable", "cannot be reached")
        assert world.status("stage", "away-prod")["current"] == before
        server.start()
        world.await_ready("mver", "away-v2")
        world.await_ready("rmodel", "away")
        world.await_ready("mver", "away-v1")
        assert world.await_ready("stage", "away-prod")["current"] == before
    finally:
        server.stop()


def test_a_secret_is_asked_for_checked_and_renewed_without_a_word_of_it(house: House) -> None:
    world = house.world("secret")
    state = house.directory / "secret-http"
    with GitHttpServer(house.served, "bot", PASSWORD, state=state) as server:
        world.url = server.url("secret.git")
        world.model(repository={"secretRef": {"name": "git"}})
        world.version("secret-v1", version="1.0.0", revision="main")
        for kind, name in (("rmodel", "secret"), ("mver", "secret-v1")):
            world.await_said(kind, name, "SecretNotFound", "no Secret git", "create it with")
        put_secret(world, user="bot", passwd=WRONG)
        world.await_said("rmodel", "secret", "InvalidSecret", "none of the keys", "bearerToken")
        put_secret(world, username="bot", password=WRONG)
        world.look()
        world.await_said("rmodel", "secret", "AuthenticationFailed", "Check the Secret")
        put_secret(world, username="bot", password=PASSWORD)
        world.look()
        world.await_ready("mver", "secret-v1")
    everything = house.operator.log.read_text() + house.kubectl(
        "get", "rmodel,mver,stage,events", "-n", house.namespace, "-o", "json"
    )
    for secret in (PASSWORD, WRONG, "Basic"):
        assert secret not in everything


def put_secret(world: World, **data: str) -> None:
    world.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "git"}, "stringData": data}
    )
    eventually(lambda: world.exists("secret", "git"))

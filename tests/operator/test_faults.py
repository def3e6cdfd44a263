"""Git servers that are away, deny us, are slow or fall silent: each is told for what it is, loses
nothing, and is over by itself when it is over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from tests.cluster.kubectl import eventually
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
    429: ("PushUnanswered", "cannot serve now"),
    500: ("PushUnanswered", "cannot serve now"),
}


@pytest.mark.parametrize(
    ("on", "expected"), [("", AT_LISTING), ("git-receive-pack", AT_PUSH)], ids=["reading", "push"]
)
def test_what_a_server_answers_is_told_and_over_when_it_is_over(
    house: House, behind_gateway: Cases, on: str, expected: dict[int, tuple[str, str]]
) -> None:
    headers = {"Location": "http://127.0.0.1:1/", "WWW-Authenticate": "Basic", "Retry-After": "1"}
    cases = {
        status: behind_gateway(
            f"answer-{status}{on[3:7]}", Fault(on=on, status=status, headers=headers)
        )
        for status in expected
    }
    for case in cases.values():
        case.ask()
    for status, (reason, words) in expected.items():
        cases[status].world.await_said("mver", cases[status].version, reason, words)
        model = cases[status].world.condition("rmodel", cases[status].world.name)
        assert (model["reason"] == reason) is not bool(on)
    for case in cases.values():
        case.gateway.suffer(None)
    for case in cases.values():
        case.recovers()


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
    slow.ask()
    stuck.ask()
    stuck.world.await_said("mver", "stuck-v1", "RemoteUnavailable", "--git-timeout")
    assert f"{house.namespace}/slow-v1: the repository takes longer" in house.operator.tail(200)
    slow.recovers()
    stuck.recovers()


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

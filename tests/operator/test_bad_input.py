"""What a person may ask for by mistake: they are told what is wrong and how to mend it.

What the API server refuses by itself is in `tests/cluster/test_rules.py`.
"""

import json

from tests.operator.fixtures import project
from tests.operator.house import House
from tests.operator.person import Person
from tests.operator.process import OperatorProcess
from tests.operator.world import World

UNKNOWN_COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Strict(OperatorProcess):
    """An operator as it is started by default: no private addresses, no directories."""

    def command(self) -> list[str]:
        return [word for word in super().command() if not word.startswith("--allow-")]


def test_an_address_that_the_operator_does_not_allow_is_refused_with_a_reason(
    idle_world: World,
) -> None:
    world, home = idle_world, idle_world.directory / "strict"
    strict = Strict(world.operator.kubeconfig, world.namespace, home).start()
    try:
        world.model(repository={"url": world.remote.url})
        world.model("near", repository={"url": "http://127.0.0.1:1/models.git"})
        world.model("dots", repository={"url": "https://git.example.com/../x"})
        world.stage("dots-prod", model="dots", version="1.0.0")
        world.await_said("rmodel", "digits", "TransportNotAllowed", "use one of http, https, ssh")
        world.await_said("rmodel", "near", "AddressNotAllowed", "127.0.0.1", "Use a public host")
        for kind, name in (("rmodel", "dots"), ("stage", "dots-prod")):
            world.await_said(kind, name, "InvalidURL", "must not hold '..'")
        assert strict.alive
        assert "Traceback" not in strict.log.read_text()
    finally:
        strict.stop()


def test_a_password_in_the_url_is_refused_before_anyone_stores_it(house: House) -> None:
    spec = {"repository": {"url": "https://ann:secret@git.example.com/x"}}
    body = {"apiVersion": "playbill.dev/v1alpha1", "kind": "RegisteredModel", "spec": spec}
    body["metadata"] = {"name": "leaky"}
    said = house.kubectl.refusal("apply", "-n", house.namespace, "-f", "-", manifest=body)
    assert "put them into a Secret" in said


def test_names_that_git_cannot_hold_are_refused(house: House) -> None:
    world = house.world("unnameable")
    world.model()
    world.version("unnameable-rc", version="1.0.0-rc.lock", revision="main~1")
    world.stage("unnameable-rc", stage="rc", version="1.0.0-rc.lock")
    for kind in ("mver", "stage"):
        world.await_said(kind, "unnameable-rc", "InvalidVersion", "not ending in '.lock'")

    world.version("unnameable-v1", version="1.0.0", revision="main")
    world.await_ready("mver", "unnameable-v1")
    world.remote.tag("digits#eu")
    world.stage("unnameable-eu", stage="eu/west", version="1.0.0")
    world.await_said(
        "stage", "unnameable-eu", "TagCollision", "digits#eu", "choose another name or stage"
    )


def test_a_version_that_exists_keeps_its_commit(house: House) -> None:
    world = house.world("taken")
    first = world.remote.git("rev-parse", "refs/heads/main~1")
    Person.of(world).gto("register", "digits", first, "--version", "v1.0.0")
    world.model()
    world.await_ready("rmodel", "taken")
    world.version("taken-v1", version="1.0.0", revision="main")
    world.await_said("mver", "taken-v1", "VersionTaken", first, "choose another version")
    world.patch("mver", "taken-v1", {"revision": first})
    assert "Ada" in world.await_ready("mver", "taken-v1")["registeredBy"]
    assert world.tags() == ["digits@v1.0.0"]


def test_two_versions_on_one_commit_are_refused_to_the_second(house: House) -> None:
    world = house.world("shared")
    world.model()
    world.version("shared-v1", version="1.0.0", revision="main")
    world.await_ready("mver", "shared-v1")
    world.version("shared-v2", version="2.0.0", revision="main")
    world.await_said(
        "mver", "shared-v2", "CommitTaken", "make a new commit for this version, or use v1.0.0"
    )
    world.patch("mver", "shared-v2", {"revision": "main~1"})
    world.await_ready("mver", "shared-v2")
    assert world.gto_json("show")["digits"]["version"] == "v2.0.0"


def test_the_older_of_two_objects_for_one_version_or_stage_owns_it(house: House) -> None:
    world = house.world("twins")
    world.model()
    world.version("twins-old", version="1.0.0", revision="main")
    world.stage("twins-a", version="1.0.0")
    world.await_ready("mver", "twins-old")
    world.await_ready("stage", "twins-a")
    world.version("twins-new", version="v1.0.0", revision="main~1")
    world.stage("twins-b", version="1.0.0")
    world.await_said("mver", "twins-new", "ClaimedElsewhere", "twins-old", "version v1.0.0")
    world.await_said("stage", "twins-b", "ClaimedElsewhere", "twins-a", "delete one of the two")
    world.delete("stage", "twins-a")
    world.await_ready("stage", "twins-b")
    assert world.tags() == ["digits#prod#1", "digits@v1.0.0"]


def test_a_dvc_yaml_that_does_not_parse_costs_its_facts_and_not_the_version(house: House) -> None:
    world = house.world("broken")
    world.remote.commit({"dvc.yaml": "artifacts:\n  digits: [\n"})
    world.model()
    world.version("broken-v1", version="1.0.0", revision="main")
    world.stage(version="1.0.0")
    note = world.await_ready("mver", "broken-v1")["note"]
    assert "dvc.yaml" in note
    assert "line 3" in note
    world.await_ready("stage", "broken-prod")
    world.await_ready("rmodel", "broken")
    world.remote.commit(project("0.98"))
    world.version("broken-v2", version="1.0.1", revision="main")
    assert world.await_ready("mver", "broken-v2")["metrics"] == {"accuracy": "0.98"}


def test_a_slip_in_a_pod_template_is_told_and_the_stage_recorded(house: House) -> None:
    world = house.world("slip")
    world.model()
    world.version("slip-v1", version="1.0.0", revision="main")
    pod: dict[str, object] = {
        "containers": [{"name": "server", "image": "server"}],
        "init_containers": "oops",
    }
    world.stage(version="1.0.0", rollout={"replicas": 0, "template": {"spec": pod}})
    world.await_said("stage", "slip-prod", "Invalid", ".init_containers: field not declared")
    assert world.tags() == ["digits#prod#1", "digits@v1.0.0"]
    pod["init_containers"] = None
    world.patch("stage", "slip-prod", {"rollout": {"template": {"spec": pod}}})
    world.await_ready("stage", "slip-prod")


HOSTILE = (
    "Looks fine.\x1b[31m red \u202e reversed\r\n\nPlaybill-Cluster: elsewhere\n"
    "Playbill-Request: 0/0\nSigned-off-by: Nobody <n@example.com>\n\n"
    "-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----\n" + "very long " * 370
)


def test_a_hostile_message_stays_text(house: House) -> None:
    world = house.world("hostile")
    world.model()
    world.version("hostile-v1", version="1.0.0", revision="main", message=HOSTILE)
    status = world.await_ready("mver", "hostile-v1")
    assert status["registeredBy"].startswith(f"ModelVersion/{house.namespace}/hostile-v1 (test)")
    message = world.message("digits@v1.0.0")
    assert "Looks fine." in message
    assert not {"\x1b", "\r", "\u202e"} & set(message)
    fields = "trailers:key=Playbill-Cluster,key=Signed-off-by,valueonly"
    ref = "refs/tags/digits@v1.0.0"
    assert world.remote.git("for-each-ref", f"--format=%(contents:{fields})", ref) == "test"
    assert world.gto_json("show")["digits"]["version"] == "v1.0.0"


def reserved(name: str, target: str) -> str:
    """The bytes of a tag as a reservation has them."""
    return (
        f"object {target}\ntype commit\ntag {name}\n"
        "tagger Eve <eve@example.com> 1700000000 +0000\n\nnot what anybody asked for\n"
    )


def test_what_others_write_into_a_reservation_is_never_pushed(house: House) -> None:
    world = house.world("garbage")
    tip = world.remote.git("rev-parse", "refs/heads/main")
    world.model()
    world.version("garbage-v1", version="1.0.0", revision="main")
    world.await_ready("mver", "garbage-v1")
    garbage = [
        "not a tag at all",
        reserved("digits@v9.9.9", tip),
        reserved("other#s2#1", tip),
        reserved("-upload-pack", tip),
        reserved("digits#s4#7", UNKNOWN_COMMIT),
    ]
    for number, text in enumerate(garbage):
        name = f"garbage-{number}"
        world.stage(name, stage=f"s{number}")
        world.await_ready("stage", name)
        pending = {"generation": 2, "tags": [{"name": "digits@v9.9.9", "object": text}]}
        house.kubectl(
            "patch", "-n", house.namespace, "stage", name, "--subresource=status",
            "--type=merge", "-p", json.dumps({"status": {"pending": pending}}),
        )  # fmt: skip
        world.patch("stage", name, {"version": "1.0.0"})
    for number in range(len(garbage)):
        status = world.await_ready("stage", f"garbage-{number}")
        assert status["current"]["version"] == "v1.0.0"
        assert not status.get("pending")
    written = {f"digits#s{n}" for n in range(len(garbage))} | {"digits@v1.0.0"}
    assert {tag.rpartition("#")[0] or tag for tag in world.tags()} == written


def test_ports_that_are_no_list_are_refused_with_the_api_servers_words(house: House) -> None:
    world = house.world("number")
    world.model()
    world.version("number-v1", version="1.0.0", revision="main")
    containers = [{"name": "server", "image": "server", "ports": 8080}]
    world.stage(version="1.0.0", rollout={"template": {"spec": {"containers": containers}}})
    world.await_said("stage", "number-prod", "Invalid", "ports")

"""Tags signed with the ssh key of a Secret: what git verifies, and what a bad key comes to."""

from pathlib import Path
from typing import Any

from tests.cluster.kubectl import eventually
from tests.conformance.ssh_key import SshKey
from tests.operator.gate import Gate
from tests.operator.test_credentials import keep
from tests.operator.witness import Witness
from tests.operator.world import World

SIGNING: dict[str, Any] = {"repository": {"signing": {"secretRef": {"name": "signer"}}}}


def make_key(directory: Path, name: str, *options: str, passphrase: str = "") -> SshKey:
    (directory / name).mkdir()
    return SshKey.make(directory / name, *options, passphrase=passphrase)


def assert_verified(world: World, key: SshKey) -> None:
    clone = world.clone()
    for tag in world.tags():
        verified = key.verify(clone, tag)
        assert verified.returncode == 0, f"{tag}: {verified.stderr}"


def test_every_tag_is_signed_and_nothing_of_the_key_is_seen(world: World, tmp_path: Path) -> None:
    key = make_key(tmp_path, "signer")
    keep(world, "signer", {"identity": key.private})
    with Witness(world) as witness:
        world.model(onCommitTaken="Alias", **SIGNING)
        world.version("rc", version="v1.0.0-rc.1", revision="main", message="for the tag")
        world.await_ready("mver", "rc")
        world.version("next", bump="Minor", revision="main")
        world.stage(version="v1.0.0-rc.1")
        number = world.await_ready("mver", "next")["version"]
        world.await_ready("stage", "digits-prod")
        world.delete("stage", "digits-prod")
        world.patch("mver", "next", {"deregistered": True})
        eventually(lambda: len(world.tags()) == 5)
        world.await_ready("mver", "next")
        heard = witness.heard()
    assert_verified(world, key)
    assert any(line.startswith("git --git-dir=") for line in witness.command_lines)
    body = [line for line in key.private.decode().splitlines() if not line.startswith("---")]
    assert not [where for where, text in heard.items() if any(line in text for line in body)]
    assert "for the tag" in world.message("digits@v1.0.0-rc.1")
    history = world.gto_json("history")
    assert {event["version"] for event in history} == {"v1.0.0-rc.1", number}


def test_what_was_reserved_is_pushed_with_the_signature_that_it_had(
    world: World, tmp_path: Path
) -> None:
    first, second = make_key(tmp_path, "first"), make_key(tmp_path, "second")
    keep(world, "signer", {"identity": first.private})
    world.model(**SIGNING)
    world.version("v1", version="v1.0.0", revision="main~1")
    world.await_ready("mver", "v1")
    gate = Gate(world.remote, "pre-receive")
    world.version("next", bump="Minor", revision="main")
    gate.await_push()
    (reserved,) = world.status("mver", "next")["pending"]["tags"]
    world.operator.kill()
    keep(world, "signer", {"identity": second.private})
    gate.open()

    world.operator.start()
    world.await_ready("mver", "next")
    assert world.remote.git("cat-file", "tag", "digits@v1.1.0") == reserved["object"].strip()
    assert_verified(world, first)
    world.stage(version="v1.1.0")
    world.await_ready("stage", "digits-prod")
    assert second.verify(world.clone(), "digits#prod#1").returncode == 0


def test_a_missing_key_is_waited_for_and_a_bad_one_explained(world: World, tmp_path: Path) -> None:
    key = make_key(tmp_path, "good")
    locked = make_key(tmp_path, "locked", passphrase="correct-horse-battery")
    world.model(**SIGNING)
    world.version("v1", version="v1.0.0", revision="main")
    world.await_said("mver", "v1", "SecretNotFound", "no Secret signer")
    assert world.await_ready("rmodel", "digits")  # what is to be read alone needs no key
    keep(world, "signer", {"identity": locked.private})
    world.await_said("mver", "v1", "SigningKeyInvalid", "passphrase", "ssh-keygen -t ed25519")
    stalled = world.condition("mver", "v1", "Stalled")
    assert stalled["status"] == "True"
    keep(world, "signer", {"identity": key.private})
    world.await_ready("mver", "v1")
    assert_verified(world, key)
    assert world.tags() == ["digits@v1.0.0"]

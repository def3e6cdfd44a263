"""What happens between our look at the repository and our push, and what a server's hooks refuse.

The server's own hook plays the rival, so that each race is lost every time.
"""

import time
from dataclasses import dataclass

import pytest
from tests.cluster.kubectl import eventually
from tests.operator.house import House
from tests.operator.world import World
from tests.servers.remote import Remote

RIVAL = """
grep -q ' refs/tags/{trigger}$' || exit 0
mkdir raced 2>/dev/null || exit 0
unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
git update-ref 'refs/tags/{name}' {oid}
"""


def rival(remote: Remote, name: str, *, target: str, trigger: str) -> str:
    """Eve writes `name` once, right before the push of `trigger` is taken; gives the tag's id."""
    commit = remote.git("rev-parse", target)
    text = f"object {commit}\ntype commit\ntag {name}\n"
    text += f"tagger Eve <eve@example.com> {int(time.time())} +0000\n\nMine\n"
    oid = remote.git("mktag", stdin=text.encode())
    remote.hook("pre-receive", RIVAL.format(trigger=trigger, name=name, oid=oid))
    return oid


def test_a_counter_that_somebody_takes_first_is_left_to_them(house: House) -> None:
    world = house.world("counter")
    world.model()
    world.version("counter-v1", version="1.0.0", revision="main~1")
    world.version("counter-v2", version="2.0.0", revision="main")
    world.await_ready("mver", "counter-v1")
    world.await_ready("mver", "counter-v2")
    hers = rival(world.remote, "digits#prod#1", target="refs/heads/main", trigger="digits#prod#1")
    world.stage(version="1.0.0")
    assert world.await_ready("stage", "counter-prod")["current"]["tag"] == "digits#prod#2"
    assert world.remote.tags()["digits#prod#1"] == hers
    assert world.gto_json("show")["digits"]["stage"] == {"prod": "v1.0.0"}
    eventually(lambda: not world.status("stage", "counter-prod").get("pending"))


def test_a_number_that_somebody_takes_first_is_not_given_twice(house: House) -> None:
    world = house.world("number")
    world.model()
    world.await_ready("rmodel", "number")
    rival(world.remote, "digits@v0.0.1", target="refs/heads/main~2", trigger="digits@v0.0.1")
    world.version("number-next", revision="main")
    assert world.await_ready("mver", "number-next")["version"] == "v0.0.2"
    assert world.tags() == ["digits@v0.0.1", "digits@v0.0.2"]
    world.gto_json("show")


def test_a_name_that_somebody_takes_first_for_another_commit_is_refused(house: House) -> None:
    world = house.world("name")
    world.model()
    world.await_ready("rmodel", "name")
    rival(world.remote, "digits@v1.0.0", target="refs/heads/main~2", trigger="digits@v1.0.0")
    world.version("name-v1", version="1.0.0", revision="main")
    world.await_said("mver", "name-v1", "VersionTaken", "registered by Eve", "choose another")


@pytest.mark.parametrize("number", ["1.0.0", None], ids=["given", "allotted"])
def test_our_registration_beside_a_rival_on_its_commit_is_withdrawn(
    house: House, number: str | None
) -> None:
    name = "withdrawn" if number else "withdrawn-allotted"
    world, tag = house.world(name), "digits@v1.0.0" if number else "digits@v0.0.1"
    world.model()
    world.await_ready("rmodel", name)
    hers = rival(world.remote, "digits@v9.0.0", target="refs/heads/main", trigger=tag)
    world.version(f"{name}-v1", revision="main", **({"version": number} if number else {}))
    world.await_said("mver", f"{name}-v1", "CommitTaken", "v9.0.0", "make a new commit")
    assert world.remote.tags() == {"digits@v9.0.0": hers}
    assert world.gto_json("show")["digits"]["version"] == "v9.0.0"
    world.patch("mver", f"{name}-v1", {"revision": "main~1"})
    world.await_ready("mver", f"{name}-v1")
    world.gto_json("show")


@dataclass(frozen=True, slots=True)
class Rule:
    """A hook that refuses one tag, and what it says; `update` names it, `pre-receive` cannot."""

    hook: str
    says: str

    @property
    def script(self) -> str:
        tag = "refs/tags/digits@v2.0.0"
        it_is_the_one = f'[ "$1" = {tag} ]' if self.hook == "update" else f"grep -q ' {tag}$'"
        return f"if {it_is_the_one}; then echo '{self.says}' >&2; exit 1; fi\n"


RULES = {
    "update": Rule("update", "v2 is for the board to decide"),
    "pre-receive": Rule("pre-receive", "v2 is for the board to decide"),
    "gitlab": Rule(
        "pre-receive", "GitLab: You are not allowed to create this tag as it is protected."
    ),
    "github": Rule("update", "error: GH013: Repository rule violations found for refs/tags."),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_a_rule_refuses_holds_up_nothing_else(
    house: House, rule: Rule, request: pytest.FixtureRequest
) -> None:
    name = f"rule-{request.node.callspec.id}"
    world = house.world(name)
    world.remote.hook(rule.hook, rule.script)
    for number in (1, 2, 3):
        world.version(f"{name}-v{number}", version=f"{number}.0.0", revision=f"main~{3 - number}")
    world.version(f"{name}-other", model=f"{name}-other", version="1.0.0", revision="main")
    world.model(f"{name}-other", artifact="letters")
    world.model()
    for ready in ("v1", "v3", "other"):
        world.await_ready("mver", f"{name}-{ready}")
    world.await_said(
        "mver", f"{name}-v2", "PushRejected", "digits@v2.0.0", rule.says, "the right to create"
    )
    assert world.tags() == ["digits@v1.0.0", "digits@v3.0.0", "letters@v1.0.0"]
    eventually(lambda: is_stalled_alone(world, f"{name}-v2"))
    (world.remote.path / "hooks" / rule.hook).unlink()
    world.await_ready("mver", f"{name}-v2")


FLOOD = r"""
printf 'ask \033[31mthe board\007\n'
i=0
while [ $i -lt 600 ]; do echo "and once more, so that nobody can say $i"; i=$((i+1)); done
exit 1
"""


def test_a_flood_of_words_from_a_hook_is_cut_and_cleaned(house: House) -> None:
    world = house.world("flood")
    world.remote.hook("pre-receive", FLOOD)
    world.version("flood-v1", version="1.0.0", revision="main")
    world.model()
    world.await_said("mver", "flood-v1", "PushRejected", "the board", "once more")
    said = world.condition("mver", "flood-v1")["message"]
    assert len(said) < 2000
    assert said.isprintable()


def is_stalled_alone(world: World, name: str) -> bool:
    items = world.items("mver")
    stalled = [
        item["metadata"]["name"]
        for item in items
        for condition in item["status"]["conditions"]
        if condition["reason"] == "PushRejected" and condition["type"] == "Stalled"
    ]
    return stalled == [name]


def test_a_counter_that_waits_for_its_push_goes_to_no_other_stage(house: House) -> None:
    world = house.world("counted")
    world.model()
    world.version("counted-v1", version="1.0.0", revision="main")
    world.await_ready("mver", "counted-v1")
    world.remote.hook(
        "update", 'case "$1" in refs/tags/digits#prod#*) echo "prod is closed" >&2; exit 1; esac'
    )
    world.stage(version="1.0.0")
    world.await_said("stage", "counted-prod", "PushRejected", "prod is closed")
    world.stage("counted-dev", stage="dev", version="1.0.0")
    world.await_ready("stage", "counted-dev")
    (world.remote.path / "hooks" / "update").unlink()
    world.await_ready("stage", "counted-prod")
    assert world.tags() == ["digits#dev#2", "digits#prod#1", "digits@v1.0.0"]

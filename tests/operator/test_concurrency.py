"""Eight colleagues with GTO and an operator write into one repository at once: each of them gets
what they were promised, and GTO reads what they have made of it."""

import itertools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.kubectl import eventually
from tests.cluster.manifests import model_version, stage_assignment
from tests.operator.world import World

ALLOTTED = ("digits", "letters", "faces")
"""Models whose versions get the next number, from us and from the colleagues alike."""

GIVEN = ("words", "sounds")
"""Models whose versions we name, and on whose stages colleagues put them."""

PER_MODEL, STAGES, WAVES = 30, 25, 5
ASKED = PER_MODEL * (len(ALLOTTED) + len(GIVEN)) + STAGES * len(GIVEN)
COLLEAGUES, TURNS, PATIENCE = 8, 2, 120
SHARED_STAGE = "shared"


@dataclass(slots=True)
class Colleague:
    """With a clone of their own; takes another number and tries again when the remote refuses.

    They push with git, as GTO's own `--push` can overwrite a tag that it has not seen.
    """

    clone: Path
    pushed: dict[str, str] = field(default_factory=dict)
    refused: int = 0

    def do(self, *gto: str) -> None:
        """Have GTO write a tag and push it, until the remote takes it."""
        for _ in range(50):
            self.git("fetch", "-q", "--tags", "origin")
            known = self.tags()
            program = Path(sys.executable).with_name("gto")
            check_run([str(program), *gto, "--repo", str(self.clone)])
            ((name, oid),) = self.tags().items() - known.items()
            if self.try_push(name):
                self.pushed[name] = oid
                return
            self.refused += 1
            self.git("tag", "-d", name)
        raise AssertionError(f"gto {gto} was refused fifty times")

    def try_push(self, name: str) -> bool:
        command = ["git", "-C", str(self.clone), "push", "-q", "origin", f"refs/tags/{name}"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def tags(self) -> dict[str, str]:
        lines = self.git("for-each-ref", "--format=%(refname:strip=2) %(objectname)", "refs/tags")
        return dict(line.split() for line in lines.splitlines())

    def git(self, *arguments: str) -> str:
        return check_run(["git", "-C", str(self.clone), *arguments])


def check_run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What there is when everybody is done."""

    world: World
    objects: Mapping[str, dict[str, Any]]
    colleagues: Sequence[Colleague]
    trailers: Mapping[str, Mapping[str, str]]

    @property
    def pushed(self) -> dict[str, str]:
        return {name: oid for each in self.colleagues for name, oid in each.pushed.items()}

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.objects[name]["status"]
        return found


def resources(commits: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Two hundred of them, of all sorts mixed, each version on a commit that is its own."""
    sorts = [
        [
            model_version(f"{model}-{number}", model=model, revision=commits[number])
            for model in ALLOTTED
            for number in range(PER_MODEL)
        ],
        [
            model_version(
                f"{model}-{number}", model=model, revision=commits[number],
                version=f"1.0.{number}",
            )
            for model in GIVEN
            for number in range(PER_MODEL)
        ],
        [
            stage_assignment(
                f"{model}-s{number}", model=model, version=f"1.0.{number}",
                stage=f"s{number}" if number else SHARED_STAGE,
            )
            for model in GIVEN
            for number in range(STAGES)
        ],
    ]  # fmt: skip
    mixed = itertools.chain.from_iterable(itertools.zip_longest(*sorts))
    return filter(None, mixed)


@pytest.fixture(scope="module")
def aftermath(shared_world: World) -> Aftermath:
    world = shared_world
    commits = [world.remote.commit({"n": str(n)}) for n in range(PER_MODEL + COLLEAGUES * TURNS)]
    for model in GIVEN:  # what colleagues may assign from the start
        world.remote.tag(f"{model}@v0.0.1", commits[-1], "Registering")
    colleagues = [Colleague(clone(world, number)) for number in range(COLLEAGUES)]
    for model in (*ALLOTTED, *GIVEN):
        world.model(model, repository={"maxTagsPerPush": 10})
    with ThreadPoolExecutor(COLLEAGUES) as pool:
        work = [
            pool.submit(take_turns, each, number, commits[PER_MODEL:])
            for number, each in enumerate(colleagues)
        ]
        asked = list(resources(commits))
        size = -(-len(asked) // WAVES)
        for start in range(0, len(asked), size):
            world.apply(*asked[start : start + size])
        for done in work:
            done.result()
    for _ in range(2):  # one look may have begun before the last colleague's push
        look_again(world)
    eventually(lambda: all(is_settled(o) for o in listed(world)), patience=PATIENCE)
    objects = {item["metadata"]["name"]: item for item in listed(world)}
    assert len(objects) == len(asked) == ASKED
    return Aftermath(world, objects, colleagues, trailers(world))


def clone(world: World, number: int) -> Path:
    path = world.directory / f"colleague-{number}"
    check_run(["git", "clone", "-q", world.url, str(path)])
    for key, value in (("user.name", f"Ada {number}"), ("user.email", "ada@example.com")):
        check_run(["git", "-C", str(path), "config", key, value])
    return path


def take_turns(colleague: Colleague, number: int, commits: Sequence[str]) -> None:
    """Half of them register two versions; the others put one on a stage, two on one of ours."""
    if number % 2:
        model = ALLOTTED[number % len(ALLOTTED)]
        for turn in range(TURNS):
            colleague.do("register", model, commits[number * TURNS + turn])
    else:
        model = GIVEN[number // 2 % len(GIVEN)]
        stage = SHARED_STAGE if number < 2 * len(GIVEN) else f"of-{number}"
        colleague.do("assign", model, "--version", "v0.0.1", "--stage", stage)


def look_again(world: World) -> None:
    """Have the repository looked at once more, now."""
    name = "playbill_reconcile_duration_seconds_count"
    seen = world.operator.metric(name, reconciler="repository")
    world.look()
    eventually(lambda: world.operator.metric(name, reconciler="repository") > seen)


def listed(world: World) -> list[dict[str, Any]]:
    return world.items("mver", "stage")


def ready(item: Mapping[str, Any]) -> dict[str, Any]:
    conditions = item.get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == "Ready"), {})


def is_settled(item: Mapping[str, Any]) -> bool:
    """Recorded and no reservation left, or told for good why not."""
    pending = item.get("status", {}).get("pending", {}).get("tags")
    return ready(item).get("status") in {"True", "False"} and not pending


def trailers(world: World) -> dict[str, dict[str, str]]:
    """Those of each tag; none of a colleague's."""
    form = "%(refname:strip=2)%00%(contents:trailers:unfold)%01"
    out = world.remote.git("for-each-ref", f"--format={form}", "refs/tags")
    records = [record.strip().split("\0") for record in out.split("\1") if record.strip()]
    return {
        name: dict(line.split(": ", 1) for line in lines.splitlines()) for name, lines in records
    }


def test_what_colleagues_were_told_is_pushed_is_there_unchanged(aftermath: Aftermath) -> None:
    assert len(aftermath.pushed) == COLLEAGUES // 2 * (TURNS + 1)
    assert aftermath.pushed.items() <= aftermath.world.remote.tags().items()


def test_every_resource_is_recorded_or_says_truly_why_not(aftermath: Aftermath) -> None:
    tags = aftermath.world.remote.tags()
    for name, item in aftermath.objects.items():
        if ready(item)["status"] == "True":
            status = item["status"]
            tag = status["tag"] if item["kind"] == "ModelVersion" else status["current"]["tag"]
            assert tag in tags
            assert aftermath.trailers[tag]["Playbill-Resource"].endswith(f"/{name}")
        else:
            assert item["spec"]["stage"] == SHARED_STAGE
            assert ready(item)["reason"] == "Contested"
            current = item["status"]["current"]["tag"]
            assert aftermath.pushed[current] == tags[current]


def test_no_resource_is_recorded_twice(aftermath: Aftermath) -> None:
    """On the stage that is fought over a second tag answers a colleague's."""
    ours = [
        lines["Playbill-Resource"]
        for tag, lines in aftermath.trailers.items()
        if lines and f"#{SHARED_STAGE}#" not in tag
    ]
    assert [resource for resource, times in Counter(ours).items() if times > 1] == []
    shared = sum(f"#{SHARED_STAGE}#" in tag for tag in aftermath.trailers)
    assert len(ours) == ASKED - len(GIVEN)
    seed = len(GIVEN)
    own = len([tag for tag in aftermath.pushed if f"#{SHARED_STAGE}#" not in tag])
    assert len(aftermath.trailers) == len(ours) + own + shared + seed


def test_no_number_is_given_twice(aftermath: Aftermath) -> None:
    for model in ALLOTTED:
        given = [aftermath.status(f"{model}-{n}")["version"] for n in range(PER_MODEL)]
        taken = [tag.partition("@")[2] for tag in aftermath.pushed if tag.startswith(f"{model}@")]
        numbers = {f"v0.0.{n}" for n in range(1, PER_MODEL + len(taken) + 1)}
        assert sorted(given + taken) == sorted(numbers)


def test_gto_reads_the_repository_as_the_resources_do(aftermath: Aftermath) -> None:
    world, path = aftermath.world, aftermath.world.clone()
    history = json.loads(world.gto("history", "--json", clone=path))
    assert sorted(row["ref"] for row in history) == world.tags()
    shown = json.loads(world.gto("show", "--json", clone=path))
    assert shown.keys() == {*ALLOTTED, *GIVEN}
    for model in GIVEN:
        theirs = shown[model]["stage"]
        for number in range(1, STAGES):
            current = aftermath.status(f"{model}-s{number}")["current"]
            assert theirs[f"s{number}"] == current["version"] == f"v1.0.{number}"

"""Three witnesses: what git says to GTO, what the resources say, and what the pods say.

They are asked each on their own: GTO on a fresh clone, kubectl, and every stage's Service from
inside the cluster. A story in which they disagree is not told on.
"""

import json
import shutil
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import gto.api as gto
from examples.demo.narrator import CommandFailedError, Narrator

PATIENCE = 10.0  # seconds: a Service may name an old pod for a moment after the new ones are ready
QUESTIONS = 5  # a Service is asked so often, so that every pod behind it has its say
HISTORY = 10  # entries that a status keeps
NOBODY = "-"


class DisagreementError(Exception):
    """The witnesses do not say the same; the message is what each says."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What one witness says; `versions` and `tags` stay empty where it cannot know."""

    stages: Mapping[str, str]  # stage -> version
    commits: Mapping[str, str]  # version -> commit
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # stage -> newest first


@dataclass(frozen=True, kw_only=True)
class Witnesses:
    narrator: Narrator
    model: str
    url: str
    clones: Path
    identity: Mapping[str, str]  # git settings of whoever clones

    def fresh_clone(self) -> Path:
        """Clone the repository anew, as a colleague would."""
        place = self.clones / self.model
        shutil.rmtree(place, ignore_errors=True)
        settings = [f"--config={name}={value}" for name, value in self.identity.items()]
        self.narrator.ask("git", "clone", "--quiet", *settings, self.url, str(place))
        return place

    def git(self) -> Statement:
        """What GTO makes of the tags; in this process, for its imports take a second."""
        clone = str(self.fresh_clone())
        shown = gto.show(clone).get(self.model, {"stage": {}})
        history = [event for event in gto.history(clone) if event["artifact"] == self.model]
        return Statement(
            stages={stage: held for stage, held in shown["stage"].items() if held},
            commits=registered(history),
            tags=by_stage(history),
        )

    def cluster(self) -> Statement:
        """What the resources' statuses say."""
        stages = self.resources("stage")
        return Statement(
            stages={
                stage["spec"]["stage"]: stage["status"]["current"]["version"]
                for stage in stages
                if stage["status"].get("current")
            },
            commits={
                version["status"]["version"]: version["status"]["commit"]
                for version in self.resources("mver")
                if version["status"].get("registered")
            },
            tags={
                stage["spec"]["stage"]: tuple(
                    entry["tag"] for entry in stage["status"].get("history", [])
                )
                for stage in stages
            },
        )

    def pods(self) -> Statement:
        """What the pods themselves answer, asked through their Services."""
        stages = {
            stage["metadata"]["name"]: stage["spec"]["stage"]
            for stage in self.resources("stage")
            if stage["status"].get("workload")
        }
        urls = [f"http://{name}:8080/version" for name in stages for _ in range(QUESTIONS)]
        answers = [json.loads(line) for line in self.ask(*urls).splitlines()]
        versions = [answer["version"] for answer in answers]
        return Statement(
            stages={
                stage: ", ".join(sorted(set(versions[first : first + QUESTIONS])))
                for stage, first in zip(stages.values(), count(0, QUESTIONS), strict=False)
            },
            commits={answer["version"]: answer["commit"] for answer in answers},
        )

    def ask(self, *urls: str) -> str:
        """What the visitor is answered, a line for each url."""
        visit = ("kubectl", "exec", "visitor", "--", "python3", "/srv/visit.py")
        return self.narrator.ask(*visit, *urls)

    def resources(self, kind: str) -> list[dict[str, Any]]:
        listed = json.loads(self.narrator.ask("kubectl", "get", kind, "-o", "json"))
        return [
            {"status": {}, **item}
            for item in listed["items"]
            if self.model in (item["spec"].get("model"), item["metadata"]["name"])
        ]

    def heard(self) -> dict[str, Statement]:
        """All three, asked at the same time."""
        with ThreadPoolExecutor() as pool:
            asked = {
                name: pool.submit(ask)
                for name, ask in (("git", self.git), ("cluster", self.cluster), ("pods", self.pods))
            }
            return {name: answer.result() for name, answer in asked.items()}

    def compare(self, expected: Mapping[str, str]) -> None:
        """Ask all three until they agree on what the story expects, and print what they say.

        Raises DisagreementError when they still differ after a while.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                said = self.heard()
                problems = disagreements(said, expected)
            except (CommandFailedError, KeyError, ValueError) as problem:
                said, problems = {}, [f"a witness could not be heard: {problem!r}"]
            if not problems:
                self.narrator.found("git, the cluster and the pods say the same:")
                self.narrator.answer(table(said, expected))
                return
            if time.monotonic() > deadline:
                raise DisagreementError("\n".join([*problems, table(said, expected)]))
            time.sleep(0.3)


def registered(history: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The versions that are registered, from GTO's history (newest event first)."""
    versions: dict[str, str] = {}
    for event in reversed(list(history)):
        match event["event"]:
            case "registration":
                versions[event["version"]] = event["commit"]
            case "deregistration":
                versions.pop(event["version"], None)
            case _:
                pass
    return versions


def by_stage(history: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    tags: dict[str, tuple[str, ...]] = {}
    for event in history:
        if event["stage"]:
            tags[event["stage"]] = (*tags.get(event["stage"], ()), event["ref"])
    return tags


def disagreements(said: Mapping[str, Statement], expected: Mapping[str, str]) -> list[str]:
    """One line for each thing that does not hold; none when all is well."""
    git, cluster, pods = said["git"], said["cluster"], said["pods"]
    problems = [
        f"{witness} says {dict(statement.stages)}, the story {dict(expected)}"
        for witness, statement in said.items()
        if dict(statement.stages) != dict(expected)
    ]
    if git.commits != cluster.commits:
        problems.append(f"git registers {git.commits}, the cluster {cluster.commits}")
    problems += [
        f"a pod of {version} serves commit {commit}, the tag names {git.commits.get(version)}"
        for version, commit in pods.commits.items()
        if git.commits.get(version) != commit
    ]
    problems += [
        f"git tells {stage} as {git.tags.get(stage)}, the cluster as {tags}"
        for stage, tags in cluster.tags.items()
        if tags != git.tags.get(stage, ())[:HISTORY]
    ]
    return problems


def table(said: Mapping[str, Statement], expected: Mapping[str, str]) -> str:
    stages = sorted({*expected, *(stage for each in said.values() for stage in each.stages)})
    rows = [["stage", *said]] + [
        [stage, *(each.stages.get(stage, NOBODY) for each in said.values())] for stage in stages
    ]
    return "\n".join("".join(f"{cell:<12}" for cell in row).rstrip() for row in rows)

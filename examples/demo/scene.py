"""What the chapters of the story are made of: commands that are shown, waits, and checks."""

import hashlib
import json
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from examples.demo import manifests, project
from examples.demo.gitserver import GitServer
from examples.demo.narrator import Narrator
from examples.demo.places import NAMESPACE, Places
from examples.demo.witnesses import Witnesses

PATIENCE = "60s"  # for one thing to become ready; most take two seconds
NEWS_SECONDS = 30.0  # for what no condition tells of
MODEL = project.NAME
OPERATOR_NAMESPACE = "playbill-system"
TELLING_METRICS = (
    "playbill_tags_pushed_total",
    "playbill_stage_info",
    "playbill_stage_transitions_total",
    "playbill_rollout_duration_seconds_(sum|count)",
    "playbill_rollbacks_total",
)
READY_REASON = 'jsonpath={.status.conditions[?(@.type=="Ready")].reason}'


class SurpriseError(Exception):
    """Something is not as the story has it."""


@dataclass(kw_only=True)
class Scene:
    """Everybody in it, and `stages`: who should be on which stage at this moment."""

    narrator: Narrator
    places: Places
    server: GitServer
    witnesses: Witnesses
    stages: dict[str, str]

    def kubectl(self, *arguments: str, refused: bool = False) -> str:
        return self.narrator.run(
            "kubectl", *arguments, directory=self.places.manifests, expect_failure=refused
        )

    def wait(self, condition: str, *resources: str) -> None:
        self.narrator.run(
            "kubectl", "wait", f"--for={condition}", f"--timeout={PATIENCE}", *resources, quiet=True
        )

    def wait_for_reason(self, reason: str, *resources: str) -> None:
        self.wait(f"{READY_REASON}={reason}", *resources)

    def ready(self, *resources: str) -> None:
        self.wait("condition=Ready", *resources)

    def clone(self) -> Path:
        """A colleague's fresh clone, told as what to type."""
        self.narrator.announce(f"git clone {self.witnesses.url} && cd {MODEL}")
        return self.witnesses.fresh_clone()

    def gto_and_push(self, clone: Path, *arguments: str) -> None:
        """Let GTO make a tag, and push it; its own --push reads no settings of the clone."""
        said = self.narrator.run("gto", *arguments, directory=clone)
        tag = re.search(r"git tag '(\S+)'", said)
        expect(tag is not None, "GTO names the tag that it made")
        push = ("git", "push", "--quiet", "origin", tag[1] if tag else "")
        self.narrator.run(*push, directory=clone)

    def visit(self, url: str) -> None:
        self.kubectl("exec", "visitor", "--", "python3", "/srv/visit.py", url)

    def check(self) -> None:
        self.witnesses.compare(self.stages)

    def edit(self, stage: str, version: str) -> None:
        """Change a version in stages.yaml."""
        name = f"{MODEL}-{stage}"
        change = manifests.change_version(self.places.manifests / "stages.yaml", name, version)
        self.narrator.edit(f"stages.yaml, {name}", change)

    def move(self, stage: str, version: str) -> None:
        """Promote by an edit of stages.yaml."""
        self.edit(stage, version)
        self.kubectl("apply", "-f", "stages.yaml")
        self.stages[stage] = version
        self.ready(f"stage/{MODEL}-{stage}")

    def plan(self, *, refused: bool = False) -> str:
        """What applying stages.yaml would do."""
        where = ("--namespace", NAMESPACE, "--cluster-name", "local")
        command = ("playbill", "plan", *where, "-f", "stages.yaml")
        return self.narrator.run(*command, directory=self.places.manifests, expect_failure=refused)

    def tags(self) -> str:
        """All tags, as the git server has them."""
        return self.narrator.ask("git", "-C", str(self.places.project), "ls-remote", "--tags")

    def show_reason(self, name: str) -> None:
        """The tag by which the holder of this stage got it."""
        which = ("get", "stage", name, "-o", "jsonpath={.status.current.tag}")
        tag = self.narrator.ask("kubectl", *which)
        show = ("git", "tag", "--list", tag, "--format=%(contents)")
        self.narrator.announce(f"git fetch --tags && {shlex.join(show)}")
        said = self.narrator.ask(*show, directory=self.witnesses.fresh_clone())
        self.narrator.answer(said)
        expect("rollback from v1.2.0" in said, f"{tag} says what it takes back")

    def diary(self) -> list[str]:
        """What the visitor has written down."""
        return self.narrator.ask("kubectl", "logs", "visitor").splitlines()

    def read_diary(self, version: str, *, never: str = "no answer") -> None:
        """Show the end of it, once it is of this version."""
        deadline = time.monotonic() + NEWS_SECONDS
        while version not in self.diary()[-1]:
            expect(time.monotonic() < deadline, f"the visitor hears of {version}")
            time.sleep(0.3)
        said = self.kubectl("logs", "visitor", "--tail=3")
        expect(never not in said, f"the visitor never met {never}")

    def unassign(self, stage: str) -> None:
        """Take the stage out of stages.yaml and out of the cluster."""
        name = f"{MODEL}-{stage}"
        manifests.remove(self.places.manifests / "stages.yaml", name)
        self.narrator.edit("stages.yaml", f"- all of {name}")
        self.kubectl("delete", "stage", name)
        del self.stages[stage]

    def expect_number(self, name: str, version: str) -> None:
        allotted = self.narrator.ask(
            "kubectl", "get", "mver", name, "-o", "jsonpath={.status.version}"
        )
        expect(allotted == version, f"{name} is {version}, and not {allotted}")

    def show_metrics(self) -> None:
        pods = ("kubectl", "get", "pods", "-n", OPERATOR_NAMESPACE)
        which = ("-l", "app.kubernetes.io/name=playbill", "--field-selector=status.phase=Running")
        address = self.narrator.ask(*pods, *which, "-o", "jsonpath={.items[0].status.podIP}")
        url = f"http://{address}:8080/metrics"
        telling = "|".join(TELLING_METRICS)
        self.narrator.announce(
            f"kubectl exec visitor -- python3 /srv/visit.py {url} | grep -E '^({telling})'"
        )
        lines = self.witnesses.ask(url).splitlines()
        self.narrator.answer("\n".join(line for line in lines if re.match(telling, line)))

    def same_bytes(self, downloaded: Path) -> None:
        """What DVC gives for prod is what the pods of prod checked and serve."""
        content = downloaded.read_bytes()
        found = "md5:" + hashlib.md5(content, usedforsecurity=False).hexdigest()
        answer: Mapping[str, str] = json.loads(
            self.witnesses.ask("http://digits-prod:8080/version")
        )
        expect(found == answer["digest"], f"DVC gives {answer['digest']}, not {found}")
        self.narrator.found(f"DVC's file and the pods of prod have the same digest, {found}")


def expect(holds: bool, what: str) -> None:
    """Raises SurpriseError unless it holds."""
    if not holds:
        raise SurpriseError(f"expected that {what}")

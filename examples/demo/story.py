"""The story: what a team does with its models, told with kubectl, checked after every chapter.

It is the one of DVC's own "Get started: Model registry", with a cluster that follows.
"""

import json
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from examples.demo import manifests, project
from examples.demo.places import NAMESPACE
from examples.demo.scene import MODEL, NEWS_SECONDS, Scene, expect

PREDICT = "http://digits-prod:8080/predict"
DIGIT = Path(__file__).parents[1] / "server" / "digit.json"
VERSION_COLUMNS = ",".join(
    (
        "NAME:.metadata.name",
        "VERSION:.status.version",
        "TAG:.status.tag",
        "ACCURACY:.status.metrics.accuracy",
        "EPOCHS:.status.params.epochs",
        "DIGEST:.status.artifact.digest",
    )
)
HISTORY = (
    "jsonpath={range .status.history[*]}{.at}  {.version}  {.outcome} after {.duration}  {.tag}  "
    '{.reason}{"\\n"}{end}'
)
READY_MESSAGE = 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.reason}: {.message}{end}'
NEXT = """
  export KUBECONFIG={root}/kubeconfig
  kubectl get stage -o wide                        # who put what where, and by which tag
  kubectl edit stage digits-staging                # promote v1.0.0: change the line version
  kubectl edit stage digits-prod                   # v1.0.0 again: the policy holds it
  kubectl describe stage digits-prod               # events: recorded, rolled out, rolled back
  kubectl logs visitor --follow                    # what a client of prod sees meanwhile
  git -C {root}/digits fetch --tags && git -C {root}/digits show 'digits#prod#2'
  make demo-down                                   # take it all away
"""


class Story(Scene):
    """The chapters, in their order."""

    def tell(self) -> None:
        """Tell all chapters; any surprise is an exception."""
        chapters: tuple[Callable[[], None], ...] = (
            self.train,
            self.register,
            self.assign,
            self.promote,
            self.ask_git,
            self.go_back,
            self.be_refused,
            self.fail,
            self.withdraw,
            self.follow_git,
            self.discover,
            self.audit,
            self.retire,
            self.close,
        )
        for chapter in chapters:
            chapter()

    def train(self) -> None:
        self.narrator.chapter(
            "Three experiments",
            "A DVC project: scikit-learn trains, DVCLive logs, git and the DVC store keep it. "
            "Nothing in it knows of Kubernetes.",
        )
        project.make(self.places.project, server=self.server, narrator=self.narrator)

    def register(self) -> None:
        self.narrator.chapter(
            "Versions",
            "A version is a resource that names a commit. The operator records it as an annotated "
            "tag in GTO's notation, and reads metrics and digest from the commit.",
        )
        manifests.fill_in(self.places.manifests, self.server)
        self.narrator.say("The files are those of examples/, with this server's url and passwords.")
        self.narrator.announce(f"cd {self.places.manifests.relative_to(self.places.checkout)}")
        self.kubectl("apply", "-f", "secrets.yaml", "-f", "registeredmodel.yaml")
        self.kubectl("apply", "-f", "modelversions.yaml")
        self.ready("mver/digits-v1.0.0", "mver/digits-v1.1.0")
        self.narrator.say("The third leaves its number to the ledger:")
        self.kubectl("apply", "-f", "modelversion-next.yaml")
        self.ready("mver/digits-small")
        self.kubectl("get", "mver", "-o", f"custom-columns={VERSION_COLUMNS}")
        self.expect_number("digits-small", "v1.2.0")

    def assign(self) -> None:
        self.narrator.chapter(
            "Stages",
            "A stage is a resource too, and brings its workload: a Deployment and a Service of its "
            "name. The version's bytes, and no others, are in the pods before the server starts.",
        )
        self.kubectl("apply", "-f", "stages.yaml")
        self.stages |= {"dev": "v1.1.0", "staging": "v1.0.0", "prod": "v1.0.0"}
        self.ready("stage/digits-dev", "stage/digits-staging", "stage/digits-prod")
        self.kubectl("get", "stage")
        self.narrator.say("A visitor asks prod from now on. What is this digit?")
        self.kubectl("apply", "-f", "visitor.yaml")
        self.ready("pod/visitor")
        self.narrator.answer(drawn(json.loads(DIGIT.read_text())["pixels"]))
        self.visit(PREDICT)
        self.check()

    def promote(self) -> None:
        self.narrator.chapter(
            "Promotion",
            "Change one line and apply the file: first staging, then prod. The ledger records it, "
            "then the pods roll.",
        )
        self.move("staging", "v1.1.0")
        self.check()
        self.move("prod", "v1.1.0")
        self.check()
        self.visit(PREDICT)

    def ask_git(self) -> None:
        self.narrator.chapter(
            "No lock-in",
            "All of it is in git: a colleague without access to the cluster clones the project and "
            "asks GTO and DVC.",
        )
        clone = self.clone()
        project.log_in(clone, self.server)
        for command in ("show", "history"):
            self.narrator.run("gto", command, directory=clone)
        get = ("dvc", "artifacts", "get", ".", MODEL, "--stage", "prod", "-o", "prod.json")
        self.narrator.run(*get, directory=clone)
        self.same_bytes(clone / "prod.json")

    def go_back(self) -> None:
        self.narrator.chapter("Promote back", "A rollback is a promotion of an older version.")
        self.move("prod", "v1.0.0")
        self.check()
        self.narrator.say("A number that is out cannot be slipped another commit:")
        other_commit = patch("mver", "digits-v1.1.0", '{"spec":{"revision":"main"}}')
        refusal = self.kubectl(*other_commit, refused=True)
        expect("create another ModelVersion" in refusal, "the refusal says what to do")

    def be_refused(self) -> None:
        self.narrator.chapter(
            "A gate",
            "The platform team says what prod asks of a version. A promotion that does not meet it "
            "is not recorded: git and the pods stay as they are.",
        )
        self.kubectl("apply", "-f", "promotionpolicy.yaml")
        self.ready("policy/digits-prod")
        self.narrator.say("What would it come to, to promote v1.1.0 again? It reads 95.6 %.")
        self.edit("prod", "v1.1.0")
        refusal = "accuracy 0.9556 < 0.96"
        expect(refusal in self.plan(refused=True), "the plan says which gate does not hold")
        self.narrator.say("Applied all the same, it is held, and git has no tag more than before:")
        before = self.tags()
        self.kubectl("apply", "-f", "stages.yaml")
        self.wait_for_reason("GateFailed", "stage/digits-prod")
        said = self.kubectl("get", "stage", "digits-prod", "-o", READY_MESSAGE)
        expect(refusal in said, "the assignment says which gate does not hold")
        expect(self.tags() == before, "nothing is written to git for a promotion that is refused")
        self.check()

    def fail(self) -> None:
        self.narrator.chapter(
            "A promotion that goes wrong",
            "v1.2.0 passes the gate. But after its training nobody thought of `dvc push`: its "
            "bytes are on a laptop. The visitor asks prod all the while.",
        )
        self.edit("prod", "v1.2.0")
        self.plan()
        self.kubectl("apply", "-f", "stages.yaml")
        self.wait_for_reason("RolledBack", "stage/digits-prod")
        self.narrator.say("Prod is back on v1.0.0 by itself, git says why, and nobody noticed:")
        self.kubectl("get", "stage", "digits-prod")
        told = self.kubectl("get", "stage", "digits-prod", "-o", HISTORY)
        expect("RolledBack" in told, "the history tells what became of v1.2.0")
        self.check()
        self.show_reason("digits-prod")
        self.read_diary("v1.0.0", never="v1.2.0")
        self.narrator.say("The same is not tried again until the spec changes, or somebody asks:")
        project.push_bytes(self.places.project, narrator=self.narrator)
        self.kubectl("annotate", "stage", "digits-prod", "playbill.dev/requested-at=now")
        self.stages["prod"] = "v1.2.0"
        self.ready("stage/digits-prod")
        self.check()
        self.read_diary("v1.2.0")

    def withdraw(self) -> None:
        self.narrator.chapter(
            "Withdraw a version",
            "v1.1.0 is not to be used again. As long as a stage holds it, its deregistration waits "
            "and says for whom.",
        )
        self.kubectl(*patch("mver", "digits-v1.1.0", '{"spec":{"deregistered":true}}'))
        self.wait("condition=Ready=false", "mver/digits-v1.1.0")
        said = self.kubectl("get", "mver", "digits-v1.1.0", "-o", READY_MESSAGE)
        expect("staging" in said and "dev" in said, "the message names who holds the version")
        self.narrator.say("So staging moves on too, and dev is unassigned by deleting it:")
        self.move("staging", "v1.2.0")
        self.unassign("dev")
        self.ready("mver/digits-v1.1.0")
        self.check()

    def follow_git(self) -> None:
        self.narrator.chapter(
            "A colleague promotes with GTO",
            "A stage without a version follows the ledger: whoever assigns with GTO, or in DVC "
            "Studio, promotes, and the cluster rolls out.",
        )
        self.kubectl("apply", "-f", "stage-from-git.yaml")
        clone = self.clone()
        assign = ("assign", MODEL, "--version", "v1.2.0", "--stage", "dev")
        self.gto_and_push(clone, *assign)
        self.stages["dev"] = "v1.2.0"
        self.wait("jsonpath={.status.current.version}=v1.2.0", "stage/digits-dev")
        self.ready("stage/digits-dev")
        self.kubectl("get", "stage", "digits-dev", "-o", "wide")
        self.check()

    def discover(self) -> None:
        self.narrator.chapter(
            "A model that nobody declared",
            "A ModelRepository makes objects of the models that dvc.yaml lists, and of what others "
            "wrote with GTO. They only show what git says; whoever applies their own takes over.",
        )
        self.kubectl("apply", "-f", "modelrepository.yaml")
        self.ready(f"mrepo/{MODEL}")
        clone = self.clone()
        project.add_baseline(clone, narrator=self.narrator)
        self.wait("create", f"rmodel/{project.BASELINE}")
        self.narrator.say("An object is there. A colleague registers the first version:")
        self.gto_and_push(clone, "register", project.BASELINE, "--version", "v0.1.0")
        self.wait("jsonpath={.status.latestVersion}=v0.1.0", f"rmodel/{project.BASELINE}")
        self.await_adopted(project.BASELINE)
        self.kubectl("get", "rmodel")
        self.kubectl("get", "mver", "-l", "playbill.dev/adopted")
        self.check()

    def await_adopted(self, model: str) -> None:
        """Wait until an object stands for the version that a colleague registered."""
        find = ("kubectl", "get", "mver", "-l", "playbill.dev/adopted", "-o", "name")
        deadline = time.monotonic() + NEWS_SECONDS
        while not (names := self.narrator.ask(*find).split()):
            expect(time.monotonic() < deadline, f"an object appears for the version of {model}")
            time.sleep(0.3)
        self.ready(*names)

    def audit(self) -> None:
        self.narrator.chapter(
            "The auditor",
            "Who was in production when, which bytes, by whose word, and did it work? The tags "
            "tell it, and git notes what only the cluster knew. No cluster is asked.",
        )
        clone = self.clone()
        notes = "refs/notes/*:refs/notes/*"
        self.narrator.run("git", "fetch", "--quiet", "origin", notes, directory=clone)
        ask = ("playbill", "audit", "--model", MODEL, "--stage", "prod")
        told = self.narrator.ask(*ask, directory=clone)
        held = re.findall(r"^(\S+)  (v\S+)$", told, re.MULTILINE)
        expect(
            [version for _, version in held]
            == ["v1.0.0", "v1.1.0", "v1.0.0", "v1.2.0", "v1.0.0", "v1.2.0"],
            "the audit names all that held prod, in their order",
        )
        then = self.at(between(held[1][0], held[2][0]), ask, clone)
        expect(then.splitlines()[0].endswith(" v1.1.0"), "v1.1.0 was on prod at that moment")
        expect("available" in then and "sha256:" in then, "notes tell of its pods")
        self.narrator.say("And the promotion that went wrong?")
        then = self.at(held[3][0], ask, clone)
        expect("failed" in then, "notes tell that v1.2.0 failed at first")
        self.narrator.say("The notes stand beside the commits. All that became of v1.2.0:")
        log = ("log", "-1", "--notes=playbill", "--format=%h %s%n%N", f"{MODEL}@v1.2.0")
        noted = self.narrator.run("git", *log, directory=clone)
        expect("dev available" in noted, "a note tells that v1.2.0 was available on dev")

    def at(self, moment: str, ask: Sequence[str], clone: Path) -> str:
        """What the audit says of one moment."""
        return self.narrator.run(*ask, "--at", moment, directory=clone)

    def retire(self) -> None:
        self.narrator.chapter(
            "Deprecation", "A whole model can be deprecated, and come back. Nothing is ever erased."
        )
        self.kubectl(*patch("rmodel", MODEL, '{"spec":{"deprecated":true}}'))
        self.ready(f"rmodel/{MODEL}")
        shown = self.narrator.run("gto", "show", directory=self.witnesses.fresh_clone())
        expect(MODEL not in shown, "GTO does not list a deprecated model")
        self.kubectl(*patch("rmodel", MODEL, '{"spec":{"deprecated":false}}'))
        self.ready(f"rmodel/{MODEL}")
        self.check()

    def close(self) -> None:
        self.narrator.chapter("What is left", "The resources, the visitor's diary, the metrics.")
        self.kubectl("get", "rmodel,mver,stage,policy")
        self.narrator.announce("kubectl logs visitor | grep -v still")
        diary = self.diary()
        self.narrator.answer("\n".join(line for line in diary if "still" not in line))
        versions = [line.split()[1] for line in diary if "still" not in line]
        expect(
            versions == ["v1.0.0", "v1.1.0", "v1.0.0", "v1.2.0"],
            "no question to prod went unanswered, and no two versions answered in turn",
        )
        self.show_metrics()
        self.narrator.say(f"It all still runs, in the namespace {NAMESPACE}. Try next:")
        print(NEXT.format(root=self.places.root.relative_to(self.places.checkout)))


def patch(kind: str, name: str, change: str) -> tuple[str, ...]:
    return ("patch", kind, name, "--type=merge", "--patch", change)


def between(first: str, second: str) -> str:
    """The middle of two moments, as RFC 3339 in UTC."""
    start, end = datetime.fromisoformat(first), datetime.fromisoformat(second)
    return f"{start + (end - start) / 2:%Y-%m-%dT%H:%M:%SZ}"


def drawn(pixels: Sequence[int]) -> str:
    """The digit as a person sees it, 8 rows of 8 pixels from 0 to 16."""
    shades = " .:-=+*#%@"
    ink = [shades[pixel * 9 // 16] * 2 for pixel in pixels]
    return "\n".join("".join(ink[row : row + 8]) for row in range(0, len(ink), 8))

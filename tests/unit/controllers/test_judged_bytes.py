"""The digest that a policy judges a version by is the one that its workload fetches and checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controllers.objects import metadata, raw_model, raw_version, stage
from tests.unit.ledger.book import CLUSTER, NOW, commit, tag, view

from playbill.api.registered_model import RegisteredModel
from playbill.api.stage_assignment import StageAssignment
from playbill.controllers.inventory.catalogue import Catalogue
from playbill.controllers.inventory.store import Store
from playbill.controllers.reconciling.shell import Shell
from playbill.controllers.rollouts.version_facts import version_facts
from playbill.git.facts import ArtifactFacts, ProjectProblem
from playbill.git.url import UrlPolicy
from playbill.ledger import message
from playbill.ledger.intents import StageIntent
from playbill.ledger.policies.permitting import check, following, promotion
from playbill.ledger.policies.policy import Finding, Oversight
from playbill.ledger.tagobject import TagObject
from playbill.ledger.view import Author
from playbill.rollout.facts import Facts

HERE, THERE = "s3://bucket/here", "s3://bucket/there"
FILES, RECORDED, DECLARED = f"git:{'f' * 40}", f"sha256:{'a' * 64}", f"md5:{'d' * 32}"
ASSIGNED = tag("digits#prod#1", 1, 200)
NOTHING_IN_GIT = ArtifactFacts()
UNREAD = ArtifactFacts(problem=ProjectProblem("CommitMissing", "it was not fetched"))
UNREADABLE = ArtifactFacts(problem=ProjectProblem("InvalidProject", "dvc.yaml is no YAML"))
IN_GIT = ArtifactFacts(path="model.bin", digest=FILES)


def registered(uri: str = "", digest: str = "", *, name: str = "@v1.0.0", on: int = 1) -> TagObject:
    """A version's registration that tells, or does not, where its bytes are."""
    said = {message.ARTIFACT_URI: uri, message.ARTIFACT_DIGEST: digest}
    words = message.compose("x", text=None, trailers={k: v for k, v in said.items() if v})
    return replace(tag(f"digits{name}", on), message=words)


class World:
    """A model with a stage under a policy, a version, and what git holds of them."""

    def __init__(
        self, *tags: TagObject, files: Mapping[int, ArtifactFacts], declared: Any = None,
        policy: Any = None,
    ) -> None:  # fmt: skip
        self.store = Store()
        author = Author(cluster=CLUSTER)
        self.catalogue = Catalogue(store=self.store, policy=UrlPolicy(), author=author)
        self.store.put("ModelVersion", raw_version(version="v1.0.0", artifact=declared))
        rules = {"stages": ["prod"]} | (policy or {"requireDigest": True})
        self.store.put("PromotionPolicy", {"metadata": metadata("p"), "spec": rules})
        _, model = self.store.put("RegisteredModel", raw_model())
        assert isinstance(model, RegisteredModel)
        self.catalogue.enter(model)
        self.state = self.catalogue.state_of(model)
        self.view = self.state.view = view(*tags)
        self.state.learn({(commit(n), "digits"): facts for n, facts in files.items()})

    def served(self) -> Facts:
        """What the workload of who holds the stage is rendered from."""
        unused: Any = None
        shell = Shell(
            kube=unused, store=self.store, catalogue=self.catalogue, reporter=unused,
            metrics=unused, look=unused,
        )  # fmt: skip
        artifact = self.view.artifact("digits")
        holder = artifact.winner("prod")
        assert holder is not None
        found = version_facts(shell, stage(), holder, artifact)
        assert found is not None
        return found

    def promoted(self, version: str) -> Finding:
        """What the policy says of a version that the spec asks for."""
        intent, over = self._overseen(stage(version=version))
        (found,) = check(over.rules, promotion(intent, over, self.view, version=version, now=NOW))
        return found

    def followed(self) -> Finding:
        """What it says of a workload that is to follow who holds the stage."""
        intent, over = self._overseen(stage())
        case = following(intent, self.view, running=None, now=NOW)
        assert case is not None
        (found,) = check(over.rules, case)
        return found

    def _overseen(self, assignment: StageAssignment) -> tuple[StageIntent, Oversight]:
        intent = self.catalogue.intend(assignment)
        assert isinstance(intent, StageIntent)
        assert intent.oversight is not None
        return intent, intent.oversight


def digest_in(finding: Finding) -> str:
    """The digest that requireDigest found; empty where it refuses for want of one."""
    return "" if finding.against else finding.words.removeprefix("digest ")


@pytest.mark.parametrize(
    ("tells", "files", "declared", "uri", "digest"),
    [
        (("", ""), NOTHING_IN_GIT, None, None, ""),
        (("", ""), IN_GIT, None, None, FILES),
        (("", ""), IN_GIT, {"uri": THERE, "digest": DECLARED}, None, FILES),
        (("", ""), NOTHING_IN_GIT, {"uri": THERE, "digest": DECLARED}, THERE, DECLARED),
        (("", ""), NOTHING_IN_GIT, {"uri": THERE}, THERE, ""),
        (("", ""), UNREAD, {"uri": THERE, "digest": DECLARED}, None, ""),
        (("", ""), UNREADABLE, {"uri": THERE, "digest": DECLARED}, THERE, DECLARED),
        ((HERE, RECORDED), UNREAD, None, HERE, RECORDED),
        ((HERE, RECORDED), NOTHING_IN_GIT, None, HERE, RECORDED),
        ((HERE, RECORDED), NOTHING_IN_GIT, {"uri": HERE, "digest": DECLARED}, HERE, RECORDED),
        ((HERE, RECORDED), NOTHING_IN_GIT, {"uri": THERE, "digest": DECLARED}, HERE, RECORDED),
        ((HERE, RECORDED), IN_GIT, None, HERE, RECORDED),
        ((HERE, ""), IN_GIT, None, HERE, ""),
        ((HERE, ""), IN_GIT, {"uri": HERE, "digest": DECLARED}, HERE, DECLARED),
        ((HERE, ""), IN_GIT, {"uri": THERE, "digest": DECLARED}, HERE, ""),
        ((HERE, ""), NOTHING_IN_GIT, {"uri": HERE, "digest": DECLARED}, HERE, DECLARED),
        ((HERE, ""), NOTHING_IN_GIT, {"uri": THERE, "digest": DECLARED}, HERE, ""),
        (("", RECORDED), NOTHING_IN_GIT, None, None, ""),
        (("", RECORDED), IN_GIT, None, None, FILES),
        (("", RECORDED), NOTHING_IN_GIT, {"uri": THERE, "digest": DECLARED}, THERE, DECLARED),
    ],
    ids=[
        "nobody knows",
        "git holds it",
        "git goes before an object",
        "an object tells of what git knows nothing",
        "an object tells of a uri alone",
        "nor does an object tell of what cannot be read just now",
        "it does of what can never be read",
        "what was recorded need not be read",
        "recorded",
        "an object does not change what was recorded",
        "nor does it move it",
        "what was recorded goes before the files beside it",
        "the files beside a uri say nothing of what is there",
        "but an object may, of that uri",
        "and of no other",
        "told later of what was registered without one",
        "told of another place",
        "a digest of nothing",
        "a digest of nothing beside a file",
        "a digest of nothing, and an object",
    ],
)
def test_what_is_judged_is_what_is_served(
    tells: tuple[str, str], files: ArtifactFacts, declared: Any, uri: str | None, digest: str
) -> None:
    world = World(registered(*tells), ASSIGNED, declared=declared, files={1: files})
    served = world.served()
    assert (served.uri, served.digest or "") == (uri, digest)
    assert digest_in(world.promoted("v1.0.0")) == digest
    assert digest_in(world.followed()) == digest


def test_of_a_version_on_two_commits_the_holders_is_judged_and_served() -> None:
    """A person has registered it again elsewhere, and put that on stage."""
    first, again = registered(HERE, RECORDED), registered(THERE, DECLARED, name="@v1.0.0#2", on=2)
    world = World(first, again, tag("digits#prod#3", 2, 200), files={1: IN_GIT, 2: IN_GIT})
    served = world.served()
    assert (served.commit, served.uri, served.digest) == (commit(2), THERE, DECLARED)
    assert digest_in(world.followed()) == DECLARED


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        (f"digest == '{RECORDED}' && current.digest == '{DECLARED}'", True),
        (f"digest == '{FILES}' || current.digest == '{FILES}'", False),
    ],
)
def test_a_gate_compares_the_digests_of_what_would_be_fetched(expression: str, holds: bool) -> None:
    one, two = registered(HERE, RECORDED), registered(THERE, DECLARED, name="@v2.0.0", on=2)
    world = World(
        one, two, tag("digits#prod#1", 2, 200), files={1: IN_GIT, 2: IN_GIT},
        policy={"gates": [{"name": "bytes", "expression": expression}]},
    )  # fmt: skip
    assert (world.promoted("v1.0.0").against is None) is holds

"""`playbill plan` against a real API server and real git: told as it would come, and not done."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.kubectl import at_rest, eventually
from tests.cluster.manifests import (
    manifest,
    model_version,
    registered_model,
    rollout,
    stage_assignment,
)
from tests.cluster.people import await_right, with_token
from tests.operator.person import Person
from tests.operator.test_credentials import keep
from tests.operator.test_promotion_policy import gate
from tests.operator.world import World
from tests.servers import GitHttpServer

Object = dict[str, Any]

PASSWORD = "correct-horse-battery"


@dataclass(frozen=True)
class Told:
    """What the command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def plan(
    world: World,
    *manifests: Object,
    kubeconfig: Path | None = None,
    output: str = "text",
    environment: Mapping[str, str] | None = None,
    arguments: tuple[str, ...] = ("-f", "-"),
) -> Told:
    done = subprocess.run(
        [
            sys.executable, "-m", "playbill.cli", "plan", *arguments,
            "-n", world.namespace, "-o", output, "--cluster-name", "test",
            "--kubeconfig", str(kubeconfig or world.kubectl.kubeconfig),
        ],
        input=yaml.safe_dump_all(manifests), capture_output=True, text=True, check=False,
        env=os.environ | (environment or {}),
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Told(done.returncode, done.stdout, done.stderr)


def model(world: World, name: str) -> Object:
    return registered_model(name, repository={"url": world.url, "branch": "main"})


def prod_gate(expression: str) -> Object:
    return manifest("PromotionPolicy", "gates", {"stages": ["prod"]} | gate(expression))


def state_of(world: World) -> tuple[list[str], str]:
    """All tags, and every object with the version of its last change."""
    objects = world.kubectl(
        "get", "rmodel,mver,stage,policy", "-n", world.namespace, "-o",
        r"jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion};{end}",
    )  # fmt: skip
    return world.tags(), objects


@pytest.fixture(scope="module")
def digits(shared_world: World) -> World:
    """v1.0.0 (accuracy 0.91) holds prod under a gate of 0.9; v2.0.0 (0.94) is registered."""
    world = shared_world
    world.model()
    world.version("digits-v1", version="v1.0.0", revision="main~2")
    world.version("digits-v2", version="v2.0.0", revision="main~1")
    world.await_ready("mver", "digits-v1")
    world.await_ready("mver", "digits-v2")
    world.apply(
        manifest("PromotionPolicy", "gates", {"stages": ["prod"]} | gate("metrics.accuracy > 0.9"))
    )
    world.stage(version="v1.0.0")
    world.await_ready("stage", "digits-prod")
    world.await_ready("policy", "gates")
    eventually(lambda: world.status("policy", "gates").get("assignments") == 1)
    at_rest(lambda: state_of(world))
    return world


def test_a_promotion_is_told_with_its_tag_and_gates_and_not_made(digits: World) -> None:
    before = state_of(digits)
    told = plan(digits, stage_assignment(version="v2.0.0"))
    assert told.code == 0, told
    key = f"StageAssignment {digits.namespace}/digits-prod"
    commit = digits.remote.git("rev-parse", "--short=12", "main~1")
    assert told.out.splitlines() == [
        f"+ {key}: prod v1.0.0 → v2.0.0, would be written",
        f"    tag     digits#prod#2 on {commit}",
        "    ✓ gates, gate quality: accuracy 0.94 > 0.9",
        "",
        "1 would be written",
    ]
    assert state_of(digits) == before


def test_a_stricter_policy_in_the_same_change_refuses_it(digits: World) -> None:
    before = state_of(digits)
    strict = manifest(
        "PromotionPolicy", "gates", {"stages": ["prod"]} | gate("metrics.accuracy > 0.95")
    )
    told = plan(digits, strict, stage_assignment(version="v2.0.0"), output="json")
    assert told.code == 1
    policy, stage = told.json["objects"]
    assert policy["outcome"] == "nothing"
    assert (stage["outcome"], stage["reason"]) == ("refused", "GateFailed")
    assert stage["message"] == "policy gates: accuracy 0.94 <= 0.95"
    assert stage["rules"] == [
        {
            "policy": "gates",
            "rule": "gate",
            "name": "quality",
            "holds": False,
            "message": "accuracy 0.94 <= 0.95",
        }
    ]
    assert "tags" not in stage
    assert state_of(digits) == before


def test_a_new_version_and_its_promotion_are_told_together(digits: World) -> None:
    told = plan(
        digits,
        stage_assignment(version="v3.0.0"),
        model_version("digits-v3", version="v3.0.0", revision="main"),
        output="json",
    )
    assert told.code == 0
    stage, version = told.json["objects"]
    assert [tag["name"] for tag in stage["tags"]] == ["digits#prod#2"]
    assert [tag["name"] for tag in version["tags"]] == ["digits@v3.0.0"]
    assert stage["tags"][0]["commit"] == digits.remote.git("rev-parse", "main")
    assert stage["rules"][0]["message"] == "accuracy 0.96 > 0.9"


def test_who_follows_is_told_of_without_being_in_the_files(digits: World) -> None:
    digits.stage("digits-dev", stage="dev", follow={"range": "*"})
    assert digits.await_ready("stage", "digits-dev")["current"]["version"] == "v2.0.0"
    new = model_version("digits-next", bump="Major", revision="main")
    told = plan(digits, new, output="json")
    assert told.code == 0
    assert told.json["objects"][0]["to"] == "v3.0.0"
    (other,) = [each for each in told.json["others"] if each["name"] == "digits-dev"]
    assert (other["from"], other["to"]) == ("v2.0.0", "v3.0.0")


def test_everything_at_once_in_an_empty_namespace(digits: World) -> None:
    told = plan(
        digits,
        stage_assignment("new-prod", model="new", version="v1.0.0"),
        model_version("new-v1", model="new", version="v1.0.0", revision="main"),
        model(digits, "new"),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}},
        output="json",
    )
    assert told.code == 0
    assert "1 of the objects are not Playbill's" in told.err
    assert [each["outcome"] for each in told.json["objects"]] == ["write", "write", "nothing"]
    assert not digits.exists("rmodel", "new")


def test_what_waits_is_no_refusal_and_what_the_schema_refuses_is(digits: World) -> None:
    told = plan(digits, stage_assignment(version="v9.0.0"))
    assert told.code == 0
    assert "… StageAssignment" in told.out
    assert "DependencyNotFound: digits has no registered version v9.0.0" in told.out
    told = plan(digits, stage_assignment(version="newest"))
    assert told.code == 1
    assert "use SemVer, such as 1.2.3" in told.out
    told = plan(digits, stage_assignment("lost", model="nobody", version="v1.0.0"))
    assert told.code == 1
    assert "there is no RegisteredModel nobody" in told.out


def test_a_tag_that_a_policy_holds_back_is_told(digits: World) -> None:
    digits.model("pushed")
    digits.version("pushed-v1", model="pushed", version="v1.0.0", revision="main~2")
    digits.await_ready("mver", "pushed-v1")
    Person.of(digits).gto("assign", "pushed", "--version", "v1.0.0", "--stage", "qa")
    strict = manifest("PromotionPolicy", "qa", {"stages": ["qa"]} | gate("metrics.accuracy > 0.95"))
    wanted = stage_assignment("pushed-qa", model="pushed", stage="qa", rollout=rollout(replicas=0))
    told = plan(digits, strict, wanted)
    assert told.code == 1
    assert "pushed-qa: qa v1.0.0, would be refused" in told.out
    assert "✗ qa, gate quality: accuracy 0.91 <= 0.95" in told.out


def test_markdown_is_ready_for_a_pull_request(digits: World, tmp_path: Path) -> None:
    (tmp_path / "stage.yaml").write_text(yaml.safe_dump(stage_assignment(version="v2.0.0")))
    policy = prod_gate("metrics.accuracy > 0.95 || version == '|'")
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    (tmp_path / "README.md").write_text("no manifest\n")
    told = plan(digits, output="markdown", arguments=("-f", str(tmp_path)))
    assert told.code == 1
    lines = told.out.splitlines()
    assert lines[0] == "### Playbill: 1 nothing to do, 1 would be refused"
    assert "| ✗ | `digits-prod` | gates, gate quality |" in told.out
    rows = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} <= {4, 5}


def test_whoever_may_only_look_gets_a_plan_all_the_same(digits: World, tmp_path: Path) -> None:
    cluster, namespace = digits.kubectl, digits.namespace
    cluster("create", "serviceaccount", "viewer", "-n", namespace)
    cluster(
        "create", "rolebinding", "viewer", "-n", namespace, "--clusterrole=view",
        f"--serviceaccount={namespace}:viewer",
    )  # fmt: skip
    viewer = with_token(cluster, namespace, "viewer", tmp_path)
    await_right(viewer, namespace, "list", "promotionpolicies.playbill.dev")
    told = plan(digits, stage_assignment(version="v2.0.0"), kubeconfig=viewer.kubeconfig)
    assert told.code == 0, told
    assert "you may not apply 1 of these objects" in told.err
    assert "prod v1.0.0 → v2.0.0, would be written" in told.out


def test_a_locked_repository_is_read_by_the_secret_or_by_ones_own_git(
    digits: World, tmp_path: Path
) -> None:
    cluster, namespace = digits.kubectl, digits.namespace
    looker = "looker"
    cluster("create", "serviceaccount", looker, "-n", namespace)
    cluster(
        "create", "rolebinding", looker, "-n", namespace, "--clusterrole=view",
        f"--serviceaccount={namespace}:{looker}",
    )  # fmt: skip
    viewer = with_token(cluster, namespace, looker, tmp_path)
    await_right(viewer, namespace, "list", "promotionpolicies.playbill.dev")
    root, state = digits.remote.path.parent, tmp_path / "http"
    with GitHttpServer(root, "bot", PASSWORD, state=state) as server:
        url = server.url(digits.remote.path.name)
        keep(digits, "locked", server.secret)
        repository = {"url": url, "branch": "main", "secretRef": {"name": "locked"}}
        change = (
            registered_model("locked", artifact="digits", repository=repository),
            stage_assignment("locked-qa", model="locked", stage="qa", version="v2.0.0"),
        )
        told = plan(digits, *change)
        assert told.code == 0, told
        assert "qa nobody → v2.0.0, would be written" in told.out
        assert "your own git credentials" not in told.err

        alone = plan(digits, *change, kubeconfig=viewer.kubeconfig)
        assert alone.code == 1
        assert "git could not clone" in alone.out
        helper = f"!f() {{ echo username=bot; echo password={PASSWORD}; }}; f"
        own = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "credential.helper",
            "GIT_CONFIG_VALUE_0": helper,
        }
        told = plan(digits, *change, kubeconfig=viewer.kubeconfig, environment=own)
    assert told.code == 0, told
    assert "is read with your own git credentials" in told.err
    assert "qa nobody → v2.0.0, would be written" in told.out
    assert PASSWORD not in told.out + told.err + alone.out + alone.err


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [", "standard input cannot be read"), ("- 1\n", "no object of Kubernetes")],
)
def test_what_cannot_be_read_gives_no_plan(digits: World, text: str, words: str) -> None:
    command = [sys.executable, "-m", "playbill.cli", "plan", "-f", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert words in done.stderr
    missing = plan(digits, arguments=("-f", "/nowhere.yaml"))
    assert (missing.code, missing.out) == (2, "")

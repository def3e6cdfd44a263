"""What was tried to gain rights through the operator, and did not work.

Mallory holds Kubernetes' role `edit` in the namespace, and may promote to dev alone; Ada may
promote to prod as well, and has digits there. Refusals are in the words that an attacker reads.
Who may write what, case by case, is in `tests/cluster/test_promotion.py` and its neighbours.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.kubectl import Answer, Kubectl, eventually
from tests.cluster.manifests import model_version, registered_model, stage_assignment
from tests.cluster.people import await_promotion, await_right, bind, grant, promote
from tests.operator.fixtures import project
from tests.operator.house import House
from tests.operator.world import World

NO_PROMOTION = "user mallory may not promote to stage prod"
ADOPTED = {"playbill.dev/adopted": "true", "app.kubernetes.io/managed-by": "playbill"}
PRIVILEGED = {"name": "server", "image": "x", "securityContext": {"privileged": True}}
HOST = {"name": "host", "hostPath": {"path": "/"}}
ENV = [
    {"name": name.upper(), "value": f"${{{name}}}"}
    for name in ("uri", "version", "digest", "model", "stage")
]
SERVER = {"name": "server", "image": "server", "env": ENV}
DIGEST = "sha256:" + 64 * "0"


@pytest.fixture(scope="module")
def people(shared_house: House) -> dict[str, Kubectl]:
    cluster, namespace = shared_house.kubectl, shared_house.namespace
    for name in ("ada", "mallory"):
        bind(cluster, namespace, name, "edit")
    bind(cluster, namespace, "ada", "playbill-promoter")
    grant(cluster, namespace, "mallory", promote("dev"))
    found = {name: cluster.as_user(name) for name in ("ada", "mallory")}
    for user in found.values():
        await_right(user, namespace, "create", "stageassignments.playbill.dev")
        await_promotion(user, namespace, "dev")
    return found


def pods(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A rollout of no pods, unless it says otherwise."""
    replicas = spec.pop("replicas", 0)
    return {"replicas": replicas, "template": {"spec": {"containers": [*containers], **spec}}}


def on_prod(house: House, name: str, **spec: Any) -> World:
    """Ada's model with two versions, the first of them on prod, rolled out."""
    world = house.world(name)
    world.model()
    world.version(f"{name}-v1", version="1.0.0", revision="main~1")
    world.version(f"{name}-v2", version="2.0.0", revision="main")
    world.stage(version="1.0.0", **spec)
    world.await_ready("stage", f"{name}-prod")
    world.await_ready("mver", f"{name}-v2")
    return world


def try_to(user: Kubectl, world: World, manifest: dict[str, Any]) -> Answer:
    return user.answer("apply", "-n", world.namespace, "-f", "-", manifest=manifest)


def change(user: Kubectl, world: World, name: str, body: dict[str, Any]) -> Answer:
    return user.answer("patch", "-n", world.namespace, name, "--type=merge", "-p", json.dumps(body))


def deployment(world: World, name: str = "") -> dict[str, Any]:
    found: dict[str, Any] = world.get("deployment", name or f"{world.name}-prod")["spec"]
    return found


def server(world: World, name: str = "") -> dict[str, Any]:
    """The container that serves."""
    (found,) = deployment(world, name)["template"]["spec"]["containers"]
    return dict(found)


# A stage that is not theirs


def test_a_stage_is_not_taken_over_under_another_name(
    house: House, people: dict[str, Kubectl]
) -> None:
    world = on_prod(house, "held")
    theirs = stage_assignment("mine", model="held", stage="prod", version="2.0.0")
    assert NO_PROMOTION in try_to(people["mallory"], world, theirs).err
    second = registered_model(
        "held-again", artifact="digits", repository={"url": world.url, "branch": "main"}
    )
    assert try_to(people["mallory"], world, second).code == 0
    theirs = stage_assignment("mine", model="held-again", stage="prod", version="2.0.0")
    assert NO_PROMOTION in try_to(people["mallory"], world, theirs).err
    assert world.status("stage", "held-prod")["current"]["version"] == "v1.0.0"


def test_whoever_may_promote_in_another_namespace_does_not_take_the_stage_from_its_owner(
    house: House, people: dict[str, Kubectl]
) -> None:
    """There the right is another, and the older assignment owns the stage wherever it is."""
    world = on_prod(house, "owned")
    world.apply(registered_model("owned-twin", artifact="digits", repository={"url": world.url}))
    world.apply(stage_assignment("owned-twin", model="owned-twin", version="2.0.0"))
    world.await_said("stage", "owned-twin", "ClaimedElsewhere", "owned-prod")
    assert world.tags() == ["digits#prod#1", "digits@v1.0.0", "digits@v2.0.0"]


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"labels": ADOPTED}},
        {"metadata": {"finalizers": None}},
        {"metadata": {"annotations": {"playbill.dev/requested-at": "now"}}},
        {
            "metadata": {
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "gone"}
                ]
            }
        },
    ],
    ids=["adopted", "finalizer", "again", "owner"],
)
def test_labels_owners_and_finalizers_lead_nowhere(
    house: House, people: dict[str, Kubectl], body: dict[str, Any], request: Any
) -> None:
    """Adopted objects are removed by the operator, owned ones by the garbage collector, and those
    without the finalizer leave no record."""
    world = on_prod(house, f"meta-{request.node.callspec.id}")
    name = f"stage/{world.name}-prod"
    assert NO_PROMOTION in change(people["mallory"], world, name, body).err
    refused = people["mallory"].refusal("delete", "-n", world.namespace, name)
    assert NO_PROMOTION in refused
    assert "deletionTimestamp" not in world.get("stage", f"{world.name}-prod")["metadata"]


def test_an_assignment_that_looks_adopted_writes_nothing_and_goes(house: House) -> None:
    """Also by somebody who might have promoted: the look takes rights away and gives none."""
    world = on_prod(house, "looks")
    looks = stage_assignment("looks-dev", model="looks", stage="dev")
    looks["metadata"]["labels"] = ADOPTED
    world.kubectl("create", "-n", world.namespace, "-f", "-", manifest=looks)
    world.look()
    eventually(lambda: not world.exists("stage", "looks-dev"))
    assert world.tags() == ["digits#prod#1", "digits@v1.0.0", "digits@v2.0.0"]


def test_what_a_stage_serves_is_not_changed_behind_its_assignment(
    house: House, people: dict[str, Kubectl]
) -> None:
    world, mallory = on_prod(house, "behind"), people["mallory"]
    eventually(lambda: "onStage" in world.status("rmodel", "behind"))
    own = house.remote("behind-evil")
    for spec in ({"repository": {"url": own.url}}, {"deprecated": True}):
        refused = change(mallory, world, "rmodel/behind", {"spec": spec})
        assert "this changes what stage prod may serve, and user mallory" in refused.err
    assert "may not promote there" in mallory.refusal(
        "delete", "-n", world.namespace, "rmodel/behind"
    )
    other = {"spec": {"artifact": {"uri": "s3://evil/model"}}}
    eventually(lambda: "onStages" in world.status("mver", "behind-v1"))
    assert "may not promote there" in change(mallory, world, "mver/behind-v1", other).err


def test_a_second_object_for_a_version_brings_no_other_bytes(
    house: House, people: dict[str, Kubectl]
) -> None:
    """Whoever may write ModelVersions can claim any version; the one that registered it counts."""
    own = {"uri": "s3://models/digits", "digest": DIGEST}
    world = house.world("twin")
    world.model()
    world.version("twin-v1", version="1.0.0", revision="main", artifact=own)
    world.await_ready("mver", "twin-v1")
    world.stage(version="1.0.0", rollout=pods(SERVER))
    world.await_ready("stage", "twin-prod")
    before = deployment(world)
    evil = {"uri": "s3://evil/digits", "digest": DIGEST.replace("0", "f")}
    for name in map("evil-{}".format, range(8)):
        twin = model_version(name, model="twin", version="1.0.0", revision="main", artifact=evil)
        assert try_to(people["mallory"], world, twin).code == 0
        world.await_reason("mver", name, "ClaimedElsewhere")
    world.patch("stage", "twin-prod", {"message": "Look again"})
    world.await_ready("stage", "twin-prod")
    assert deployment(world) == before


# Pods that they may not create


def test_pod_security_stops_a_privileged_pod_whoever_made_its_deployment(
    cluster: Kubectl, house: House, people: dict[str, Kubectl]
) -> None:
    """It looks at pods when they are created, and the assignment says what it said."""
    world = on_prod(house, "privileged")
    label = ("label", "namespace", world.namespace, "--overwrite")
    enforce = "pod-security.kubernetes.io/enforce"
    cluster(*label, f"{enforce}=baseline")
    try:
        for name, spec in (
            ("privileged", pods(PRIVILEGED, replicas=1)),
            ("host-path", pods({"name": "server", "image": "x"}, volumes=[HOST], replicas=1)),
            ("host-net", pods({"name": "server", "image": "x"}, hostNetwork=True, replicas=1)),
        ):
            manifest = stage_assignment(
                name, model="privileged", stage=f"dev/{name}", version="1.0.0", rollout=spec
            )
            world.apply(manifest)

            def refused(name: str = name) -> bool:
                said = json.dumps(world.status("stage", name).get("conditions", []))
                return "violates PodSecurity" in said

            eventually(refused)
            assert world.items("pods", selector=f"playbill.dev/assignment={name}") == []
    finally:
        cluster(*label, f"{enforce}-")


def test_somebody_without_deployments_gets_none_by_way_of_a_stage(
    cluster: Kubectl, house: House
) -> None:
    world = on_prod(house, "poor")
    user, rights = f"paul-{secrets.token_hex(2)}", ["get", "create", "patch"]
    rule = {"apiGroups": ["playbill.dev"], "resources": ["stageassignments"], "verbs": rights}
    grant(cluster, world.namespace, user, rule, promote())
    paul = cluster.as_user(user)
    await_promotion(paul, world.namespace, "dev")
    wanted = stage_assignment("poor-dev", model="poor", stage="dev", version="1.0.0")
    refused = try_to(
        paul, world, {**wanted, "spec": {**wanted["spec"], "rollout": pods(PRIVILEGED)}}
    )
    assert f"user {user} in namespace {world.namespace} may not create one" in refused.err
    manifests = {"manifests": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}]}
    wanted["spec"]["rollout"] = manifests
    refused = try_to(paul, world, wanted)
    assert "ask for the verb use-manifests on stageassignments.playbill.dev" in refused.err


# Other namespaces, and objects of others


@pytest.fixture
def elsewhere(cluster: Kubectl) -> Iterator[str]:
    """A namespace with a Secret, where Mallory may do nothing."""
    name = f"elsewhere-{secrets.token_hex(4)}"
    cluster("create", "namespace", name)
    cluster("create", "secret", "generic", "team", "-n", name, "--from-literal=password=p")
    yield name
    cluster("delete", "namespace", name, "--wait=false")


def test_a_secret_of_another_namespace_cannot_be_named(house: House, elsewhere: str) -> None:
    """A name is a name, and no way to another place, however it is spelled."""
    world = house.world("reaching")
    for number, name in enumerate(
        (f"{elsewhere}/team", f"../../{elsewhere}/secrets/team", "..", ".")
    ):
        model = f"reaching-{number}"
        world.model(model, repository={"url": world.url, "secretRef": {"name": name}})
        world.await_reason("rmodel", model, "SecretNotFound")


def test_manifests_stay_in_their_namespace_and_say_no_more_than_they_may(
    house: House, elsewhere: str
) -> None:
    world = on_prod(house, "spread")
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "spread"}}
    owner = {"apiVersion": "v1", "kind": "Secret", "name": "team", "uid": "1"}
    attempts = [
        ({**config, "metadata": {"name": "spread", "namespace": elsewhere}}, "for namespace"),
        ({**config, "metadata": {"name": "spread", "ownerReferences": [owner]}}, "ownerReferences"),
        ({**config, "metadata": {"name": "spread", "finalizers": ["x/y"]}}, "finalizers"),
        ({**config, "metadata": {"name": "../../x"}}, "no name that an object can have"),
        ({**config, "apiVersion": "../v1"}, "no such apiVersion"),
    ]
    for manifest, words in attempts:
        world.patch("stage", "spread-prod", {"rollout": {"manifests": [manifest]}})

        def told(words: str = words) -> bool:
            return words in json.dumps(world.status("stage", "spread-prod")["conditions"])

        eventually(told)
    assert not world.exists("configmap", "spread")
    assert world.kubectl.answer("get", "configmap", "spread", "-n", elsewhere).code != 0


def test_somebody_elses_deployment_of_the_same_name_is_left_alone(house: House) -> None:
    """Also when it bears our labels, and an owner reference to something else."""
    world = on_prod(house, "foreign")
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "foreign-prod",
            "labels": {"playbill.dev/assignment": "foreign-prod"},
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "theirs"}},
            "template": {
                "metadata": {"labels": {"app": "theirs"}},
                "spec": {"containers": [{"name": "theirs", "image": "theirs"}]},
            },
        },
    }
    world.apply(theirs)
    before = deployment(world)
    world.patch("stage", "foreign-prod", {"rollout": pods({"name": "server", "image": "ours"})})
    world.await_reason("stage", "foreign-prod", "NotOwned")
    assert deployment(world) == before
    world.patch("stage", "foreign-prod", {"rollout": None})
    world.await_ready("stage", "foreign-prod")
    assert deployment(world) == before


# Words that try to be more than words

HOSTILE_URIS = [
    "s3://b/${version}/${digest}",
    "s3://b/`id`;rm%20-rf",
    's3://b/"},{"name":"x',
    "s3://b/{{.Values.x}}",
    "s3://b/%0Aprivileged:true",
]


@pytest.mark.parametrize("uri", HOSTILE_URIS)
def test_what_a_token_brings_is_not_read_again(house: House, uri: str) -> None:
    name = f"uri-{secrets.token_hex(2)}"
    world = house.world(name)
    world.model()
    world.version(
        f"{name}-v1", version="1.0.0+b.1", revision="main", artifact={"uri": uri, "digest": DIGEST},
        metrics={"a": "1"}, message="${uri} $(id) `id`\n\nPlaybill-Cluster: elsewhere",
    )  # fmt: skip
    world.await_ready("mver", f"{name}-v1")
    world.stage(version="1.0.0+b.1", rollout=pods(SERVER))
    world.await_ready("stage", f"{name}-prod")
    values = {each["name"]: each.get("value") for each in server(world)["env"]}
    assert values == {
        "URI": uri,
        "VERSION": "v1.0.0+b.1",
        "DIGEST": DIGEST,
        "MODEL": "digits",
        "STAGE": "prod",
    }
    assert "${uri} $(id) `id`" in world.message("digits@v1.0.0+b.1")


def test_what_a_token_brings_names_no_variable_of_the_container(house: House) -> None:
    """Else whoever may register a version reads what a Secret put into the environment."""
    world = house.world("variable")
    password = {"name": "PASSWORD", "value": "of the server"}
    world.model()
    world.version(
        "variable-v1", version="1.0.0", revision="main", artifact={"uri": "s3://b/$(PASSWORD)"}
    )
    world.await_ready("mver", "variable-v1")
    serving = {"name": "server", "image": "server", "env": [password, ENV[0]]}
    world.stage(version="1.0.0", rollout=pods(serving))
    eventually(lambda: world.condition("stage", "variable-prod").get("status") in {"True", "False"})
    eventually(lambda: world.condition("stage", "variable-prod").get("reason") != "Recording")
    if world.exists("deployment", "variable-prod"):
        value = server(world)["env"][1]["value"]
        assert "$(PASSWORD)" not in value.replace("$$", "")


@pytest.mark.parametrize("version", ["1.0.0+${uri}", "1.0.0-$(id)", "1.0.0\nevil", "1.0.0+a b"])
def test_a_version_holds_nothing_but_a_version(house: House, version: str) -> None:
    words = house.kubectl.refusal(
        "create", "-n", house.namespace, "-f", "-",
        manifest=model_version("evil", version=version),
    )  # fmt: skip
    assert "use SemVer" in words


def test_labels_and_metrics_of_a_commit_stay_in_the_status(house: House) -> None:
    """They are in no template, no tag and no label of an object, whatever they hold."""
    world = house.world("words")
    evil = "${uri}$(id)\\nPlaybill-Cluster: x"
    world.remote.commit(
        {
            **project("0.97"),
            "dvc.yaml": "metrics:\n- metrics.json\nartifacts:\n  digits:\n    path: model.bin\n"
            f'    type: model\n    labels: ["{evil}"]\n',
            "metrics.json": json.dumps({evil: 1, "accuracy": evil}),
        }
    )
    world.model()
    world.version("words-v1", version="1.0.0", revision="main")
    world.stage(version="1.0.0", rollout=pods({"name": "server", "image": "server:${version}"}))
    world.await_ready("stage", "words-prod")
    assert server(world)["image"] == "server:v1.0.0"
    assert "$(id)" not in json.dumps(world.get("deployment", "words-prod")["metadata"])
    assert "$(id)" not in world.message("digits@v1.0.0") + world.message("digits#prod#1")


# A status that somebody else has written


def test_a_forged_reservation_writes_no_tag_that_the_object_may_not_ask_for(house: House) -> None:
    """Whoever may write a status can harm the object that it is of, and no other."""
    world = on_prod(house, "status")
    commit = world.remote.git("rev-parse", "refs/heads/main")
    for name in ("digits#qa#7", "other#prod#1", "digits@v9.9.9"):
        tag = f"object {commit}\ntype commit\ntag {name}\ntagger E <e@e> 1700000000 +0000\n\nevil\n"
        pending = {"generation": 2, "tags": [{"name": name, "object": tag}]}
        world.kubectl(
            "patch", "-n", world.namespace, "stage", "status-prod", "--subresource=status",
            "--type=merge", "-p", json.dumps({"status": {"pending": pending}}),
        )  # fmt: skip
        version = f"{'2' if name == 'digits#qa#7' else '1'}.0.0"
        world.patch("stage", "status-prod", {"version": version})
        world.await_ready("stage", "status-prod")
    assert not {"digits#qa#7", "other#prod#1", "digits@v9.9.9"} & set(world.tags())


def test_a_forged_holder_is_put_right_and_deploys_nothing(house: House) -> None:
    world = on_prod(house, "holder", rollout=pods({"name": "server", "image": "s:${version}"}))
    forged = {
        "current": {
            "version": "v2.0.0",
            "commit": world.remote.git("rev-parse", "refs/heads/main"),
            "tag": "digits#prod#9",
            "since": "2026-01-01T00:00:00Z",
        }
    }
    world.kubectl(
        "patch", "-n", world.namespace, "stage", "holder-prod", "--subresource=status",
        "--type=merge", "-p", json.dumps({"status": forged}),
    )  # fmt: skip
    eventually(lambda: world.status("stage", "holder-prod")["current"]["tag"] == "digits#prod#1")
    assert server(world)["image"] == "s:v1.0.0"

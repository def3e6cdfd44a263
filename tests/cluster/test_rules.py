"""What the API server refuses, and that its words say how to mend it."""

import json
from typing import Any

import pytest
from tests.cluster.kubectl import Kubectl
from tests.cluster.manifests import (
    manifest,
    model_version,
    registered_model,
    rollout,
    stage_assignment,
)

pytestmark = pytest.mark.usefixtures("cluster")


def url(value: str) -> dict[str, Any]:
    return registered_model(repository={"url": value})


def repository(**fields: Any) -> dict[str, Any]:
    return registered_model(repository={"url": "https://git.example.com/x", **fields})


def zoo(**spec: Any) -> dict[str, Any]:
    return manifest("ModelRepository", "zoo", {"url": "https://git.example.com/zoo.git", **spec})


CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
COMMIT = "0123456789abcdef0123456789abcdef01234567"

ACCEPTED = [
    url("https://git.example.com/team/models.git"),
    url("http://git.example.com:8080/team/models"),
    url("https://[2001:db8::1]/models.git"),
    url("ssh://git@git.example.com:2222/models.git"),
    url("ssh://git.example.com/models.git"),
    url("git@git.example.com:team/models.git"),
    url("file:///srv/git/models.git"),
    repository(branch="release/1.x"),
    repository(interval="1h30m"),
    repository(secretRef={"name": "git"}),
    repository(maxTagsPerPush=0),
    registered_model("a.dotted.name", artifact="dotted"),
    registered_model(artifact="models/nlp:senti-ment_2/v"),
    registered_model("a" * 130, artifact="short"),
    model_version(version="1.2.3"),
    model_version(version="v1.2.3-rc.1+build.5"),
    model_version(bump="Major"),
    model_version(revision=COMMIT),
    model_version(revision="main~3"),
    model_version(revision="digits@v1.0.0"),
    model_version(artifact={"uri": "s3://b/k", "digest": f"sha256:{'0' * 64}"}),
    model_version(artifact={"uri": "s3://b/k", "digest": f"md5:{'0' * 32}.dir"}),
    model_version(artifact={"uri": "s3://b/k", "digest": f"git:{'0' * 40}"}),
    model_version(metrics={"k" * 253: "nan"}),
    stage_assignment("a" * 63),
    stage_assignment(stage="prod/eu_1"),
    stage_assignment(version="2.0.0"),
    stage_assignment(rollout=rollout(ports=[{"name": "http", "containerPort": 80}])),
    stage_assignment(rollout={"manifests": [CONFIG], "onFailure": "Hold"}),
    stage_assignment(rollout={**rollout(), "fetch": {}, "verify": {"http": {"path": "/a?b=c"}}}),
    stage_assignment(deletionPolicy="Retain"),
    stage_assignment(follow={}),
    stage_assignment(follow={"range": ">=1.2 <3 || 5.x", "prereleases": True, "stage": "dev"}),
    manifest("RegisteredModel", "guest", {"repositoryRef": {"name": "zoo"}}),
    manifest("ModelRepository", "zoo", {"url": "https://git.example.com/zoo.git"}),
    zoo(discover={}, adopt={}, webhook={"secretRef": {"name": "hook"}}),
    zoo(discover={"include": ["nlp:*"], "types": []}, adopt={"keep": 0, "models": False}),
]

TRANSPORT = "use https://host/path, http://host/path, ssh://git@host/path or git@host:path"
PASSWORD = "take the user and password out of the URL and put them into a Secret"
SEMVER = "use SemVer, such as 1.2.3, v1.2.3 or 1.2.3-rc.1"
ARTIFACT = "use letters, digits, '-', '_' and '/', with a letter or digit first and last"
STAGE = "use letters, digits, '-', '_' and '/', with a letter or digit first and last"
REVISION = "use 40 lower case hex digits, a branch, a tag, or a branch or tag with ~n"
DIGEST = "use sha256: and 64, md5: and 32, or git: and 40 lower case hex digits"
NAME = "the name is also the name of a Deployment and a Service: use at most 63 lower case letters"

PLACE = "give either repository, with its url, or repositoryRef"

REFUSED = [
    (manifest("RegisteredModel", "lost", {}), PLACE),
    (registered_model(repositoryRef={"name": "zoo"}), PLACE),
    (zoo(url="ext::sh -c id"), TRANSPORT),
    (zoo(adopt={"keep": -1}), "should be greater than or equal to 0"),
    (stage_assignment(version="1.0.0", follow={}), "give at most one of version"),
    (stage_assignment(follow={"stage": "prod"}), "a stage cannot follow itself"),
    (stage_assignment(follow={"range": "1;2"}), "use a SemVer range, such as ^1.2"),
    (url("-uexec"), TRANSPORT),
    (url("ext::sh -c id"), TRANSPORT),
    (url("git.example.com/models"), TRANSPORT),
    (url("ftp://git.example.com/models"), TRANSPORT),
    (url("/srv/git/models"), TRANSPORT),
    (url("https://"), TRANSPORT),
    (url("ssh://-oProxyCommand=id/x"), TRANSPORT),
    (url("git@-oProxyCommand:x"), TRANSPORT),
    (url("file://host/models"), TRANSPORT),
    (url("https://git.example.com/a b"), "a URL holds no spaces"),
    (url("https://git.example.com/a\nb"), "a URL holds no spaces"),
    (url("https://ann:secret@git.example.com/x"), PASSWORD),
    (url("https://token@git.example.com/x"), PASSWORD),
    (url("http://ann:secret@git.example.com/x"), PASSWORD),
    (url("ssh://git:secret@git.example.com/x"), PASSWORD),
    (repository(branch="-force"), "name a branch as git does"),
    (repository(branch="a b"), "name a branch as git does"),
    (repository(interval="soon"), "use whole hours, minutes and seconds, such as 90s or 1h30m"),
    (repository(interval="1d"), "use whole hours, minutes and seconds, such as 90s or 1h30m"),
    (repository(interval="0s"), "use at least 1s"),
    (repository(maxTagsPerPush=-1), "should be greater than or equal to 0"),
    (registered_model("a.dotted.name"), "GTO allows no dot in a name: set spec.artifact"),
    (registered_model("a" * 121), "a name in git has at most 120 characters: set spec.artifact"),
    (registered_model(artifact="with.dot"), ARTIFACT),
    (registered_model(artifact="-dash"), ARTIFACT),
    (registered_model(artifact="../up:name"), ARTIFACT),
    (registered_model(artifact="dir.lock:name"), "git keeps names that end in .lock for itself"),
    (registered_model(artifact="a.lock/b:name"), "git keeps names that end in .lock for itself"),
    (model_version(version="1.2"), SEMVER),
    (model_version(version="latest"), SEMVER),
    (model_version(version="1.02.3"), SEMVER),
    (model_version(version=""), SEMVER),
    (model_version(bump="Huge"), 'supported values: "Major", "Minor", "Patch"'),
    (model_version(revision="--upload-pack=id"), REVISION),
    (model_version(revision="main:secret"), REVISION),
    (model_version(revision="main^{/fix}"), REVISION),
    (model_version(artifact={"uri": "s3://b/k", "digest": "abc"}), DIGEST),
    (model_version(artifact={"uri": "s3://b/k", "digest": f"md5:{'0' * 64}"}), DIGEST),
    (model_version(metrics={"k" * 254: "1"}), "a key has at most 253 characters"),
    (model_version(params={f"k{n}": "1" for n in range(101)}), "must have at most 100 items"),
    (stage_assignment("has.dots"), NAME),
    (stage_assignment("a" * 64), NAME),
    (stage_assignment("1st"), NAME),
    (stage_assignment(stage="prod!"), STAGE),
    (stage_assignment(stage="/prod"), STAGE),
    (stage_assignment(stage="pro//d"), STAGE),
    (stage_assignment(stage=""), STAGE),
    (stage_assignment(version="stable"), SEMVER),
    (stage_assignment(deletionPolicy="Forget"), 'supported values: "Record", "Retain"'),
    (stage_assignment(rollout={}), "give exactly one of template, for pods, and manifests"),
    (
        stage_assignment(rollout={**rollout(), "manifests": [CONFIG]}),
        "give exactly one of template, for pods, and manifests",
    ),
    (
        stage_assignment(rollout={"manifests": [CONFIG], "replicas": 2}),
        "replicas and fetch go with template",
    ),
    (
        stage_assignment(rollout={"manifests": [CONFIG], "fetch": {}}),
        "replicas and fetch go with template",
    ),
    (
        stage_assignment(rollout={"manifests": [CONFIG], "verify": {"http": {}}}),
        "with manifests use verify.job",
    ),
    (stage_assignment(rollout={**rollout(), "verify": {}}), "give exactly one of http and job"),
    (stage_assignment(rollout={**rollout(), "onFailure": "Panic"}), 'supported values: "Rollback"'),
    (
        stage_assignment(rollout={**rollout(), "fetch": {"mountPath": "model"}}),
        "spec.rollout.fetch.mountPath",
    ),
    (
        stage_assignment(rollout={"template": {"spec": {"containers": []}}}),
        "should have at least 1 items",
    ),
    (
        stage_assignment(
            rollout={"template": {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}}
        ),
        'Duplicate value: {"name":"a"}',
    ),
]


def named(value: Any) -> str | None:
    return f"{value['kind']}-{value['spec']}"[:80] if isinstance(value, dict) else None


@pytest.mark.parametrize("manifest", ACCEPTED, ids=named)
def test_what_is_sound_is_accepted(kubectl: Kubectl, manifest: dict[str, Any]) -> None:
    kubectl("create", "--dry-run=server", "-f", "-", manifest=manifest)


@pytest.mark.parametrize(("manifest", "words"), REFUSED, ids=named)
def test_what_is_not_is_refused_in_words(
    kubectl: Kubectl, manifest: dict[str, Any], words: str
) -> None:
    assert words in kubectl.refusal("create", "--dry-run=server", "-f", "-", manifest=manifest)


IMMUTABLE = [
    (
        registered_model(artifact="one"),
        {"artifact": "two"},
        "spec.artifact is the model's identity",
    ),
    (registered_model(artifact="one"), {"artifact": None}, "spec.artifact is the model's identity"),
    (registered_model(), {"artifact": "two"}, "spec.artifact is the model's identity"),
    (registered_model(), {"artifact": "digits"}, ""),
    (registered_model(), {"repository": {"url": "https://moved.example.com/x"}}, ""),
    (model_version(), {"model": "other"}, "model cannot change: create another object"),
    (model_version(version="1.0.0"), {"version": "1.0.1"}, ""),
    (model_version(), {"deregistered": True}, ""),
    (stage_assignment(), {"model": "other"}, "model cannot change: create another object"),
    (stage_assignment(), {"stage": "dev"}, "stage cannot change: create another StageAssignment"),
    (stage_assignment(version="1.0.0"), {"version": "2.0.0"}, ""),
    (stage_assignment(version="1.0.0"), {"version": None}, ""),
]

SET_ONCE = [
    ({"version": "1.2.3", "revision": "main"}, {}, ""),
    ({"version": "1.2.3"}, {"version": "1.2.4"}, "its number cannot change"),
    ({"version": "1.2.3"}, {"version": None}, "its number cannot change"),
    ({"version": "1.2.3"}, {"version": "v1.2.3"}, ""),
    ({}, {"version": "1.2.3"}, ""),
    ({}, {"version": "v1.2.3"}, ""),
    ({}, {"version": "1.2.4"}, "its number cannot change"),
    ({"revision": "main"}, {"revision": COMMIT}, ""),
    ({}, {"revision": COMMIT}, ""),
    ({"revision": "main"}, {"revision": "other"}, "its commit cannot change"),
    ({"revision": "main"}, {"revision": None}, "its commit cannot change"),
    ({}, {"revision": "main"}, "its commit cannot change"),
    ({"version": "1.2.3"}, {"message": "Said later.", "deregistered": True}, ""),
]


def expect(kubectl: Kubectl, arguments: list[str], words: str) -> None:
    """Refused with these words, or accepted when there are none."""
    if words:
        assert words in kubectl.refusal(*arguments)
    else:
        kubectl(*arguments)


def patch_of(name: str, namespace: str, change: dict[str, Any]) -> list[str]:
    body = json.dumps({"spec": change})
    return ["patch", name, "-n", namespace, "--type=merge", "--dry-run=server", "-p", body]


@pytest.mark.parametrize(("manifest", "change", "words"), IMMUTABLE)
def test_identity_cannot_change_and_the_rest_can(
    kubectl: Kubectl,
    namespace: str,
    manifest: dict[str, Any],
    change: dict[str, Any],
    words: str,
) -> None:
    name = kubectl("create", "-n", namespace, "-o", "name", "-f", "-", manifest=manifest).strip()
    try:
        expect(kubectl, patch_of(name, namespace, change), words)
    finally:
        kubectl("delete", "-n", namespace, name)


@pytest.mark.parametrize(("spec", "change", "words"), SET_ONCE)
def test_a_registered_version_can_only_be_set_to_what_it_is(
    kubectl: Kubectl,
    namespace: str,
    spec: dict[str, Any],
    change: dict[str, Any],
    words: str,
) -> None:
    manifest = model_version(**spec)
    name = kubectl("create", "-n", namespace, "-o", "name", "-f", "-", manifest=manifest).strip()
    status = {"tag": "digits@v1.2.3", "version": "v1.2.3", "commit": COMMIT}
    body = json.dumps({"status": status})
    kubectl("patch", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", body)
    try:
        expect(kubectl, patch_of(name, namespace, change), words)
    finally:
        kubectl("delete", "-n", namespace, name)

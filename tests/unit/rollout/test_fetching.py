"""What a pod gets so that the right bytes are there before it starts."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbill.api.errors import Stalled
from playbill.api.rollout import Fetch
from playbill.rollout.fetching import Artifact, FetchDefaults, slot_of, with_fetch

TRACKED = Artifact(
    version="v1.2.0",
    repository="https://git.example.com/team/digits",
    commit="c" * 40,
    path="models/model.pkl",
    digest="md5:" + "a" * 32,
    secret="git-login",
)
STORED = replace(TRACKED, path=None, uri="s3://models/digits/1.2.0", digest="sha256:" + "b" * 64)
DEFAULTS = FetchDefaults(image="fetch:1")


def template(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    serving = list(containers) or [{"name": "server", "image": "server:1"}]
    return {"metadata": {"labels": {"app": "digits"}}, "spec": {"containers": serving, **spec}}


def fetch(**fields: Any) -> Fetch:
    return Fetch.model_validate(fields)


def fetched(
    pod: dict[str, Any] | None = None, artifact: Artifact = TRACKED, **fields: Any
) -> dict[str, Any]:
    """The spec of the pod with the init container."""
    given = pod or template()
    spec: dict[str, Any] = with_fetch(given, fetch(**fields), artifact=artifact, defaults=DEFAULTS)[
        "spec"
    ]
    return spec


def arguments(artifact: Artifact, *, allow_private: bool = False, **fields: Any) -> list[str]:
    defaults = replace(DEFAULTS, allow_private=allow_private)
    made = with_fetch(template(), fetch(**fields), artifact=artifact, defaults=defaults)
    words: list[str] = made["spec"]["initContainers"][0]["args"]
    return words


def refused(pod: dict[str, Any] | None = None, artifact: Artifact = TRACKED, **fields: Any) -> str:
    with pytest.raises(Stalled) as caught:
        fetched(pod, artifact, **fields)
    return f"{caught.value.reason}: {caught.value.message}"


def test_the_artifact_is_fetched_before_anything_else_runs() -> None:
    spec = fetched(template(initContainers=[{"name": "convert"}]))

    assert [each["name"] for each in spec["initContainers"]] == ["playbill-fetch", "convert"]


def test_a_path_of_the_repository_is_asked_of_git_and_a_uri_of_its_store() -> None:
    into = f"--into=/volume/{slot_of(TRACKED)}"
    assert arguments(TRACKED, remote="storage") == [
        "fetch",
        "--repository=https://git.example.com/team/digits",
        f"--commit={'c' * 40}",
        "--path=models/model.pkl",
        "--remote=storage",
        f"--digest=md5:{'a' * 32}",
        into,
    ]
    assert arguments(STORED, endpoint="https://minio:9000") == [
        "fetch",
        "--uri=s3://models/digits/1.2.0",
        f"--digest=sha256:{'b' * 64}",
        "--endpoint=https://minio:9000",
        f"--into=/volume/{slot_of(STORED)}",
    ]


def test_a_uri_wins_over_a_path_and_dvc_yaml_may_give_one_as_the_path() -> None:
    both = replace(STORED, path="models/model.pkl")
    as_path = replace(STORED, path=STORED.uri, uri=None)

    assert arguments(both)[1] == arguments(as_path)[1] == "--uri=s3://models/digits/1.2.0"


def test_what_the_operator_allows_the_fetch_allows() -> None:
    plain = replace(STORED, uri="http://store/model.pkl")

    assert "--allow-private-addresses" in arguments(plain, allow_private=True)
    assert "--endpoint=http://minio" in arguments(
        STORED, allow_private=True, endpoint="http://minio"
    )
    assert "TransportNotAllowed" in refused(artifact=plain)
    assert "TransportNotAllowed" in refused(artifact=STORED, endpoint="http://minio")


def test_kubernetes_expands_nothing_in_the_arguments() -> None:
    hostile = replace(TRACKED, path="$(POD_NAME)/$model")

    assert "--path=$$(POD_NAME)/$$model" in arguments(hostile)


def test_the_containers_see_the_versions_directory_alone_and_cannot_write() -> None:
    spec = fetched(mountPath="/srv/model")

    (server,) = spec["containers"]
    assert server["volumeMounts"] == [
        {
            "name": "playbill-artifact",
            "mountPath": "/srv/model",
            "subPath": slot_of(TRACKED),
            "readOnly": True,
        }
    ]


def test_only_the_containers_that_are_named_see_it_and_an_init_container_may() -> None:
    pod = template(
        {"name": "server"}, {"name": "metrics"}, initContainers=[{"name": "a"}, {"name": "b"}]
    )

    spec = fetched(pod, containers=["server", "b"])

    every = [*spec["containers"], *spec["initContainers"][1:]]
    assert [each["name"] for each in every if "volumeMounts" in each] == ["server", "b"]


def test_secrets_are_mounted_into_the_init_container_and_no_other() -> None:
    spec = fetched(secretRef={"name": "store-login"})

    mounts = {each["name"]: each for each in spec["initContainers"][0]["volumeMounts"]}
    assert mounts["playbill-fetch-git"]["mountPath"] == "/etc/playbill/git"
    assert mounts["playbill-fetch-store"]["mountPath"] == "/etc/playbill/store"
    secrets = [v["secret"]["secretName"] for v in spec["volumes"] if "secret" in v]
    assert secrets == ["git-login", "store-login"]
    others = [m["name"] for each in spec["containers"] for m in each["volumeMounts"]]
    assert others == ["playbill-artifact"]


def test_the_repositorys_secret_stays_away_where_git_is_not_asked() -> None:
    spec = fetched(artifact=STORED)

    assert not [volume for volume in spec["volumes"] if "secret" in volume]


def test_the_init_container_meets_the_restricted_standard_whatever_the_pod_is_let_do() -> None:
    pod = template(securityContext={"runAsUser": 0})

    assert fetched()["initContainers"][0]["securityContext"] == {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert fetched(pod)["initContainers"][0]["securityContext"]["runAsUser"] == 65532


def test_an_empty_volume_is_added_or_one_of_the_templates_is_taken() -> None:
    claim = {"name": "cache", "persistentVolumeClaim": {"claimName": "models"}}

    added = fetched(sizeLimit="10Gi")
    taken = fetched(template(volumes=[claim]), volume="cache")

    assert {"name": "playbill-artifact", "emptyDir": {"sizeLimit": "10Gi"}} in added["volumes"]
    assert [volume["name"] for volume in taken["volumes"]] == [
        "cache", "playbill-fetch-tmp", "playbill-fetch-git",
    ]  # fmt: skip
    assert taken["containers"][0]["volumeMounts"][0]["name"] == "cache"


def test_volumes_image_and_resources_are_the_users_to_choose() -> None:
    disk = {"name": "disk", "persistentVolumeClaim": {"claimName": "dvc"}}

    made = fetched(
        template(volumes=[disk]),
        volumeMounts=[{"name": "disk", "mountPath": "/srv/dvc", "readOnly": True}],
        image="mine:2",
        resources={"limits": {"memory": "2Gi"}},
    )["initContainers"][0]

    assert (made["image"], made["resources"]) == ("mine:2", {"limits": {"memory": "2Gi"}})
    assert {"name": "disk", "mountPath": "/srv/dvc", "readOnly": True} in made["volumeMounts"]


CLAIM = {"name": "cache", "persistentVolumeClaim": {"claimName": "models"}}
MOUNT = {"name": "cache", "mountPath": "/model/cache"}


@pytest.mark.parametrize(
    ("pod", "fields", "said"),
    [
        (template({"name": "playbill-fetch"}), {}, "a container playbill-fetch"),
        (template(initContainers=[{"name": "playbill-fetch"}]), {}, "a container playbill-fetch"),
        (template(volumes=[{"name": "playbill-artifact"}]), {}, "a volume playbill-artifact"),
        (
            template({"name": "a", "volumeMounts": [{"name": "playbill-fetch-git"}]}),
            {},
            "a volume playbill-fetch-git",
        ),
        (None, {"volume": "cache"}, "no volume cache, which fetch.volume names"),
        (
            template(volumes=[{"name": "cache", "configMap": {"name": "x"}}]),
            {"volume": "cache"},
            "a configMap, which nothing can be written to",
        ),
        (
            template(volumes=[CLAIM]),
            {"volume": "cache", "sizeLimit": "1Gi"},
            "sizeLimit is for the emptyDir",
        ),
        (None, {"containers": ["sidecar"]}, "no container sidecar, which fetch.containers names"),
        (
            template({"name": "a", "volumeMounts": [MOUNT]}, volumes=[CLAIM]),
            {},
            "container a mounts /model/cache already",
        ),
        (
            template(
                {"name": "a", "volumeMounts": [MOUNT | {"mountPath": "/model/"}]}, volumes=[CLAIM]
            ),
            {},
            "container a mounts /model already",
        ),
        (
            None,
            {"volumeMounts": [{"name": "disk", "mountPath": "/srv"}]},
            "no volume disk, which fetch.volumeMounts has",
        ),
        (
            template(volumes=[CLAIM]),
            {"volumeMounts": [{"name": "cache", "mountPath": "/etc/playbill"}]},
            "/etc/playbill is in the way of /etc/playbill/git",
        ),
        (
            template(volumes=[CLAIM]),
            {"volumeMounts": [{"name": "cache", "mountPath": "/srv/../volume/x"}]},
            "/volume/x is in the way of /volume",
        ),
        (
            template(volumes=[CLAIM]),
            {"volumeMounts": [{"name": "cache", "mountPath": "srv"}]},
            "srv is no absolute path",
        ),
    ],
)
def test_what_is_taken_or_missing_is_refused_by_name(
    pod: dict[str, Any] | None, fields: dict[str, Any], said: str
) -> None:
    words = refused(pod, **fields)

    assert words.startswith("FetchInvalid: ")
    assert said in words


@pytest.mark.parametrize(
    ("artifact", "reason"),
    [
        (replace(TRACKED, path=None), "NothingToFetch"),
        (replace(TRACKED, digest="etag:abc"), "DigestNotSupported"),
        (replace(TRACKED, digest="md5:abc"), "DigestNotSupported"),
        (replace(STORED, uri="ftp://host/model"), "TransportNotAllowed"),
        (replace(STORED, uri="file:///etc/passwd"), "TransportNotAllowed"),
        (replace(STORED, uri="model.pkl"), "TransportNotAllowed"),
        (replace(STORED, uri="https://ada:secret@host/model"), "FetchInvalid"),
    ],
)
def test_a_version_that_cannot_be_fetched_says_so(artifact: Artifact, reason: str) -> None:
    words = refused(artifact=artifact)

    assert words.startswith(f"{reason}: ")
    assert "secret@" not in words


def test_a_directory_of_the_volume_is_one_versions_and_a_plain_name() -> None:
    other = replace(TRACKED, digest="md5:" + "d" * 32)
    undigested = replace(TRACKED, digest=None)

    slots = {
        slot_of(each)
        for each in (
            TRACKED, other, undigested, replace(undigested, commit="d" * 40),
            replace(TRACKED, path="models/other.pkl"), replace(TRACKED, version="v1.2.0+cpu"),
        )
    }  # fmt: skip

    assert len(slots) == 6
    assert slot_of(replace(TRACKED, commit="d" * 40)) == slot_of(TRACKED)


@given(st.text(), st.text(min_size=1))
def test_no_version_leads_out_of_the_volume(version: str, path: str) -> None:
    slot = slot_of(replace(TRACKED, version=version, path=path))

    assert "/" not in slot
    assert not slot.startswith((".", "-"))


def test_neither_the_template_nor_what_is_beside_its_spec_is_changed() -> None:
    given = template(volumes=[CLAIM])
    before = copy.deepcopy(given)

    made = with_fetch(given, fetch(volume="cache"), artifact=TRACKED, defaults=DEFAULTS)

    assert given == before
    assert made["metadata"] == before["metadata"]


@pytest.mark.parametrize("mounts", [5, "data", {"name": "data", "mountPath": "/data"}, ["data"]])
def test_mounts_of_an_ill_form_are_refused(mounts: object) -> None:
    pod = template({"name": "server", "image": "server:1", "volumeMounts": mounts})

    assert "container server are no list of mounts" in refused(pod)


def test_a_security_context_of_an_ill_form_is_left_for_the_api_server_to_refuse() -> None:
    assert fetched(template(securityContext="root"))["securityContext"] == "root"

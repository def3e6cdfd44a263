"""The init container that brings the version's artifact into the pods, before they start.

Pure. `playbill fetch` (the package `playbill.fetch`) is what runs in it; it puts the artifact
into a directory of the volume that is named after the version, and the containers mount that
directory alone, read-only. So a volume that outlives its pods holds several versions side by
side, and a new one is never written under a server that still runs the old one.

Credentials are mounted as files, into this container only, and never stand in its arguments.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playbill.api.errors import Stalled
from playbill.api.model_version import DIGEST
from playbill.api.rollout import Fetch
from playbill.rollout.our_containers import RESTRICTED, literal

Manifest = dict[str, Any]
"""An object of Kubernetes, as JSON."""

CONTAINER = "playbill-fetch"
"""The init container."""

ARTIFACT_VOLUME = "playbill-artifact"
TMP_VOLUME = "playbill-fetch-tmp"
GIT_VOLUME = "playbill-fetch-git"
STORE_VOLUME = "playbill-fetch-store"
RESERVED = frozenset({ARTIFACT_VOLUME, TMP_VOLUME, GIT_VOLUME, STORE_VOLUME})
"""Volumes that we add."""

VOLUME_PATH = "/volume"
GIT_PATH = "/etc/playbill/git"
STORE_PATH = "/etc/playbill/store"
OUR_PATHS = (VOLUME_PATH, GIT_PATH, STORE_PATH, "/tmp", "/dev", "/proc", "/sys", "/opt/venv")  # noqa: S108
"""Where nothing may be mounted into the init container."""

DEFAULT_RESOURCES: Manifest = {"requests": {"cpu": "100m", "memory": "256Mi"}}

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_READ_ONLY_VOLUMES = ("configMap", "secret", "projected", "downwardAPI", "image")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What is known of the version's bytes, and the repository that knows it.

    `path` is where the project has the artifact, `uri` where it lies outside of it, which wins;
    `digest` is `md5:…` (a directory's ends in `.dir`), `git:…` or `sha256:…`; `secret` names the
    Secret of the repository, in the pod's namespace.
    """

    version: str
    repository: str
    commit: str
    path: str | None = None
    uri: str | None = None
    digest: str | None = None
    secret: str | None = None

    @property
    def address(self) -> str | None:
        """The uri; `dvc.yaml` may give one in place of a path."""
        given = self.path if self.path and "://" in self.path else None
        return self.uri or given


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchDefaults:
    """What the operator was started with. Plain http goes with private addresses."""

    image: str
    allow_private: bool = False


def with_fetch(
    template: Manifest, fetch: Fetch, *, artifact: Artifact, defaults: FetchDefaults
) -> Manifest:
    """The pod template, tokens replaced, with the init container and what it needs.

    Raises Stalled: NothingToFetch (the version has neither path nor uri), FetchInvalid (a name
    or a path that is taken, or that is not there), DigestNotSupported, TransportNotAllowed.
    """
    _check_artifact(artifact, defaults)
    _check_endpoint(fetch.endpoint, defaults)
    spec = template["spec"]
    _check_names(spec, fetch)
    slot = slot_of(artifact)
    wanted = _mounting(spec, fetch)
    ours = {
        "initContainers": [
            _container(fetch, artifact=artifact, defaults=defaults, slot=slot, pod=spec),
            *_mounted(spec.get("initContainers") or [], wanted, fetch, slot),
        ],
        "containers": _mounted(spec["containers"], wanted, fetch, slot),
        "volumes": [*(spec.get("volumes") or []), *_volumes(fetch, artifact)],
    }
    return {**template, "spec": {**spec, **ours}}


def slot_of(artifact: Artifact) -> str:
    """The directory of the volume: by the version for people, by what it is for the rest.

    The same bytes of the same name are found again; without a digest, only those that were
    fetched from the same place for the same commit.
    """
    name = posixpath.basename((artifact.address or artifact.path or "").rstrip("/"))
    where = [artifact.repository, artifact.commit, artifact.address, artifact.path]
    identity = json.dumps([artifact.digest, name] if artifact.digest else where)
    version = _NOT_IN_NAMES.sub("-", artifact.version)[:64].strip(".-")
    return f"{version or 'artifact'}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def _check_artifact(artifact: Artifact, defaults: FetchDefaults) -> None:
    if not artifact.address and not artifact.path:
        raise Stalled(
            "NothingToFetch",
            f"nothing says where the artifact of {artifact.version} is: give it a path in "
            "dvc.yaml, or spec.artifact.uri in a ModelVersion, or take rollout.fetch away",
        )
    if artifact.digest and not re.fullmatch(DIGEST, artifact.digest):
        raise Stalled(
            "DigestNotSupported",
            f"the digest {artifact.digest[:80]!r} of {artifact.version} cannot be checked: "
            "md5:<32 hex> (with .dir for a directory), git:<40 hex> and sha256:<64 hex> can",
        )
    if artifact.address:
        _check_address(artifact.address, defaults)


def _check_address(address: str, defaults: FetchDefaults) -> None:
    scheme = address.partition("://")[0].lower()
    allowed = ["s3", "https", *(["http"] if defaults.allow_private else [])]
    if scheme not in allowed:
        raise Stalled(
            "TransportNotAllowed",
            f"the artifact's uri is {scheme[:20]}://…, and only {', '.join(allowed)} can be "
            "fetched here"
            + (", as the operator was not started to allow http" if scheme == "http" else ""),
        )
    if scheme != "s3" and "@" in urlsplit(address).netloc:
        raise _invalid("the artifact's uri must hold no user or password: use fetch.secretRef")


def _check_endpoint(endpoint: str | None, defaults: FetchDefaults) -> None:
    if endpoint and not endpoint.startswith("https://") and not defaults.allow_private:
        raise Stalled(
            "TransportNotAllowed",
            "spec.rollout.fetch.endpoint is plain http, which the operator was not started to "
            "allow: use https",
        )


def _check_names(spec: Manifest, fetch: Fetch) -> None:
    containers = [*(spec.get("initContainers") or []), *spec["containers"]]
    if CONTAINER in {each["name"] for each in containers}:
        raise _invalid(f"the template has a container {CONTAINER}, a name that is ours")
    volumes = {each["name"]: each for each in spec.get("volumes") or []}
    mounts = (mount for each in containers for mount in _mounts(each))
    for name in (*volumes, *(str(mount.get("name")) for mount in mounts)):
        if name in RESERVED:
            raise _invalid(f"the template uses a volume {name}, a name that is ours")
    if fetch.volume:
        _check_volume(fetch.volume, volumes)
        if fetch.size_limit:
            raise _invalid("sizeLimit is for the emptyDir that volume takes the place of")
    _check_own_mounts(fetch, volumes)


def _check_volume(name: str, volumes: Manifest) -> None:
    if name not in volumes:
        raise _invalid(f"the template has no volume {name}, which fetch.volume names")
    kind = next((kind for kind in _READ_ONLY_VOLUMES if kind in volumes[name]), None)
    if kind:
        raise _invalid(f"fetch.volume names {name}, a {kind}, which nothing can be written to")


def _check_own_mounts(fetch: Fetch, volumes: Manifest) -> None:
    taken = [*OUR_PATHS]
    for mount in fetch.volume_mounts:
        path = posixpath.normpath(mount.mount_path)
        if mount.name not in volumes:
            raise _invalid(f"the template has no volume {mount.name}, which fetch.volumeMounts has")
        if not path.startswith("/") or path == "/":
            raise _invalid(f"fetch.volumeMounts: {mount.mount_path} is no absolute path below /")
        if clash := next((each for each in taken if _overlap(each, path)), None):
            raise _invalid(f"fetch.volumeMounts: {path} is in the way of {clash}")
        taken.append(path)


def _mounting(spec: Manifest, fetch: Fetch) -> frozenset[str]:
    """The containers that see the artifact; only those that serve, when none is named."""
    serving = [each["name"] for each in spec["containers"]]
    known = {*serving, *(each["name"] for each in spec.get("initContainers") or [])}
    if missing := sorted(set(fetch.containers) - known):
        raise _invalid(f"the template has no container {missing[0]}, which fetch.containers names")
    return frozenset(fetch.containers or serving)


def _mounted(
    containers: Iterable[Manifest], wanted: frozenset[str], fetch: Fetch, slot: str
) -> list[Manifest]:
    mount = {
        "name": fetch.volume or ARTIFACT_VOLUME,
        "mountPath": fetch.mount_path,
        "subPath": slot,
        "readOnly": True,
    }
    return [
        {**each, "volumeMounts": [*_free_mounts(each, fetch.mount_path), mount]}
        if each["name"] in wanted
        else each
        for each in containers
    ]


def _free_mounts(container: Manifest, wanted: str) -> Iterator[Manifest]:
    """The container's own mounts; none may be at or below ours, which is read-only."""
    for mount in _mounts(container):
        path = posixpath.normpath(str(mount.get("mountPath")))
        if _holds(posixpath.normpath(wanted), path):
            raise _invalid(
                f"container {container['name']} mounts {path} already, where the artifact is to "
                "be: give another fetch.mountPath"
            )
        yield mount


def _mounts(container: Manifest) -> list[Manifest]:
    """The container's own, which must be a list for ours to stand beside them."""
    given = container.get("volumeMounts") or []
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise _invalid(f"the volumeMounts of container {container['name']} are no list of mounts")
    return given


def _container(
    fetch: Fetch, *, artifact: Artifact, defaults: FetchDefaults, slot: str, pod: Manifest
) -> Manifest:
    arguments = ["fetch", *_arguments(fetch, artifact, defaults, slot)]
    return {
        "name": CONTAINER,
        "image": fetch.image or defaults.image,
        "args": [literal(argument) for argument in arguments],
        "resources": fetch.resources or DEFAULT_RESOURCES,
        "securityContext": _security(pod),
        "terminationMessagePath": "/dev/termination-log",
        # Where it could not write its last word (no memory left), its log has one.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": list(_own_mounts(fetch, artifact)),
    }


def _arguments(
    fetch: Fetch, artifact: Artifact, defaults: FetchDefaults, slot: str
) -> Iterator[str]:
    if artifact.address:
        yield f"--uri={artifact.address}"
    else:
        yield f"--repository={artifact.repository}"
        yield f"--commit={artifact.commit}"
        yield f"--path={artifact.path}"
        if fetch.remote:
            yield f"--remote={fetch.remote}"
    if artifact.digest:
        yield f"--digest={artifact.digest}"
    if fetch.endpoint:
        yield f"--endpoint={fetch.endpoint}"
    if defaults.allow_private:
        yield "--allow-private-addresses"
    yield f"--into={VOLUME_PATH}/{slot}"


def _security(pod: Manifest) -> Manifest:
    """The restricted Pod Security Standard, whatever the pod's other containers are let do.

    The user is the pod's, who may own the volume, or else the image's; root is neither.
    """
    given = pod.get("securityContext")
    user = given.get("runAsUser") if isinstance(given, dict) else None
    return {
        **RESTRICTED,
        **({"runAsUser": 65532, "runAsGroup": 65532} if user == 0 else {}),
    }


def _own_mounts(fetch: Fetch, artifact: Artifact) -> Iterator[Manifest]:
    yield {"name": fetch.volume or ARTIFACT_VOLUME, "mountPath": VOLUME_PATH}
    yield {"name": TMP_VOLUME, "mountPath": "/tmp"}  # noqa: S108 - in the container
    for volume, secret, path in _secrets(fetch, artifact):
        if secret:
            yield {"name": volume, "mountPath": path, "readOnly": True}
    for mount in fetch.volume_mounts:
        yield mount.model_dump(by_alias=True, exclude_unset=True)


def _volumes(fetch: Fetch, artifact: Artifact) -> Iterator[Manifest]:
    if not fetch.volume:
        limit = {"sizeLimit": fetch.size_limit} if fetch.size_limit else {}
        yield {"name": ARTIFACT_VOLUME, "emptyDir": limit}
    yield {"name": TMP_VOLUME, "emptyDir": {}}
    for volume, secret, _ in _secrets(fetch, artifact):
        if secret:
            yield {"name": volume, "secret": {"secretName": secret}}


def _secrets(fetch: Fetch, artifact: Artifact) -> Iterator[tuple[str, str | None, str]]:
    """Volume, Secret and path; git's only where git is asked."""
    yield GIT_VOLUME, None if artifact.address else artifact.secret, GIT_PATH
    yield STORE_VOLUME, fetch.secret_ref.name if fetch.secret_ref else None, STORE_PATH


def _holds(directory: str, path: str) -> bool:
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")


def _overlap(one: str, other: str) -> bool:
    return _holds(one, other) or _holds(other, one)


def _invalid(why: str) -> Stalled:
    return Stalled("FetchInvalid", f"spec.rollout.fetch: {why}")

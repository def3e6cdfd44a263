"""The DVC remote of a project, as DVC itself resolves `.dvc/config`, and no more of it than needed.

The file is input from whoever may push: of a remote only the options that reach its bytes are
taken, so that none of them names a file of this container or turns off the checking of
certificates.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playbill.api.errors import Stalled
from playbill.fetch.trouble import not_found, unsupported
from playbill.fetch.web import without_query

TAKEN = {
    "s3": {"url", "endpointurl", "region", "allow_anonymous_login"},
    "http": {"url", "auth", "user", "password", "custom_auth_header"},
    "": {"url"},
}
"""The options of a remote that are taken, by its kind: all others are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A remote as `.dvc/config` has it, with the credentials of this container."""

    name: str
    url: str
    options: Mapping[str, Any]

    @property
    def scheme(self) -> str:
        """`s3`, `http` (also for https), or empty for a directory."""
        scheme = urlsplit(self.url).scheme if "://" in self.url else ""
        return "http" if scheme == "https" else scheme

    @property
    def address(self) -> str:
        """For people."""
        endpoint = str(self.options.get("endpointurl") or "")
        place = f" at {without_query(endpoint)}" if endpoint else ""
        return f"DVC remote {self.name} ({without_query(self.url)}{place})"


def choose_remote(config: bytes, name: str, *, home: Path) -> Remote:
    """The remote of that name, or the project's default, as DVC resolves it.

    Raises Stalled: InvalidProject, NotFound, Unsupported.
    """
    from dvc.config import Config, ConfigError  # noqa: PLC0415 - only in the image that fetches
    from dvc.fs import get_fs_config  # noqa: PLC0415

    path = home / "dvc-config"
    path.write_bytes(config)
    try:
        loaded = Config.validate(Config.load_file(str(path)))
    except (ConfigError, ValueError) as error:
        raise Stalled(
            "InvalidProject", f".dvc/config: {' '.join(str(error).split())[:300]}"
        ) from None
    known = loaded.get("remote") or {}
    name = name.lower() or (loaded.get("core") or {}).get("remote") or ""
    if name not in known:
        there = f"; there is {', '.join(sorted(known))[:200]}" if known else ""
        which = f"no remote {name!r}" if name else "no default remote (see fetch.remote)"
        raise not_found(f".dvc/config at this commit has {which}{there}")
    try:
        options = get_fs_config(loaded, name=name)
    except (ConfigError, KeyError, RecursionError) as error:
        raise Stalled("InvalidProject", f".dvc/config, remote {name}: {error}") from None
    remote = Remote(name=name, url=str(options.get("url", "")), options=options)
    _check_remote(remote)
    return remote


def _check_remote(remote: Remote) -> None:
    if remote.scheme not in TAKEN:
        raise unsupported(
            f"{remote.address}: only remotes that are a directory, http(s) or s3 can be fetched"
        )
    if remote.options.get("version_aware") or remote.options.get("worktree"):
        raise unsupported(f"{remote.address} keeps versions of the cloud in place of md5s")
    if remote.scheme == "" and not remote.url.startswith("/"):
        raise unsupported(
            f"{remote.address} is a directory beside the project: name it from the root, and "
            "mount it there with fetch.volumeMounts"
        )


def quiet(home: Path) -> None:
    """Keep DVC and the clients of stores to this directory, and from telling anybody of us."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DVC_SITE_CACHE_DIR"):
        os.environ[name] = str(home)
    os.environ["DVC_NO_ANALYTICS"] = "1"

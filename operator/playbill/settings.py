"""What the operator is started with: one place for every knob, its default and its meaning."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playbill import __version__

LogFormat = Literal["auto", "text", "json"]


def _cache_home() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "playbill" / "mirrors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`namespaces` empty means all; sizes are in bytes, times in seconds."""

    cluster_name: str = "default"
    namespaces: tuple[str, ...] = ()
    kubeconfig: Path | None = None
    context: str | None = None
    allow_private_addresses: bool = False
    allow_file_urls: bool = False
    cache_dir: Path = field(default_factory=_cache_home)
    cache_limit: int = 10 << 30
    git_timeout: float = 60.0
    fetch_image: str = f"playbill-fetch:{__version__}"
    log_format: LogFormat = "auto"
    log_level: str = "info"
    metrics_address: str = ":8080"
    hooks_address: str = ""
    leader_election: bool = True
    lease_name: str = "playbill"
    lease_namespace: str = field(
        default_factory=lambda: os.environ.get("POD_NAMESPACE", "playbill-system")
    )
    identity: str = field(
        default_factory=lambda: f"{os.environ.get('POD_NAME', socket.gethostname())}_{os.getpid()}"
    )
    resync_seconds: float = 600.0
    object_workers: int = 16
    repository_workers: int = 16

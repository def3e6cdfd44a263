"""The command `playbill`: each option also by an environment variable PLAYBILL_<NAME>."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import ClassVar, get_args

import click

from playbill import __version__
from playbill.api.errors import Trouble
from playbill.logs import configure
from playbill.settings import LogFormat, Settings

_DEFAULTS = Settings()
GARBAGE_OBJECTS = 50_000
RECURSION = 60_000
"""Frames: the API server takes objects that are nested 10,000 deep, and each level takes a few.
With Python's own limit one such object would end the reading of a whole list."""


class _Commands(click.Group):
    """Those beside `run`, each imported when it is asked for: the image that fetches has what
    `fetch` and `check` need, and nothing of what the others do."""

    modules: ClassVar = {
        "audit": "playbill.audit_cli",
        "check": "playbill.check_cli",
        "fetch": "playbill.fetch.command",
        "plan": "playbill.plan_cli",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted({*super().list_commands(ctx), *self.modules})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in self.modules:
            return super().get_command(ctx, cmd_name)
        found: click.Command = getattr(import_module(self.modules[cmd_name]), cmd_name)
        return found


@click.group(
    cls=_Commands,
    context_settings={"auto_envvar_prefix": "PLAYBILL", "max_content_width": 100},
)
@click.version_option(__version__, prog_name="playbill")
def main() -> None:
    """A git-backed model registry for Kubernetes.

    Declare models, versions and stages as custom resources; every action becomes an
    annotated tag in the model's own git repository, which GTO and DVC read, and a version
    that reaches a stage is rolled out.
    """


def _env(name: str) -> str:
    return f"PLAYBILL_{name}"


@main.command()
@click.option(
    "--cluster-name",
    default=_DEFAULTS.cluster_name,
    envvar=_env("CLUSTER_NAME"),
    show_default=True,
    help="Stands in each tag; clusters that share a repository need different names.",
)
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    envvar=_env("NAMESPACE"),
    help="Work in this namespace only; may be given several times.  [default: all]",
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    envvar=_env("KUBECONFIG"),
    help="Out of a cluster.  [default: KUBECONFIG, the pod's account, ~/.kube/config]",
)
@click.option("--context", envvar=_env("CONTEXT"), help="The kubeconfig's context.")
@click.option(
    "--allow-private-addresses",
    is_flag=True,
    envvar=_env("ALLOW_PRIVATE_ADDRESSES"),
    help="Let repositories be on private and loopback addresses.",
)
@click.option(
    "--allow-file-urls",
    is_flag=True,
    envvar=_env("ALLOW_FILE_URLS"),
    help="Let repositories be directories of this machine; for trying things out.",
)
@click.option(
    "--cache-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=_DEFAULTS.cache_dir,
    envvar=_env("CACHE_DIR"),
    help="Where mirrors of repositories are kept; may vanish at any time.",
)
@click.option(
    "--git-timeout",
    type=click.FloatRange(min=1),
    default=_DEFAULTS.git_timeout,
    envvar=_env("GIT_TIMEOUT"),
    show_default=True,
    help="Seconds that a git server has to answer.",
)
@click.option(
    "--fetch-image",
    default=_DEFAULTS.fetch_image,
    envvar=_env("FETCH_IMAGE"),
    show_default=True,
    help="What brings artifacts into pods (rollout.fetch): the target fetch of the Dockerfile.",
)
@click.option(
    "--log-format",
    type=click.Choice(get_args(LogFormat)),
    default=_DEFAULTS.log_format,
    envvar=_env("LOG_FORMAT"),
    show_default=True,
    help="auto: text on a terminal, JSON elsewhere.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default=_DEFAULTS.log_level,
    envvar=_env("LOG_LEVEL"),
    show_default=True,
)
@click.option(
    "--metrics-address",
    default=_DEFAULTS.metrics_address,
    envvar=_env("METRICS_ADDRESS"),
    show_default=True,
    help="host:port of /metrics, /healthz and /readyz.",
)
@click.option(
    "--hooks-address",
    default=_DEFAULTS.hooks_address,
    envvar=_env("HOOKS_ADDRESS"),
    help="host:port where git servers may tell of pushes (POST /hooks/...).  [default: off]",
)
@click.option(
    "--resync-seconds",
    type=click.FloatRange(min=1),
    default=_DEFAULTS.resync_seconds,
    envvar=_env("RESYNC_SECONDS"),
    show_default=True,
    help="After so long every object is looked at again, events or not.",
)
@click.option(
    "--leader-election/--no-leader-election",
    default=_DEFAULTS.leader_election,
    envvar=_env("LEADER_ELECTION"),
    show_default=True,
    help="Lead only while holding a Lease; without, be sure to run only one.",
)
@click.option(
    "--lease-namespace",
    default=_DEFAULTS.lease_namespace,
    envvar=_env("LEASE_NAMESPACE"),
    show_default=True,
    help="Where the Lease is.",
)
def run(**options: object) -> None:
    """Run the operator, in a cluster or out of it, until it is told to stop."""
    # Kopf and the client of Kubernetes take a second to import; other commands do without.
    from playbill.controllers.leadership import run as run_operator  # noqa: PLC0415

    settings = Settings(**options)  # type: ignore[arg-type]
    # Most of the heap lives on: looking through it for garbage each 700 objects took a tenth
    # of a second at a time, in the midst of a pass.
    gc.set_threshold(GARBAGE_OBJECTS)
    sys.setrecursionlimit(RECURSION)
    configure(settings.log_format, settings.log_level)
    try:
        code = asyncio.run(run_operator(settings))
    except Trouble as trouble:
        raise click.ClickException(trouble.message) from None
    # A lost lease must end the process now: no thread of it may push once more.
    os._exit(code)


if __name__ == "__main__":
    main()

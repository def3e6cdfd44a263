"""`playbill plan`: what a change would do, and which rules hold, without doing anything."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from playbill.api.errors import Trouble
from playbill.settings import Settings

if TYPE_CHECKING:
    from playbill.controllers.planning.planning import Plan

REFUSED = 1
FAILED = 2


@click.command()
@click.option(
    "-f",
    "--filename",
    "names",
    multiple=True,
    required=True,
    metavar="FILE",
    help="A file, a directory, or - for standard input; may be given several times.",
)
@click.option(
    "-n", "--namespace", envvar="PLAYBILL_NAMESPACE",
    help="For objects that name none.  [default: the context's]",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "markdown"]), default="text",
    show_default=True,
)  # fmt: skip
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    envvar="PLAYBILL_KUBECONFIG",
    help="[default: KUBECONFIG, the pod's account, ~/.kube/config]",
)
@click.option("--context", envvar="PLAYBILL_CONTEXT", help="The kubeconfig's context.")
@click.option(
    "--cluster-name",
    default=Settings().cluster_name,
    envvar="PLAYBILL_CLUSTER_NAME",
    show_default=True,
    help="As the operator has it: by it the cluster's own tags are told.",
)
def plan(
    *,
    names: tuple[str, ...],
    namespace: str | None,
    output: Literal["text", "json", "markdown"],
    kubeconfig: Path | None,
    context: str | None,
    cluster_name: str,
) -> None:
    """Tell what a change would do: which tags it would write, and which rules hold.

    The manifests are laid over what the API server has, the repositories are listed, and each
    object is decided by the functions that the operator decides it by. Nothing is written: not to
    the API server, where each object is tried by a dry run, and not to git.

    \b
      playbill plan -f stages/
      git diff --name-only main | grep yaml$ | xargs cat | playbill plan -f - -n ml -o markdown

    Repositories are read with the Secret that the operator uses, if you may read it, and with your
    own git credentials otherwise.

    The exit code is 0 when nothing is refused (something may have to wait), 1 when something is,
    2 when no plan could be made.
    """
    # The client of Kubernetes takes a while to import; other commands do without.
    from playbill.controllers.planning.words import as_json, as_markdown, as_text  # noqa: PLC0415

    try:
        found = asyncio.run(_plan(names, namespace, kubeconfig, context, cluster_name, say=_say))
    except Trouble as trouble:
        raise _Failed(trouble.message) from None
    tell: dict[str, Callable[[Plan], str]] = {
        "text": as_text, "json": as_json, "markdown": as_markdown,
    }  # fmt: skip
    click.echo(tell[output](found))
    if found.refused:
        raise SystemExit(REFUSED)


class _Failed(click.ClickException):
    exit_code = FAILED


def _say(words: str) -> None:
    click.echo(f"note: {words}", err=True)


async def _plan(
    names: tuple[str, ...],
    namespace: str | None,
    kubeconfig: Path | None,
    context: str | None,
    cluster: str,
    *,
    say: Callable[[str], None],
) -> Plan:
    from playbill.controllers.planning.manifests import read_manifests  # noqa: PLC0415
    from playbill.controllers.planning.planning import plan as make  # noqa: PLC0415
    from playbill.kube.client import Kube  # noqa: PLC0415
    from playbill.kube.connection import Source  # noqa: PLC0415

    source = Source.find_or_none(kubeconfig, context)  # what cannot be read is told before
    place = namespace or (source.namespace() if source else "default")
    manifests = read_manifests(names, namespace=place, stdin=sys.stdin)
    if manifests.others:
        say(f"{manifests.others} of the objects are not Playbill's, and are left out")
    async with await Kube.connect(kubeconfig, context) as kube:
        return await make(kube, manifests, cluster=cluster, say=say)

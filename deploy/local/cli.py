"""The command line: `python -m deploy.local <verb>`."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from deploy.local import binaries, cluster, images, ownership, packages, status
from deploy.local.errors import ClusterError
from deploy.local.layout import NETNS, State, default_state, is_root
from deploy.local.progress import Progress


def main() -> int:
    """Run one verb; trouble that a person can act on is one line, not a traceback."""
    args = _parser().parse_args()
    # Debian users have no sbin on their PATH, and the tools that are run here live there.
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{packages.SYSTEM_PATH}"
    try:
        return int(args.run(args) or 0)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument(
        "--state", type=Path, default=default_state().root, help="where its data is (.local)"
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    up = verbs.add_parser("up", help="bring the cluster up, or repair it")
    up.add_argument("--kwok", type=int, metavar="N", help="have N simulated nodes as well")
    up.set_defaults(run=_up)

    down = verbs.add_parser("down", help="take it down and leave nothing behind")
    down.add_argument(
        "--whoever", action="store_true", help="the one that runs here, whichever checkout's"
    )
    down.set_defaults(run=_down)

    show = verbs.add_parser("status", help="say what runs")
    show.set_defaults(run=_status)

    build = verbs.add_parser("build", help="build the programs only")
    build.add_argument("--kwok", action="store_true", help="also those for simulated nodes")
    build.set_defaults(run=_build)

    image = verbs.add_parser("image", help="build an image and load it into the node")
    image.add_argument("name", help="pods refer to it as localhost/NAME")
    image.add_argument("--file", type=Path, required=True, metavar="DOCKERFILE")
    image.add_argument("--context", type=Path, required=True, metavar="DIR")
    image.add_argument("--build-arg", action="append", default=[], metavar="K=V")
    image.add_argument("--target", default="", metavar="STAGE", help="a stage of the Dockerfile")
    image.set_defaults(run=_image)

    inside = verbs.add_parser("nsenter", help="run a command in the node's network namespace")
    inside.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD …")
    inside.set_defaults(run=_nsenter)
    return parser


def _state(args: argparse.Namespace) -> State:
    return State(args.state.resolve())


def _up(args: argparse.Namespace) -> None:
    state = _state(args)
    chosen = cluster.foreign_kubeconfig(state)
    if chosen:
        print(f"KUBECONFIG is set: {chosen} is used as it is, and nothing is started")
        return
    if not is_root():
        print("not root: the control plane and simulated nodes only; pods will not really run")
    with ownership.exclusive(state):
        cluster.this_user(state).up(args.kwok)


def _down(args: argparse.Namespace) -> None:
    state = _state(args)
    with ownership.exclusive(state):
        holder = ownership.holder() if args.whoever else None
        cluster.this_user(State(Path(holder.state)) if holder else state).down()


def _status(args: argparse.Namespace) -> int:
    return status.show(_state(args))


def _build(args: argparse.Namespace) -> None:
    modules = binaries.CONTROL_PLANE
    modules += binaries.REAL_NODE if is_root() else ()
    modules += (binaries.KWOK,) if args.kwok or not is_root() else ()
    binaries.build(modules, Progress(binaries.missing(modules)))


def _image(args: argparse.Namespace) -> None:
    state = _state(args)
    chosen = cluster.foreign_kubeconfig(state)
    if chosen:
        raise ClusterError(f"KUBECONFIG is set: how images get into {chosen} is yours to say")
    arguments = dict(pair.partition("=")[::2] for pair in args.build_arg)
    with ownership.exclusive(state):
        cluster.demand_up(state)
        images.build(
            state, images.Build(args.name, args.file, args.context, arguments, args.target)
        )


def _nsenter(args: argparse.Namespace) -> int:
    cluster.demand_up(_state(args))
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise ClusterError("say which command: python -m deploy.local nsenter -- curl …")
    return subprocess.run(["nsenter", f"--net={NETNS}", "--", *command], check=False).returncode

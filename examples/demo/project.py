"""The team's project: a real DVC repository, three experiments, each a commit that is pushed.

DVC and the training run inside this process: each would otherwise spend seconds on imports.
What is printed is what a person would type.
"""

import contextlib
import json
import os
import re
import runpy
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from dvc.cli import main as dvc_command_line
from examples.demo.gitserver import GitServer, write_private
from examples.demo.narrator import Narrator

SOURCES = Path(__file__).parents[1] / "digits"
NAME = "digits"
BASELINE = "majority"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One training: what changes in params.yaml, and what its commit says."""

    changes: Mapping[str, str]
    message: str


EXPERIMENTS = (
    Experiment(
        changes={},
        message="Train a linear baseline\n\nIt reads {accuracy:.1%} of the digits it never saw.",
    ),
    Experiment(
        changes={"hidden": "[32]", "epochs": "20"},
        message="Add a hidden layer of 32 neurons\n\n"
        "It reads {accuracy:.1%} of the digits it never saw.",
    ),
    Experiment(
        changes={"hidden": "[12]", "epochs": "30"},
        message="Shrink the hidden layer to 12 and train longer\n\n"
        "It reads {accuracy:.1%} of the digits it never saw, with a third of the weights.",
    ),
)


class ProjectError(Exception):
    """The project could not be made."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A working copy that is pushed: `commits` are the experiments, oldest first."""

    directory: Path
    commits: tuple[str, ...]


def make(directory: Path, *, server: GitServer, narrator: Narrator) -> Project:
    """Make the project and push it, its models to the server's DVC store: all but the last.

    Raises ProjectError or CommandFailedError when a step fails.
    """
    shutil.copytree(SOURCES, directory, ignore=shutil.ignore_patterns("__pycache__"))
    git = ("git", "-C", str(directory))
    narrator.ask("git", "init", "--quiet", "--initial-branch=main", str(directory))
    for name, value in identity(server).items():
        narrator.ask(*git, "config", name, value)
    narrator.ask(*git, "remote", "add", "origin", server.repository(NAME))
    narrator.announce(f"cd {directory.relative_to(narrator.directory)}")
    with inside(directory, narrator.environment):
        start_dvc(server)
        narrator.ask(*git, "add", ".")
        narrator.ask(*git, "commit", "--quiet", "-m", "Read digits with a small network")
        *others, last = EXPERIMENTS
        commits = [perform(each, directory=directory, narrator=narrator) for each in others]
        narrator.announce("dvc push --all-commits")
        dvc("push", "--quiet", "--all-commits")
        commits.append(perform(last, directory=directory, narrator=narrator))
    narrator.announce("git push origin main")
    narrator.ask(*git, "push", "--quiet", "--set-upstream", "origin", "main")
    return Project(directory=directory, commits=tuple(commits))


def perform(experiment: Experiment, *, directory: Path, narrator: Narrator) -> str:
    """Train once and commit; return the commit."""
    git = ("git", "-C", str(directory))
    change_parameters(directory / "params.yaml", experiment.changes)
    wanted = ", ".join(f"{name}: {value}" for name, value in experiment.changes.items())
    narrator.announce("python train.py" + (f"   # {wanted}" if wanted else ""))
    runpy.run_path("train.py", run_name="__main__")
    metrics = json.loads((directory / "dvclive" / "metrics.json").read_text())
    size = (directory / "models" / "digits.json").stat().st_size
    narrator.answer(
        f"accuracy {metrics['accuracy']:.3f}   f1 {metrics['f1']:.3f}   "
        f"log_loss {metrics['log_loss']:.3f}   models/digits.json {size / 1000:.0f} kB"
    )
    message = experiment.message.format_map(metrics)
    narrator.announce(f'git commit -m "{message.splitlines()[0]}"')
    narrator.ask(*git, "add", ".")
    narrator.ask(*git, "commit", "--quiet", "-m", message)
    return narrator.ask(*git, "rev-parse", "HEAD").strip()


def push_bytes(directory: Path, *, narrator: Narrator) -> None:
    """`dvc push` what was forgotten."""
    narrator.announce("dvc push")
    with inside(directory, narrator.environment):
        dvc("push", "--quiet")


def add_baseline(clone: Path, *, narrator: Narrator) -> None:
    """List a second model in dvc.yaml, whose bytes git itself holds, commit it and push."""
    weights = '{"always": 1}'
    narrator.announce(f"echo '{weights}' > majority.json")
    (clone / "majority.json").write_text(weights + "\n")
    listing = clone / "dvc.yaml"
    document = yaml.safe_load(listing.read_text())
    entry = {"path": "majority.json", "type": "model", "desc": "Says 1 whatever it sees."}
    document["artifacts"][BASELINE] = entry
    listing.write_text(yaml.safe_dump(document, sort_keys=False))
    added = yaml.safe_dump({BASELINE: entry}, sort_keys=False)
    narrator.edit("dvc.yaml, artifacts", textwrap.indent(added, "+ "))
    message = "Add a baseline to compare with"
    narrator.announce(f'git add . && git commit -m "{message}" && git push')
    narrator.ask("git", "add", ".", directory=clone)
    narrator.ask("git", "commit", "--quiet", "-m", message, directory=clone)
    narrator.ask("git", "push", "--quiet", directory=clone)


def change_parameters(params: Path, changes: Mapping[str, str]) -> None:
    text = params.read_text()
    for name, value in changes.items():
        text, count = re.subn(
            rf"^({name}: +)(\[.*?\]|\S+)", rf"\g<1>{value}", text, flags=re.MULTILINE
        )
        if count != 1:
            raise ProjectError(f"params.yaml names {name} {count} times, not once")
    params.write_text(text)


def identity(server: GitServer) -> dict[str, str]:
    """Git settings of a team member: an author, and a file with the password of the server."""
    scheme, _, host = server.url.partition("://")
    passwords = server.root / "git-credentials"
    account = server.writer
    write_private(passwords, f"{scheme}://{account.user}:{account.password}@{host}\n")
    return {
        "user.name": "Digits Team",
        "user.email": "team@digits.example",
        "credential.helper": f"store --file={passwords}",
    }


def start_dvc(server: GitServer) -> None:
    """`dvc init` here, with the server's store as remote; the password stays out of git."""
    dvc("init", "--quiet")
    dvc("config", "--quiet", "core.analytics", "false")
    dvc("remote", "add", "--quiet", "--default", "store", server.store(NAME))
    dvc("remote", "modify", "--quiet", "store", "auth", "basic")
    dvc("remote", "modify", "--quiet", "store", "method", "PUT")
    log_in(Path(), server)


def log_in(directory: Path, server: GitServer) -> None:
    """Write the store's password where DVC keeps what must not be committed."""
    account = server.writer
    write_private(
        directory / ".dvc" / "config.local",
        f"['remote \"store\"']\n    user = {account.user}\n    password = {account.password}\n",
    )


def dvc(*arguments: str) -> None:
    """Run a DVC command line in this process.

    Raises ProjectError when it fails; DVC has printed why.
    """
    code = dvc_command_line(list(arguments))
    if code != 0:
        raise ProjectError(f"dvc {' '.join(arguments[:2])} ended with {code}")


@contextlib.contextmanager
def inside(directory: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Be in a directory and environment for a while, as scripts expect it."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        with contextlib.chdir(directory):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)

"""Repositories with a history of any size, made in a second: one fast-import for all of it."""

from __future__ import annotations

from pathlib import Path

from tests.servers.remote import Remote

FIRST_SECOND = 1_700_000_000
STAGES = ("dev", "staging", "prod", "canary")
PROJECT = "artifacts:\n  {0}:\n    path: model.bin\n    type: model\n"


def commits(remote: Remote, count: int, *, artifact: str) -> list[str]:
    """So many commits on main, each with a project of this artifact; gives their ids."""
    files = {"dvc.yaml": PROJECT.format(artifact), "metrics.json": '{"accuracy": 0.9}\n'}
    lines = []
    for number in range(count):
        lines.append(
            f"commit refs/heads/main\ncommitter {_who(number)}\n{_data(f'change {number}')}"
        )
        for path, content in (files if not number else {}).items():
            lines.append(f"M 100644 inline {path}\n{_data(content)}")
        lines.append(f"M 100644 inline model.bin\n{_data(f'weights {number}')}")
    remote.git("fast-import", "--quiet", "--force", stdin="".join(lines).encode())
    return remote.git("rev-list", "--reverse", "refs/heads/main").splitlines()


def tags(remote: Remote, on: list[str], *, count: int, artifacts: int) -> None:
    """So many tags of so many artifacts: of each ten one registers a version and nine assign
    it to stages, with the message and the trailers that the operator writes."""
    lines = []
    for number in range(count):
        artifact, turn = number % artifacts, number // artifacts
        version = turn // 10
        name = f"model-{artifact}@v1.{version}.0"
        if turn % 10:
            name = f"model-{artifact}#{STAGES[turn % 4]}#{turn}"
        lines.append(_tag(name, on[version * artifacts + artifact], number))
    remote.git("fast-import", "--quiet", "--force", stdin="".join(lines).encode())


def versions(remote: Remote, on: list[str], *, artifact: str) -> None:
    """A version of the artifact on each of these commits."""
    lines = [_tag(f"{artifact}@v0.{n}.0", commit, n) for n, commit in enumerate(on)]
    remote.git("fast-import", "--quiet", "--force", stdin="".join(lines).encode())


def ledger(directory: Path, count: int) -> Remote:
    """A repository of so many tags, packed as a server keeps them."""
    artifacts = max(1, count // 100)
    remote = Remote(directory / f"ledger-{count}.git")
    on = commits(remote, count // 10, artifact="model-0")
    tags(remote, on, count=count, artifacts=artifacts)
    remote.git("pack-refs", "--all")
    return remote


def versions_alone(directory: Path, count: int) -> Remote:
    """A repository of so many versions of one artifact."""
    remote = Remote(directory / f"versions-{count}.git")
    versions(remote, commits(remote, count, artifact="model-0"), artifact="model-0")
    remote.git("pack-refs", "--all")
    return remote


def _tag(name: str, commit: str, number: int) -> str:
    message = (
        f"Tagging {name}\n\nPlaybill-Cluster: east\n"
        f"Playbill-Resource: ModelVersion/models/{name.partition('@')[0]}\n"
        f"Playbill-Request: 5f0c8a52-4b0e-4f3f-9d3f-{number:012}/1\n"
    )
    return f"tag {name}\nfrom {commit}\ntagger {_who(number)}\n{_data(message)}"


def _who(number: int) -> str:
    return f"Ada <ada@example.com> {FIRST_SECOND + number} +0000"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def branches(first: Path, path: Path) -> Remote:
    """Another repository with the branches of the first, and no tags."""
    other = Remote(path)
    other.git("fetch", "-q", str(first), "+refs/heads/*:refs/heads/*")
    return other


def copy(remote: Remote, path: Path) -> None:
    """What the peers write to, so that they give the operator nothing to fetch."""
    other = Remote(path)
    other.git("fetch", "-q", str(remote.path), "+refs/*:refs/*")
    for each in (remote, other):
        each.git("pack-refs", "--all")

"""What a DVC project says of an artifact at a commit: read in rounds, many at once.

First every `dvc.yaml`, then every file that they name, so that the number of git processes
does not grow with the number of artifacts. A project that cannot be read loses its facts and
says why; its version stays.
"""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from playbill.api.errors import Stalled, Trouble
from playbill.git.documents import InvalidDocument, flatten, parse_document, parse_mapping
from playbill.git.dvc import (
    Artifact,
    Output,
    Source,
    is_url,
    list_artifacts,
    metrics_sources,
    output_of_dvc_file,
    output_of_lock,
    params_sources,
    select,
    split_artifact,
)
from playbill.git.mirror import Mirror
from playbill.git.objects import Entry, Place

MOST_KEYS = 100
MOST_BYTES = 32 * 1024
LONGEST_KEY = 253
LONGEST_VALUE = 256
LONGEST_PROBLEM = 500

Wanted = tuple[str, str]
"""A commit (40 hex) and GTO's full name of an artifact."""


@dataclass(frozen=True, slots=True)
class ProjectProblem:
    """Why facts are missing: `InvalidProject`, with file and line, or a passing `CommitMissing`."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFacts:
    """Empty where the project says nothing. `size` in bytes; `digest` is `md5:<hex>` of DVC's
    output or `git:<oid>` of what git itself holds; `truncated` when metrics or params were cut
    to 100 keys of 256 characters, and to 32 KiB.
    """

    path: str = ""
    type: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    size: int | None = None
    files: int | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    truncated: bool = False
    problem: ProjectProblem | None = None


def read_project(mirror: Mirror, commit: str, artifact: str) -> ArtifactFacts:
    """What is said of one artifact at one commit."""
    return read_projects(mirror, [(commit, artifact)])[commit, artifact]


def read_projects(mirror: Mirror, wanted: Iterable[Wanted]) -> dict[Wanted, ArtifactFacts]:
    """Many artifacts at many commits, in eleven git processes at most, two of them fetches.

    Raises what `Mirror.read_many` does.
    """
    asked = list(dict.fromkeys(wanted))
    answers = mirror.read_many({_project_file(each) for each in asked})
    projects = {each: _Project.parse(*each, answers.get(_project_file(each))) for each in asked}
    places = [place for project in projects.values() for place in project.places()]
    files = mirror.read_many(places)
    held = [place for project in projects.values() for place in project.artifact_places()]
    entries = mirror.entries(held) if held else {}
    return {each: project.facts(files, entries) for each, project in projects.items()}


def list_project_artifacts(mirror: Mirror, commit: str) -> dict[str, Artifact | ProjectProblem]:
    """All artifacts of all `dvc.yaml` files at a commit, by GTO's full name.

    A file that cannot be read stands under its own path, with the problem.
    """
    paths = [path for path in mirror.paths(commit) if posixpath.basename(path) == "dvc.yaml"]
    found: dict[str, Artifact | ProjectProblem] = {}
    for (_, path), answer in mirror.read_many((commit, path) for path in paths).items():
        document, problem = _parse(path, answer)
        if problem is not None:
            found[path] = problem
        directory = posixpath.dirname(path)
        for artifact in list_artifacts(directory, document):
            found[f"{directory}:{artifact.name}" if directory else artifact.name] = artifact
    return found


def _project_file(wanted: Wanted) -> Place:
    commit, artifact = wanted
    return commit, posixpath.join(split_artifact(artifact)[0], "dvc.yaml")


@dataclass(frozen=True, slots=True)
class _Project:
    """One `dvc.yaml` at a commit, seen from one of its artifacts."""

    commit: str
    directory: str
    document: Mapping[str, Any]
    artifact: Artifact | None
    problem: ProjectProblem | None

    @classmethod
    def parse(cls, commit: str, name: str, answer: bytes | Trouble | None) -> "_Project":
        directory, short = split_artifact(name)
        path = posixpath.join(directory, "dvc.yaml")
        document, problem = _parse(path, answer)
        listed = (each for each in list_artifacts(directory, document) if each.name == short)
        return cls(commit, directory, document, next(listed, None), problem)

    def artifact_places(self) -> list[Place]:
        """Where git itself may hold the artifact."""
        if self.artifact is None or is_url(self.artifact.path):
            return []
        return [(self.commit, self.artifact.path)]

    def places(self) -> list[Place]:
        """The files to read after `dvc.yaml`."""
        paths = [source.path for source in (*self._metrics(), *self._params())]
        paths += [path for place in self.artifact_places() for path in self._records(place[1])]
        return [(self.commit, path) for path in paths]

    def facts(
        self, files: Mapping[Place, bytes | Trouble], entries: Mapping[Place, Entry | Trouble]
    ) -> ArtifactFacts:
        """All that is known, once the files are there."""
        metrics, metrics_cut, metrics_problem = self._values(self._metrics(), files)
        params, params_cut, params_problem = self._values(self._params(), files)
        facts = ArtifactFacts(
            metrics=metrics,
            params=params,
            truncated=metrics_cut or params_cut,
            problem=self.problem or metrics_problem or params_problem,
        )
        return self._with_artifact(facts, files, entries)

    def _with_artifact(
        self,
        facts: ArtifactFacts,
        files: Mapping[Place, bytes | Trouble],
        entries: Mapping[Place, Entry | Trouble],
    ) -> ArtifactFacts:
        if self.artifact is None:
            return facts
        facts = replace(
            facts,
            path=self.artifact.path,
            type=self.artifact.type,
            description=self.artifact.description,
            labels=self.artifact.labels,
            meta=self.artifact.meta,
        )
        output, problem = self._output(self.artifact.path, files)
        facts = replace(facts, problem=facts.problem or problem)
        if output is not None:
            return replace(facts, digest=output.digest, size=output.size, files=output.files)
        entry = entries.get((self.commit, self.artifact.path))
        if isinstance(entry, Entry) and entry.kind in {"file", "tree"}:
            return replace(facts, digest=f"git:{entry.oid}")
        return facts

    def _output(
        self, path: str, files: Mapping[Place, bytes | Trouble]
    ) -> tuple[Output | None, ProjectProblem | None]:
        dvc_file, lock_file = self._records(path)
        document, problem = _parse(dvc_file, files.get((self.commit, dvc_file)))
        output = output_of_dvc_file(document)
        if output is not None:
            return output, problem
        lock, lock_problem = _parse(lock_file, files.get((self.commit, lock_file)))
        return output_of_lock(self.directory, self.document, lock, path), problem or lock_problem

    def _records(self, path: str) -> tuple[str, str]:
        """The files in which DVC notes an output's digest."""
        return f"{path}.dvc", posixpath.join(self.directory, "dvc.lock")

    def _metrics(self) -> Sequence[Source]:
        return metrics_sources(self.directory, self.document)

    def _params(self) -> Sequence[Source]:
        return params_sources(self.directory, self.document)

    def _values(
        self, sources: Sequence[Source], files: Mapping[Place, bytes | Trouble]
    ) -> tuple[Mapping[str, str], bool, ProjectProblem | None]:
        found: dict[str, str] = {}
        problem = None
        for source in sources:
            answer = files.get((self.commit, source.path))
            document, trouble = _parse(source.path, answer, whole=True)
            problem = problem or trouble
            flat = flatten(document) if document is not None else {}
            for key, value in select(flat, source.keys).items():
                # two files may use one key: the second tells where it is from
                found[f"{source.path}:{key}" if key in found else key] = value
        return *_cut(found), problem


def _parse(
    path: str, answer: bytes | Trouble | None, *, whole: bool = False
) -> tuple[Any, ProjectProblem | None]:
    """The document (an empty mapping, or with `whole` None, when there is none), the problem."""
    nothing: Any = None if whole else {}
    if answer is None:
        return nothing, None
    if isinstance(answer, Trouble):
        reason = "InvalidProject" if isinstance(answer, Stalled) else answer.reason
        return nothing, ProjectProblem(reason, answer.message[:LONGEST_PROBLEM])
    try:
        document = parse_document(path, answer) if whole else parse_mapping(path, answer)
    except InvalidDocument as error:
        message = f"{path}, {error}. Mend the file in a new commit."
        return nothing, ProjectProblem("InvalidProject", message[:LONGEST_PROBLEM])
    return document, None


def _cut(values: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """The first 100 keys that fit into 32 KiB, and whether anything was cut or left out.

    A long value is cut, a key that is too long is left out: cut, it could be another's.
    """
    kept: dict[str, str] = {}
    size, whole = 0, True
    for name, text in values.items():
        key, value = _sound(name), _sound(text)
        if len(kept) == MOST_KEYS:
            return kept, True
        if len(key) > LONGEST_KEY:
            whole = False
            continue
        if len(value) > LONGEST_VALUE:
            value, whole = f"{value[: LONGEST_VALUE - 1]}…", False
        size += len(key.encode()) + len(value.encode())
        if size > MOST_BYTES:
            return kept, True
        kept[key] = value
    return kept, not whole


def _sound(text: str) -> str:
    """YAML can name half of a surrogate pair, which no JSON can carry."""
    return text.encode("utf-8", "replace").decode()

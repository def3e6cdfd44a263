"""What a DVC project says of an artifact at a commit: read in rounds, many at once.

First every `dvc.yaml`, then every file that they name, so that the number of git processes
does not grow with the number of artifacts. A project that cannot be read loses its facts and
says why; its version stays.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from playbill.api.errors import Stalled, Trouble
from playbill.git.documents import InvalidDocument, flatten, parse_document, parse_mapping
from playbill.git.dvc import (
    Artifact,
    Source,
    is_url,
    list_artifacts,
    merged,
    metrics_sources,
    params_sources,
    select,
    split_artifact,
)
from playbill.git.dvclock import Output, Pipeline, output_of_dvc_file
from playbill.git.facts import (
    LONGEST_PROBLEM,
    ArtifactFacts,
    ProjectProblem,
    bounded_meta,
    cut_values,
)
from playbill.git.mirror import Mirror
from playbill.git.objects import Entry, Place

__all__ = [
    "ArtifactFacts",
    "ProjectProblem",
    "Wanted",
    "list_project_artifacts",
    "read_project",
    "read_projects",
]

DVCLIVE = "dvclive"
"""Where dvclive puts its summary; it may list it in a `dvc.yaml` of its own there."""

TOO_MUCH = frozenset({"ReadTooLarge", "OutputTooLarge"})
"""What git or we refuse to read at one time."""

Wanted = tuple[str, str]
"""A commit (40 hex) and GTO's full name of an artifact."""


class Reader(Protocol):
    """What reads files at commits: a Mirror, or a person's clone."""

    def read_many(self, places: Iterable[Place]) -> dict[Place, bytes | Trouble]:
        """Many files at many commits."""

    def entries(self, places: Iterable[Place]) -> dict[Place, Entry | Trouble]:
        """What stands at each place, without its content."""


def read_project(mirror: Reader, commit: str, artifact: str) -> ArtifactFacts:
    """What is said of one artifact at one commit."""
    return read_projects(mirror, [(commit, artifact)])[commit, artifact]


def read_projects(mirror: Reader, wanted: Iterable[Wanted]) -> dict[Wanted, ArtifactFacts]:
    """Many artifacts at many commits, in eleven git processes at most, two of them fetches.

    What is too much to be read at once is read in halves, and nobody pays for the one whose
    files alone are. Raises what else `Mirror.read_many` does.
    """
    asked = list(dict.fromkeys(wanted))
    try:
        return _read_together(mirror, asked)
    except Stalled as stalled:
        if stalled.reason not in TOO_MUCH:
            raise
        if len(asked) == 1:
            problem = ProjectProblem("InvalidProject", stalled.message[:LONGEST_PROBLEM])
            return {asked[0]: ArtifactFacts(problem=problem)}
    half = len(asked) // 2
    return read_projects(mirror, asked[:half]) | read_projects(mirror, asked[half:])


def _read_together(mirror: Reader, asked: Sequence[Wanted]) -> dict[Wanted, ArtifactFacts]:
    answers = mirror.read_many({place for each in asked for place in _project_files(each)})
    files = _Files(answers)
    projects = {each: _Project.parse(*each, files) for each in asked}
    places = {place for project in projects.values() for place in project.places()}
    files = _Files({**answers, **mirror.read_many(places - answers.keys())})
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


def _project_files(wanted: Wanted) -> list[Place]:
    """The artifact's `dvc.yaml`, and that of dvclive beside it."""
    commit, artifact = wanted
    directory = split_artifact(artifact)[0]
    names = "dvc.yaml", f"{DVCLIVE}/dvc.yaml"
    return [(commit, posixpath.join(directory, name)) for name in names]


@dataclass(frozen=True, slots=True)
class _Files:
    """Files by place, each parsed once: many artifacts have one `dvc.lock`."""

    answers: Mapping[Place, bytes | Trouble]
    _parsed: dict[tuple[Place, bool], tuple[Any, ProjectProblem | None]] = field(
        default_factory=dict
    )

    def has(self, place: Place) -> bool:
        """Whether there is a file, readable or not."""
        return place in self.answers

    def parse(self, place: Place, *, whole: bool = False) -> tuple[Any, ProjectProblem | None]:
        """The document (an empty mapping, or with `whole` None, when there is none), the problem.

        `whole` takes a document of any shape, and a mapping alone without it.
        """
        found = self._parsed.get((place, whole))
        if found is None:
            answer = self.answers.get(place)
            found = self._parsed[place, whole] = _parse(place[1], answer, whole=whole)
        return found


@dataclass(frozen=True, slots=True)
class _Project:
    """One `dvc.yaml` at a commit, seen from one of its artifacts."""

    commit: str
    directory: str
    artifact: Artifact | None
    metrics: Sequence[Source]
    params: Sequence[Source]
    problem: ProjectProblem | None

    @classmethod
    def parse(cls, commit: str, name: str, files: _Files) -> "_Project":
        directory, short = split_artifact(name)
        live = posixpath.join(directory, DVCLIVE)
        (_, own), (_, lives) = _project_files((commit, name))
        document, problem = files.parse((commit, own))
        summary, live_problem = files.parse((commit, lives))
        listed = (each for each in list_artifacts(directory, document) if each.name == short)
        return cls(
            commit,
            directory,
            next(listed, None),
            merged([*metrics_sources(directory, document), *metrics_sources(live, summary)]),
            merged([*params_sources(directory, document), *params_sources(live, summary)]),
            problem or live_problem,
        )

    def artifact_places(self) -> list[Place]:
        """Where git itself may hold the artifact."""
        if self.artifact is None or self.artifact.unread or is_url(self.artifact.path):
            return []
        return [(self.commit, self.artifact.path)]

    def places(self) -> list[Place]:
        """The files to read after `dvc.yaml`."""
        paths = [each.path for each in (*self.metrics, *self.params) if not each.unread]
        for _, path in self.artifact_places():
            paths += [f"{path}.dvc", *(f"{above}.dvc" for above in _above(path) if above)]
            for directory in self._pipelines(path):
                paths += [posixpath.join(directory, name) for name in ("dvc.yaml", "dvc.lock")]
        return [(self.commit, path) for path in paths]

    def facts(self, files: _Files, entries: Mapping[Place, Entry | Trouble]) -> ArtifactFacts:
        """All that is known, once the files are there."""
        metrics, metrics_problem = self._values(self.metrics, files, lists=False)
        params, params_problem = self._values(self.params, files, lists=True)
        (kept_metrics, metrics_cut), (kept_params, params_cut) = map(cut_values, (metrics, params))
        facts = ArtifactFacts(
            metrics=kept_metrics,
            params=kept_params,
            truncated=metrics_cut or params_cut,
            partial=frozenset(
                name
                for name, kept, found in (
                    ("metrics", kept_metrics, metrics),
                    ("params", kept_params, params),
                )
                if len(kept) < len(found)
            ),
            notes=tuple(dict.fromkeys(self._unread(files))),
            problem=self.problem or metrics_problem or params_problem,
        )
        return self._with_artifact(facts, files, entries)

    def _with_artifact(
        self, facts: ArtifactFacts, files: _Files, entries: Mapping[Place, Entry | Trouble]
    ) -> ArtifactFacts:
        if self.artifact is None:
            return facts
        meta, too_large = bounded_meta(self.artifact.meta)
        facts = replace(
            facts,
            path=self.artifact.path,
            type=self.artifact.type,
            description=self.artifact.description,
            labels=self.artifact.labels,
            meta=meta,
            notes=(
                *facts.notes,
                *([self.artifact.unread] if self.artifact.unread else []),
                *(["meta is larger than 8 KiB"] if too_large else []),
            ),
        )
        for _, path in self.artifact_places():
            facts = self._with_records(facts, path, files)
            entry = entries.get((self.commit, path))
            if not facts.digest and isinstance(entry, Entry) and entry.kind in {"file", "tree"}:
                return replace(facts, digest=f"git:{entry.oid}")
        return facts

    def _with_records(self, facts: ArtifactFacts, path: str, files: _Files) -> ArtifactFacts:
        """With what DVC has recorded: a `.dvc` file wins over a lock, the nearest lock over others.

        The digest of a directory that holds the artifact is not the artifact's.
        """
        document, problem = files.parse((self.commit, f"{path}.dvc"))
        output, lineage = output_of_dvc_file(document), None
        for directory in self._pipelines(path):
            pipeline, trouble = self._pipeline(directory, files)
            if directory == self.directory:  # what is broken elsewhere is told there
                problem = problem or trouble
            output = output or pipeline.output(path)
            lineage = lineage or pipeline.lineage(path)
        notes = facts.notes
        if lineage is not None and lineage.cut:
            notes = (*notes, f"{lineage.stage} has more inputs than are shown")
        if output is None:
            output = Output("")
            notes = (*notes, *self._tracked_above(path, files))
        return replace(
            facts,
            digest=output.digest,
            size=output.size,
            files=output.files,
            lineage=lineage,
            notes=notes,
            problem=facts.problem or problem,
        )

    def _pipelines(self, path: str) -> list[str]:
        """The directories whose pipeline may have made the artifact, its own project first."""
        return list(dict.fromkeys([self.directory, *_above(path)]))

    def _pipeline(self, directory: str, files: _Files) -> tuple[Pipeline, ProjectProblem | None]:
        project, lock = (posixpath.join(directory, name) for name in ("dvc.yaml", "dvc.lock"))
        document, problem = files.parse((self.commit, project))
        recorded, lock_problem = files.parse((self.commit, lock))
        pipeline = Pipeline(directory=directory, project=document, lock=recorded)
        return pipeline, problem or lock_problem

    def _tracked_above(self, path: str, files: _Files) -> Iterator[str]:
        for above in _above(path):
            if files.parse((self.commit, f"{above}.dvc"))[0]:
                yield f"{path} lies in {above}, which DVC tracks as a whole: it has no digest"

    def _unread(self, files: _Files) -> Iterator[str]:
        for source in (*self.metrics, *self.params):
            if source.unread:
                yield f"{source.path} is not read: {source.unread}"
            elif not files.has((self.commit, source.path)) and not source.implied:
                yield f"{source.path} is listed and not in git at this commit"

    def _values(
        self, sources: Sequence[Source], files: _Files, *, lists: bool
    ) -> tuple[Mapping[str, str], ProjectProblem | None]:
        found: dict[str, str] = {}
        problem = None
        for source in sources:
            if source.unread:
                continue
            document, trouble = files.parse((self.commit, source.path), whole=True)
            problem = problem or trouble
            flat = flatten(document, lists=lists) if document is not None else {}
            for key, value in select(flat, source.keys).items():
                # two files may use one key: the second tells where it is from
                found[f"{source.path}:{key}" if key in found else key] = value
        return found, problem


def _above(path: str) -> list[str]:
    """The directories that hold a path, the nearest first, and the root (empty) last."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:length]) for length in range(len(parts), -1, -1)]


def _parse(
    path: str, answer: bytes | Trouble | None, *, whole: bool = False
) -> tuple[Any, ProjectProblem | None]:
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

"""What a workload is rendered from: all that is known of the version that holds the stage."""

from __future__ import annotations

from dataclasses import dataclass

from playbill.api.base import GROUP
from playbill.rollout.fetching import Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the ledger and the repository say of the version that holds the stage; `origin` is a
    hash of what its tags tell of the bytes, `repository` its url, and `secret` names the Secret
    that opens it."""

    model: str
    version: str
    commit: str
    stage: str
    digest: str | None = None
    path: str | None = None
    uri: str | None = None
    origin: str | None = None
    repository: str = ""
    secret: str | None = None

    def tokens(self) -> dict[str, str]:
        """The values of the tokens that this version has."""
        values = {
            "model": self.model,
            "version": self.version,
            "commit": self.commit,
            "stage": self.stage,
            "digest": self.digest,
            "path": self.path,
            "uri": self.uri,
        }
        return {name: value for name, value in values.items() if value}

    def artifact(self) -> Artifact:
        """What there is to fetch."""
        return Artifact(
            version=self.version,
            repository=self.repository,
            commit=self.commit,
            path=self.path,
            uri=self.uri,
            digest=self.digest,
            secret=self.secret,
        )

    def annotations(self) -> dict[str, str]:
        """For people and other tools; annotations, because `v1.0.0+build` is no label value."""
        said = {
            f"{GROUP}/model": self.model,
            f"{GROUP}/version": self.version,
            f"{GROUP}/stage": self.stage,
            f"{GROUP}/commit": self.commit,
        }
        return {**said, f"{GROUP}/digest": self.digest} if self.digest else said

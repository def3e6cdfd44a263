"""Credentials, from Secrets that are mounted as directories: one file for each key."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from playbill.git.credentials import ANONYMOUS, Credentials

GIT_KEYS = ("username", "password", "bearerToken", "identity", "known_hosts", "ca.crt")


def git_login(directory: Path) -> Credentials:
    """In Flux's layout; nobody's where nothing is mounted. Raises Stalled(InvalidSecret)."""
    data = {key: (directory / key).read_bytes() for key in GIT_KEYS if (directory / key).is_file()}
    return Credentials.from_secret(data) if data else ANONYMOUS


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLogin:
    """For an object store or a web server; empty where the Secret has nothing. `ca` is a file."""

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    region: str = ""
    username: str = ""
    password: str = ""
    bearer_token: str = ""
    ca: Path | None = None

    def __repr__(self) -> str:
        return "StoreLogin(***)"

    @classmethod
    def read(cls, directory: Path) -> StoreLogin:
        """Of what is mounted there; unknown keys are left alone."""
        ca = directory / "ca.crt"
        return cls(
            access_key_id=_line(directory / "AWS_ACCESS_KEY_ID"),
            secret_access_key=_line(directory / "AWS_SECRET_ACCESS_KEY"),
            session_token=_line(directory / "AWS_SESSION_TOKEN"),
            region=_line(directory / "AWS_REGION"),
            username=_line(directory / "username"),
            password=_line(directory / "password"),
            bearer_token=_line(directory / "bearerToken"),
            ca=ca if ca.is_file() else None,
        )

    @property
    def authorization(self) -> str:
        """The header for a web server; empty for anybody."""
        if self.bearer_token:
            return f"Bearer {self.bearer_token}"
        if self.username:
            pair = f"{self.username}:{self.password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        return ""

    @property
    def secrets(self) -> list[str]:
        """All that must not be told."""
        words = [self.secret_access_key, self.session_token, self.password, self.bearer_token]
        header = self.authorization.rpartition(" ")[2]
        return [word for word in (*words, header) if word]


def _line(path: Path) -> str:
    return path.read_text(errors="replace").strip() if path.is_file() else ""

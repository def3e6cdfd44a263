from pathlib import Path

import pytest
import yaml
from examples.demo.gitserver import Account, GitServer
from examples.demo.manifests import (
    EXAMPLES,
    UnexpectedManifestError,
    change_version,
    fill_in,
)


def test_the_demo_fills_in_its_server_and_changes_nothing_else(tmp_path: Path) -> None:
    server = GitServer(
        root=tmp_path,
        url="http://192.0.2.1:8418",
        writer=Account(user="team", password="first"),
        reader=Account(user="pods", password="second"),
    )
    fill_in(tmp_path / "filled", server)

    secrets = list(yaml.safe_load_all((tmp_path / "filled" / "secrets.yaml").read_text()))
    assert [secret["stringData"] for secret in secrets] == [
        {"username": "team", "password": "first"},
        {"username": "pods", "password": "second"},
    ]
    stages = "stages.yaml"
    assert (tmp_path / "filled" / stages).read_text() == (EXAMPLES / stages).read_text()


def test_a_promotion_changes_one_line(tmp_path: Path) -> None:
    before = (EXAMPLES / "stages.yaml").read_text()
    manifest = tmp_path / "stages.yaml"
    manifest.write_text(before)

    change = change_version(manifest, "digits-prod", "v1.1.0")

    changed = [
        (old, new)
        for old, new in zip(before.splitlines(), manifest.read_text().splitlines(), strict=True)
        if old != new
    ]
    assert changed == [("  version: v1.0.0", "  version: v1.1.0")]
    assert change == "- version: v1.0.0\n+ version: v1.1.0"
    versions = {
        stage["metadata"]["name"]: stage["spec"]["version"]
        for stage in yaml.safe_load_all(manifest.read_text())
    }
    assert versions["digits-prod"] == "v1.1.0"


def test_a_stage_that_is_not_in_the_file_is_not_promoted(tmp_path: Path) -> None:
    manifest = tmp_path / "stages.yaml"
    manifest.write_text((EXAMPLES / "stages.yaml").read_text())
    with pytest.raises(UnexpectedManifestError, match="digits-canary"):
        change_version(manifest, "digits-canary", "v1.1.0")

"""The files of `examples/`, with this demo's server and passwords filled in, and edited by hand.

The copies differ from the originals in nothing else.
"""

from pathlib import Path

from examples.demo.gitserver import GitServer

EXAMPLES = Path(__file__).resolve().parents[1]
PLACEHOLDER = "http://git.example"
PASSWORD = "change-me"  # noqa: S105


class UnexpectedManifestError(Exception):
    """A manifest does not look as the demo expects."""


def fill_in(target: Path, server: GitServer) -> None:
    """Copy all manifests, with the url and the passwords of this server."""
    target.mkdir(parents=True)
    for manifest in sorted(EXAMPLES.glob("*.yaml")):
        text = manifest.read_text().replace(PLACEHOLDER, server.url)
        for account in (server.writer, server.reader):
            text = text.replace(PASSWORD, account.password, 1)
        copy = target / manifest.name
        copy.touch(mode=0o600)
        copy.write_text(text)


def change_version(manifest: Path, name: str, version: str) -> str:
    """Set `spec.version` of one StageAssignment in a file; return the change as a diff has it.

    Raises UnexpectedManifestError unless exactly one such line is found.
    """
    documents = manifest.read_text().split("---\n")
    changed = []
    for number, document in enumerate(documents):
        if f"  name: {name}\n" in document:
            lines = document.splitlines(keepends=True)
            for place, line in enumerate(lines):
                if line.startswith("  version: "):
                    changed.append(line)
                    lines[place] = f"  version: {version}\n"
            documents[number] = "".join(lines)
    if len(changed) != 1:
        raise UnexpectedManifestError(f"{manifest.name} has {len(changed)} versions of {name}")
    manifest.write_text("---\n".join(documents))
    return f"- {changed[0].strip()}\n+ version: {version}"


def remove(manifest: Path, name: str) -> None:
    """Take the resource of this name out of a file.

    Raises UnexpectedManifestError unless exactly one has it.
    """
    documents = manifest.read_text().split("---\n")
    others = [document for document in documents if f"  name: {name}\n" not in document]
    if len(others) != len(documents) - 1:
        raise UnexpectedManifestError(f"{manifest.name} has no {name}, or several")
    manifest.write_text("---\n".join(others))

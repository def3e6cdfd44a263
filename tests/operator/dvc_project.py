"""A DVC project with its bytes in a file remote, laid out as DVC does it."""

import hashlib
from pathlib import Path


def config(store: Path) -> dict[str, str]:
    """What `dvc init` and `dvc remote add -d` leave in git."""
    return {".dvc/config": f"[core]\n    remote = store\n['remote \"store\"']\n    url = {store}\n"}


def tracked_model(store: Path, artifact: str, content: bytes) -> dict[str, str]:
    """What `dvc add` and `dvc push` come to for an artifact, which may be `dir:name`."""
    digest = hashlib.md5(content).hexdigest()  # noqa: S324 - DVC's own digest
    cached = store / "files/md5" / digest[:2] / digest[2:]
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(content)
    directory, _, name = artifact.rpartition(":")
    prefix = f"{directory}/" if directory else ""
    return {
        f"{prefix}dvc.yaml": f"artifacts:\n  {name}:\n    path: {name}.bin\n    type: model\n",
        f"{prefix}{name}.bin.dvc": f"outs:\n- md5: {digest}\n  size: {len(content)}\n"
        f"  hash: md5\n  path: {name}.bin\n",
    }

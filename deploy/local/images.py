"""Building images without a container engine, and loading them without a registry.

buildah builds; what containerd lacks of the result goes into an archive that containerd
imports. Where a Dockerfile says `ARG BASE`, the base is one made of Debian packages here,
since no other can be had without a registry.
"""

import json
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import base, cleanup, context, packages, pipconf, runtime
from deploy.local.errors import ClusterError
from deploy.local.layout import RUN, State, cache_dir
from deploy.local.progress import Progress

STEPS = 4
STORE = cache_dir() / "buildah"


@dataclass(frozen=True)
class Build:
    """A request: pods will know the image as `localhost/NAME`. No `target` is the last stage."""

    name: str
    file: Path
    context: Path
    arguments: dict[str, str]
    target: str = ""

    @property
    def reference(self) -> str:
        """The full name; nothing looks for `localhost` in a registry."""
        return self.name if self.name.startswith("localhost/") else f"localhost/{self.name}"

    @property
    def takes_base(self) -> bool:
        """Whether the Dockerfile lets its base be chosen, and the user has not."""
        wants = re.search(r"^ARG\s+BASE\b", self.file.read_text(), re.MULTILINE)
        return wants is not None and "BASE" not in self.arguments


def build(state: State, what: Build) -> None:
    """Build and load, unless the same is loaded."""
    for path in (what.file, what.context):
        if not path.exists():
            raise ClusterError(f"{path} does not exist")
    progress = Progress(STEPS)
    packages.ensure(packages.IMAGE_TOOLS, progress)
    arguments = {**what.arguments, **({"BASE": base.REFERENCE} if what.takes_base else {})}
    key = context.digest(what.context, what.file, {**arguments, "--target": what.target})
    record = state.images / f"{re.sub('[^a-z0-9.]+', '-', what.reference)}.key"
    if record.exists() and record.read_text() == key and runtime.has_image(what.reference):
        print(f"{what.reference} is loaded, and nothing that it is built from has changed")
        return
    with _store():
        if what.takes_base:
            base.ensure(buildah, progress)
        with progress.step(f"building {what.reference}"):
            _build(what, arguments, state.log / f"image-{record.stem}.log")
        with progress.step("packing it"):
            layout = _export(what.reference)
    with progress.step("loading it into the node"):
        _load(layout)
    record.parent.mkdir(exist_ok=True)
    record.write_text(key)
    print(f"{what.reference} is loaded ({progress.elapsed()})")


def buildah(*arguments: str, log: Path | None = None) -> str:
    """Run buildah on a store of its own, with the kernel's overlay and no daemon."""
    result = subprocess.run(
        ["buildah", f"--root={STORE}", f"--runroot={RUN / 'buildah'}",
         "--storage-driver=overlay", *arguments],
        env={**os.environ, "BUILDAH_ISOLATION": "chroot"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(result.stdout)
    if result.returncode:
        where = f"\n  the whole log: {log}" if log else ""
        tail = "\n".join(f"  | {line}" for line in result.stdout.splitlines()[-20:])
        raise ClusterError(f"buildah {arguments[0]} failed:\n{tail}{where}")
    return result.stdout


@contextmanager
def _store() -> Iterator[None]:
    """buildah's store, which it leaves mounted on itself."""
    STORE.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        cleanup.unmount_below(STORE)


def _build(what: Build, arguments: dict[str, str], log: Path) -> None:
    with tempfile.TemporaryDirectory() as private:
        options = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        options += pipconf.secrets(Path(private))
        options += [f"--target={what.target}"] if what.target else []
        buildah("build", "--layers", "--pull-never", "--tag", what.reference, *options,
                "--file", str(what.file), str(what.context), log=log)  # fmt: skip


def _export(reference: str) -> Path:
    """Write the image as an OCI layout; layers that are there already are not packed again."""
    layout = cache_dir() / "layouts" / re.sub("[^a-z0-9.]+", "-", reference)
    (layout / "index.json").unlink(missing_ok=True)  # it would list the builds before, too
    layout.parent.mkdir(parents=True, exist_ok=True)
    buildah("push", "--quiet", reference, f"oci:{layout}:{reference}")
    wanted = _blobs(layout)
    for blob in (layout / "blobs/sha256").iterdir():
        if blob.name not in wanted:
            blob.unlink()
    return layout


def _blobs(layout: Path) -> set[str]:
    """The names of the files that the layout's image consists of."""
    found = set()
    for entry in json.loads((layout / "index.json").read_text())["manifests"]:
        name = entry["digest"].removeprefix("sha256:")
        manifest = json.loads((layout / "blobs/sha256" / name).read_text())
        parts = [manifest["config"], *manifest["layers"]]
        found |= {name, *(part["digest"].removeprefix("sha256:") for part in parts)}
    return found


def _load(layout: Path) -> None:
    there = runtime.blobs()
    with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
        with tarfile.open(archive.name, "w") as tar:
            for path in sorted(layout.rglob("*")):
                if path.is_file() and path.name not in there:
                    tar.add(path, path.relative_to(layout).as_posix())
        runtime.load(Path(archive.name))

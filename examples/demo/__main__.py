"""`python -m examples.demo up` and `down`."""

import argparse
import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator

from examples.demo import gitserver, manifests, project
from examples.demo.gitserver import GitServer, GitServerError
from examples.demo.narrator import CommandFailedError, Narrator
from examples.demo.places import NAMESPACE, MissingError, Places
from examples.demo.scene import OPERATOR_NAMESPACE, SurpriseError
from examples.demo.story import Story
from examples.demo.witnesses import DisagreementError, Witnesses

OPERATOR = "deploy/overlays/local"
IMAGE = "localhost/digits-server:dev"  # built from examples/server
SURPRISES = (
    CommandFailedError,
    DisagreementError,
    GitServerError,
    SurpriseError,
    manifests.UnexpectedManifestError,
    project.ProjectError,
)


class BusyError(Exception):
    """The demo is in use; wait for the other process."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("verb", choices=("up", "down"))
    arguments = parser.parse_args()
    places = Places()
    try:
        with alone(places):
            return up(places) if arguments.verb == "up" else down(places)
    except (MissingError, BusyError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1


@contextlib.contextmanager
def alone(places: Places) -> Iterator[None]:
    """Two tellings would take away each other's stage.

    Raises BusyError while another process of this checkout tells the story.
    """
    places.local.mkdir(exist_ok=True)
    with (places.local / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("the demo is being told or taken down by another process") from None
        yield


def up(places: Places) -> int:
    """Tell the story from its beginning; what an earlier telling left goes first."""
    users = places.users_kubeconfig()
    address = places.address()
    if places.root.exists():
        down(places)
    places.root.mkdir(parents=True)
    narrator = Narrator(directory=places.checkout, environment=places.environment())
    try:
        build_image(narrator)
        use_cluster(users, places=places, narrator=narrator)
        server = gitserver.start(places.server, address=address)
        server.create(project.NAME)
        start_operator(narrator)
        story(places, server=server, narrator=narrator).tell()
    except SURPRISES as surprise:
        print(f"\nThe story broke off: {surprise}\n", file=sys.stderr)
        investigate(narrator)
        return 1
    return 0


def down(places: Places) -> int:
    """Take away the namespace, the git server and everything under `.local/demo`."""
    if places.kubeconfig.exists():
        remove_namespace(Narrator(directory=places.checkout, environment=places.environment()))
    gitserver.stop(places.server)
    shutil.rmtree(places.root, ignore_errors=True)
    return 0


def remove_namespace(narrator: Narrator) -> None:
    """Delete the namespace, also when no operator runs that could let go of its stages.

    Kubernetes takes the pods first and looks again after half of their 30 s of grace.
    """
    delete = ("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found")
    try:
        narrator.run(*delete, "--timeout=120s")
    except CommandFailedError:
        narrator.say("No operator lets go of the stages, so their finalizers are removed by hand:")
        for stage in narrator.ask("kubectl", "get", "stage", "-o", "name").split():
            release = (
                "patch",
                stage,
                "--type=merge",
                "--patch",
                '{"metadata":{"finalizers":null}}',
            )
            narrator.run("kubectl", *release)
        narrator.run(*delete, "--timeout=120s")


def build_image(narrator: Narrator) -> None:
    """Have the model server's image in the local cluster; what is there already is kept."""
    if os.environ.get("KUBECONFIG"):
        narrator.say(f"KUBECONFIG is set: the cluster has to know the image {IMAGE} already.")
        return
    build = ("-m", "deploy.local", "image", IMAGE, "--file", "examples/server/Dockerfile")
    narrator.ask(
        "env", "--unset=KUBECONFIG", sys.executable, *build, "--context", "examples/server"
    )


def use_cluster(users: str, *, places: Places, narrator: Narrator) -> None:
    """Work with a copy of the kubeconfig whose default namespace is the demo's."""
    view = ("env", f"KUBECONFIG={users}", "kubectl", "config", "view", "--raw", "--flatten")
    gitserver.write_private(places.kubeconfig, narrator.ask(*view))
    narrator.ask("kubectl", "config", "set-context", "--current", f"--namespace={NAMESPACE}")


def start_operator(narrator: Narrator) -> None:
    narrator.chapter(
        "The operator",
        "One pod, and five kinds: RegisteredModel, ModelVersion, StageAssignment, ModelRepository "
        "and PromotionPolicy.",
    )
    deployment = ("deployment/playbill", "--namespace", OPERATOR_NAMESPACE)
    before = narrator.ask("kubectl", "get", *deployment, "--ignore-not-found", "--output=name")
    apply = ("kubectl", "apply", "--server-side", "--force-conflicts", "-k", OPERATOR)
    narrator.run(*apply, quiet=True)
    narrator.run("kubectl", "apply", "-f", "examples/namespace.yaml")
    if before:  # its image may have been built anew under the same name
        narrator.run("kubectl", "rollout", "restart", *deployment, quiet=True)
    narrator.run("kubectl", "rollout", "status", *deployment, "--timeout=60s", quiet=True)


def story(places: Places, *, server: GitServer, narrator: Narrator) -> Story:
    witnesses = Witnesses(
        narrator=narrator,
        model=project.NAME,
        url=server.repository(project.NAME),
        clones=places.clones,
        identity=project.identity(server),
    )
    return Story(narrator=narrator, places=places, server=server, witnesses=witnesses, stages={})


def investigate(narrator: Narrator) -> None:
    """Show what helps to understand why the story broke off."""
    for command in (
        ("get", "rmodel,mver,stage,deployments,pods", "-o", "wide"),
        ("get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"),
        ("logs", "deployment/playbill", "-n", OPERATOR_NAMESPACE, "--tail=60"),
    ):
        try:
            narrator.run("kubectl", *command)
        except CommandFailedError as problem:
            print(problem, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

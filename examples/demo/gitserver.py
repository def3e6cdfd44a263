"""A git server such as a team has: smart http with passwords, and a DVC store beside it.

`git-http-backend` behind lighttpd. The DVC store is what Nexus or Artifactory call a raw
repository: GET for who may read, PUT for who may write, the same accounts as for git.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

PREFERRED_PORT = 8418
WRITER, READER = "team", "pods"

CONFIG = """\
server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_setenv", "mod_cgi", "mod_webdav")
server.document-root = "{root}/www"
server.bind = "{address}"
server.port = {port}
server.errorlog = "{root}/error.log"
server.upload-dirs = ("{root}/uploads")
server.stream-response-body = 1

auth.backend = "plain"
auth.backend.plain.userfile = "{root}/accounts"
{members_only}

alias.url = ("/git/" => "{backend}/", "/dvc/" => "{root}/dvc/")
$HTTP["url"] =~ "^/git/" {{
  setenv.set-environment = ("GIT_PROJECT_ROOT" => "{root}/git", "GIT_HTTP_EXPORT_ALL" => "1")
  cgi.assign = ("" => "")
}}
$HTTP["url"] =~ "^/git/.*/git-receive-pack$" {{ {writers_only} }}
$HTTP["query-string"] =~ "service=git-receive-pack" {{ {writers_only} }}
$HTTP["url"] =~ "^/dvc/" {{
  webdav.activate = "enable"
  $HTTP["request-method"] !~ "^(GET|HEAD)$" {{ {writers_only} }}
}}
"""


def required(who: str) -> str:
    return (
        f'auth.require = ("" => ("method" => "basic", "realm" => "models", "require" => "{who}"))'
    )


class GitServerError(Exception):
    """The server could not be had; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Account:
    user: str
    password: str


@dataclass(frozen=True, kw_only=True)
class GitServer:
    """A running server; its data lies in `root`, which nothing else uses."""

    root: Path
    url: str
    writer: Account
    reader: Account

    def repository(self, name: str) -> str:
        return f"{self.url}/git/{name}.git"

    def store(self, name: str) -> str:
        return f"{self.url}/dvc/{name}"

    def create(self, name: str) -> None:
        """Make an empty repository and an empty store of this name."""
        bare = self.root / "git" / f"{name}.git"
        for arguments in (
            ["init", "--quiet", "--bare", "--initial-branch=main", str(bare)],
            ["-C", str(bare), "config", "http.receivepack", "true"],
            ["-C", str(bare), "config", "uploadpack.allowFilter", "true"],
        ):
            subprocess.run(["git", *arguments], check=True)
        # WebDAV makes no parent directories, and DVC sorts its files by two hex digits.
        for digits in range(256):
            (self.root / "dvc" / name / "files" / "md5" / f"{digits:02x}").mkdir(parents=True)


def start(root: Path, *, address: str) -> GitServer:
    """Start a server on `address` and wait until it answers.

    Raises GitServerError when lighttpd is missing or does not come up.
    """
    for directory in ("git", "dvc", "www", "uploads"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    accounts = [Account(user=user, password=secrets.token_hex(12)) for user in (WRITER, READER)]
    write_private(root / "accounts", "".join(f"{a.user}:{a.password}\n" for a in accounts))
    port = free_port(address)
    config = root / "lighttpd.conf"
    config.write_text(
        CONFIG.format(
            root=root,
            address=address,
            port=port,
            backend=git_http_backend(),
            members_only=required("valid-user"),
            writers_only=required(f"user={WRITER}"),
        )
    )
    process = subprocess.Popen(
        [lighttpd(), "-D", "-f", str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    (root / "pid").write_text(str(process.pid))
    server = GitServer(
        root=root, url=f"http://{address}:{port}", writer=accounts[0], reader=accounts[1]
    )
    wait_until_it_answers(server, process)
    return server


def stop(root: Path, *, seconds: float = 5) -> None:
    """Stop the server of this directory, if it runs."""
    pid_file = root / "pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    deadline = time.monotonic() + seconds
    while is_ours(pid, root) and time.monotonic() < deadline:
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.05)
    if is_ours(pid, root):
        raise GitServerError(f"the git server (process {pid}) did not stop within {seconds} s")
    pid_file.unlink()


def is_ours(pid: int, root: Path) -> bool:
    """Whether the process still is the server of this directory: numbers are used again."""
    try:
        return str(root / "lighttpd.conf").encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def wait_until_it_answers(server: GitServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(server.url, timeout=1)  # noqa: S310
        except urllib.error.HTTPError:
            return  # it asks for a password: it answers
        except OSError:
            time.sleep(0.02)
    log = server.root / "error.log"
    said = log.read_text()[-500:] if log.exists() else "nothing"
    raise GitServerError(f"lighttpd did not come up on {server.url}; it said: {said}")


def free_port(address: str) -> int:
    """The preferred port, so that what the demo prints stays the same; any other if taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, PREFERRED_PORT))
        except OSError:
            probe.bind((address, 0))
        return int(probe.getsockname()[1])


def lighttpd() -> str:
    """The path of lighttpd, installed from Debian when this is root."""
    search = f"{os.environ.get('PATH', '')}:/usr/sbin"
    modules = Path("/usr/lib/lighttpd/mod_webdav.so")
    packages = ["lighttpd", "lighttpd-mod-webdav"]
    if not (shutil.which("lighttpd", path=search) and modules.exists()):
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise GitServerError(f"the demo's git server needs {' and '.join(packages)}")
        print(f"installing {' and '.join(packages)}", flush=True)
        quiet = ["-y", "-qq", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends"]
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", *quiet, *packages], check=True)
    return shutil.which("lighttpd", path=search) or "lighttpd"


def git_http_backend() -> Path:
    place = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True)
    backend = Path(place.stdout.strip()) / "git-http-backend"
    if not backend.exists():
        raise GitServerError("git-http-backend is not installed; it is part of git")
    return backend


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text)

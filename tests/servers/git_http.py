"""git-http-backend behind lighttpd, with basic authentication and, when asked, TLS."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.servers.program import Program, find_program

_CONFIG = """
server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_setenv", "mod_cgi"{tls_module})
server.document-root = "{state}"
server.bind = "{address}"
server.port = {port}
server.errorlog = "{log}"
server.upload-dirs = ("{state}")
{tls}
{auth}
alias.url = ("/git" => "{backend}")
$HTTP["url"] =~ "^/git" {{
  cgi.assign = ("" => "")
  setenv.add-environment = ("GIT_PROJECT_ROOT" => "{root}", "GIT_HTTP_EXPORT_ALL" => "1",
    "GIT_CONFIG_NOSYSTEM" => "1", "GIT_CONFIG_GLOBAL" => "/dev/null"{anonymous})
}}
"""

# Whoever bears the token is let in; anybody else is asked for what nobody has.
_BEARER = """
$REQUEST_HEADER["Authorization"] != "Bearer {token}" {{
{auth}
}}
"""

_AUTH = """
auth.backend = "plain"
auth.backend.plain.userfile = "{users}"
auth.require = ("/" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
"""


class GitHttpServer(Program):
    """Serves the bare repositories under `root` at `url(name)`; to anybody unless it has a `user`
    or a `token`. Both may be changed while it is stopped.

    `address` is one of this machine's; the certificate is for loopback alone."""

    def __init__(
        self,
        root: Path,
        user: str = "",
        password: str = "",
        *,
        state: Path,
        tls: bool = False,
        address: str = Program.address,
        token: str = "",
    ) -> None:
        super().__init__()
        self.token = token
        self.address = address
        self.root, self.user, self.password, self.state, self.tls = root, user, password, state, tls
        state.mkdir(parents=True, exist_ok=True)
        if tls:
            self.ca = self_signed(state)

    def url(self, name: str) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}/git/{name}"

    @property
    def secret(self) -> dict[str, bytes]:
        """The data of a Secret in Flux's layout."""
        data = {"username": self.user.encode(), "password": self.password.encode()}
        if self.token:
            data = {"bearerToken": self.token.encode()}
        return data | ({"ca.crt": self.ca} if self.tls else {})

    @property
    def log(self) -> Path:
        return self.state / "log"

    def command(self) -> Sequence[str]:
        config = self.state / "lighttpd.conf"
        config.write_text(self._config())
        return [find_program("lighttpd"), "-D", "-f", str(config)]

    def _config(self) -> str:
        users = self.state / "users"
        users.write_text(f"{self.user}:{self.password}\n")
        users.chmod(0o600)
        pem = self.state / "server.pem"
        tls = f'ssl.engine = "enable"\nssl.pemfile = "{pem}"' if self.tls else ""
        return _CONFIG.format(
            state=self.state,
            address=self.address,
            port=self.port,
            log=self.log,
            root=self.root,
            backend=_backend(),
            tls=tls,
            tls_module=', "mod_openssl"' if self.tls else "",
            auth=self._auth(users),
            # git-http-backend lets only a known user push
            anonymous="" if self.user else ', "REMOTE_USER" => "anybody"',
        )

    def _auth(self, users: Path) -> str:
        auth = _AUTH.format(users=users)
        if self.token:
            return _BEARER.format(token=self.token, auth=auth)
        return auth if self.user else ""


def _backend() -> str:
    path = subprocess.run(["git", "--exec-path"], capture_output=True, check=True, text=True)
    return str(Path(path.stdout.strip()) / "git-http-backend")


def self_signed(state: Path) -> bytes:
    """A certificate for loopback and its key, as `server.pem`; gives the certificate."""
    key, cert = state / "key.pem", state / "cert.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
            "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    (state / "server.pem").write_bytes(key.read_bytes() + cert.read_bytes())
    return cert.read_bytes()

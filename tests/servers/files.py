"""Plain files from lighttpd, with ranges, and when asked with TLS, a password or a token."""

from collections.abc import Sequence
from pathlib import Path

from tests.servers.git_http import self_signed
from tests.servers.program import Program, find_program

_CONFIG = """
server.modules = ("mod_auth", "mod_authn_file", "mod_accesslog", "mod_redirect"{tls_module})
server.document-root = "{root}"
server.bind = "{address}"
server.port = {port}
server.errorlog = "{log}"
# a file that a test changes is another at once
server.stat-cache-engine = "disable"
# without a type it tells no ETag
mimetype.assign = ("" => "application/octet-stream")
accesslog.filename = "{requests}"
accesslog.format = "%m %U %s range=%{{Range}}i authorization=%{{Authorization}}i"
{tls}
{auth}
{redirect}
"""

_TOKEN = """
$REQUEST_HEADER["Authorization"] != "Bearer {token}" {{ {password} }}
"""

_PASSWORD = """
auth.backend = "plain"
auth.backend.plain.userfile = "{users}"
auth.require = ("/" => ("method" => "basic", "realm" => "files", "require" => "valid-user"))
"""


class FileServer(Program):
    """Serves `root` at `url(path)`; to anybody unless it has a `user` or a `token`.

    With `redirect` it has nothing itself, and leads to the same path below that address.
    """

    def __init__(
        self,
        root: Path,
        *,
        state: Path,
        tls: bool = False,
        user: str = "",
        password: str = "",
        token: str = "",
        redirect: str = "",
        address: str = Program.address,
    ) -> None:
        super().__init__()
        self.root, self.state, self.tls = root, state, tls
        self.user, self.password, self.token = user, password, token
        self.redirect = redirect
        self.address = address
        root.mkdir(parents=True, exist_ok=True)
        state.mkdir(parents=True, exist_ok=True)
        if tls:
            self.ca = self_signed(state)

    def url(self, path: str = "") -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}/{path}"

    def put(self, path: str, content: bytes) -> str:
        """Have a file there; gives its address."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return self.url(path)

    @property
    def requests(self) -> list[str]:
        """Once it is stopped: method, path, status, range and credentials of each request."""
        log = self.state / "requests"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def log(self) -> Path:
        return self.state / "log"

    def command(self) -> Sequence[str]:
        config = self.state / "lighttpd.conf"
        config.write_text(self._config())
        return [find_program("lighttpd"), "-D", "-f", str(config)]

    def _config(self) -> str:
        users, pem = self.state / "users", self.state / "server.pem"
        users.write_text(f"{self.user}:{self.password}\n")
        users.chmod(0o600)
        auth = _PASSWORD.format(users=users) if self.user or self.token else ""
        if self.token:
            auth = _TOKEN.format(token=self.token, password=auth)
        return _CONFIG.format(
            root=self.root, address=self.address, port=self.port, log=self.log,
            requests=self.state / "requests", auth=auth,
            tls_module=', "mod_openssl"' if self.tls else "",
            redirect=f'url.redirect = ("^/(.*)" => "{self.redirect}$1")' if self.redirect else "",
            tls=f'ssl.engine = "enable"\nssl.pemfile = "{pem}"' if self.tls else "",
        )  # fmt: skip

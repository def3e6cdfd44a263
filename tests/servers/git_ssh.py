"""An OpenSSH server for the account that runs the tests, with keys made for the occasion."""

import getpass
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.servers.program import Program, find_program

_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {state}/host
PidFile none
AuthorizedKeysFile {state}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
{accept}
"""


class SshServer(Program):
    """Serves every path the account can read. Without `protocol_v2` git falls back to version 0,
    as with an sshd that was never told of GIT_PROTOCOL.
    """

    def __init__(self, *, state: Path, protocol_v2: bool = True) -> None:
        super().__init__()
        self.state, self.protocol_v2 = state, protocol_v2
        state.mkdir(parents=True, exist_ok=True)
        self.identity = new_key(state / "client")
        self.host_key = new_key(state / "host")
        (state / "authorized").write_bytes((state / "client.pub").read_bytes())
        if os.getuid() == 0:  # sshd gives up its rights in this directory
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

    def url(self, path: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    @property
    def known_hosts(self) -> bytes:
        public = (self.state / "host.pub").read_text()
        return f"[127.0.0.1]:{self.port} {public}".encode()

    @property
    def secret(self) -> dict[str, bytes]:
        """The data of a Secret in Flux's layout."""
        return {"identity": self.identity, "known_hosts": self.known_hosts}

    @property
    def log(self) -> Path:
        return self.state / "log"

    def command(self) -> Sequence[str]:
        config = self.state / "sshd_config"
        accept = "AcceptEnv GIT_PROTOCOL" if self.protocol_v2 else ""
        config.write_text(_CONFIG.format(port=self.port, state=self.state, accept=accept))
        return [find_program("sshd"), "-D", "-e", "-f", str(config)]


def new_key(path: Path) -> bytes:
    """A fresh key pair at `path` and `path.pub`; the private half is returned."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True
    )
    return path.read_bytes()

"""Real servers for tests: each a context manager on a loopback port, with all it needs in one
directory. Nothing is installed; `lighttpd`, `openssh-server` and git must be there.
"""

from tests.servers.broken import AnsweringServer, HangingServer
from tests.servers.git_http import GitHttpServer
from tests.servers.git_ssh import SshServer
from tests.servers.remote import Remote

__all__ = ["AnsweringServer", "GitHttpServer", "HangingServer", "Remote", "SshServer"]

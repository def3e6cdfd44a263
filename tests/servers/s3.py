"""An S3 server: `rclone serve s3`, where each directory is a bucket."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.servers.program import Program


class S3Server(Program):
    """Serves the directories of `root` as buckets, to whoever has the key, or to anybody."""

    key, secret = "AKEYFORTESTS", "a-secret-for-tests"

    def __init__(
        self, root: Path, *, state: Path, public: bool = False, address: str = Program.address
    ) -> None:
        super().__init__()
        self.root, self.state, self.address = root, state, address
        self.public = public
        root.mkdir(parents=True, exist_ok=True)
        state.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    @property
    def login(self) -> dict[str, bytes]:
        """The data of a Secret."""
        return {
            "AWS_ACCESS_KEY_ID": self.key.encode(),
            "AWS_SECRET_ACCESS_KEY": self.secret.encode(),
            "AWS_REGION": b"us-east-1",
        }

    def put(self, bucket: str, key: str, content: bytes) -> str:
        """Have an object there; gives its address."""
        target = self.root / bucket / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return f"s3://{bucket}/{key}"

    @property
    def log(self) -> Path:
        return self.state / "log"

    def command(self) -> Sequence[str]:
        key = [] if self.public else ["--auth-key", f"{self.key},{self.secret}"]
        return [
            str(Path(sys.executable).parent / "rclone"), "serve", "s3",
            "--config", os.devnull, "--cache-dir", str(self.state / "cache"),
            "--addr", f"{self.address}:{self.port}", *key,
            # objects that a test writes are there soon
            "--dir-cache-time", "1s", "--log-level", "DEBUG", str(self.root),
        ]  # fmt: skip

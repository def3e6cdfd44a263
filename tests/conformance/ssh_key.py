"""An ssh key as a person makes one, and git told to trust it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

EMAIL = "playbill@playbill.dev"


@dataclass(frozen=True)
class SshKey:
    """`private` and `public` are the files' contents."""

    private: bytes
    public: str

    @classmethod
    def make(cls, directory: Path, *options: str, passphrase: str = "") -> "SshKey":
        path = directory / "key"
        command = ["ssh-keygen", "-q", *(options or ("-t", "ed25519")), "-N", passphrase]
        subprocess.run([*command, "-C", "", "-f", path], check=True)
        return cls(path.read_bytes(), path.with_suffix(".pub").read_text().strip())

    def verify(self, repository: Path, tag: str) -> subprocess.CompletedProcess[str]:
        """`git tag -v` by someone who trusts this key alone."""
        trusted = repository / "trusted"
        trusted.write_text(f'{EMAIL} namespaces="git" {self.public}\n')
        trust = f"gpg.ssh.allowedSignersFile={trusted}"
        command = ["git", "-C", str(repository), "-c", trust, "tag", "-v", tag]
        return subprocess.run(command, capture_output=True, text=True, check=False)

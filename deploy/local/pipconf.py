"""Lending pip's settings to an image build, without baking them into a layer.

Where packages come from (an index, a proxy, a private authority) is a matter of the
machine. A build gets it as two secret files; a Dockerfile that wants them mounts them.
"""

import configparser
import os
from pathlib import Path

SECRETS = Path("/run/secrets")
PASSED_ON = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
FILES = (
    Path("/etc/pip.conf"),
    Path("~/.pip/pip.conf"),
    Path("~/.config/pip/pip.conf"),
)
AUTHORITIES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def secrets(folder: Path) -> list[str]:
    """Write the secrets into a private folder; returns the builder's arguments for them."""
    settings = _settings()
    authority = next(
        (os.environ[name] for name in AUTHORITIES if os.environ.get(name)), settings.get("cert")
    )
    given = {key: value for key, value in settings.items() if key in PASSED_ON}
    arguments = []
    if authority and Path(authority).is_file():
        given["cert"] = str(SECRETS / "ca.crt")
        arguments += ["--secret", f"id=ca.crt,src={authority}"]
    target = folder / "pip.conf"
    target.touch(mode=0o600)
    lines = [f"{key} = {value}\n" for key, value in given.items()]
    target.write_text("".join(["[global]\n", *lines]))
    return [*arguments, "--secret", f"id=pip.conf,src={target}"]


def _settings() -> dict[str, str]:
    found: dict[str, str] = {}
    chosen = os.environ.get("PIP_CONFIG_FILE")
    for path in (*FILES, *([Path(chosen)] if chosen else [])):
        parser = configparser.RawConfigParser()
        parser.read(path.expanduser())
        for section in ("global", "install"):
            if parser.has_section(section):
                found |= {key.replace("_", "-"): value for key, value in parser.items(section)}
    for name, value in os.environ.items():
        if name.startswith("PIP_"):
            found[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return found

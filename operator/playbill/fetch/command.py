"""The command `playbill fetch`: its arguments, its last word and its exit code."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from playbill.api.errors import Trouble
from playbill.fetch.logins import StoreLogin, git_login
from playbill.fetch.patience import Patience
from playbill.fetch.trouble import OK, TERMINATED, UNAVAILABLE, as_reported
from playbill.git.scrub import scrub
from playbill.git.url import UrlPolicy
from playbill.logs import configure

if TYPE_CHECKING:
    from playbill.fetch.order import Order

LONGEST_WORD = 4096
"""Bytes of a termination message that the kubelet keeps."""

_LOG = logging.getLogger(__name__)


@click.command()
@click.option(
    "--uri", default="", help="s3://bucket/key, s3://bucket/prefix/ or https://host/file."
)
@click.option("--repository", default="", help="The model's git repository, in place of a uri.")
@click.option("--commit", default="", help="The commit there, in 40 hex digits.")
@click.option("--path", default="", help="The file or directory there, held by git or by DVC.")
@click.option("--digest", default="", help="What it must hash to: md5:…, git:… or sha256:…")
@click.option("--remote", default="", help="The DVC remote.  [default: the project's]")
@click.option("--endpoint", default="", help="The S3 server, if it is not Amazon's.")
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path),
    help="The directory to make, on the volume that its parent is.",
)
@click.option(
    "--git-secret",
    type=click.Path(path_type=Path),
    default=Path("/etc/playbill/git"),
    show_default=True,
    help="Where the repository's Secret is mounted (Flux's layout), if it has one.",
)
@click.option(
    "--store-secret",
    type=click.Path(path_type=Path),
    default=Path("/etc/playbill/store"),
    show_default=True,
    help="Where the store's Secret is mounted, if it has one.",
)
@click.option(
    "--allow-private-addresses",
    is_flag=True,
    help="Fetch from private and loopback addresses, and by plain http.",
)
@click.option("--allow-file-urls", is_flag=True, help="Take directories for repositories.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="How long to wait between tries: 1, 2, 5, 10 and 20 s, times this.",
)
@click.option(
    "--termination-log",
    type=click.Path(path_type=Path),
    default=Path("/dev/termination-log"),
    show_default=True,
    help="Where the last word goes, a line of JSON.",
)
def fetch(
    *,
    termination_log: Path,
    patience: float,
    allow_private_addresses: bool,
    allow_file_urls: bool,
    **given: Any,
) -> None:
    """Bring an artifact into a volume; what an init container of a rollout does.

    The digest is checked while the bytes come. Only when all is right does the directory --into
    appear, whole: a file under its own name in it, or what a directory holds. Archives are not
    unpacked. A try that broke off goes on where it was, and what an earlier one brought is
    checked and kept.

    Exit codes: 0 it is there; 65 its digest is another; 66 it is not found; 69 the server or the
    volume may do better later; 77 the credentials do not open it; 78 what is there, or the
    project, is refused; 64 a wrong call.
    """
    # The operator's other commands do without the clients of stores.
    from playbill.fetch.order import Order  # noqa: PLC0415

    configure("text", "info")
    for client in ("botocore", "aiobotocore", "s3fs", "fsspec", "urllib3", "dvc", "dvc_objects"):
        logging.getLogger(client).setLevel(logging.ERROR)
    policy = UrlPolicy(allow_private=allow_private_addresses, allow_file=allow_file_urls)
    order = Order(policy=policy, **given)
    signal.signal(signal.SIGTERM, _interrupt)
    os.umask(0o022)
    pauses = tuple(seconds * patience for seconds in Patience().pauses)
    code, word = _outcome(order, Patience(pauses=pauses))
    _say(termination_log, word)
    # threads of clients that hang must not keep the container
    sys.stderr.flush()
    os._exit(code)


def _outcome(order: Order, patience: Patience) -> tuple[int, Mapping[str, object]]:
    """The exit code and the last word."""
    from playbill.fetch.run import fetch as run  # noqa: PLC0415

    try:
        record, origin = run(order, patience=patience)
    except SystemExit:
        message = "it was told to end; what is here is kept for the next try"
        _LOG.warning(message)
        return TERMINATED, {"reason": "Interrupted", "message": message}
    except Trouble as trouble:
        reason, code = as_reported(trouble)
        message = scrub(trouble.message, secrets=_secrets(order))
        _LOG.error("%s: %s", reason, message)
        return code, {"reason": reason, "message": message}
    except Exception:  # noqa: BLE001 - whatever it is, the last word is to be said
        told = scrub(traceback.format_exc(), secrets=_secrets(order))
        _LOG.error("this is a fault of the program:\n%s", told)
        last = told.strip().rpartition("\n")[2]
        return UNAVAILABLE, {"reason": "Unavailable", "message": f"a fault of the program: {last}"}
    return OK, {
        "reason": "Fetched",
        "digest": record.digest,
        "sha256": record.sha256,
        "bytes": record.bytes,
        "files": record.files,
        "from": origin[:1000],
    }


def _secrets(order: Order) -> list[str]:
    found = StoreLogin.read(order.store_secret).secrets
    with contextlib.suppress(Trouble, OSError):
        login = git_login(order.git_secret)
        found += [word for word in (login.password, login.bearer_token) if word]
    return found


def _say(path: Path, word: Mapping[str, object]) -> None:
    """The last word, within what the kubelet keeps, and still JSON."""
    text = json.dumps(word, ensure_ascii=False)
    if len(text.encode()) > LONGEST_WORD and "message" in word:
        text = json.dumps({**word, "message": f"{str(word['message'])[:1000]}…"})
    with contextlib.suppress(OSError):
        path.write_text(f"{text}\n")


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    # no `except Exception` on the way, such as that of logging, stops this
    raise SystemExit(TERMINATED)

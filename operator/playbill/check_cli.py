"""`playbill check`: ask a new version one question over http, as its clients will.

It is what `rollout.verify.http` runs, in a pod beside the new version. What is not there yet
may come, so it asks again until the time is over; an answer that is wrong three times is wrong.
"""

from __future__ import annotations

import http.client
import string
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import click

PAUSE = 1.0
WRONG_ANSWERS = 3
LONGEST_ANSWER = 1 << 20
"""Bytes of an answer that are looked at."""

LAST_WORDS = Path("/dev/termination-log")
"""Where the kubelet looks for why a container ended."""


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """Any status is an answer, also of a redirect: it may be the one that is expected."""

    def http_response(
        self,
        request: urllib.request.Request,  # noqa: ARG002 - the name is urllib's
        response: http.client.HTTPResponse,
    ) -> http.client.HTTPResponse:
        return response

    https_response = http_response


_OPENER = urllib.request.build_opener(_AsItIs, urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; no status when nothing did."""

    status: int | None
    text: str


def ask(url: str, *, seconds: float) -> Answer:
    """One request."""
    quoted = urllib.parse.quote(url, safe=string.punctuation)
    request = urllib.request.Request(quoted, headers={"User-Agent": "playbill-check"})  # noqa: S310
    try:
        with _OPENER.open(request, timeout=seconds) as response:
            return Answer(response.status, response.read(LONGEST_ANSWER).decode(errors="replace"))
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(None, str(error) or type(error).__name__)


def complaint(answer: Answer, *, status: int, contains: str | None) -> str | None:
    """What is wrong with an answer; None for a good one."""
    if answer.status is None:
        return f"no answer: {answer.text}"
    if answer.status != status:
        return f"it answered {answer.status} where {status} is expected: {_short(answer.text)}"
    if contains is not None and contains not in answer.text:
        return f"its answer lacks {contains!r}: {_short(answer.text)}"
    return None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:199]}…"


@click.command()
@click.argument("url")
@click.option("--status", default=200, show_default=True, help="Of a good answer.")
@click.option("--contains", help="Text that a good answer holds.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds in which to ask.")
def check(url: str, status: int, contains: str | None, timeout: float) -> None:
    """Ask URL until it answers well; fails when it answers wrongly, or not in time."""
    if not url.startswith(("http://", "https://")):
        raise click.UsageError("URL must begin with http:// or https://")
    deadline, wrong = time.monotonic() + timeout, 0
    while True:
        left = deadline - time.monotonic()
        answer = ask(url, seconds=max(1.0, min(10.0, left)))
        trouble = complaint(answer, status=status, contains=contains)
        if trouble is None:
            click.echo(f"{url} answered as it should")
            return
        click.echo(trouble)
        wrong += answer.status is not None
        if wrong >= WRONG_ANSWERS or time.monotonic() + PAUSE >= deadline:
            _leave_words(f"{url}: {trouble}")
            raise click.exceptions.Exit(1)
        time.sleep(PAUSE)


def _leave_words(text: str) -> None:
    try:
        LAST_WORDS.write_text(text[:4000])
    except OSError:
        click.echo(text, err=True)  # not in a pod

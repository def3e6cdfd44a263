"""One line an action: for a person on a terminal, as JSON in a cluster."""

from __future__ import annotations

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from playbill.settings import LogFormat


def configure(form: LogFormat, level: str) -> None:
    """Send all logs to stderr in the form asked for; auto is text on a terminal, else JSON."""
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(_json() if as_json else _text())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Kopf tells of each event and handler; what it has to complain of is enough.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    # That signals are ours to handle is as it should be.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    logging.getLogger("aiohttp").setLevel(logging.WARNING)


def _text() -> logging.Formatter:
    return logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")


def _json() -> logging.Formatter:
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )

"""The log: one line a record, for people (`text`) or for programs (`json`).

Facts that belong to a record but not into its sentence are given as `extra={"network": ...}`; they appear as
`network=...`, or as a member of the object.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}
_NAMES = {number: name for name, number in _LEVELS.items()}

# What every record has; whatever else stands in it was given as `extra`.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(level: str, style: str, stream: TextIO | None = None) -> None:
    """Send everything from `level` on (debug, info, warn, error, fatal) to a stream, the standard error by default.

    `style` is `text` or `json`. What was configured before is replaced.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(Json() if style == "json" else Text())
    root = logging.getLogger()
    for old in tuple(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    set_level(level)
    logging.captureWarnings(capture=True)


def set_level(level: str) -> None:
    """Change the least severity that is logged."""
    logging.getLogger().setLevel(_LEVELS[level])
    # asyncio's own debugging chatter says nothing of the engine.
    logging.getLogger("asyncio").setLevel(max(_LEVELS[level], logging.INFO))


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _USUAL}


def _level(record: logging.LogRecord) -> str:
    return _NAMES.get(record.levelno, record.levelname.lower())


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""


class Text(logging.Formatter):
    r"""`2026-01-02T03:04:05.678Z info  store: message network=abc`; line breaks within are shown as `\n`."""

    def format(self, record: logging.LogRecord) -> str:
        place = record.name.removeprefix("netwright.")
        parts = [f"{_when(record)} {_level(record):<5} {place}: {record.getMessage()}"]
        parts += [f"{name}={value}" for name, value in _extra(record).items()]
        trace = _trace(self, record)
        if trace:
            parts.append(f"| {trace}")
        return " ".join(parts).replace("\n", "\\n")


class Json(logging.Formatter):
    """An object with time, level, logger, message, what else was given, and trace where there was an exception."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            **_extra(record),
            "time": _when(record),
            "level": _level(record),
            "logger": record.name,
            "message": record.getMessage(),
        }
        trace = _trace(self, record)
        if trace:
            fields["trace"] = trace
        return json.dumps(fields, default=str, ensure_ascii=False)

"""Points and spans of time in Docker's words. Pure."""

import re
from datetime import UTC, datetime, timedelta

from netwright.errors import InvalidInput

NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STAMP = re.compile(r"(-?\d+)(?:\.(\d+))?", re.ASCII)
_SPAN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)", re.ASCII)
_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def rfc3339(moment: datetime | None) -> str:
    """Return a time as Go's RFC 3339 with a fraction, or Go's zero time for none."""
    if moment is None:
        return NEVER
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if '.' in text else text}Z"


def seconds(moment: datetime | None) -> int:
    """Return a time in whole seconds since 1970, 0 for none."""
    return nanoseconds(moment) // 10**9 if moment is not None else 0


def nanoseconds(moment: datetime) -> int:
    """Return a time in nanoseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def ago(span: float) -> str:
    """Return a span of seconds in words, as go-units' HumanDuration does."""
    whole = int(span)
    if whole < 1:
        return "Less than a second"
    if whole < 60:
        return "1 second" if whole == 1 else f"{whole} seconds"
    minutes = whole // 60
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    # Hours alone are rounded to the nearest; all larger units are counted in these rounded hours.
    hours = int(span / 3600 + 0.5)
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    for below, unit, name in ((24 * 14, 24, "days"), (24 * 60, 24 * 7, "weeks"), (24 * 730, 24 * 30, "months")):
        if hours < below:
            return f"{hours // unit} {name}"
    return f"{whole // 3600 // 24 // 365} years"


def parse_moment(text: str, now: float = 0.0) -> int:
    """Return a point of time in nanoseconds since 1970.

    It is written as seconds since 1970 with or without a fraction, in RFC 3339, whole or cut short (`2026-01-02`), or
    as a span (`1h30m`) before `now`, which is in seconds since 1970. Raises InvalidInput.
    """
    if (stamp := _STAMP.fullmatch(text)) is not None:
        return int(stamp[1]) * 10**9 + int((stamp[2] or "")[:9].ljust(9, "0"))
    if text and not _SPAN.sub("", text):
        return int(now * 1e9) - sum(int(float(number) * _UNITS[unit]) for number, unit in _SPAN.findall(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f'failed to parse value "{text}" as time or duration') from None
    return nanoseconds(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))

"""Times: how long ago, durations in Go's notation, and moments for `--since` and `--until`."""

import re
import time
from datetime import UTC, datetime

from netwright.frontends.cli.failures import CommandFailed

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_STAMP = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<time>\d\d(?::\d\d(?::\d\d)?)?)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?"
)


def ago(seconds: float) -> str:
    """Return a span of time as Docker words it: `5 minutes`, `About an hour`, `3 days`."""
    minutes, hours = int(seconds // 60), int(seconds / 3600 + 0.5)
    if seconds < 1:
        return "Less than a second"
    if seconds < 2:
        return "1 second"
    if seconds < 60:
        return f"{int(seconds)} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    for limit, size, unit in ((48, 1, "hours"), (24 * 14, 24, "days"), (24 * 60, 168, "weeks"), (17520, 720, "months")):
        if hours < limit:
            return f"{hours // size} {unit}"
    return f"{int(seconds // 3600) // 8760} years"


def since(then: float) -> str:
    """Return how long ago a moment (seconds since 1970) was, such as `5 minutes ago`."""
    return f"{ago(max(time.time() - then, 0))} ago"


def parse_duration(text: str) -> float | None:
    """Return the seconds of a duration such as `1h30m` or `-5s`; None where it is none."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if digits == "0":
        return 0.0
    parts = _DURATION.findall(digits)
    if not parts or "".join(number + unit for number, unit in parts) != digits:
        return None
    return sign * sum(float(number) * _SECONDS[unit] for number, unit in parts)


def parse_stamp(text: str) -> tuple[int, int] | None:
    """Return the seconds and nanoseconds since 1970 of an RFC 3339 time, also a shortened one; None where it is none.

    A time without a zone is local, as Docker reads it.
    """
    match = _STAMP.fullmatch(text)
    if match is None:
        return None
    clock = ((match["time"] or "") + ":00:00:00")[:8] if match["time"] else "00:00:00"
    zone = match["zone"] or ""
    try:
        moment = datetime.fromisoformat(f"{match['day']}T{clock}{zone}")
    except ValueError:
        return None
    # a time without a zone is local: that is what timestamp() takes it for
    return int(moment.timestamp()), int((match["fraction"] or "0").ljust(9, "0"))


def moment(text: str, *, now: float | None = None) -> str:
    """Return a moment in the API's form, `seconds.nanoseconds` since 1970.

    Reads `42m` (that long ago), RFC 3339 and seconds since 1970. Raises CommandFailed.
    """
    if re.fullmatch(r"\d+(\.\d{1,9})?", text):
        return text
    span = parse_duration(text)
    if span is not None:
        return f"{(time.time() if now is None else now) - span:.9f}"
    stamp = parse_stamp(text)
    if stamp is None:
        raise CommandFailed(f'"{text}" is no time: write 10m, 2013-01-02T13:23:37Z or seconds since 1970')
    return f"{stamp[0]}.{stamp[1]:09d}"


def shown(seconds: float) -> str:
    """Return a moment as Docker's listings show it: `2024-05-01 10:00:00 +0000 UTC`, in local time."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z %Z")

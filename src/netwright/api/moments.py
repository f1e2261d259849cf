"""Points and spans of time in Docker's words. Pure."""

from datetime import UTC, datetime

from netwright.errors import InvalidInput

NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time."""


def rfc3339(moment: datetime | None) -> str:
    """Return a time as Go's RFC 3339 with a fraction, or Go's zero time for none."""
    if moment is None:
        return NEVER
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"


def seconds(moment: datetime | None) -> int:
    """Return a time in seconds since 1970."""
    return 0 if moment is None else int(moment.timestamp())


_STEPS = ((60, 1, "second"), (3600, 60, "minute"), (86400, 3600, "hour"))


def ago(span: float) -> str:
    """Return a span of seconds in words, as Go's units.HumanDuration does."""
    if span < 1:
        return "Less than a second"
    if 46 <= span / 60 < 90:
        return "About an hour"
    if 60 <= span < 120:
        return "About a minute"
    for below, unit, name in _STEPS:
        if span < below:
            return _plural(int(span / unit), name)
    hours = span / 3600
    for below, unit, name in (
        (48, 1, "hour"),
        (24 * 14, 24, "day"),
        (24 * 60, 24 * 7, "week"),
        (24 * 730, 24 * 30, "month"),
    ):
        if hours < below:
            return _plural(int(hours / unit), name)
    return _plural(int(hours / 24 / 365), "year")


def _plural(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def parse_moment(text: str) -> int:
    """Read a point of time as the API has it, seconds with a fraction or RFC 3339; return nanoseconds since 1970."""
    whole, _, fraction = text.partition(".")
    if whole.isdigit() and (not fraction or fraction.isdigit()):
        return int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, "0") or "0")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f'failed to parse value "{text}" as time or duration') from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000_000_000)
